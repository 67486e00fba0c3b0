//! What the daemon answers over HTTP: the status page, health, JSON for programs, the way back from an authorisation.
//!
//! [`server`] takes connections and puts bounds on them, [`guard`] looks at where a request comes from, [`admin`] at
//! who may change something. Everything is answered within a bounded time, whatever the database does. Nothing here
//! knows a buyer, and no refresh token ever comes this way.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use chrono::{DateTime, Utc};

use crate::app::live::Live;
use crate::config::HttpConfig;
use crate::jobs::daemon::Daemon;

pub mod admin;
pub mod answer;
pub mod api;
pub mod callback;
pub mod gauges;
pub mod guard;
pub mod health;
pub mod notice;
pub mod overview;
pub mod page;
pub mod policy;
pub mod reads;
pub mod server;

mod attempts;
mod names;
mod refusals;
mod session;
mod silent;

use attempts::Attempts;
use reads::Reads;
use refusals::Refusals;
pub use server::HttpError;
use server::Server;
use session::Sessions;

/// The longest body that is taken; requests here are short.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// What the answers are made of. Cloned freely; all clones show the same.
#[derive(Clone)]
pub struct Web {
    pub live: Live,
    pub daemon: Daemon,
    pub started_at: DateTime<Utc>,
    attempts: Arc<Attempts>,
    sessions: Arc<Sessions>,
    refusals: Arc<Refusals>,
    reads: Reads,
}

impl Web {
    /// Asks the database no more than a few things at once, and waits for none of them for long.
    pub fn reads(&self) -> &Reads {
        &self.reads
    }
}

/// Every address that is answered once the daemon works, with its guards around it.
fn router(web: Web) -> Router {
    let routes = Router::new()
        .merge(health::routes())
        .merge(gauges::routes())
        .merge(admin::routes())
        .merge(callback::routes())
        .merge(page::routes())
        .nest("/api/v1", api::routes())
        .fallback(answer::nothing_here)
        .method_not_allowed_fallback(answer::wrong_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn(server::within_deadline))
        .layer(from_fn_with_state(web.clone(), guard::check));
    routes.layer(from_fn(policy::headers)).with_state(web)
}

/// The HTTP listener: bound before anything else, so that a taken address shows at once, and answering
/// from then on.
pub struct Http {
    /// `None`: turned off.
    server: Option<Server>,
    refusals: Arc<Refusals>,
}

impl Http {
    /// Binds the address of the config, and says until [`Http::serve`] that the daemon is starting.
    pub async fn open(config: &HttpConfig) -> Result<Self, HttpError> {
        let refusals = Arc::new(Refusals::default());
        let server = match config.listen {
            Some(listen) => {
                let starting = health::starting().layer(from_fn(policy::headers));
                Some(Server::open(listen, starting, refusals.clone()).await?)
            }
            None => None,
        };
        Ok(Self { server, refusals })
    }

    /// Where it listens. `None`: it is turned off.
    pub fn address(&self) -> Option<SocketAddr> {
        self.server.as_ref().map(Server::address)
    }

    /// From now on the daemon answers.
    pub fn serve(&self, daemon: Daemon) {
        let Some(server) = &self.server else { return };
        let live = daemon.live().clone();
        server.answer_with(router(Web {
            started_at: live.app().clock.now(),
            live,
            daemon,
            attempts: Arc::default(),
            sessions: Arc::default(),
            refusals: self.refusals.clone(),
            reads: Reads::default(),
        }));
    }

    /// Takes no connection any more and gives those there are a moment to end. Answers, of health above all, until
    /// then.
    pub async fn end(self) {
        if let Some(server) = self.server {
            server.end().await;
        }
    }
}
