//! Who may change something or receive a token: the one who knows the admin token. A program sends it with each
//! request; a browser's owner types it once and gets a cookie.

use std::time::Instant;

use axum::Router;
use axum::extract::{Extension, Form, FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use hmac::{Hmac, KeyInit, Mac};
use maud::{Markup, html};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::Sha256;

use super::answer::{ApiError, language_of};
use super::attempts::Verdict;
use super::notice::notice;
use super::server::Peer;
use super::{Web, session};
use crate::language::Language;

/// An admin, by header or by cookie. As an argument of a handler it refuses everybody else.
pub struct Admin;

/// An admin by header alone: for what no browser needs to see.
pub struct AdminProgram;

pub(super) fn routes() -> Router<Web> {
    Router::new().route("/login", get(form).post(login)).route("/logout", post(logout))
}

/// Why a request is not from an admin.
#[derive(Debug, PartialEq, Eq)]
enum Denied {
    /// There is no admin token, so no one is.
    ReadOnly,
    Missing,
    Wrong,
    TooMany {
        wait_seconds: u64,
    },
}

impl Web {
    /// Whether this browser or program may change something. For pages that show what can be done.
    pub fn is_admin(&self, headers: &HeaderMap) -> bool {
        let app = self.live.app();
        let token = app.config().http.admin_token.as_ref();
        token.is_some_and(|token| self.sessions.is_proven(token, headers, app.clock.now()))
    }

    /// Whether anybody can be admin here.
    pub fn has_admin(&self) -> bool {
        self.live.app().config().http.admin_token.is_some()
    }

    fn compare(&self, peer: Peer, given: &str) -> Result<(), Denied> {
        let app = self.live.app();
        let token = app.config().http.admin_token.as_ref().ok_or(Denied::ReadOnly)?;
        let (from, now) = (peer.remote.ip(), Instant::now());
        // The right token is checked first: guesses from the same address must not shut its owner out.
        if is_equal(token, given) {
            return Ok(());
        }
        match self.attempts.before(from, given, now) {
            Verdict::Counted => {
                self.attempts.was_wrong(from, given, now);
                Err(Denied::Wrong)
            }
            Verdict::KnownWrong => Err(Denied::Wrong),
            Verdict::Wait(wait) => Err(Denied::TooMany { wait_seconds: wait.as_secs() + 1 }),
        }
    }

    fn by_header(&self, peer: Peer, headers: &HeaderMap) -> Result<(), Denied> {
        if !self.has_admin() {
            return Err(Denied::ReadOnly);
        }
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|given| given.split_once(' '));
        match given {
            Some((scheme, given)) if scheme.eq_ignore_ascii_case("bearer") => {
                self.compare(peer, given.trim())
            }
            _ => Err(Denied::Missing),
        }
    }

    fn deny(&self, parts: &Parts, peer: Peer, denied: &Denied) -> ApiError {
        self.refusals.log(peer.remote.ip(), parts.uri.path(), denied.reason());
        denied.answer()
    }
}

impl FromRequestParts<Web> for AdminProgram {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, ApiError> {
        let peer = peer_of(parts)?;
        let checked = web.by_header(peer, &parts.headers);
        checked.map(|()| Self).map_err(|denied| web.deny(parts, peer, &denied))
    }
}

impl FromRequestParts<Web> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, ApiError> {
        if web.is_admin(&parts.headers) {
            return Ok(Self);
        }
        AdminProgram::from_request_parts(parts, web).await.map(|_| Self)
    }
}

impl Denied {
    fn reason(&self) -> &'static str {
        match self {
            Self::ReadOnly => "there is no admin token, so nothing may be changed",
            Self::Missing => "it brings no admin token",
            Self::Wrong => "its admin token is wrong",
            Self::TooMany { .. } => "there were too many wrong admin tokens",
        }
    }

    fn answer(&self) -> ApiError {
        match self {
            Self::ReadOnly => ApiError::new(
                StatusCode::FORBIDDEN,
                "read_only",
                "nothing can be changed here: `[http] admin_token_file` is not set",
            ),
            Self::Missing => ApiError::new(
                StatusCode::UNAUTHORIZED,
                "no_token",
                "send the admin token as `Authorization: Bearer …`, or log in at /login",
            ),
            Self::Wrong => {
                ApiError::new(StatusCode::UNAUTHORIZED, "wrong_token", "that is not the admin token")
            }
            Self::TooMany { wait_seconds } => ApiError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_attempts",
                "too many wrong admin tokens came from this address",
            )
            .retry_after(*wait_seconds),
        }
    }
}

/// What the form sends. Has no `Debug`.
#[derive(Deserialize)]
struct Typed {
    token: String,
}

