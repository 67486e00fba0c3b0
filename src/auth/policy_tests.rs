//! Tables of cases for what a grant needs.

use chrono::TimeZone;

use super::*;
use crate::domain::credential::{Attempt, RefreshLease, SealedTokens, Trouble};

fn at(minutes: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 1, 12, 0, 0).unwrap() + TimeDelta::minutes(minutes)
}

/// A Xiaohongshu-like grant whose access token ends at minute 0 and whose refresh token a week later.
pub(in crate::auth) fn credential() -> Credential {
    Credential {
        shop: "acme".to_owned(),
        version: 1,
        fence: 1,
        condition: Condition::Active,
        tokens: SealedTokens {
            access_sealed: Some("sealed".to_owned()),
            access_ends_at: at(0),
            refresh_sealed: Some("sealed".to_owned()),
            refresh_ends_at: Some(at(7 * 24 * 60)),
            key_id: "main".to_owned(),
            obtained_at: at(-7 * 24 * 60),
        },
        granted_at: at(-7 * 24 * 60),
        previous_refresh_sealed: None,
        not_before: None,
        lease: None,
        place: None,
        is_copied: false,
        attempt: None,
        trouble: None,
    }
}

pub(in crate::auth) fn rules() -> Rules {
    Rules {
        grant: GrantRules {
            access_life_default: TimeDelta::days(7),
            access_life_max: TimeDelta::days(60),
            renewal: Renewal::Before { end: TimeDelta::minutes(25), again: TimeDelta::minutes(10) },
            old_access_grace: TimeDelta::minutes(5),
            replay: Replay::Once { after: TimeDelta::seconds(5), only_when_expired: true },
            spacing: TimeDelta::zero(),
            refresh_end_is_fixed: false,
            refresh_life_default: Some(TimeDelta::days(14)),
        },
        refresh_before: None,
    }
}

pub(in crate::auth) fn attempt(at: DateTime<Utc>) -> Attempt {
    Attempt { id: "attempt".to_owned(), refresh_hash: "hash".to_owned(), at }
}

fn owner(reason: OwnerReason) -> Credential {
    Credential {
        condition: Condition::NeedsOwner,
        trouble: Some(Trouble { class: reason.as_str().to_owned(), message: String::new() }),
        ..credential()
    }
}

fn need(credential: &Credential, demand: Demand, now: DateTime<Utc>) -> Need {
    credential.state(&rules(), demand, now).need
}

#[test]
fn a_token_is_renewed_ahead_of_its_end_and_served_until_its_end() {
    let grant = credential();
    let due = grant.due_at(&rules()).unwrap();
    let cases = [
        (-31, true, Need::Rest { until: due }),
        (-25, true, Need::Refresh),
        (-1, true, Need::Refresh),
        (0, false, Need::Refresh),
        (60, false, Need::Refresh),
    ];
    for (minute, usable, need) in cases {
        assert_eq!(grant.state(&rules(), Demand::Due, at(minute)), State { usable, need }, "minute {minute}");
    }
}

#[test]
fn a_token_is_not_handed_out_in_its_last_moments() {
    let state =
        |seconds| credential().state(&rules(), Demand::Due, at(0) - TimeDelta::seconds(seconds)).usable;
    assert!(state(31));
    assert!(!state(30));
}

#[test]
fn shops_of_one_moment_are_spread_always_the_same_way() {
    let due: Vec<_> = (0..1000)
        .map(|number| Credential { shop: format!("shop-{number}"), ..credential() })
        .map(|grant| grant.due_at(&rules()).unwrap())
        .collect();
    let (first, last) = (*due.iter().min().unwrap(), *due.iter().max().unwrap());
    assert!(at(-28) < first && last <= at(-25), "{first} {last}");
    assert!(last - first > TimeDelta::minutes(2));
    let mut seconds: Vec<_> = due.iter().map(DateTime::timestamp).collect();
    seconds.dedup();
    assert!(seconds.len() > 900, "neighbours in time differ");
    assert_eq!(credential().due_at(&rules()), credential().due_at(&rules()));
}

#[test]
fn refresh_before_counts_within_what_the_platform_honours() {
    let lead = |rules: &Rules| at(0) - credential().due_at(rules).unwrap();
    let with = |minutes| Rules { refresh_before: Some(TimeDelta::minutes(minutes)), ..rules() };
    assert_eq!(lead(&with(24 * 60)), lead(&rules()), "no earlier than the platform answers");
    assert!(lead(&with(12)) < TimeDelta::minutes(14));
    assert!(lead(&with(0)) >= LEAD_MIN);
}

