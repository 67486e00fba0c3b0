//! Writes down that this daemon works and which shops it knows, so that verbs started by hand can see what it has not read yet.

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::app::live::Live;
use crate::store::StoreError;
use crate::store::reports::daemons::DAEMON_BEAT;

/// Until `cancel` fires: at once, at each reload, and every [`DAEMON_BEAT`].
pub async fn keep(live: Live, cancel: CancellationToken) {
    let mut app = live.subscribe();
    loop {
        let current = app.borrow_and_update().clone();
        report(beat(&current).await);
        tokio::select! {
            () = tokio::time::sleep(DAEMON_BEAT) => {}
            // It ends only with the daemon.
            _ = app.changed() => {}
            () = cancel.cancelled() => break,
        }
    }
    let app = live.app();
    report(app.store.daemons().ends(&app.owner).await);
}

async fn beat(app: &App) -> Result<(), StoreError> {
    let shops: Vec<String> = app.shops.iter().map(|shop| shop.name.clone()).collect();
    app.store.daemons().works(&app.owner, &shops).await
}

/// A database that is away is reported by those who need it more.
fn report(written: Result<(), StoreError>) {
    if let Err(error) = written {
        tracing::debug!("the daemon's row was not written: {error}");
    }
}
