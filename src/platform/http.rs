//! One HTTP conversation with the gateway of an app: body cap, deadlines, `Date` header, and failures distinguished
//! apart by what may have reached the platform.
//!
//! It knows nothing of signatures, envelopes or tokens, and sends each call exactly once: trying again is
//! decided in [`super::retry`] for reads and in `auth` for token calls.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_TYPE, DATE, HeaderMap, HeaderValue};
use reqwest::{Client, ClientBuilder, Proxy, RequestBuilder, redirect};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url, form_urlencoded};

use super::answer::{Answer, Call, http_date};
use super::counted_request::CountedRequest;
use super::error::not_answered;
use super::skew::Skew;
use super::{AppSettings, ConnectError, PlatformError, body};
use crate::clock::Clock;

/// Of one token call, from connecting to the last byte. It must fit into the time a stopping program has.
pub const TOKEN_CALL_DEADLINE: Duration = Duration::from_secs(7);

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
    skew: Arc<Skew>,
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
        let build =
            |builder: ClientBuilder| builder.build().map_err(|source| not_made(&settings.name, source));
        Ok(Self {
            platform,
            gateway: settings.gateway.clone(),
            content_type: HeaderValue::from_static("application/json"),
            pooled: build(pooled)?,
            fresh: build(fresh)?,
            skew: Arc::default(),
            clock: settings.clock.clone(),
        })
    }

    /// Says another `Content-Type` than `application/json`.
    #[must_use]
    pub fn with_content_type(self, content_type: &'static str) -> Self {
        Self { content_type: HeaderValue::from_static(content_type), ..self }
    }

    /// The same app's conversation with another gateway of the platform, whose clock is the same.
    #[must_use]
    pub fn with_gateway(&self, gateway: Url) -> Self {
        Self {
            platform: self.platform,
            gateway,
            content_type: self.content_type.clone(),
            pooled: self.pooled.clone(),
            fresh: self.fresh.clone(),
            skew: self.skew.clone(),
            clock: self.clock.clone(),
        }
    }

    pub fn skew(&self) -> &Skew {
        &self.skew
    }

    /// The present moment on the platform's clock, as far as its answers have shown.
    pub fn platform_now(&self) -> DateTime<Utc> {
        self.clock.now() + self.skew.offset()
    }

    /// Posts a read. `understand` is given the cleaned text of a body that begins like JSON; it may still find it cut
    /// off, which is [`PlatformError::NoAnswer`] too. `api` is the call's name, for counting.
    pub async fn post_json<T>(
        &self,
        api: &'static str,
        body: String,
        understand: impl FnMut(&str) -> Result<T, PlatformError>,
    ) -> Result<T, PlatformError> {
        self.ask(api, self.post(&self.pooled, body), Call::Read, understand).await
    }

    /// Posts a token call: over a connection of its own, within [`TOKEN_CALL_DEADLINE`]. Every error but
    /// [`PlatformError::NotSent`] leaves in doubt whether the platform acted.
    pub async fn post_json_once<T>(
        &self,
        api: &'static str,
        body: String,
        understand: impl FnMut(&str) -> Result<T, PlatformError>,
    ) -> Result<T, PlatformError> {
        self.ask(api, self.post(&self.fresh, body), Call::Token, understand).await
    }

    /// Posts a token call as a form, with the same care as [`Self::post_json_once`].
    pub async fn post_form_once<T>(
        &self,
        api: &'static str,
        address: &Url,
        fields: &[(&str, &str)],
        understand: impl FnMut(&str) -> Result<T, PlatformError>,
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
        understand: impl FnMut(&str) -> Result<T, PlatformError>,
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
        understand: impl FnMut(&str) -> Result<T, PlatformError>,
    ) -> Result<T, PlatformError> {
        let counted = CountedRequest::begin(self.platform, api);
        let answer = self.send(request).await;
        let took = counted.elapsed();
        let result = answer.and_then(|answer| answer.understood(call, understand));
        counted.end(took, &result);
        result
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, PlatformError> {
        let sent_at = self.clock.now();
        let response = request.send().await.map_err(not_answered)?;
        let answered_at = self.clock.now();
        let date = http_date(response.headers().get(DATE));
        if let Some(date) = date {
            self.skew.observe(sent_at, answered_at, date);
        }
        Ok(Answer::read(response, date.unwrap_or_else(|| self.platform_now())).await)
    }
}

fn client(settings: &AppSettings, is_loopback: bool) -> Result<ClientBuilder, ConnectError> {
    let builder = Client::builder()
        .user_agent(USER_AGENT)
        .default_headers(HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(body::ACCEPTED))]))
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never());
    match &settings.proxy {
        // No TLS, so no certificates: a container without any of the system's runs what is on its own machine.
        None if settings.gateway.scheme() == "http" => Ok(builder.no_proxy().tls_certs_only([])),
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

/// The certificates of the system are read when a client is made, and only then it shows that there are none.
fn not_made(app: &str, source: reqwest::Error) -> ConnectError {
    let mut cause: Option<&dyn Error> = Some(&source);
    while let Some(error) = cause {
        if error.to_string().contains("No CA certificates") {
            return ConnectError::NoCertificates { app: app.to_owned() };
        }
        cause = error.source();
    }
    ConnectError::Client { app: app.to_owned(), source }
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