#[test]
fn a_share_of_the_life_is_never_more_than_half_of_it() {
    let share = Rules {
        grant: GrantRules {
            renewal: Renewal::Share { percent: 15, at_least: TimeDelta::hours(1) },
            ..rules().grant
        },
        refresh_before: None,
    };
    let lead = |life: TimeDelta| {
        let mut grant = credential();
        grant.tokens.obtained_at = at(0) - life;
        at(0) - grant.due_at(&share).unwrap()
    };
    assert_eq!(lead(TimeDelta::hours(2)), TimeDelta::hours(1));
    assert_eq!(lead(TimeDelta::minutes(10)), TimeDelta::minutes(5));
    assert!(lead(TimeDelta::days(30)) >= TimeDelta::hours(108));
    assert_eq!(lead(TimeDelta::hours(-3)), TimeDelta::zero(), "a clock that stepped back");
}

#[test]
fn a_pause_is_kept_unless_a_person_or_a_refusal_has_better_reasons() {
    let paused = |condition, trouble: bool| Credential {
        condition,
        not_before: Some(at(-10)),
        attempt: Some(attempt(at(-26))),
        trouble: trouble.then(|| Trouble { class: "x".to_owned(), message: String::new() }),
        ..credential()
    };
    let (kept, refused) = (Need::Rest { until: at(-10) }, Demand::Refused { version: 1 });
    let cases = [
        (Condition::Active, false, Demand::Due, kept),
        (Condition::Active, false, refused, Need::Refresh),
        (Condition::Active, false, Demand::Now, Need::Refresh),
        (Condition::Active, true, Demand::Due, kept),
        (Condition::Active, true, refused, kept),
        (Condition::Active, true, Demand::Now, Need::Refresh),
        (Condition::Throttled, true, Demand::Due, kept),
        (Condition::Throttled, true, refused, kept),
        (Condition::Throttled, true, Demand::Now, kept),
    ];
    for (condition, trouble, demand, expected) in cases {
        let grant = paused(condition, trouble);
        assert_eq!(need(&grant, demand, at(-20)), expected, "{condition} {trouble} {demand:?}");
        assert_eq!(need(&grant, demand, at(-10)), Need::Refresh, "the pause is over");
    }
}

#[test]
fn a_refused_token_causes_at_most_one_call_in_five_minutes() {
    let refused = Demand::Refused { version: 1 };
    let fresh = Credential { attempt: Some(attempt(at(-1000))), ..credential() };
    assert_eq!(need(&fresh, refused, at(-998)), Need::Rest { until: at(-995) });
    assert_eq!(need(&fresh, refused, at(-995)), Need::Refresh);
    assert_eq!(need(&credential(), refused, at(-998)), Need::Refresh, "never tried");
}

#[test]
fn a_pause_of_a_clock_that_was_ahead_hinders_no_one() {
    let wrong = |minutes_ahead, condition| Credential {
        condition,
        attempt: Some(attempt(at(minutes_ahead))),
        not_before: Some(at(minutes_ahead + 10)),
        trouble: Some(Trouble { class: "throttled".to_owned(), message: String::new() }),
        ..credential()
    };
    for (minutes_ahead, is_hindered) in [(0, true), (5, true), (6, false), (60, false), (10_000, false)] {
        for (condition, done) in [(Condition::Throttled, Need::Refresh), (Condition::Unknown, Need::Replay)] {
            let grant = wrong(minutes_ahead, condition);
            let expected = if is_hindered { Need::Rest { until: at(minutes_ahead + 10) } } else { done };
            assert_eq!(need(&grant, Demand::Due, at(0)), expected, "{minutes_ahead} {condition}");
        }
    }
}

#[test]
fn a_pause_longer_than_any_is_none_whatever_wrote_it() {
    let paused = |minutes, attempt_at: Option<i64>, condition| Credential {
        condition,
        not_before: Some(at(minutes)),
        attempt: attempt_at.map(|minute| attempt(at(minute))),
        trouble: Some(Trouble { class: "throttled".to_owned(), message: String::new() }),
        ..credential()
    };
    for attempt_at in [None, Some(-1), Some(8 * 60)] {
        for condition in [Condition::Active, Condition::Throttled, Condition::Unknown, Condition::Refreshing]
        {
            let grant = paused(8 * 60, attempt_at, condition);
            let need = need(&grant, Demand::Due, at(0));
            assert!(matches!(need, Need::Refresh | Need::Replay), "{attempt_at:?} {condition}: {need:?}");
            let within = paused(59, attempt_at.map(|_| -1), condition);
            assert!(matches!(within.state(&rules(), Demand::Due, at(0)).need, Need::Rest { .. }));
        }
    }
}

