//! The app as it is at this moment: a reload puts another in its place, and work under way keeps the one it began with.

use std::sync::Arc;

use tokio::sync::watch;

use super::App;

/// Where everything that lives as long as the daemon finds the app. Cloned freely; all clones show the same one.
#[derive(Clone)]
pub struct Live {
    current: watch::Sender<Arc<App>>,
}

impl Live {
    pub fn new(app: Arc<App>) -> Self {
        Self { current: watch::Sender::new(app) }
    }

    /// The app of this moment. Keep it for one piece of work, not for longer.
    pub fn app(&self) -> Arc<App> {
        self.current.borrow().clone()
    }

    /// Puts another app in place of the one before, for all work that begins from now on.
    pub fn replace(&self, app: Arc<App>) {
        self.current.send_replace(app);
    }

    /// Hears of each replacement.
    pub fn subscribe(&self) -> watch::Receiver<Arc<App>> {
        self.current.subscribe()
    }
}
