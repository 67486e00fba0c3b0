//! Compares the alerts of this moment with the stored ones: what is raised, what is over, what must be sent. Pure.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::alert::{Alert, Details, end_texts};
use super::cause::{Cause, Repeat};
use crate::auth::expiry::due_warning;
use crate::notify::{AlertState, Item};
use crate::store::reports::alarms::{Alarm, AlarmKey};

/// No alert is sent twice within this time, however often it comes and goes.
const SEND_EVERY: TimeDelta = TimeDelta::days(1);

type Alarms = BTreeMap<AlarmKey, Alarm>;

/// The result of one evaluation.
#[derive(Debug, Default)]
pub(super) struct Evaluation {
    pub(super) alerts: Vec<Alert>,
    /// Alerts that cannot be evaluated, or do not matter at present. They are neither raised nor ended.
    pub(super) unclear: BTreeSet<AlarmKey>,
    /// All shops of the config.
    pub(super) shops: BTreeSet<String>,
}

/// An item to send, with its stored row.
#[derive(Debug)]
pub(super) struct Notification {
    pub(super) key: AlarmKey,
    pub(super) alarm: Alarm,
    pub(super) item: Item,
}

impl Evaluation {
    /// What is raised, and what ends.
    pub(super) fn changes(&self, alarms: &Alarms) -> (Vec<AlarmKey>, Vec<AlarmKey>) {
        let found: BTreeSet<AlarmKey> = self.alerts.iter().map(Alert::key).collect();
        let is_raised = |key: &AlarmKey| alarms.get(key).is_some_and(|alarm| alarm.ended_at.is_none());
        let raised = found.iter().filter(|key| !is_raised(key)).cloned().collect();
        let ended = alarms
            .keys()
            .filter(|key| is_raised(key) && !found.contains(key) && !self.unclear.contains(key))
            // An unknown cause belongs to a newer version, which ends it.
            .filter(|key| Cause::parse(&key.cause).is_some())
            .cloned()
            .collect();
        (raised, ended)
    }

    /// What must be sent now: the most urgent first, what is over last.
    pub(super) fn due(&self, alarms: &Alarms, now: DateTime<Utc>) -> Vec<Notification> {
        let mut due: Vec<(Cause, Notification)> = Vec::new();
        for alert in &self.alerts {
            let key = alert.key();
            let Some(alarm) = alarms.get(&key).filter(|alarm| alarm.ended_at.is_none()) else { continue };
            if is_due(alert, alarm, now) {
                due.push((alert.cause, Notification { item: item(alert, alarm, now), key, alarm: *alarm }));
            }
        }
        due.sort_by(|(one, a), (other, b)| one.cmp(other).then_with(|| a.key.cmp(&b.key)));
        let ends = alarms.iter().filter_map(|(key, alarm)| self.end(key, alarm));
        due.into_iter().map(|(_, notification)| notification).chain(ends).collect()
    }

    /// The notification that an alert which was sent is over. Not for a shop that was removed from the config: its operator
    /// knows.
    fn end(&self, key: &AlarmKey, alarm: &Alarm) -> Option<Notification> {
        let cause = Cause::parse(&key.cause).filter(|cause| cause.recovers())?;
        let ended_at = alarm.ended_at?;
        let was_sent = was_sent_since_raised(alarm);
        let end_was_sent = alarm.end_told_at.is_some_and(|at| at >= ended_at);
        let is_removed = !key.shop.is_empty() && !self.shops.contains(&key.shop);
        if !was_sent || end_was_sent || is_removed {
            return None;
        }
        let record = key.record.parse().ok();
        let (english, chinese) = end_texts(cause, &key.shop, record, ended_at - alarm.since);
        let item = Item {
            state: AlertState::Over,
            cause: cause.as_str(),
            shop: (!key.shop.is_empty()).then(|| key.shop.clone()),
            record,
            since: alarm.since,
            ended_at: Some(ended_at),
            english,
            chinese,
        };
        Some(Notification { key: key.clone(), alarm: *alarm, item })
    }
}

/// The item of an alert in a message.
pub(super) fn item(alert: &Alert, alarm: &Alarm, now: DateTime<Utc>) -> Item {
    let (english, chinese) = alert.texts(now);
    Item {
        state: if was_sent_since_raised(alarm) { AlertState::Standing } else { AlertState::Raised },
        cause: alert.cause.as_str(),
        shop: alert.shop.clone(),
        record: alert.record,
        since: alarm.since,
        ended_at: None,
        english,
        chinese,
    }
}

fn is_due(alert: &Alert, alarm: &Alarm, now: DateTime<Utc>) -> bool {
    // A time far in the future comes from a clock that was wrong.
    let Some(told_at) = alarm.told_at.filter(|at| *at <= now + SEND_EVERY) else { return true };
    if let Details::TokenEnding { at } = alert.details {
        return due_warning(at, Some(told_at), now).is_some();
    }
    if now < told_at + SEND_EVERY {
        return false;
    }
    match alert.cause.repeat() {
        Repeat::Daily => true,
        Repeat::WhenMore => alert.grew_at().is_some_and(|at| at > told_at),
        Repeat::Thresholds | Repeat::Never => !was_sent_since_raised(alarm),
    }
}

/// Whether it was sent since it was last raised.
fn was_sent_since_raised(alarm: &Alarm) -> bool {
    alarm.told_at.is_some_and(|at| at >= alarm.since)
}
