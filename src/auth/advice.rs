//! What a person must do about a shop's grant, and by when, in words. Pure.

use chrono::{DateTime, TimeDelta, Utc};

use super::GrantStatus;
use super::credential::OwnerReason;
use super::status::{OwnerEnd, Standing};

/// An end that is further away is no news.
const NOTICE_DAYS: i64 = 30;

/// `None`: nothing, for now. `status` is `None` for a shop without a grant.
pub fn to_do(shop: &str, status: Option<&GrantStatus>, now: DateTime<Utc>) -> Option<String> {
    let Some(status) = status else {
        return Some(format!("not authorised: {}", login(shop)));
    };
    if let Standing::NeedsOwner(reason) = status.standing {
        return Some(needs_owner(shop, status, reason, now));
    }
    if status.standing == Standing::Copied {
        return Some(format!(
            "the database was copied or restored: once nobody uses the original, `shopsync auth take-over {shop}`"
        ));
    }
    if let Some(OwnerEnd { at: end, .. }) = status.owner_end {
        let days = days_left(end, now);
        if days <= NOTICE_DAYS {
            return Some(format!(
                "{} left: ask the owner to authorise it again before {} UTC: {}",
                in_days(days),
                minute(end),
                login(shop)
            ));
        }
    }
    status.trouble.as_ref().map(|trouble| wait(status, &trouble.message))
}

fn needs_owner(shop: &str, status: &GrantStatus, reason: OwnerReason, now: DateTime<Utc>) -> String {
    let until = if status.usable {
        let end = status.access_ends_at;
        format!("it works until {} UTC ({} left)", minute(end), in_days(days_left(end, now)))
    } else {
        "nothing is read for it meanwhile, and nothing is lost".to_owned()
    };
    format!("{}; {until}: ask the owner to authorise it again: {}", reason.describe(), login(shop))
}

/// Trouble that only takes time.
fn wait(status: &GrantStatus, trouble: &str) -> String {
    let again = status
        .not_before
        .map_or_else(|| "as soon as somebody asks".to_owned(), |at| format!("after {} UTC", minute(at)));
    let limit = status.refresh_ends_at.map_or_else(String::new, |end| {
        format!("; unless it succeeds before {} UTC, the owner is needed", minute(end))
    });
    format!("nothing yet; the last renewal brought nothing ({trouble}) and is tried again {again}{limit}")
}

/// Days until `end` as people count them: what is left of a day is a day. 0: it is over.
pub fn days_left(end: DateTime<Utc>, now: DateTime<Utc>) -> i64 {
    let day_ms = TimeDelta::days(1).num_milliseconds();
    ((end - now).num_milliseconds() + day_ms - 1).div_euclid(day_ms).max(0)
}

fn in_days(days: i64) -> String {
    match days {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

fn minute(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M").to_string()
}

fn login(shop: &str) -> String {
    format!("`shopsync auth login {shop}`")
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, TimeZone};

    use super::*;
    use crate::domain::credential::Trouble;

    fn now() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap()
    }

    fn status(standing: Standing, owner_end_days: Option<i64>) -> GrantStatus {
        GrantStatus {
            shop: "acme".to_owned(),
            standing,
            usable: true,
            version: 1,
            granted_at: now(),
            access_ends_at: now() + TimeDelta::hours(30),
            due_at: None,
            refresh_ends_at: Some(now() + TimeDelta::days(9)),
            not_before: None,
            trouble: None,
            is_due: false,
            owner_end: owner_end_days
                .map(|days| OwnerEnd { token: "access", at: now() + TimeDelta::days(days) }),
        }
    }

    #[test]
    fn a_begun_day_counts_as_a_day_left() {
        for (seconds, expected) in [(-1, 0), (0, 0), (1, 1), (86_400, 1), (86_401, 2), (864_000, 10)] {
            assert_eq!(days_left(now() + TimeDelta::seconds(seconds), now()), expected, "{seconds}");
        }
    }

    #[test]
    fn each_state_says_what_to_do_and_by_when() {
        let owner = Standing::NeedsOwner(OwnerReason::RefreshRefused);
        let dead = GrantStatus { usable: false, ..status(owner, None) };
        let troubled = GrantStatus {
            trouble: Some(Trouble { class: "throttled".to_owned(), message: "too often".to_owned() }),
            not_before: Some(now()),
            ..status(Standing::Throttled, None)
        };
        let good = |owner_end_days| status(Standing::Good, owner_end_days);
        for (status, expected) in [
            (None, Some("not authorised: `shopsync auth login acme`")),
            (Some(good(None)), None),
            (Some(good(Some(31))), None),
            (
                Some(good(Some(30))),
                Some(
                    "30 days left: ask the owner to authorise it again before 2026-12-21 12:00 UTC: \
                     `shopsync auth login acme`",
                ),
            ),
            (
                Some(good(Some(1))),
                Some(
                    "1 day left: ask the owner to authorise it again before 2026-11-22 12:00 UTC: \
                     `shopsync auth login acme`",
                ),
            ),
            (
                Some(status(owner, None)),
                Some(
                    "the platform refuses its refresh token; it works until 2026-11-22 18:00 UTC (2 days left): ask \
                     the owner to authorise it again: `shopsync auth login acme`",
                ),
            ),
            (
                Some(dead),
                Some(
                    "the platform refuses its refresh token; nothing is read for it meanwhile, and nothing is lost: \
                     ask the owner to authorise it again: `shopsync auth login acme`",
                ),
            ),
            (
                Some(troubled),
                Some(
                    "nothing yet; the last renewal brought nothing (too often) and is tried again after 2026-11-21 \
                     12:00 UTC; unless it succeeds before 2026-11-30 12:00 UTC, the owner is needed",
                ),
            ),
        ] {
            assert_eq!(to_do("acme", status.as_ref(), now()).as_deref(), expected);
        }
    }
}
