//! Which notifications are sent, with the rows in memory: what is raised and ended, and how often it is sent.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use proptest::prelude::*;

use super::alert::{Alert, Details};
use super::cause::Cause;
use super::evaluation::Evaluation;
use crate::auth::policy::OwnerReason;
use crate::domain::record::Record;
use crate::notify::AlertState;
use crate::store::reports::alarms::{Alarm, AlarmKey};

/// The rows, as the store keeps them.
#[derive(Default)]
struct Table(BTreeMap<AlarmKey, Alarm>);

impl Table {
    /// Evaluates once and returns what is sent.
    fn check(&mut self, now: DateTime<Utc>, alerts: Vec<Alert>) -> Vec<(AlertState, &'static str)> {
        let evaluation = Evaluation { alerts, shops: ["acme".to_owned()].into(), ..Evaluation::default() };
        let (raised, ended) = evaluation.changes(&self.0);
        for key in raised {
            let told_at = self.0.get(&key).and_then(|alarm| alarm.told_at);
            let end_told_at = self.0.get(&key).and_then(|alarm| alarm.end_told_at);
            let alarm = Alarm { since: now, told_at, ended_at: None, end_told_at, claimed_until: None };
            self.0.insert(key, alarm);
        }
        for key in ended {
            self.0.get_mut(&key).unwrap().ended_at = Some(now);
        }
        let all_due = evaluation.due(&self.0, now);
        let sent = all_due.iter().map(|due| (due.item.state, due.item.cause)).collect();
        for due in all_due {
            let alarm = self.0.get_mut(&due.key).unwrap();
            let mark =
                if due.item.state == AlertState::Over { &mut alarm.end_told_at } else { &mut alarm.told_at };
            *mark = Some(now);
        }
        sent
    }
}

fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap()
}

fn alert(cause: Cause, details: Details) -> Alert {
    let login = "shopsync auth qr acme".to_owned();
    Alert { cause, shop: Some("acme".to_owned()), record: Some(Record::Orders), details, login }
}

fn lag() -> Alert {
    alert(Cause::Lag, Details::Lag { stored_until: Some(noon()) })
}

fn quarantine(newest: DateTime<Utc>) -> Alert {
    alert(Cause::Quarantine, Details::Quarantine { rows: 3, newest })
}

#[test]
fn an_alert_that_can_grow_is_sent_again_when_it_has_grown() {
    let mut table = Table::default();
    let at = |hours| noon() + TimeDelta::hours(hours);
    let mut sent = Vec::new();
    for (hours, newest) in [(0, 0), (30, 0), (31, 31), (40, 40), (54, 40), (55, 40), (80, 40)] {
        sent.extend(table.check(at(hours), vec![quarantine(at(newest))]).iter().map(|_| hours));
    }
    assert_eq!(sent, [0, 31, 55], "at 40 h a day had not passed, at 80 h nothing was new");
}

#[test]
fn a_grant_that_ends_is_sent_at_each_threshold() {
    let mut table = Table::default();
    let end = noon() + TimeDelta::days(40);
    let mut sent = Vec::new();
    for hour in 0..40 * 24 {
        let now = noon() + TimeDelta::hours(hour);
        let is_near = end - now <= TimeDelta::days(30);
        let alerts = is_near.then(|| alert(Cause::TokenEnding, Details::TokenEnding { at: end }));
        if !table.check(now, alerts.into_iter().collect()).is_empty() {
            sent.push((end - now).num_days());
        }
    }
    assert_eq!(sent, [30, 14, 7, 3, 1]);
}

#[test]
fn what_needs_a_person_comes_first_and_says_what_to_do_in_both_languages() {
    let dead = Details::NeedsOwner { reason: OwnerReason::RefreshRefused, works_until: None };
    let owner = Alert { record: None, ..alert(Cause::NeedsOwner, dead) };
    let mut table = Table::default();
    let sent = table.check(noon(), vec![quarantine(noon()), lag(), owner.clone()]);
    assert_eq!(
        sent.iter().map(|(_, cause)| *cause).collect::<Vec<_>>(),
        ["needs_owner", "lag", "quarantine"]
    );
    let (english, chinese) = owner.texts(noon());
    assert!(english.contains("refuses its refresh token") && english.ends_with("shopsync auth qr acme"));
    assert!(chinese.contains("店铺 acme：平台拒绝了刷新令牌") && chinese.ends_with("shopsync auth qr acme"));
    let advice = crate::auth::required_action::sentence(
        "acme",
        &owner.login,
        &crate::auth::required_action::RequiredAction::AskOwner {
            reason: OwnerReason::RefreshRefused,
            works_until: None,
        },
    );
    assert!(english.contains(&advice.english.replace('`', "")), "in the words of `auth status`: {english}");
}

proptest! {
    /// A record that is behind now and then, evaluated every half hour for a week.
    #[test]
    fn nothing_is_sent_twice_a_day_and_an_end_only_after_its_alert(
        behind in prop::collection::vec(any::<bool>(), 7 * 48),
    ) {
        let mut table = Table::default();
        let (mut last_sent, mut is_open) = (None, false);
        for (step, is_behind) in behind.into_iter().enumerate() {
            let now = noon() + TimeDelta::minutes(30) * i32::try_from(step).unwrap();
            let sent = table.check(now, is_behind.then(lag).into_iter().collect());
            prop_assert!(sent.len() <= 1);
            match sent.first() {
                Some((AlertState::Over, _)) => {
                    prop_assert!(is_open && !is_behind);
                    is_open = false;
                }
                Some((state, _)) => {
                    prop_assert!(is_behind);
                    prop_assert_eq!(*state == AlertState::Standing, is_open);
                    prop_assert!(last_sent.is_none_or(|at| now - at >= TimeDelta::days(1)));
                    (last_sent, is_open) = (Some(now), true);
                }
                // An alert that was sent is over, and its end was not sent: must not happen.
                None => prop_assert!(!is_open || is_behind),
            }
            let is_overdue = last_sent.is_none_or(|at| now - at >= TimeDelta::days(1));
            prop_assert!(!(is_behind && is_overdue), "sent in time");
        }
    }
}
