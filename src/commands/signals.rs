//! SIGTERM and SIGINT: the first requests an orderly end, the second gets an immediate one. SIGHUP: the config is to be
//! read again.

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::auth::Tokens;

/// What a shell reports for a program ended by SIGINT.
const ENDED_BY_SIGNAL: i32 = 130;

/// Returns a token that fires at the first SIGTERM or SIGINT. Ending at once is safe at any moment: what is
/// committed stays, what is not is read again.
pub(super) fn cancel_on_signals() -> anyhow::Result<CancellationToken> {
    let cancel = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let fired = cancel.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if fired.is_cancelled() {
                std::process::exit(ENDED_BY_SIGNAL);
            }
            fired.cancel();
        }
    });
    Ok(cancel)
}

/// The SIGHUPs from now on. They end the program no more, whether anybody looks at them or not.
pub(super) fn hangups() -> anyhow::Result<Signal> {
    signal(SignalKind::hangup()).context("listening for SIGHUP")
}

/// Ends a verb at the first SIGTERM or SIGINT, as soon as no token call is under way: a refresh token that was spent
/// has a successor only once the answer is stored.
pub(super) fn end_on_signals(tokens: &Tokens) -> anyhow::Result<()> {
    let (cancel, tokens) = (cancel_on_signals()?, tokens.clone());
    tokio::spawn(async move {
        cancel.cancelled().await;
        tokens.drain().await;
        std::process::exit(ENDED_BY_SIGNAL);
    });
    Ok(())
}
