//! What a person must do about a shop's grant, and by when, in words. Pure.

use chrono::{DateTime, Utc};

use super::GrantStatus;
use super::duty::{Duty, duty};

/// `None`: nothing, for now. `status` is `None` for a shop without a grant.
pub fn to_do(shop: &str, status: Option<&GrantStatus>, now: DateTime<Utc>) -> Option<String> {
    Some(match duty(status, now)? {
        Duty::Authorise => format!("not authorised: {}", login(shop)),
        Duty::AskOwner { reason, works_until } => {
            let until = works_until.map_or_else(
                || "nothing is read for it meanwhile, and nothing is lost".to_owned(),
                |end| format!("it works until {} UTC ({} left)", minute(end.at), in_days(end.days)),
            );
            format!("{}; {until}: ask the owner to authorise it again: {}", reason.describe(), login(shop))
        }
        Duty::TakeOver => format!(
            "the database was copied or restored: once nobody uses the original, `shopsync auth take-over {shop}`"
        ),
        Duty::AuthoriseBefore(end) => format!(
            "{} left: ask the owner to authorise it again before {} UTC: {}",
            in_days(end.days),
            minute(end.at),
            login(shop)
        ),
        Duty::Wait { trouble, again_at, owner_needed_at } => wait(&trouble, again_at, owner_needed_at),
    })
}

/// Trouble that only takes time.
fn wait(trouble: &str, again_at: Option<DateTime<Utc>>, owner_needed_at: Option<DateTime<Utc>>) -> String {
    let again = again_at
        .map_or_else(|| "as soon as somebody asks".to_owned(), |at| format!("after {} UTC", minute(at)));
    let limit = owner_needed_at.map_or_else(String::new, |end| {
        format!("; unless it succeeds before {} UTC, the owner is needed", minute(end))
    });
    format!("nothing yet; the last renewal brought nothing ({trouble}) and is tried again {again}{limit}")
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
    use crate::auth::credential::OwnerReason;
    use crate::auth::status::{OwnerEnd, Standing};
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