async fn form(State(web): State<Web>, headers: HeaderMap) -> Response {
    let language = language_of(&headers);
    if !web.has_admin() {
        return notice(
            StatusCode::OK,
            language,
            words(language).title,
            &paragraph(words(language).read_only),
        );
    }
    notice(StatusCode::OK, language, words(language).title, &typing(language, None))
}

/// Takes the token that was typed. The cookie is for this origin alone: it is sent by no other page's doing.
async fn login(
    State(web): State<Web>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Form(typed): Form<Typed>,
) -> Response {
    let (language, app) = (language_of(&headers), web.live.app());
    let typed = SecretString::from(typed.token);
    let denied = match (&app.config().http.admin_token, web.compare(peer, typed.expose_secret().trim())) {
        (Some(token), Ok(())) => {
            let proof = web.sessions.proof(token, app.clock.now() + session::LIFE);
            let is_secure = is_public_and_secure(&web, &headers);
            return with_cookie(&proof, session::LIFE.num_seconds(), is_secure);
        }
        (_, Err(denied)) => denied,
        (None, Ok(())) => Denied::ReadOnly,
    };
    web.refusals.log(peer.remote.ip(), "/login", denied.reason());
    let words = words(language);
    let (status, text) = match denied {
        Denied::ReadOnly => (StatusCode::FORBIDDEN, words.read_only),
        Denied::Missing | Denied::Wrong => (StatusCode::UNAUTHORIZED, words.wrong),
        Denied::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, words.too_many),
    };
    notice(status, language, words.title, &typing(language, Some(text)))
}

async fn logout(State(web): State<Web>, headers: HeaderMap) -> Response {
    // A copy of the cookie must not outlive it.
    let app = web.live.app();
    if let Some(token) = &app.config().http.admin_token {
        web.sessions.revoke(token, &headers, app.clock.now());
    }
    with_cookie("", 0, is_public_and_secure(&web, &headers))
}

/// Back to the page. The address is relative: a proxy may serve us below a path.
fn with_cookie(proof: &str, seconds: i64, is_secure: bool) -> Response {
    let secure = if is_secure { "; Secure" } else { "" };
    let cookie =
        format!("{}={proof}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}", session::COOKIE);
    let mut response = Redirect::to("./").into_response();
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Whether the browser speaks TLS with the proxy in front of us.
fn is_public_and_secure(web: &Web, headers: &HeaderMap) -> bool {
    let app = web.live.app();
    let Some(public) = app.config().http.public_url.as_ref().filter(|public| public.scheme() == "https")
    else {
        return false;
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| host.parse::<axum::http::uri::Authority>().ok());
    host.is_some_and(|host| public.host_str().is_some_and(|public| public.eq_ignore_ascii_case(host.host())))
}

/// In constant time, whatever the lengths.
fn is_equal(token: &SecretString, given: &str) -> bool {
    let mac = |text: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"compare").expect("HMAC takes a key of any length");
        mac.update(text.as_bytes());
        mac
    };
    let expected = mac(token.expose_secret()).finalize().into_bytes();
    mac(given).verify_slice(&expected).is_ok()
}

fn peer_of(parts: &Parts) -> Result<Peer, ApiError> {
    parts.extensions.get::<Peer>().copied().ok_or_else(ApiError::internal)
}

fn paragraph(text: &str) -> Markup {
    html! { p { (text) } }
}

fn typing(language: Language, trouble: Option<&str>) -> Markup {
    let words = words(language);
    html! {
        p { (words.why) }
        @if let Some(trouble) = trouble { p role="alert" { strong { (trouble) } } }
        form method="post" action="login" {
            label for="token" { (words.token) }
            input type="password" id="token" name="token" autocomplete="current-password" required autofocus;
            button { (words.enter) }
        }
    }
}

struct Words {
    title: &'static str,
    why: &'static str,
    token: &'static str,
    enter: &'static str,
    wrong: &'static str,
    too_many: &'static str,
    read_only: &'static str,
}

fn words(language: Language) -> Words {
    match language {
        Language::English => Words {
            title: "Log in",
            why: "With the admin token you can start a sync here. It is in the file that [http] admin_token_file names.",
            token: "Admin token",
            enter: "Log in",
            wrong: "That is not the admin token.",
            too_many: "Too many wrong tokens came from this address. Try again in a minute.",
            read_only: "Nothing can be changed here: [http] admin_token_file is not set.",
        },
        Language::Chinese => Words {
            title: "登录",
            why: "输入管理令牌后可以在这里启动同步。令牌保存在 [http] admin_token_file 指定的文件中。",
            token: "管理令牌",
            enter: "登录",
            wrong: "管理令牌不正确。",
            too_many: "此地址的错误尝试过多，请一分钟后再试。",
            read_only: "此页面为只读：未设置 [http] admin_token_file。",
        },
    }
}
