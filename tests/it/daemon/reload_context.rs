//! A program whose config is changed while it runs: in this process, with a clock and platforms in the test's hand.

use std::sync::Arc;

use shopsync::app::App;
use shopsync::app::live::Live;
use shopsync::jobs::daemon::Daemon;
use shopsync::jobs::daemon::background;
use shopsync::jobs::daemon::reload::{ReloadOutcome, Reloader};
use shopsync::jobs::scheduler::ticker::{Handler, Ticker};
use shopsync::sandbox::{Sandbox, SandboxSettings};
use tokio_util::sync::CancellationToken;

use crate::support::context::{SHOPS, authorise, open_app};
use crate::support::databases::TestDatabase;
use crate::support::program::Program;
use secrecy::ExposeSecret;

pub(crate) struct Reloading {
    pub(crate) sandbox: Sandbox,
    pub(crate) database: TestDatabase,
    pub(crate) live: Live,
    pub(crate) daemon: Daemon,
    pub(crate) cancel: CancellationToken,
    ticker: Arc<Ticker>,
    program: Program,
}

impl Reloading {
    /// Two authorised shops, one a platform, with a config of which `edit` makes what the test begins with.
    pub(crate) async fn new(
        database: TestDatabase,
        settings: SandboxSettings,
        edit: impl Fn(String) -> String,
    ) -> Self {
        let clock = database.clock.clone();
        let sandbox = Sandbox::start(SandboxSettings { clock: clock.clone(), ..settings }).await.unwrap();
        let program = Program::with(&sandbox, database.settings.url.expose_secret(), "");
        let before = open_app(&program.folder, &database, &clock).await;
        for (name, platform, index) in SHOPS {
            authorise(&before, &sandbox, name, platform, index).await;
        }
        program.edit(edit);
        let app = open_app(&program.folder, &database, &clock).await;
        let live = Live::new(app);
        let cancel = CancellationToken::new();
        let daemon = Daemon::new(live.clone(), cancel.clone());
        let handler = Handler {
            run: Arc::new(|_, _| Box::pin(std::future::ready(()))),
            panicked: Arc::new(|name, _, message| panic!("{name}: {message}")),
        };
        let ticker = Arc::new(Ticker::start(Vec::new(), clock, handler).await.unwrap());
        Self { sandbox, database, live, daemon, cancel, ticker, program }
    }

    /// Changes the file, and nothing else.
    pub(crate) fn edit(&self, edit: impl Fn(String) -> String) {
        self.program.edit(edit);
    }

    /// Changes the file and has it read.
    pub(crate) async fn reload(&self, edit: impl Fn(String) -> String) -> ReloadOutcome {
        self.edit(edit);
        let reloader = self.reloader();
        let mut outcomes = reloader.outcomes();
        let outcome = reloader.reload().await;
        assert_eq!(outcomes.borrow_and_update().as_ref(), Some(&outcome));
        outcome
    }

    fn reloader(&self) -> Reloader {
        Reloader::new(self.daemon.clone(), self.ticker.clone(), None)
    }

    /// All that the daemon does in the background, except to listen to signals.
    pub(crate) fn start_background_tasks(&self) {
        background::start(&self.daemon, Arc::new(self.reloader()), None);
    }

    /// The same, which must succeed.
    pub(crate) async fn reloaded(&self, edit: impl Fn(String) -> String) -> Arc<App> {
        let outcome = self.reload(edit).await;
        assert!(matches!(outcome, ReloadOutcome::TakenOver { .. }), "{outcome:?}");
        self.live.app()
    }
}

/// A config without one of the shops of [`SHOPS`].
pub(crate) fn without(text: &str, shop: &str) -> String {
    let start = text.find(&format!("[shops.{shop}]")).unwrap();
    let rest = &text[start + 1..];
    let end = rest.find("\n[").map_or(text.len(), |end| start + 1 + end + 1);
    [&text[..start], &text[end..]].concat()
}
