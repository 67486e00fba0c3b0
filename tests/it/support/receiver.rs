//! An HTTP server of the test's own that webhooks and dead man's switches speak to. It answers as it is told, path by path.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::daemon::process::PATIENCE;

/// The server's side. Ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) address: String,
    world: Arc<Mutex<World>>,
}

#[derive(Default)]
struct World {
    received: Vec<Received>,
    manners: HashMap<String, Manner>,
}

/// How a path answers.
#[derive(Clone)]
pub(crate) enum Manner {
    Answer(u16, &'static str),
    RedirectTo(&'static str),
    /// Takes the request and says nothing.
    Hang,
}

#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: HashMap<String, String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let receiver = Self { address, world: Arc::default() };
        let router = Router::new().fallback(answer).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    /// Without a manner a path answers 200 with what all kinds of webhooks take for yes.
    pub(crate) fn set(&self, path: &str, manner: Manner) {
        self.world.lock().unwrap().manners.insert(path.to_owned(), manner);
    }

    pub(crate) fn received(&self, path: &str) -> Vec<Received> {
        let world = self.world.lock().unwrap();
        world.received.iter().filter(|received| received.path == path).cloned().collect()
    }

    /// The paths in the order they were asked for.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.world.lock().unwrap().received.iter().map(|received| received.path.clone()).collect()
    }

    /// Waits until a path was asked for so often.
    pub(crate) async fn wait_for(&self, path: &str, count: usize) -> Vec<Received> {
        let arrives = async {
            while self.received(path).len() < count {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let outcome = tokio::time::timeout(PATIENCE, arrives).await;
        assert!(
            outcome.is_ok(),
            "{path} was asked for {} times: {:?}",
            self.received(path).len(),
            self.paths()
        );
        self.received(path)
    }
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

async fn answer(
    State(receiver): State<Receiver>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().to_owned();
    let query =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let manner = {
        let mut world = receiver.world.lock().unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        world.received.push(Received { method, path: path.clone(), query, headers, body });
        world.manners.get(&path).cloned()
    };
    match manner {
        None => (StatusCode::OK, r#"{"code":0,"errcode":0}"#).into_response(),
        Some(Manner::Answer(status, body)) => (StatusCode::from_u16(status).unwrap(), body).into_response(),
        Some(Manner::RedirectTo(to)) => (StatusCode::TEMPORARY_REDIRECT, [("location", to)]).into_response(),
        Some(Manner::Hang) => std::future::pending().await,
    }
}
