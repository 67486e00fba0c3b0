//! Alerts: evaluates once a minute what needs a person, and sends it to webhooks. Each alert is sent once when it is raised,
//! together with the others of that minute, and once more when it is over.
//!
//! Alerts come from the state in the database, not from events, so a missed evaluation loses nothing. The database also
//! keeps what was sent, so neither a restart nor a second daemon sends it again. No sync waits for any of this.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::late::lag_limit;
use crate::app::App;
use crate::app::live::Live;
use crate::error_text::chain;
use crate::notify::{AlertState, Item, Message, Sender};
use crate::store::reports::alarms::AlarmKey;

mod alert;
mod cause;
mod delivery;
mod evaluation;
mod snapshot;

#[cfg(test)]
mod tests;

use alert::{Alert, Details};
use cause::Cause;
use delivery::Delivery;
use evaluation::Notification;
use snapshot::{NeverRead, Snapshot, SnapshotError};

/// Between two evaluations.
pub const CHECK_EVERY: Duration = Duration::from_mins(1);

/// A daemon that is silent for less than this was not away, whatever `lag_limit` says.
const GAP_MIN: TimeDelta = TimeDelta::minutes(5);

/// While the database stays away, the alert is sent again after this time.
const OUTAGE_REMINDER: TimeDelta = TimeDelta::days(1);

/// Evaluates and sends alerts.
pub struct AlertMonitor {
    live: Live,
    delivery: Delivery,
    never_read: NeverRead,
    outage: Option<Outage>,
    /// Whether the last evaluation failed for a reason other than an outage, which was logged.
    is_failing: bool,
}

/// An outage of the database. Only in memory, because there is no database to store it in.
struct Outage {
    since: DateTime<Utc>,
    sent_at: Option<DateTime<Utc>>,
}

impl AlertMonitor {
    pub fn new(live: Live, sender: Arc<Sender>) -> Self {
        Self {
            live,
            delivery: Delivery::new(sender),
            never_read: NeverRead::new(),
            outage: None,
            is_failing: false,
        }
    }

    /// Evaluates once, and sends what is due. What a stop interrupts is sent again by the next daemon.
    pub async fn check(&mut self) {
        let app = self.live.app();
        match self.evaluate_and_send(&app).await {
            Ok(()) => (self.outage, self.is_failing) = (None, false),
            Err(error) if error.is_database_away() => self.send_outage(&app).await,
            Err(error) => self.log_first_failure(&chain(&error)),
        }
    }

    async fn evaluate_and_send(&mut self, app: &App) -> Result<(), SnapshotError> {
        let life = app.store.daemons().beat(lag_limit(app).max(GAP_MIN)).await?;
        let snapshot = Snapshot::read(app, life).await?;
        let evaluation = snapshot.evaluate(app, &mut self.never_read);
        let (raised, ended) = evaluation.changes(&app.store.alarms().all().await?);
        if !raised.is_empty() || !ended.is_empty() {
            let noted = app.store.alarms().note(&raised, &ended).await?;
            log_changes(&evaluation.alerts, &noted, app.clock.now());
        }
        if app.config().notify.webhooks.is_empty() || !self.delivery.may_try(app) {
            return Ok(());
        }
        // Read again: `note_alarms` changed the rows.
        let due = evaluation.due(&app.store.alarms().all().await?, app.clock.now());
        self.send(app, due).await
    }

    /// Sends those notifications that no other daemon is sending.
    async fn send(&mut self, app: &App, due: Vec<Notification>) -> Result<(), SnapshotError> {
        if due.is_empty() {
            if self.delivery.has_pending() {
                self.delivery.deliver(app, None).await;
            }
            return Ok(());
        }
        let rows: Vec<_> = due.iter().map(|due| (due.key.clone(), due.alarm)).collect();
        let claimed = app.store.alarms().claim(&rows).await?;
        let ours: Vec<Notification> = due.into_iter().filter(|due| claimed.contains(&due.key)).collect();
        if ours.is_empty() {
            return Ok(());
        }
        let keys: Vec<(AlarmKey, bool)> =
            ours.iter().map(|ours| (ours.key.clone(), ours.item.state == AlertState::Over)).collect();
        let items = ours.into_iter().map(|ours| ours.item).collect();
        let is_sent = self.delivery.deliver(app, Some(message(app, items))).await;
        app.store.alarms().settle(&keys, is_sent).await?;
        Ok(())
    }

    /// Sends that the database is away, once it has been away for `lag_limit`. When it is back, the gap in the heartbeat
    /// raises an alert of its own.
    async fn send_outage(&mut self, app: &App) {
        let now = app.clock.now();
        let outage = self.outage.get_or_insert(Outage { since: now, sent_at: None });
        let since = outage.since;
        let is_sent = outage.sent_at.is_some_and(|at| now < at + OUTAGE_REMINDER);
        if is_sent || now - since < lag_limit(app) || !self.delivery.may_try(app) {
            return;
        }
        let alert = Alert {
            cause: Cause::DatabaseAway,
            shop: None,
            record: None,
            details: Details::DatabaseAway { since },
            login: String::new(),
        };
        let (english, chinese) = alert.texts(now);
        let item = Item {
            state: AlertState::Raised,
            cause: alert.cause.as_str(),
            shop: None,
            record: None,
            since,
            ended_at: None,
            english,
            chinese,
        };
        if self.delivery.deliver(app, Some(message(app, vec![item]))).await
            && let Some(outage) = &mut self.outage
        {
            outage.sent_at = Some(now);
        }
    }

    fn log_first_failure(&mut self, error: &str) {
        if !std::mem::replace(&mut self.is_failing, true) {
            log_failure(error);
        }
    }
}

pub fn log_failure(error: &str) {
    tracing::warn!(
        event = "alarm.look_failed",
        error,
        "could not evaluate alerts: {error}; trying again each minute",
    );
}

fn message(app: &App, items: Vec<Item>) -> Message {
    Message { sent_at: app.clock.now(), items }
}

/// For operators without a webhook, the log has every change.
fn log_changes(alerts: &[Alert], noted: &[AlarmKey], now: DateTime<Utc>) {
    for key in noted {
        let AlarmKey { cause, shop, record } = key;
        if let Some(alert) = alerts.iter().find(|alert| alert.key() == *key) {
            tracing::warn!(event = "alarm.raised", cause, shop, record, "{}", alert.texts(now).0);
        } else {
            tracing::info!(event = "alarm.over", cause, shop, record, "the alarm `{cause}` is over");
        }
    }
}
