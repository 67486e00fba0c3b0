//! Sends one HTTP request to an address of the operator's: with a deadline, no redirects and a small response.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, redirect};
use tokio::sync::OnceCell;
use url::Url;

use crate::platform::http::is_loopback;

/// For one request, from connecting to the last byte of the response.
const DEADLINE: Duration = Duration::from_secs(10);

/// The responses that matter are one line of JSON.
const RESPONSE_BYTES_MAX: usize = 64 * 1024;

const USER_AGENT: &str = concat!("shopsync/", env!("CARGO_PKG_VERSION"));

/// Sends requests. Makes its HTTP clients when they are first needed, because most programs notify nobody.
#[derive(Default)]
pub struct Sender {
    /// For addresses on this machine: never through a proxy.
    local: OnceCell<Client>,
    remote: OnceCell<Client>,
}

/// A request to send. Not `Debug`: the address is a secret.
pub struct Request {
    pub method: Method,
    pub address: Url,
    /// Sent only if there is a body.
    pub content_type: &'static str,
    pub body: String,
    pub headers: Vec<(&'static str, String)>,
}

pub struct Response {
    pub status: u16,
    pub body: String,
}

/// Why there was no response. Never contains the address.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("could not make an HTTP client")]
    Client(#[source] reqwest::Error),
    #[error("could not connect")]
    NotSent(#[source] reqwest::Error),
    #[error("no response within {} s", DEADLINE.as_secs())]
    Late,
    #[error("the connection broke")]
    Broken(#[source] reqwest::Error),
}

impl Sender {
    /// Sends once.
    pub async fn send(&self, request: Request) -> Result<Response, SendError> {
        let client = self.client(is_loopback(&request.address)).await?;
        let mut builder = client.request(request.method, request.address);
        if !request.body.is_empty() {
            builder = builder.header(CONTENT_TYPE, request.content_type).body(request.body);
        }
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        let mut response = builder.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while body.len() < RESPONSE_BYTES_MAX
            && let Some(chunk) = response.chunk().await.map_err(failed)?
        {
            body.extend_from_slice(&chunk);
        }
        Ok(Response { status, body: String::from_utf8_lossy(&body).into_owned() })
    }

    async fn client(&self, is_local: bool) -> Result<&Client, SendError> {
        let cell = if is_local { &self.local } else { &self.remote };
        cell.get_or_try_init(|| async move { client(is_local).map_err(SendError::Client) }).await
    }
}

fn client(is_local: bool) -> reqwest::Result<Client> {
    // Fails if a provider is installed already, which is fine.
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .user_agent(USER_AGENT)
        .timeout(DEADLINE)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .http1_only()
        // Messages are rare: an idle connection would be closed before its next use.
        .pool_max_idle_per_host(0);
    if is_local { builder.no_proxy().build() } else { builder.build() }
}

fn failed(error: reqwest::Error) -> SendError {
    let error = error.without_url();
    if error.is_timeout() {
        SendError::Late
    } else if error.is_connect() {
        SendError::NotSent(error)
    } else {
        SendError::Broken(error)
    }
}
