//! What of all that is wrong has to be noted and told now. Pure: what was found, what is in the table and a moment go in.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::cause::{Cause, Repeat};
use super::finding::{Finding, What, over};
use crate::auth::expiry::due_warning;
use crate::notify::{Item, State};
use crate::store::reports::alarms::{Alarm, AlarmKey};

/// Nothing is told twice within this time, whatever comes and goes meanwhile.
const TELL_EVERY: TimeDelta = TimeDelta::days(1);

type Alarms = BTreeMap<AlarmKey, Alarm>;

/// Everything a look has seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) findings: Vec<Finding>,
    /// What could not be looked at, or does not matter at present: neither begun nor ended.
    pub(super) unclear: BTreeSet<AlarmKey>,
    /// The shops there are.
    pub(super) shops: BTreeSet<String>,
}

/// Something to be told, with the row that says so.
#[derive(Debug)]
pub(super) struct News {
    pub(super) key: AlarmKey,
    pub(super) alarm: Alarm,
    pub(super) item: Item,
}

impl Seen {
    /// What begins, and what ends.
    pub(super) fn changes(&self, alarms: &Alarms) -> (Vec<AlarmKey>, Vec<AlarmKey>) {
        let found: BTreeSet<AlarmKey> = self.findings.iter().map(Finding::key).collect();
        let goes_on = |key: &AlarmKey| alarms.get(key).is_some_and(|alarm| alarm.ended_at.is_none());
        let raised = found.iter().filter(|key| !goes_on(key)).cloned().collect();
        let ended = alarms
            .keys()
            .filter(|key| goes_on(key) && !found.contains(key) && !self.unclear.contains(key))
            // A newer version knows what these are.
            .filter(|key| Cause::parse(&key.cause).is_some())
            .cloned()
            .collect();
        (raised, ended)
    }

    /// What is to be told now, most urgent first, what is over last.
    pub(super) fn due(&self, alarms: &Alarms, now: DateTime<Utc>) -> Vec<News> {
        let mut due: Vec<(Cause, News)> = Vec::new();
        for finding in &self.findings {
            let key = finding.key();
            let Some(alarm) = alarms.get(&key).filter(|alarm| alarm.ended_at.is_none()) else { continue };
            if is_due(finding, alarm, now) {
                due.push((finding.cause, News { item: item(finding, alarm, now), key, alarm: *alarm }));
            }
        }
        due.sort_by(|(one, a), (other, b)| one.cmp(other).then_with(|| a.key.cmp(&b.key)));
        let ends = alarms.iter().filter_map(|(key, alarm)| self.end(key, alarm));
        due.into_iter().map(|(_, news)| news).chain(ends).collect()
    }

    /// The news that something told is over. Not of a shop that was taken out of the config: whoever did that knows.
    fn end(&self, key: &AlarmKey, alarm: &Alarm) -> Option<News> {
        let cause = Cause::parse(&key.cause).filter(|cause| cause.recovers())?;
        let ended_at = alarm.ended_at?;
        let was_told = told_in_this_life(alarm);
        let end_is_told = alarm.end_told_at.is_some_and(|at| at >= ended_at);
        let is_gone = !key.shop.is_empty() && !self.shops.contains(&key.shop);
        if !was_told || end_is_told || is_gone {
            return None;
        }
        let record = key.record.parse().ok();
        let (english, chinese) = over(cause, &key.shop, record, ended_at - alarm.since);
        let item = Item {
            state: State::Over,
            cause: cause.as_str(),
            shop: (!key.shop.is_empty()).then(|| key.shop.clone()),
            record,
            since: alarm.since,
            ended_at: Some(ended_at),
            english,
            chinese,
        };
        Some(News { key: key.clone(), alarm: *alarm, item })
    }
}

/// What a finding is in a message.
pub(super) fn item(finding: &Finding, alarm: &Alarm, now: DateTime<Utc>) -> Item {
    let (english, chinese) = finding.words(now);
    Item {
        state: if told_in_this_life(alarm) { State::Standing } else { State::Raised },
        cause: finding.cause.as_str(),
        shop: finding.shop.clone(),
        record: finding.record,
        since: alarm.since,
        ended_at: None,
        english,
        chinese,
    }
}

fn is_due(finding: &Finding, alarm: &Alarm, now: DateTime<Utc>) -> bool {
    // A mark from further ahead was made by a clock that was wrong.
    let Some(told_at) = alarm.told_at.filter(|at| *at <= now + TELL_EVERY) else { return true };
    if let What::TokenEnding { at } = finding.what {
        return due_warning(at, Some(told_at), now).is_some();
    }
    if now < told_at + TELL_EVERY {
        return false;
    }
    match finding.cause.repeat() {
        Repeat::Daily => true,
        Repeat::WhenMore => finding.fresh_at().is_some_and(|at| at > told_at),
        Repeat::Thresholds | Repeat::Never => !told_in_this_life(alarm),
    }
}

/// Whether it was told since it last began.
fn told_in_this_life(alarm: &Alarm) -> bool {
    alarm.told_at.is_some_and(|at| at >= alarm.since)
}
