//! `GET /`: gathers what the page shows, and remembers it for a moment, so that many open pages cost one look.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{Access, SCRIPT, STYLE, page, unavailable};
use crate::app::{App, AppError};
use crate::language::Language;
use crate::web::answer::language_of;
use crate::web::overview::Overview;
use crate::web::{Web, policy};

/// A page that is opened again within this shows the same.
const REMEMBERED: Duration = Duration::from_secs(2);
/// Counting a month of orders costs more, and its bars hardly move.
const DAYS_REMEMBERED: Duration = Duration::from_mins(1);

/// The page and nothing else.
pub fn routes() -> Router<Web> {
    Router::new().route("/", get(show)).layer(Extension(Arc::new(Memory::default())))
}

#[derive(Deserialize)]
struct PageQuery {
    /// Instead of what the browser prefers.
    lang: Option<String>,
}

async fn show(
    State(web): State<Web>,
    Extension(memory): Extension<Arc<Memory>>,
    query: Result<Query<PageQuery>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let query = query.ok().and_then(|Query(query)| Language::of_tag(&query.lang?));
    let language = query.unwrap_or_else(|| language_of(&headers));
    let app = web.live.app();
    let (status, document) = match web.reads().ask(async move { memory.look(&app).await }).await {
        Ok(overview) => (StatusCode::OK, page(&overview, language, access(&web, &headers))),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, unavailable(language)),
    };
    let mut response = (status, Html(document.into_string())).into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy::allowing(STYLE, SCRIPT));
    response
}

fn access(web: &Web, headers: &HeaderMap) -> Access {
    if web.is_admin(headers) {
        Access::MayAct
    } else if web.has_admin() {
        Access::MayLogIn
    } else {
        Access::ReadOnly
    }
}

/// What was last seen, and of which app: a reload may have brought other shops.
#[derive(Default)]
struct Memory {
    seen: Mutex<Option<Seen>>,
}

struct Seen {
    app: Arc<App>,
    overview: Arc<Overview>,
    looked_at: Instant,
    counted_at: Instant,
}

impl Memory {
    /// A request that comes during a query waits for its result.
    async fn look(&self, app: &Arc<App>) -> Result<Arc<Overview>, AppError> {
        let mut seen = self.seen.lock().await;
        let last = seen.as_ref().filter(|last| Arc::ptr_eq(&last.app, app));
        if let Some(last) = last.filter(|last| last.looked_at.elapsed() < REMEMBERED) {
            return Ok(last.overview.clone());
        }
        let (days, counted_at) = match last {
            Some(last) if last.counted_at.elapsed() < DAYS_REMEMBERED => {
                (last.overview.days.clone(), last.counted_at)
            }
            _ => (Overview::days(app).await?, Instant::now()),
        };
        let overview = Arc::new(Overview::gather(app, days).await?);
        let now = Instant::now();
        *seen = Some(Seen { app: app.clone(), overview: overview.clone(), looked_at: now, counted_at });
        Ok(overview)
    }
}
