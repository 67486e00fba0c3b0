//! `GET /oauth/{platform}/callback`: where a platform sends the owner's browser back to, with a code.
//!
//! The `state` beside the code must be that of a link of ours: unguessable, of one shop, used once, and kept in the
//! database, so that any daemon on it can take the answer. Neither is ever logged, nor is the query they stand in. A
//! page says the result; loading it again does nothing twice.

use std::net::IpAddr;

use axum::Router;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use maud::html;
use secrecy::SecretString;

use super::notice::notice;
use super::server::Peer;
use super::{Web, answer};
use crate::app::App;
use crate::auth::error::StateFault;
use crate::auth::login::token_input::Returned;
use crate::auth::required_action::authorise_command;
use crate::auth::{AuthError, GrantStatus};
use crate::domain::moment;
use crate::domain::shop::Shop;
use crate::error_text::chain;
use crate::language::Language;
use crate::web::answer::language_of;

mod words;

/// The page that an owner's browser gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Granted,
    /// The owner said no, or the platform did.
    Declined,
    /// No link of ours led here.
    Foreign,
    TooOld,
    Used,
    OtherAccount,
    /// The account is another shop here.
    SharedAccount,
    /// The platform does not take the code.
    NotTaken,
    /// Nothing was spent; the same address may be opened again.
    TryAgain,
    Fault,
}

pub(super) fn routes() -> Router<Web> {
    Router::new().route("/oauth/{platform}/callback", get(callback))
}

async fn callback(
    State(web): State<Web>,
    Extension(peer): Extension<Peer>,
    Path(platform): Path<String>,
    RawQuery(query): RawQuery,
    method: Method,
    headers: HeaderMap,
) -> Response {
    // A look at the address, as mail scanners take it, must not use up the code.
    if method != Method::GET {
        return answer::wrong_method().await.into_response();
    }
    let language = language_of(&headers);
    let app = web.live.app();
    // In a task of its own: a browser that goes away must not end it halfway.
    let work = tokio::spawn(async move { take(&app, &platform, query.unwrap_or_default()).await });
    let Ok(taken) = work.await else {
        return page(language, &Taken::refused(Outcome::Fault, None, ""));
    };
    tell(&taken, peer.remote.ip());
    page(language, &taken)
}

/// How it went.
struct Taken {
    outcome: Outcome,
    /// `None`: it is not known which shop is meant.
    shop: Option<Shop>,
    /// Of the grant there is now. `None`: there is none, or it does not matter.
    status: Option<GrantStatus>,
    /// Which shop the account is already. `None`: none, as far as is known.
    other: Option<String>,
    /// For the log.
    reason: String,
}

impl Taken {
    fn refused(outcome: Outcome, shop: Option<&Shop>, reason: impl Into<String>) -> Self {
        Self { outcome, shop: shop.cloned(), status: None, other: None, reason: reason.into() }
    }
}

async fn take(app: &App, platform: &str, query: String) -> Taken {
    let returned = match read(&query) {
        Ok(returned) => returned,
        Err((outcome, reason)) => return Taken::refused(outcome, None, reason),
    };
    let Some(state) = returned.state.clone() else {
        return Taken::refused(Outcome::Foreign, None, "the address carries no `state`");
    };
    let shop = match app.tokens.shop_of_link(&state).await {
        Ok(name) => name.and_then(|name| app.shop(&name)).filter(|shop| shop.platform == platform),
        Err(error) => return Taken::refused(Outcome::TryAgain, None, chain(&error)),
    };
    let Some(shop) = shop else {
        return Taken::refused(Outcome::Foreign, None, "its `state` is of no link of ours for that platform");
    };
    match app.tokens.login_returned(shop, returned).await {
        Ok(status) => Taken {
            outcome: Outcome::Granted,
            shop: Some(shop.clone()),
            status: Some(status),
            other: None,
            reason: String::new(),
        },
        Err(error) => {
            let refused = Taken::refused(outcome_of(&error), Some(shop), chain(&error));
            let status = match refused.outcome {
                Outcome::Used => app.tokens.status(shop).await.ok().flatten(),
                _ => None,
            };
            let other = match error {
                AuthError::SharedAccount { other, .. } => Some(other),
                _ => None,
            };
            Taken { status, other, ..refused }
        }
    }
}

