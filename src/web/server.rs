//! Connections: how many, how long, and how they end. A slow client holds a place for a bounded time, and never the end
//! of the program.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer::ApiError;
use super::refusals::Refusals;
use super::silent::{Listening, Silent};

/// Browsers, scrapers and programs together. Whoever comes beyond it takes the place of the one that is silent longest,
/// and is turned away when all of them are being answered.
pub const CONNECTIONS_MAX: usize = 64;
/// How long the head of a request may take to arrive, and how long an idle connection is kept.
pub const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long a request may take in all, its body included. The longest wait for a platform that refreshes a token.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How long a connection may be used before it is closed between two answers.
pub const CONNECTION_LIFE: Duration = Duration::from_mins(10);
/// How long an answer may still take once the program ends.
pub const END_WITHIN: Duration = Duration::from_millis(500);
/// The head of a request.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;
/// How long a connection may take to give way to another one.
const PLACE_WITHIN: Duration = Duration::from_millis(500);
/// After a connection that could not be accepted, such as when there are no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// The answer to a connection when all places are taken.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// Why nothing is answered over HTTP.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("{listen} is taken by another program")]
    Taken { listen: SocketAddr },
    #[error("{listen} cannot be listened on")]
    Refused {
        listen: SocketAddr,
        #[source]
        source: io::Error,
    },
}

impl HttpError {
    /// Whether it may work later: the network may come after the program.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Taken { .. } => false,
            Self::Refused { source, .. } => source.kind() == io::ErrorKind::AddrNotAvailable,
        }
    }
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    pub local: SocketAddr,
    pub remote: SocketAddr,
}

pub(super) struct Server {
    address: SocketAddr,
    routes: watch::Sender<Router>,
    ending: CancellationToken,
    connections: TaskTracker,
    accepting: JoinHandle<()>,
}

impl Server {
    pub(super) async fn open(
        listen: SocketAddr,
        routes: Router,
        refusals: Arc<Refusals>,
    ) -> Result<Self, HttpError> {
        let refused = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => HttpError::Taken { listen },
            _ => HttpError::Refused { listen, source },
        };
        let listener = TcpListener::bind(listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let (routes, ending, connections) =
            (watch::Sender::new(routes), CancellationToken::new(), TaskTracker::new());
        let acceptor = Acceptor {
            routes: routes.subscribe(),
            ending: ending.clone(),
            connections: connections.clone(),
            places: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            silent: Silent::default(),
            refusals,
        };
        let accepting = tokio::spawn(acceptor.accept(listener));
        tracing::info!(event = "http.listening", %address, "status and API at http://{address}/");
        Ok(Self { address, routes, ending, connections, accepting })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts other answers in place of those before, for open connections too.
    pub(super) fn answer_with(&self, routes: Router) {
        self.routes.send_modify(|before| *before = routes);
    }

    pub(super) async fn end(self) {
        self.ending.cancel();
        self.accepting.await.ok();
        self.connections.close();
        // They end by themselves within the same time, and with the process in any case.
        timeout(END_WITHIN * 2, self.connections.wait()).await.ok();
    }
}

/// Accepts connections, and serves each in a task of its own.
struct Acceptor {
    routes: watch::Receiver<Router>,
    ending: CancellationToken,
    connections: TaskTracker,
    places: Arc<Semaphore>,
    silent: Silent,
    refusals: Arc<Refusals>,
}

impl Acceptor {
    async fn accept(self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.ending.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, remote)) => self.let_in(stream, remote).await,
                Err(error) => {
                    tracing::debug!("a connection was not accepted: {error}");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn let_in(&self, stream: TcpStream, remote: SocketAddr) {
        let Ok(local) = stream.local_addr() else { return };
        let Some(place) = self.place().await else {
            self.refusals.log(remote.ip(), "", "there are too many connections");
            // Who does not take it at once is only disconnected.
            stream.try_write(FULL).ok();
            return;
        };
        let peer = Peer { local, remote };
        let listening = Arc::new(self.silent.begin());
        let conversation =
            converse(stream, peer, self.routes.clone(), self.ending.clone(), (place, listening));
        self.connections.spawn(conversation);
    }

    /// A place, if need be that of the connection that is silent longest. `None`: all are being answered.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            return Some(place);
        }
        if !self.silent.end_longest() {
            return None;
        }
        timeout(PLACE_WITHIN, self.places.clone().acquire_owned()).await.ok()?.ok()
    }
}

/// One connection, from its first request to its last.
async fn converse(
    stream: TcpStream,
    peer: Peer,
    routes: watch::Receiver<Router>,
    ending: CancellationToken,
    (_place, listening): (OwnedSemaphorePermit, Arc<Listening>),
) {
    let speaking = listening.clone();
    let service = service_fn(move |mut request: axum::http::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let router = routes.borrow().clone();
        let listening = speaking.clone();
        listening.speaks();
        let answer = TowerToHyperService::new(router).call(request);
        async move {
            let answered = answer.await;
            listening.falls_silent();
            answered
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        // How a client breaks off is its own business.
        _ = connection.as_mut() => return,
        () = listening.ended() => return,
        () = ending.cancelled() => {}
        () = sleep(CONNECTION_LIFE) => {}
    }
    connection.as_mut().graceful_shutdown();
    let last_moment = async {
        ending.cancelled().await;
        sleep(END_WITHIN).await;
    };
    tokio::select! {
        _ = connection => {}
        () = sleep(ANSWER_WITHIN) => {}
        () = last_moment => {}
    }
}

/// Ends a request that takes too long, whatever it waits for: its own body, a platform, the database.
pub(super) async fn within_deadline(request: Request, next: Next) -> Response {
    match timeout(ANSWER_WITHIN, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "too_slow", "this took too long; try again")
            .into_response(),
    }
}
