//! One HTTP conversation with the gateway of an app: body cap, deadlines, `Date` header, and failures told
//! apart by what may have reached the platform.
//!
//! It knows nothing of signatures, envelopes or tokens, and sends each call exactly once: trying again is
//! decided in [`super::retry`] for reads and in `auth` for token calls.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, ClientBuilder, Proxy, RequestBuilder, Response, StatusCode, redirect};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url, form_urlencoded};

use super::asked::Asked;
use super::skew::Skew;
use super::{AppSettings, ConnectError, PlatformError, text};
use crate::clock::Clock;

/// Of one token call, from connecting to the last byte. It must fit into the time a stopping program has.
pub const TOKEN_CALL_DEADLINE: Duration = Duration::from_secs(7);

/// A hundred orders with all their fields take a few hundred kilobytes.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Name, connection and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Gateways close idle connections after a minute or so; a call that meets the closing door is lost.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// More calls than this at once are possible; their connections are not kept.
const POOL_IDLE_MAX: usize = 32;

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

const USER_AGENT: &str = concat!("shopsync/", env!("CARGO_PKG_VERSION"));

/// Speaks to one app's gateway, counts what it asks, and learns from every answer how far its clock is from ours.
pub struct Conversation {
    platform: &'static str,
    gateway: Url,
    content_type: HeaderValue,
    /// For reads.
    pooled: Client,
    /// For token calls: a kept connection may be half dead, and what was sent into it is in doubt.
    fresh: Client,
    skew: Skew,
    clock: Clock,
}

impl Conversation {
    pub fn new(platform: &'static str, settings: &AppSettings) -> Result<Self, ConnectError> {
        let is_loopback = is_loopback(&settings.gateway);
        if settings.gateway.scheme() != "https" && !(settings.gateway.scheme() == "http" && is_loopback) {
            return Err(ConnectError::Gateway { app: settings.name.clone() });
        }
        // Fails when it is installed already, which is as good.
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let connect_timeout = CONNECT_TIMEOUT.min(settings.request_timeout);
        let pooled = client(settings, is_loopback)?
            .timeout(settings.request_timeout)
            .connect_timeout(connect_timeout)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .pool_max_idle_per_host(POOL_IDLE_MAX);
        let fresh = client(settings, is_loopback)?
            .timeout(TOKEN_CALL_DEADLINE)
            .connect_timeout(CONNECT_TIMEOUT)
            .http1_only()
            .pool_max_idle_per_host(0);
        let build = |builder: ClientBuilder| {
            builder.build().map_err(|source| ConnectError::Client { app: settings.name.clone(), source })
        };
        Ok(Self {
            platform,
            gateway: settings.gateway.clone(),
            content_type: HeaderValue::from_static("application/json"),
            pooled: build(pooled)?,
            fresh: build(fresh)?,
            skew: Skew::default(),
            clock: settings.clock.clone(),
        })
    }

    /// Says another `Content-Type` than `application/json`.
    #[must_use]
    pub fn with_content_type(self, content_type: &'static str) -> Self {
        Self { content_type: HeaderValue::from_static(content_type), ..self }
    }

    pub fn skew(&self) -> &Skew {
        &self.skew
    }

    /// The present moment on the platform's clock, as far as its answers have told.
    pub fn platform_now(&self) -> DateTime<Utc> {
        self.clock.now() + self.skew.offset()
    }

    /// Posts a read. `understand` is given the cleaned text of a body that begins like JSON; it may still find it cut
    /// off, which is [`PlatformError::NoAnswer`] too. `api` is the call's name, for counting.
    pub async fn post_json<T>(
        &self,
        api: &'static str,
        body: String,
        understand: impl FnOnce(&str) -> Result<T, PlatformError>,
    ) -> Result<T, PlatformError> {
        self.ask(api, self.post(&self.pooled, body), Call::Read, understand).await
    }

    /// Posts a token call: over a connection of its own, within [`TOKEN_CALL_DEADLINE`]. Every error but
    /// [`PlatformError::NotSent`] leaves in doubt whether the platform acted.
    pub async fn post_json_once<T>(
        &self,
        api: &'static str,
        body: String,
        understand: impl FnOnce(&str) -> Result<T, PlatformError>,
    ) -> Result<T, PlatformError> {
        self.ask(api, self.post(&self.fresh, body), Call::Token, understand).await
    }

