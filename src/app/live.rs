//! The app of this moment. A reload replaces it; work that runs keeps the app it started with.

use std::sync::Arc;

use tokio::sync::watch;

use super::App;

/// Holds the current app for everything that lives as long as the daemon. Clones share the same app.
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

    /// Replaces the app for all work that starts from now on.
    pub fn replace(&self, app: Arc<App>) {
        self.current.send_replace(app);
    }

    /// Is notified of each replacement.
    pub fn subscribe(&self) -> watch::Receiver<Arc<App>> {
        self.current.subscribe()
    }
}
