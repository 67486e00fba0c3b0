//! Every outcome of a refresh, for every row and the rules of every platform.

use super::*;
use crate::auth::policy::tests::{attempt, credential};
use crate::auth::policy::{ACCESS_MARGIN, Demand, Need, Rules};
use crate::platform::{Rejection, profile};

fn rejected(why: Rejection) -> PlatformError {
    PlatformError::Rejected { code: "1".to_owned(), message: "no".to_owned(), why }
}

fn throttled(seconds: u64) -> PlatformError {
    PlatformError::Throttled { retry_after: Some(Duration::from_secs(seconds)) }
}

fn lost() -> PlatformError {
    PlatformError::NoAnswer { what: "cut off".to_owned(), source: None }
}

fn refused() -> PlatformError {
    PlatformError::TokenRefused { code: "401".to_owned(), message: "refreshToken expired".to_owned() }
}

fn page() -> PlatformError {
    PlatformError::NotFromPlatform { what: "the body is not JSON".to_owned() }
}

fn rules(platform: &str) -> Rules {
    Rules { grant: profile(platform).unwrap().grant, refresh_before: None }
}

/// The row of an attempt that failed with `error`.
fn after(before: &Credential, error: &PlatformError, now: DateTime<Utc>) -> Credential {
    let settlement = classify(error).settlement(before, &error.to_string(), now);
    Credential { attempt: Some(attempt(now)), ..before.settled(&settlement) }
}

fn in_condition(condition: Condition, class: Option<&str>) -> Credential {
    let trouble = class.map(|class| Trouble { class: class.to_owned(), message: String::new() });
    Credential { condition, trouble, ..credential() }
}

#[test]
fn every_failure_has_one_meaning() {
    use Condition::{Active, NeedsOwner, Refreshing, Replaying, Throttled, Unknown};
    let table: [(PlatformError, Condition, Condition, Option<i64>, &str); 27] = [
        (throttled(0), Active, Throttled, Some(5), "throttled"),
        (throttled(90), Active, Throttled, Some(90), "throttled"),
        (throttled(1_000_000), Active, Throttled, Some(3600), "throttled"),
        (throttled(u64::MAX), Active, Throttled, Some(3600), "throttled"),
        (throttled(90), Unknown, Unknown, Some(90), "throttled"),
        (throttled(90), Refreshing, Refreshing, Some(90), "throttled"),
        (throttled(90), NeedsOwner, NeedsOwner, None, "answer_lost"),
        (refused(), Active, NeedsOwner, None, "refresh_refused"),
        (refused(), Throttled, NeedsOwner, None, "refresh_refused"),
        (refused(), Unknown, NeedsOwner, None, "answer_lost"),
        (refused(), Replaying, NeedsOwner, None, "answer_lost"),
        (refused(), NeedsOwner, NeedsOwner, None, "answer_lost"),
        (rejected(Rejection::Unknown), Active, Active, Some(5), "rejected"),
        (rejected(Rejection::Unknown), Unknown, Unknown, Some(5), "rejected"),
        (rejected(Rejection::App), Unknown, Unknown, Some(5), "rejected"),
        (rejected(Rejection::Passing), Replaying, Refreshing, Some(5), "rejected"),
        (lost(), Active, Unknown, None, "answer_lost"),
        (lost(), Refreshing, Unknown, None, "answer_lost"),
        (lost(), Replaying, Unknown, None, "answer_lost"),
        (lost(), Unknown, Unknown, None, "replay_lost"),
        (lost(), NeedsOwner, NeedsOwner, None, "answer_lost"),
        (PlatformError::Malformed { path: "data".to_owned() }, Active, Unknown, None, "answer_lost"),
        (PlatformError::Unavailable { status: 502 }, Active, Active, Some(5), "not_from_platform"),
        (PlatformError::Unavailable { status: 403 }, Unknown, Unknown, Some(5), "not_from_platform"),
        (page(), Throttled, Active, Some(5), "not_from_platform"),
        (page(), Refreshing, Refreshing, Some(5), "not_from_platform"),
        (page(), NeedsOwner, NeedsOwner, None, "answer_lost"),
    ];
    for (error, before, condition, pause, class) in table {
        let row = in_condition(before, (before == NeedsOwner).then_some("answer_lost"));
        let now = row.tokens.access_ends_at - TimeDelta::minutes(20);
        let settlement = classify(&error).settlement(&row, &error.to_string(), now);
        let found = settlement.not_before.map(|until| (until - now).num_seconds());
        let trouble = settlement.trouble.unwrap();
        assert_eq!(
            (settlement.condition, found, &*trouble.class),
            (condition, pause, class),
            "{error:?} {before}"
        );
    }
}

