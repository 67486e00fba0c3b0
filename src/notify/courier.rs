//! One HTTP exchange with an address of the owner's: short, never redirected, its answer small.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, redirect};
use tokio::sync::OnceCell;
use url::Url;

use crate::platform::http::is_loopback;

/// Of one exchange, from connecting to the last byte.
const DEADLINE: Duration = Duration::from_secs(10);

/// An answer that matters is a line of JSON.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

const USER_AGENT: &str = concat!("shopsync/", env!("CARGO_PKG_VERSION"));

/// Carries requests. Makes its clients when they are first needed, because most programs have nobody to tell.
#[derive(Default)]
pub struct Courier {
    /// For this machine, never through the environment's proxy.
    near: OnceCell<Client>,
    far: OnceCell<Client>,
}

/// A request to be carried. Not `Debug`: the address is a secret.
pub struct Letter {
    pub method: Method,
    pub address: Url,
    /// `application/json`, where there is a body that is.
    pub content_type: &'static str,
    pub body: String,
    pub headers: Vec<(&'static str, String)>,
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// Why nothing came back. Says nothing of the address.
#[derive(Debug, thiserror::Error)]
pub enum CourierError {
    #[error("no HTTP client could be made")]
    Client(#[source] reqwest::Error),
    #[error("nobody could be reached")]
    NotSent(#[source] reqwest::Error),
    #[error("no answer within {} s", DEADLINE.as_secs())]
    Late,
    #[error("the connection broke")]
    Broken(#[source] reqwest::Error),
}

impl Courier {
    /// Sends once.
    pub async fn carry(&self, letter: Letter) -> Result<Answer, CourierError> {
        let client = self.client(is_loopback(&letter.address)).await?;
        let mut request = client.request(letter.method, letter.address);
        if !letter.body.is_empty() {
            request = request.header(CONTENT_TYPE, letter.content_type).body(letter.body);
        }
        for (name, value) in letter.headers {
            request = request.header(name, value);
        }
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while body.len() < ANSWER_BYTES_MAX
            && let Some(chunk) = response.chunk().await.map_err(failed)?
        {
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
    }

    async fn client(&self, is_near: bool) -> Result<&Client, CourierError> {
        let kept = if is_near { &self.near } else { &self.far };
        kept.get_or_try_init(|| async move { client(is_near).map_err(CourierError::Client) }).await
    }
}

fn client(is_near: bool) -> reqwest::Result<Client> {
    // Fails when it is installed already, which is as good.
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .user_agent(USER_AGENT)
        .timeout(DEADLINE)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .http1_only()
        // Messages are rare: a kept connection would be closed by the time it is used again.
        .pool_max_idle_per_host(0);
    if is_near { builder.no_proxy().build() } else { builder.build() }
}

fn failed(error: reqwest::Error) -> CourierError {
    let error = error.without_url();
    if error.is_timeout() {
        CourierError::Late
    } else if error.is_connect() {
        CourierError::NotSent(error)
    } else {
        CourierError::Broken(error)
    }
}