/// The code and state of a query. No code: the platform says why, in a word of its own that is not repeated.
fn read(query: &str) -> Result<Returned, (Outcome, &'static str)> {
    if url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "error") {
        return Err((Outcome::Declined, "the platform sent an error in place of a code"));
    }
    // Read as if it had been pasted whole.
    let address = SecretString::from(format!("https://callback.invalid/?{query}"));
    Returned::parse(&address).map_err(|_| (Outcome::Foreign, "the address carries no `code`"))
}

fn outcome_of(error: &AuthError) -> Outcome {
    match error {
        AuthError::ForeignLink { fault: StateFault::Used, .. } | AuthError::CodeTriedBefore { .. } => {
            Outcome::Used
        }
        // The owner has done all there is to do.
        AuthError::NotStoredYet { .. } => Outcome::Granted,
        AuthError::ForeignLink { fault: StateFault::TooOld, .. } => Outcome::TooOld,
        AuthError::ForeignLink { .. } => Outcome::Foreign,
        AuthError::OtherAccount { .. } => Outcome::OtherAccount,
        AuthError::SharedAccount { .. } => Outcome::SharedAccount,
        error if error.leaves_code_unspent() || error.is_database_away() => Outcome::TryAgain,
        AuthError::Platform { .. } => Outcome::NotTaken,
        _ => Outcome::Fault,
    }
}

fn tell(taken: &Taken, from: IpAddr) {
    let shop = taken.shop.as_ref().map(|shop| shop.name.as_str());
    let name = shop.unwrap_or("?");
    if taken.outcome == Outcome::Granted {
        tracing::info!(event = "oauth.granted", shop, %from, "`{name}` was authorised by its owner's browser");
    } else {
        let error = &taken.reason;
        tracing::warn!(event = "oauth.refused", shop, %from, error, "a browser came back for `{name}` in vain: {error}");
    }
}

fn page(language: Language, taken: &Taken) -> Response {
    let Taken { outcome, shop, status, other, .. } = taken;
    let outcome = *outcome;
    let (title, text) = (words::title(outcome), words::explanation(outcome));
    let content = html! {
        @if let Some(shop) = shop { p { (words::shop().in_language(language)) " " strong { (shop.name) } } }
        @if let Some(other) = other { p { (words::already().in_language(language)) " " strong { (other) } } }
        p { (text.in_language(language)) }
        @if let Some(status) = status.as_ref().filter(|status| status.usable) {
            p { (words::works_until().in_language(language)) " " time datetime=(status.access_ends_at.to_rfc3339()) {
                (moment::to_minute(status.access_ends_at)) " UTC"
            } }
        }
        @if outcome.needs_new_link() && let Some(shop) = shop {
            p { code { (authorise_command(&shop.name, shop.platform)) } }
        }
    };
    notice(outcome.status(), language, title.in_language(language), &content)
}

impl Outcome {
    fn status(self) -> StatusCode {
        match self {
            Self::Granted => StatusCode::OK,
            Self::Declined | Self::Foreign | Self::NotTaken => StatusCode::BAD_REQUEST,
            Self::TooOld => StatusCode::GONE,
            Self::Used | Self::OtherAccount | Self::SharedAccount => StatusCode::CONFLICT,
            Self::TryAgain => StatusCode::SERVICE_UNAVAILABLE,
            Self::Fault => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn needs_new_link(self) -> bool {
        matches!(
            self,
            Self::Declined | Self::TooOld | Self::NotTaken | Self::OtherAccount | Self::SharedAccount
        )
    }
}