#[test]
fn pages_in_the_way_end_no_grant_however_many_they_are_and_are_passed_with_growing_pauses() {
    for platform in ["xiaohongshu", "temu", "115"] {
        for before in [Condition::Active, Condition::Refreshing] {
            let mut row = in_condition(before, None);
            let mut now = row.tokens.access_ends_at;
            let mut last = TimeDelta::zero();
            for round in 0..2_000 {
                row = after(&row, &page(), now);
                let Need::Rest { until } = row.state(&rules(platform), Demand::Due, now).need else {
                    panic!("{platform} {before}: not even a pause after {round} pages");
                };
                assert!(until - now >= last.min(TimeDelta::minutes(10)), "{platform} {before}: {round}");
                last = until - now;
                assert!(last <= TimeDelta::minutes(10));
                now = until;
                let need = row.state(&rules(platform), Demand::Due, now).need;
                assert!(matches!(need, Need::Refresh | Need::Replay), "{platform} {before}: {need:?}");
            }
        }
    }
}

#[test]
fn nothing_is_declared_while_the_access_token_lives_and_certain_losses_end_what_the_rules_allow_no_more() {
    // How many calls whose answers are cut off the rules of a platform allow.
    for (platform, calls) in [("xiaohongshu", 2), ("115", 2), ("temu", 1)] {
        let mut row = in_condition(Condition::Active, None);
        let end = row.tokens.access_ends_at;
        let mut now = end - TimeDelta::minutes(20);
        let mut made = 0;
        while now < end + TimeDelta::hours(1) {
            let state = row.state(&rules(platform), Demand::Due, now);
            match state.need {
                Need::Refresh | Need::Replay => {
                    made += 1;
                    // Pages between two losses use up nothing.
                    for _ in 0..3 {
                        row = after(&row, &page(), now);
                    }
                    row = after(&row, &lost(), now);
                }
                Need::Owner(reason) => {
                    assert_eq!((reason, state.usable), (OwnerReason::AnswerLost, false), "{platform}");
                    break;
                }
                _ => {}
            }
            assert!(state.usable || now + ACCESS_MARGIN >= end, "{platform}: hidden while it lives");
            now += TimeDelta::seconds(30);
        }
        assert_eq!(made, calls, "{platform}");
        assert!(
            now >= end - ACCESS_MARGIN && now < end + TimeDelta::minutes(2),
            "{platform}: declared at {now}"
        );
    }
}

#[test]
fn a_sender_that_died_has_lost_nothing_for_certain() {
    for platform in ["xiaohongshu", "temu", "115"] {
        for condition in [Condition::Refreshing, Condition::Replaying] {
            let row = in_condition(condition, None);
            let now = row.tokens.access_ends_at;
            let row = Credential { attempt: Some(attempt(now - TimeDelta::minutes(2))), ..row };
            assert_eq!(
                row.state(&rules(platform), Demand::Due, now).need,
                Need::Replay,
                "{platform} {condition}"
            );
        }
    }
}

#[test]
fn a_person_may_insist_on_any_grant_that_has_a_refresh_token() {
    for platform in ["xiaohongshu", "temu", "115"] {
        for condition in Condition::ALL {
            let row = in_condition(condition, Some(REPLAY_LOST));
            let end = row.tokens.access_ends_at;
            let row = Credential {
                attempt: Some(attempt(end - TimeDelta::minutes(22))),
                not_before: Some(end),
                ..row
            };
            let now = end - TimeDelta::minutes(20);
            let need = row.state(&rules(platform), Demand::Forced, now).need;
            assert!(matches!(need, Need::Refresh | Need::Replay), "{platform} {condition}: {need:?}");
        }
    }
    let just = Credential { attempt: Some(attempt(credential().tokens.access_ends_at)), ..credential() };
    let now = credential().tokens.access_ends_at + TimeDelta::seconds(1);
    let need = just.state(&rules("115"), Demand::Forced, now).need;
    assert!(matches!(need, Need::Rest { .. }), "the platform's own spacing is kept: {need:?}");
}
