//! Records in the database that this daemon works and which shops it knows, so that verbs can see what it has not loaded yet.

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::app::live::Live;
use crate::store::StoreError;
use crate::store::reports::daemons::DAEMON_BEAT;

/// Writes the daemon's row now, at each reload and every [`DAEMON_BEAT`], until `cancel` fires. Then marks it as ended.
pub async fn keep(live: Live, cancel: CancellationToken) {
    let mut app = live.subscribe();
    loop {
        let current = app.borrow_and_update().clone();
        log_error(beat(&current).await);
        tokio::select! {
            () = tokio::time::sleep(DAEMON_BEAT) => {}
            // The sender lives as long as the daemon.
            _ = app.changed() => {}
            () = cancel.cancelled() => break,
        }
    }
    let app = live.app();
    log_error(app.store.daemons().ends(&app.owner).await);
}

async fn beat(app: &App) -> Result<(), StoreError> {
    let shops: Vec<String> = app.shops.iter().map(|shop| shop.name.clone()).collect();
    app.store.daemons().works(&app.owner, &shops).await
}

/// At debug level: the database probe reports a database that is away.
fn log_error(written: Result<(), StoreError>) {
    if let Err(error) = written {
        tracing::debug!("could not write the daemon's row: {error}");
    }
}
