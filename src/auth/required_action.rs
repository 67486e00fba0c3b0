//! What a person must do about a shop's grant, and by when, in words. Pure.

use chrono::{DateTime, Utc};

use super::GrantStatus;
use super::duty::{Duty, authorise_command, duty};
use super::policy::OwnerReason;
use crate::domain::shop::Shop;
use crate::language::{Said, said};

/// `None`: nothing, for now. `status` is `None` for a shop without a grant.
pub fn to_do(shop: &Shop, status: Option<&GrantStatus>, now: DateTime<Utc>) -> Option<Said> {
    let duty = duty(status, now)?;
    Some(sentence(&shop.name, &authorise_command(&shop.name, shop.platform), &duty))
}

/// The one sentence for a duty, for all who tell it. `login`: the command that authorises the shop.
pub fn sentence(shop: &str, login: &str, duty: &Duty) -> Said {
    let login = format!("`{login}`");
    match duty {
        Duty::Authorise => said!("not authorised: {login}", "尚未授权：{login}"),
        Duty::AskOwner { reason, works_until } => {
            let until = if let Some(end) = works_until {
                let (end, days) = (minute(end.at), in_days(end.days));
                said!("it works until {end} UTC ({days} left)", "在 {end} UTC 之前仍可使用（还剩 {days}）"; days)
            } else {
                said!(
                    "nothing is read for it meanwhile, and nothing is lost",
                    "在此期间不为它读取数据，也不会丢失数据"
                )
            };
            let why = why(*reason);
            said!(
                "{why}; {until}: ask the owner to authorise it again: {login}",
                "{why}；{until}：请店主重新授权：{login}"; why, until
            )
        }
        Duty::TakeOver => said!(
            "the database was copied or restored: once nobody uses the original, `shopsync auth take-over {shop}`",
            "数据库是复制或恢复来的：确认原数据库已无人使用后，`shopsync auth take-over {shop}`"
        ),
        Duty::AuthoriseBefore(end) => {
            let (days, end) = (in_days(end.days), minute(end.at));
            said!(
                "{days} left: ask the owner to authorise it again before {end} UTC: {login}",
                "还剩 {days}：请店主在 {end} UTC 之前重新授权：{login}"; days
            )
        }
        Duty::Wait { trouble, again_at, owner_needed_at } => wait(trouble, *again_at, *owner_needed_at),
    }
}

/// Why only the owner can help.
pub fn why(reason: OwnerReason) -> Said {
    let chinese = match reason {
        OwnerReason::AccessEnded => "访问令牌已到期，而这次授权没有刷新令牌",
        OwnerReason::AccessRefused => "平台拒绝了访问令牌，且没有办法续期",
        OwnerReason::NoRefreshToken => "这次授权没有刷新令牌，无法续期",
        OwnerReason::RefreshRefused => "平台拒绝了刷新令牌",
        OwnerReason::AnswerLost => "续期的应答丢失了，而平台只给一次",
        OwnerReason::OtherAccount => "令牌属于另一个账号",
    };
    Said { english: reason.describe().to_owned(), chinese: chinese.to_owned() }
}

/// Trouble that only takes time. What it was is kept as it was told then.
fn wait(trouble: &str, again_at: Option<DateTime<Utc>>, owner_needed_at: Option<DateTime<Utc>>) -> Said {
    let again = if let Some(at) = again_at.map(minute) {
        said!("after {at} UTC", "在 {at} UTC 之后")
    } else {
        said!("as soon as somebody asks", "在有人需要时")
    };
    let limit = match owner_needed_at.map(minute) {
        Some(end) => said!(
            "; unless it succeeds before {end} UTC, the owner is needed",
            "；如果到 {end} UTC 仍未成功，就需要店主"
        ),
        None => Said::alike(""),
    };
    said!(
        "nothing yet; the last renewal brought nothing ({trouble}) and is tried again {again}{limit}",
        "暂时不用；上次续期没有成功（{trouble}），会{again}再试{limit}"; again, limit
    )
}

fn in_days(days: i64) -> Said {
    match days {
        1 => said!("1 day", "1 天"),
        days => said!("{days} days", "{days} 天"),
    }
}

fn minute(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, TimeZone};

    use super::*;
    use crate::auth::policy::OwnerReason;
    use crate::auth::status::{OwnerEnd, Standing};
    use crate::domain::credential::Trouble;
    use crate::domain::shop::ShopOptions;

    fn now() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap()
    }

    fn shop(platform: &'static str) -> Shop {
        Shop {
            name: "acme".to_owned(),
            app: "app".to_owned(),
            platform,
            zone: String::new(),
            account: None,
            records: Vec::new(),
            options: ShopOptions { amounts: false, detail: false, stock_detail: false },
            code_command: Vec::new(),
        }
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
    fn where_there_is_nothing_to_paste_a_code_is_scanned() {
        let said = to_do(&shop("115"), None, now()).unwrap();
        assert_eq!(said.english, "not authorised: `shopsync auth qr acme`");
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
            let said = to_do(&shop("temu"), status.as_ref(), now());
            assert_eq!(said.as_ref().map(|said| &*said.english), expected);
            assert!(said.is_none_or(|said| !said.chinese.is_empty() && said.chinese != said.english));
        }
    }
}
