//! Looks once a minute whether somebody must be told of something, and tells it by webhook: each cause once, what came up
//! together in one message, and again when it is over.
//!
//! Looks at what is so, not at what happens: a look that was missed misses nothing. What was told is kept in the database, so
//! neither a restart nor a second daemon tells it again. No sync waits for any of this.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;

use super::daemon::run::{chain, panic_text};
use super::late::lag_limit;
use crate::app::App;
use crate::app::live::Live;
use crate::notify::{Courier, Item, Message, State};
use crate::store::reports::alarms::AlarmKey;

mod cause;
mod delivery;
mod finding;
mod news;
mod sight;

#[cfg(test)]
mod tests;

use cause::Cause;
use delivery::Delivery;
use finding::{Finding, What};
use news::News;
use sight::{Sight, SightError, Unread};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// A daemon that is silent for less than this was not away, whatever `lag_limit` says.
const GAP_MIN: TimeDelta = TimeDelta::minutes(5);

/// While the database is away, when that is told again.
const AWAY_AGAIN: TimeDelta = TimeDelta::days(1);

/// Looks and tells.
pub struct Watcher {
    live: Live,
    delivery: Delivery,
    unread: Unread,
    away: Option<Away>,
    /// Whether the last look failed for another reason, which was told.
    is_failing: bool,
}

/// The database is away. Not kept: where to?
struct Away {
    since: DateTime<Utc>,
    told_at: Option<DateTime<Utc>>,
}

impl Watcher {
    pub fn new(live: Live, courier: Arc<Courier>) -> Self {
        Self { live, delivery: Delivery::new(courier), unread: Unread::new(), away: None, is_failing: false }
    }

    /// Looks, again and again, until `cancel` fires. What is being told then is told again by the next daemon.
    pub async fn run(mut self, cancel: CancellationToken) {
        let looking = async {
            loop {
                // A fault of this program in one look must not be the last one.
                if let Err(panic) = AssertUnwindSafe(self.look()).catch_unwind().await {
                    self.tell_failure(&panic_text(&*panic));
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        cancel.run_until_cancelled(looking).await;
    }

    /// Looks once, and tells what there is to tell.
    pub async fn look(&mut self) {
        let app = self.live.app();
        match self.look_at(&app).await {
            Ok(()) => (self.away, self.is_failing) = (None, false),
            Err(error) if error.is_database_away() => self.note_away(&app).await,
            Err(error) => self.tell_failure(&chain(&error)),
        }
    }

    async fn look_at(&mut self, app: &App) -> Result<(), SightError> {
        let life = app.store.daemons().beat(lag_limit(app).max(GAP_MIN)).await?;
        let sight = Sight::read(app, life).await?;
        let seen = sight.judge(app, &mut self.unread);
        let (raised, ended) = seen.changes(&app.store.alarms().all().await?);
        if !raised.is_empty() || !ended.is_empty() {
            let noted = app.store.alarms().note(&raised, &ended).await?;
            tell_log(&seen.findings, &noted, app.clock.now());
        }
        if app.config().notify.webhooks.is_empty() || !self.delivery.may_try(app) {
            return Ok(());
        }
        let due = seen.due(&app.store.alarms().all().await?, app.clock.now());
        self.tell(app, due).await
    }

    /// Tells what nobody else is telling.
    async fn tell(&mut self, app: &App, due: Vec<News>) -> Result<(), SightError> {
        if due.is_empty() {
            if self.delivery.has_pending() {
                self.delivery.deliver(app, None).await;
            }
            return Ok(());
        }
        let seen: Vec<_> = due.iter().map(|news| (news.key.clone(), news.alarm)).collect();
        let claimed = app.store.alarms().claim(&seen).await?;
        let ours: Vec<News> = due.into_iter().filter(|news| claimed.contains(&news.key)).collect();
        if ours.is_empty() {
            return Ok(());
        }
        let keys: Vec<(AlarmKey, bool)> =
            ours.iter().map(|news| (news.key.clone(), news.item.state == State::Over)).collect();
        let items = ours.into_iter().map(|news| news.item).collect();
        let is_told = self.delivery.deliver(app, Some(message(app, items))).await;
        app.store.alarms().settle(&keys, is_told).await?;
        Ok(())
    }

    /// Tells that the database is away once it is for as long as a shop may be behind. Its return is told by the gap it left.
    async fn note_away(&mut self, app: &App) {
        let now = app.clock.now();
        let away = self.away.get_or_insert(Away { since: now, told_at: None });
        let (since, is_told) = (away.since, away.told_at.is_some_and(|at| now < at + AWAY_AGAIN));
        if is_told || now - since < lag_limit(app) || !self.delivery.may_try(app) {
            return;
        }
        let finding = Finding {
            cause: Cause::DatabaseAway,
            shop: None,
            record: None,
            what: What::DatabaseAway { since },
            login: String::new(),
        };
        let (english, chinese) = finding.words(now);
        let item = Item {
            state: State::Raised,
            cause: finding.cause.as_str(),
            shop: None,
            record: None,
            since,
            ended_at: None,
            english,
            chinese,
        };
        if self.delivery.deliver(app, Some(message(app, vec![item]))).await
            && let Some(away) = &mut self.away
        {
            away.told_at = Some(now);
        }
    }

    fn tell_failure(&mut self, error: &str) {
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::warn!(
                event = "alarm.look_failed",
                error,
                "whether somebody must be told of something could not be seen: {error}; it is tried again",
            );
        }
    }
}

fn message(app: &App, items: Vec<Item>) -> Message {
    Message { sent_at: app.clock.now(), items }
}

/// For those who have no webhook: the log says the same.
fn tell_log(findings: &[Finding], noted: &[AlarmKey], now: DateTime<Utc>) {
    for key in noted {
        let AlarmKey { cause, shop, record } = key;
        if let Some(finding) = findings.iter().find(|finding| finding.key() == *key) {
            tracing::warn!(event = "alarm.raised", cause, shop, record, "{}", finding.words(now).0);
        } else {
            tracing::info!(event = "alarm.over", cause, shop, record, "the alarm `{cause}` is over");
        }
    }
}