#[test]
fn a_lost_answer_is_requested_again_only_as_the_platform_allows() {
    let lost = |condition| Credential { condition, attempt: Some(attempt(at(-20))), ..credential() };
    let ended = at(0) - ACCESS_MARGIN;
    for condition in [Condition::Unknown, Condition::Refreshing] {
        let grant = lost(condition);
        assert_eq!(need(&grant, Demand::Due, at(-19)), Need::Rest { until: ended });
        assert_eq!(need(&grant, Demand::Now, at(-19)), Need::Rest { until: ended });
        assert_eq!(need(&grant, Demand::Refused { version: 1 }, at(-19)), Need::Replay);
        assert_eq!(need(&grant, Demand::Due, at(0)), Need::Replay);
        let at_once = at(-20) + TimeDelta::seconds(4);
        assert!(matches!(need(&grant, Demand::Refused { version: 1 }, at_once), Need::Rest { .. }));
    }
    let given_up = |row: &Credential, rules: &Rules| {
        assert_eq!(row.state(rules, Demand::Due, at(-19)).need, Need::Rest { until: ended });
        row.state(rules, Demand::Due, at(0)).need == Need::Owner(OwnerReason::AnswerLost)
    };
    let trouble = Trouble { class: REPLAY_LOST.to_owned(), message: String::new() };
    let twice = Credential { trouble: Some(trouble), ..lost(Condition::Unknown) };
    assert!(given_up(&twice, &rules()));
    let never = Rules { grant: GrantRules { replay: Replay::Never, ..rules().grant }, refresh_before: None };
    assert!(given_up(&lost(Condition::Unknown), &never));
    assert!(!given_up(&lost(Condition::Refreshing), &never), "perhaps it was never sent");
}

#[test]
fn a_leased_row_is_left_to_its_holder() {
    for condition in Condition::ALL {
        let grant = Credential {
            lease: Some(RefreshLease { owner: "somebody".to_owned(), until: at(30) }),
            condition,
            ..credential()
        };
        assert_eq!(need(&grant, Demand::Now, at(0)), Need::Busy, "{condition}");
    }
}

#[test]
fn without_a_refresh_token_only_the_owner_renews() {
    let mut grant = credential();
    grant.tokens.refresh_sealed = None;
    let cases = [
        (Demand::Due, -60, Need::Rest { until: at(0) }),
        (Demand::Due, 0, Need::Owner(OwnerReason::AccessEnded)),
        (Demand::Refused { version: 1 }, -60, Need::Owner(OwnerReason::AccessRefused)),
        (Demand::Now, -60, Need::Owner(OwnerReason::NoRefreshToken)),
    ];
    for (demand, minute, expected) in cases {
        assert_eq!(need(&grant, demand, at(minute)), expected, "{demand:?}");
    }
}

#[test]
fn a_dead_refresh_token_leaves_a_living_access_token_in_use() {
    let cases = [
        (OwnerReason::RefreshRefused, true),
        (OwnerReason::AnswerLost, true),
        (OwnerReason::AccessRefused, false),
        (OwnerReason::OtherAccount, false),
    ];
    for (reason, usable) in cases {
        let state = owner(reason).state(&rules(), Demand::Due, at(-60));
        assert_eq!((state.usable, state.need), (usable, Need::Owner(reason)));
    }
}

#[test]
fn a_refresh_token_that_ended_by_our_clock_is_still_tried() {
    let mut grant = credential();
    grant.tokens.refresh_ends_at = Some(at(-90));
    assert_eq!(need(&grant, Demand::Due, at(5)), Need::Refresh);
}

#[test]
fn pauses_double_and_have_an_end() {
    let mut grant = credential();
    let mut now = at(-20);
    let mut pauses = Vec::new();
    for _ in 0..9 {
        let pause = grant.next_pause(now);
        pauses.push(pause.num_seconds());
        grant.attempt = Some(attempt(now));
        grant.not_before = Some(now + pause);
        grant.trouble = Some(Trouble { class: "throttled".to_owned(), message: String::new() });
        now += pause;
    }
    assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
}

#[test]
fn the_words_of_the_table_read_back() {
    for reason in OwnerReason::ALL {
        assert_eq!(OwnerReason::parse(reason.as_str()), Some(reason));
    }
    for condition in Condition::ALL {
        assert_eq!(Condition::parse(condition.as_str()), Some(condition));
    }
}
