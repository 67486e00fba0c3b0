//! Which news there are, by a table that lives in memory: what comes and goes, how often it is told.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use proptest::prelude::*;

use super::cause::Cause;
use super::finding::{Finding, What};
use super::news::Seen;
use crate::auth::policy::OwnerReason;
use crate::domain::record::Record;
use crate::notify::State;
use crate::store::reports::alarms::{Alarm, AlarmKey};

/// The rows, as the store keeps them.
#[derive(Default)]
struct Table(BTreeMap<AlarmKey, Alarm>);

impl Table {
    /// One look; what it told.
    fn look(&mut self, now: DateTime<Utc>, findings: Vec<Finding>) -> Vec<(State, &'static str)> {
        let seen = Seen { findings, shops: ["acme".to_owned()].into(), ..Seen::default() };
        let (raised, ended) = seen.changes(&self.0);
        for key in raised {
            let told = self.0.get(&key).and_then(|alarm| alarm.told_at);
            let end_told_at = self.0.get(&key).and_then(|alarm| alarm.end_told_at);
            let alarm = Alarm { since: now, told_at: told, ended_at: None, end_told_at, claimed_until: None };
            self.0.insert(key, alarm);
        }
        for key in ended {
            self.0.get_mut(&key).unwrap().ended_at = Some(now);
        }
        let due = seen.due(&self.0, now);
        let told = due.iter().map(|news| (news.item.state, news.item.cause)).collect();
        for news in due {
            let alarm = self.0.get_mut(&news.key).unwrap();
            let mark =
                if news.item.state == State::Over { &mut alarm.end_told_at } else { &mut alarm.told_at };
            *mark = Some(now);
        }
        told
    }
}

fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap()
}

fn finding(cause: Cause, what: What) -> Finding {
    let login = "shopsync auth qr acme".to_owned();
    Finding { cause, shop: Some("acme".to_owned()), record: Some(Record::Orders), what, login }
}

fn lag() -> Finding {
    finding(Cause::Lag, What::Lag { stored_until: Some(noon()) })
}

fn quarantine(newest: DateTime<Utc>) -> Finding {
    finding(Cause::Quarantine, What::Quarantine { rows: 3, newest })
}

#[test]
fn what_only_grows_is_told_again_when_it_has_grown() {
    let mut table = Table::default();
    let at = |hours| noon() + TimeDelta::hours(hours);
    let mut told = Vec::new();
    for (hours, newest) in [(0, 0), (30, 0), (31, 31), (40, 40), (54, 40), (55, 40), (80, 40)] {
        told.extend(table.look(at(hours), vec![quarantine(at(newest))]).iter().map(|_| hours));
    }
    assert_eq!(told, [0, 31, 55], "at 40 a day had not passed, at 80 nothing had come");
}

#[test]
fn a_grant_that_ends_is_told_at_each_threshold() {
    let mut table = Table::default();
    let end = noon() + TimeDelta::days(40);
    let mut told = Vec::new();
    for hour in 0..40 * 24 {
        let now = noon() + TimeDelta::hours(hour);
        let is_near = end - now <= TimeDelta::days(30);
        let findings = is_near.then(|| finding(Cause::TokenEnding, What::TokenEnding { at: end }));
        if !table.look(now, findings.into_iter().collect()).is_empty() {
            told.push((end - now).num_days());
        }
    }
    assert_eq!(told, [30, 14, 7, 3, 1]);
}

#[test]
fn what_needs_a_person_comes_first_and_says_what_to_do_in_both_languages() {
    let dead = What::NeedsOwner { reason: OwnerReason::RefreshRefused, works_until: None };
    let owner = Finding { record: None, ..finding(Cause::NeedsOwner, dead) };
    let mut table = Table::default();
    let told = table.look(noon(), vec![quarantine(noon()), lag(), owner.clone()]);
    assert_eq!(
        told.iter().map(|(_, cause)| *cause).collect::<Vec<_>>(),
        ["needs_owner", "lag", "quarantine"]
    );
    let (english, chinese) = owner.words(noon());
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
    /// A record that is behind now and then, looked at every half hour for a week.
    #[test]
    fn nothing_is_told_twice_a_day_and_an_end_only_of_what_was_told(
        behind in prop::collection::vec(any::<bool>(), 7 * 48),
    ) {
        let mut table = Table::default();
        let (mut last_told, mut is_open) = (None, false);
        for (look, is_behind) in behind.into_iter().enumerate() {
            let now = noon() + TimeDelta::minutes(30) * i32::try_from(look).unwrap();
            let told = table.look(now, is_behind.then(lag).into_iter().collect());
            prop_assert!(told.len() <= 1);
            match told.first() {
                Some((State::Over, _)) => {
                    prop_assert!(is_open && !is_behind);
                    is_open = false;
                }
                Some((state, _)) => {
                    prop_assert!(is_behind);
                    prop_assert_eq!(*state == State::Standing, is_open);
                    prop_assert!(last_told.is_none_or(|at| now - at >= TimeDelta::days(1)));
                    (last_told, is_open) = (Some(now), true);
                }
                // What was told is over, and that was not told: never.
                None => prop_assert!(!is_open || is_behind),
            }
            let is_overdue = last_told.is_none_or(|at| now - at >= TimeDelta::days(1));
            prop_assert!(!(is_behind && is_overdue), "told in time");
        }
    }
}