    /// Posts a token call as a form, with the same care as [`Self::post_json_once`].
    pub async fn post_form_once<T>(
        &self,
        api: &'static str,
        address: &Url,
        fields: &[(&str, &str)],
        understand: impl FnOnce(&str) -> Result<T, PlatformError>,
    ) -> Result<T, PlatformError> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.fresh.post(address.clone()).header(CONTENT_TYPE, FORM).body(body);
        self.ask(api, request, Call::Token, understand).await
    }

    /// Gets a read. `token` goes into a header that is never logged.
    pub async fn get_json<T>(
        &self,
        api: &'static str,
        address: &Url,
        token: Option<&SecretString>,
        understand: impl FnOnce(&str) -> Result<T, PlatformError>,
    ) -> Result<T, PlatformError> {
        let mut request = self.pooled.get(address.clone());
        if let Some(token) = token {
            // Sensitive by itself, and refused by `send` when it is no text for a header.
            request = request.bearer_auth(token.expose_secret());
        }
        self.ask(api, request, Call::Read, understand).await
    }

    fn post(&self, client: &Client, body: String) -> RequestBuilder {
        client.post(self.gateway.clone()).header(CONTENT_TYPE, self.content_type.clone()).body(body)
    }

    /// The one place where requests are counted, by what is understood of their answers.
    async fn ask<T>(
        &self,
        api: &'static str,
        request: RequestBuilder,
        call: Call,
        understand: impl FnOnce(&str) -> Result<T, PlatformError>,
    ) -> Result<T, PlatformError> {
        let asked = Asked::begin(self.platform, api);
        let answer = self.send(request, call).await;
        let took = asked.elapsed();
        let result = answer.and_then(|text| understand(&text));
        asked.end(took, &result);
        result
    }

    async fn send(&self, request: RequestBuilder, call: Call) -> Result<String, PlatformError> {
        let sent_at = self.clock.now();
        let response = request.send().await.map_err(not_answered)?;
        let answered_at = self.clock.now();
        let date = http_date(response.headers().get(DATE));
        if let Some(date) = date {
            self.skew.observe(sent_at, answered_at, date);
        }
        let retry_after = retry_after(response.headers(), date.unwrap_or_else(|| self.platform_now()));
        check_status(response.status(), retry_after, call)?;
        let text = text::clean(read_body(response).await?);
        match text.trim_ascii_start().chars().next() {
            Some('{' | '[') => Ok(text),
            Some(_) => Err(PlatformError::NotFromPlatform { what: "the body is not JSON".to_owned() }),
            None => Err(PlatformError::NotFromPlatform { what: "the body is empty".to_owned() }),
        }
    }
}

fn client(settings: &AppSettings, is_loopback: bool) -> Result<ClientBuilder, ConnectError> {
    let builder = Client::builder()
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never());
    match &settings.proxy {
        Some(address) => {
            let proxy = Proxy::all(address.clone()).map_err(|source| ConnectError::Proxy {
                app: settings.name.clone(),
                // The address may hold a password.
                source: source.without_url(),
            })?;
            Ok(builder.proxy(proxy))
        }
        // The environment's proxy is for the world outside.
        None if is_loopback => Ok(builder.no_proxy()),
        None => Ok(builder),
    }
}

/// Whether an address is on this machine.
pub fn is_loopback(address: &Url) -> bool {
    match address.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// What a call may have cost when its answer says nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Read,
    /// It may have spent a token.
    Token,
}

/// What an HTTP status other than 200 means.
fn check_status(status: StatusCode, retry_after: Option<Duration>, call: Call) -> Result<(), PlatformError> {
    match status {
        StatusCode::OK => Ok(()),
        StatusCode::TOO_MANY_REQUESTS => Err(PlatformError::Throttled { retry_after }),
        // "Not before then" is a request for fewer calls, whatever its number; but a proxy that says so does not say
        // that nothing was done behind it.
        StatusCode::SERVICE_UNAVAILABLE if retry_after.is_some() && call == Call::Read => {
            Err(PlatformError::Throttled { retry_after })
        }
        status => Err(PlatformError::Unavailable { status: status.as_u16() }),
    }
}

/// Seconds or a date; a date that is past means now.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?;
    if let Ok(seconds) = value.to_str().ok()?.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let pause: TimeDelta = http_date(Some(value))? - now;
    Some(pause.to_std().unwrap_or_default())
}

fn http_date(value: Option<&HeaderValue>) -> Option<DateTime<Utc>> {
    let date = DateTime::parse_from_rfc2822(value?.to_str().ok()?).ok()?;
    Some(date.to_utc())
}

async fn read_body(mut response: Response) -> Result<Vec<u8>, PlatformError> {
    let announced = response.content_length().map_or(Ok(0), usize::try_from);
    let capacity = match announced {
        Ok(length) if length <= BODY_BYTES_MAX => length,
        Ok(_) | Err(_) => return Err(body_too_long()),
    };
    let mut body = Vec::with_capacity(capacity);
    while let Some(chunk) = response.chunk().await.map_err(not_answered)? {
        if body.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(body_too_long());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn not_answered(source: reqwest::Error) -> PlatformError {
    if source.is_connect() {
        return PlatformError::NotSent { source };
    }
    let what = if source.is_timeout() { "it took too long" } else { "the connection broke" };
    PlatformError::NoAnswer { what: what.to_owned(), source: Some(source) }
}

fn body_too_long() -> PlatformError {
    no_answer(&format!("the body is longer than {BODY_BYTES_MAX} bytes"))
}

fn no_answer(what: &str) -> PlatformError {
    PlatformError::NoAnswer { what: what.to_owned(), source: None }
}
