//! The text of `/metrics`: what was counted, and how the shops stand at this moment.
//!
//! They are computed when they are read: a shop, record or app that left the config leaves no
//! series behind.

use std::collections::{BTreeMap, HashSet};

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chrono::{DateTime, TimeDelta, Utc};

use super::Web;
use crate::app::App;
use crate::app::health_snapshot::HealthSnapshot;
use crate::auth::status::Standing;
use crate::auth::{AuthError, GrantStatus};
use crate::meters::catalogue::{
    BUILD_INFO, CLOCK_SKEW, EXTRAS_UNREADABLE, GRANTS, LAG, LAST_SYNC, Meter, QUARANTINED, TOKEN_EXPIRY,
    WINDOWS_INCOMPLETE,
};
use crate::meters::{self, text};
use crate::store::reports::health_snapshot::RecordHealth;

/// What Prometheus calls the format it reads.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) const PATH: &str = "/metrics";

pub(super) fn routes() -> Router<Web> {
    Router::new().route(PATH, get(metrics))
}

async fn metrics(State(web): State<Web>) -> Response {
    let text = metrics_text(&web.live.app()).await;
    ([(CONTENT_TYPE, FORMAT)], text).into_response()
}

/// Everything there is to measure, in Prometheus' text format. When the database does not answer soon, what it alone
/// knows is left out: no series is better than one that stands still.
pub async fn metrics_text(app: &App) -> String {
    let mut out = counts(app);
    text::family(&mut out, &BUILD_INFO, [([env!("CARGO_PKG_VERSION")], 1.0)]);
    text::family(&mut out, &CLOCK_SKEW, skews(app));
    if let Some(snapshot) = app.health_snapshot().await {
        records(&mut out, app, &snapshot);
        grants(&mut out, app, &snapshot);
    } else {
        tracing::debug!("metrics without what the database knows: it did not answer in time");
    }
    out
}

/// What was counted, of what the config still has.
fn counts(app: &App) -> String {
    let read: HashSet<(&str, &str)> =
        app.all_records_read().map(|(shop, record)| (shop.name.as_str(), record.as_str())).collect();
    meters::render(|labels| match (labels.get("shop").zip(labels.get("record")), labels.get("app")) {
        (Some(of), _) => read.contains(&of),
        (None, Some(name)) => app.applications.contains_key(name),
        (None, None) => true,
    })
}

/// Of the apps whose platform has answered.
fn skews(app: &App) -> impl Iterator<Item = ([&str; 1], f64)> {
    app.applications.values().filter_map(|application| {
        let skew = application.platform().skew();
        skew.measured_at()?;
        // The platform's lead with the sign reversed: only our clock can be set.
        let ahead = seconds(-skew.offset());
        Some(([application.name()], ahead))
    })
}

fn records(out: &mut String, app: &App, snapshot: &HealthSnapshot) {
    let family = |out: &mut String, meter: &Meter, value: &dyn Fn(&RecordHealth) -> Option<f64>| {
        let series = app.all_records_read().filter_map(|(shop, record)| {
            let vitals = snapshot.records.get(&(shop.name.clone(), record)).copied().unwrap_or_default();
            Some(([shop.name.as_str(), record.as_str()], value(&vitals)?))
        });
        text::family(out, meter, series);
    };
    family(out, &LAST_SYNC, &|vitals| vitals.last_sync_at.map(unix));
    family(out, &LAG, &|vitals| app.lag(vitals.last_sync_at).map(seconds));
    family(out, &QUARANTINED, &|vitals| Some(number(vitals.quarantined)));
    family(out, &EXTRAS_UNREADABLE, &|vitals| Some(number(vitals.extras_unreadable)));
    family(out, &WINDOWS_INCOMPLETE, &|vitals| Some(number(vitals.windows_incomplete)));
}

fn grants(out: &mut String, app: &App, snapshot: &HealthSnapshot) {
    let statuses = || app.shops.iter().map(|shop| (shop, snapshot.grants.get(&shop.name)));
    let ends = statuses().filter_map(|(shop, status)| Some((shop, status?.as_ref().ok()?))).flat_map(
        |(shop, status)| {
            let ends = [("access", Some(status.access_ends_at)), ("refresh", status.refresh_ends_at)];
            ends.into_iter().filter_map(|(token, end)| Some(([shop.name.as_str(), token], unix(end?))))
        },
    );
    text::family(out, &TOKEN_EXPIRY, ends);
    let mut states: BTreeMap<&str, u64> = states().map(|state| (state, 0)).collect();
    for (_, status) in statuses() {
        *states.entry(state_of(status)).or_default() += 1;
    }
    text::family(out, &GRANTS, states.into_iter().map(|(state, shops)| ([state], number(shops))));
}

/// What a shop without a grant and one whose grant cannot be read count as.
const NEVER_AUTHORISED: &str = "never_authorised";
const UNREADABLE: &str = "unreadable";

/// Every state there is, so that an empty one is reported as 0.
fn states() -> impl Iterator<Item = &'static str> {
    Standing::WORDS.into_iter().chain([NEVER_AUTHORISED, UNREADABLE])
}

fn state_of(status: Option<&Result<GrantStatus, AuthError>>) -> &'static str {
    match status {
        None => NEVER_AUTHORISED,
        Some(Ok(status)) => status.standing.as_str(),
        Some(Err(_)) => UNREADABLE,
    }
}

fn unix(at: DateTime<Utc>) -> f64 {
    seconds(at - DateTime::UNIX_EPOCH)
}

fn seconds(span: TimeDelta) -> f64 {
    span.as_seconds_f64()
}

#[expect(clippy::cast_precision_loss, reason = "exact up to nine quadrillions")]
fn number(count: u64) -> f64 {
    count as f64
}
