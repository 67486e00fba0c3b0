//! What a person must do about a shop's grant, and by when. Pure.

use chrono::{DateTime, TimeDelta, Utc};

use super::GrantStatus;
use super::policy::OwnerReason;
use super::status::Standing;
use crate::domain::moment;
use crate::domain::shop::Shop;
use crate::language::{Text, text};
use crate::platform::{Login, profile};

/// An end that is further away needs no action yet.
const NOTICE_DAYS: i64 = 30;

/// The command that authorises a shop: its platform decides whether an owner opens a link, brings a token or scans a
/// code. All messages to an owner take it from here.
pub fn authorise_command(shop: &str, platform: &str) -> String {
    let login = profile(platform).map_or(Login::Link, |profile| profile.login);
    format!("shopsync auth {} {shop}", login.verb())
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequiredAction {
    /// The shop has no grant.
    Authorise,
    /// Only the owner can help.
    AskOwner {
        reason: OwnerReason,
        /// `None`: nothing works any more.
        works_until: Option<End>,
    },
    /// The database was copied: a person must say that this is the one in use.
    TakeOver,
    /// It works, and ends before long.
    AuthoriseBefore(End),
    /// Nothing yet: the last renewal brought nothing, and time may be all it takes.
    Wait {
        trouble: String,
        /// `None`: at the next call.
        again_at: Option<DateTime<Utc>>,
        /// When waiting does not help any more. `None`: not known.
        owner_needed_at: Option<DateTime<Utc>>,
    },
}

/// An end and how far away it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    pub at: DateTime<Utc>,
    /// As [`days_left`] counts.
    pub days: i64,
}

impl End {
    pub fn of(at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self { at, days: days_left(at, now) }
    }
}

/// `None`: nothing, for now. `status` is `None` for a shop without a grant.
pub fn required_action(status: Option<&GrantStatus>, now: DateTime<Utc>) -> Option<RequiredAction> {
    let Some(status) = status else {
        return Some(RequiredAction::Authorise);
    };
    let end = |at| End::of(at, now);
    match status.standing {
        Standing::NeedsOwner(reason) => {
            let works_until = status.usable.then(|| end(status.access_ends_at));
            return Some(RequiredAction::AskOwner { reason, works_until });
        }
        Standing::Copied => return Some(RequiredAction::TakeOver),
        _ => {}
    }
    if let Some(owner_end) = status.owner_end.map(|owner_end| end(owner_end.at))
        && owner_end.days <= NOTICE_DAYS
    {
        return Some(RequiredAction::AuthoriseBefore(owner_end));
    }
    status.trouble.as_ref().map(|trouble| RequiredAction::Wait {
        trouble: trouble.message.clone(),
        again_at: status.not_before,
        owner_needed_at: status.refresh_ends_at,
    })
}

/// Days until `end` as people count them: what is left of a day is a day. 0: it is over.
pub fn days_left(end: DateTime<Utc>, now: DateTime<Utc>) -> i64 {
    let day_ms = TimeDelta::days(1).num_milliseconds();
    ((end - now).num_milliseconds() + day_ms - 1).div_euclid(day_ms).max(0)
}

/// `None`: nothing, for now. `status` is `None` for a shop without a grant.
pub fn to_do(shop: &Shop, status: Option<&GrantStatus>, now: DateTime<Utc>) -> Option<Text> {
    let action = required_action(status, now)?;
    Some(sentence(&shop.name, &authorise_command(&shop.name, shop.platform), &action))
}

/// The one sentence for a required action, for all messages. `login`: the command that authorises the shop.
pub fn sentence(shop: &str, login: &str, action: &RequiredAction) -> Text {
    let login = format!("`{login}`");
    match action {
        RequiredAction::Authorise => text!("not authorised: {login}", "尚未授权：{login}"),
        RequiredAction::AskOwner { reason, works_until } => {
            let until = if let Some(end) = works_until {
                let (end, days) = (minute(end.at), in_days(end.days));
                text!("it works until {end} UTC ({days} left)", "在 {end} UTC 之前仍可使用（还剩 {days}）"; days)
            } else {
                text!(
                    "nothing is read for it meanwhile, and nothing is lost",
                    "在此期间不为它读取数据，也不会丢失数据"
                )
            };
            let why = why(*reason);
            text!(
                "{why}; {until}: ask the owner to authorise it again: {login}",
                "{why}；{until}：请店主重新授权：{login}"; why, until
            )
        }
        RequiredAction::TakeOver => text!(
            "the database was copied or restored: when the original is no longer used, `shopsync auth take-over {shop}`",
            "数据库是复制或恢复来的：确认原数据库已无人使用后，`shopsync auth take-over {shop}`"
        ),
        RequiredAction::AuthoriseBefore(end) => {
            let (days, end) = (in_days(end.days), minute(end.at));
            text!(
                "{days} left: ask the owner to authorise it again before {end} UTC: {login}",
                "还剩 {days}：请店主在 {end} UTC 之前重新授权：{login}"; days
            )
        }
        RequiredAction::Wait { trouble, again_at, owner_needed_at } => {
            wait(trouble, *again_at, *owner_needed_at)
        }
    }
}

/// Why only the owner can help.
pub fn why(reason: OwnerReason) -> Text {
    let chinese = match reason {
        OwnerReason::AccessEnded => "访问令牌已到期，而这次授权没有刷新令牌",
        OwnerReason::AccessRefused => "平台拒绝了访问令牌，且没有办法续期",
        OwnerReason::NoRefreshToken => "这次授权没有刷新令牌，无法续期",
        OwnerReason::RefreshRefused => "平台拒绝了刷新令牌",
        OwnerReason::AnswerLost => "续期的应答丢失了，而平台只给一次",
        OwnerReason::OtherAccount => "令牌属于另一个账号",
    };
    Text { english: reason.describe().to_owned(), chinese: chinese.to_owned() }
}

/// Trouble that only takes time. What it was is kept as it was reported then.
fn wait(trouble: &str, again_at: Option<DateTime<Utc>>, owner_needed_at: Option<DateTime<Utc>>) -> Text {
    let again = if let Some(at) = again_at.map(minute) {
        text!("after {at} UTC", "在 {at} UTC 之后")
    } else {
        text!("at the next call", "在有人需要时")
    };
    let limit = match owner_needed_at.map(minute) {
        Some(end) => text!(
            "; unless it succeeds before {end} UTC, the owner is needed",
            "；如果到 {end} UTC 仍未成功，就需要店主"
        ),
        None => Text::alike(""),
    };
    text!(
        "nothing yet; the last renewal brought nothing ({trouble}) and is tried again {again}{limit}",
        "暂时不用；上次续期没有成功（{trouble}），会{again}再试{limit}"; again, limit
    )
}

fn in_days(days: i64) -> Text {
    match days {
        1 => text!("1 day", "1 天"),
        days => text!("{days} days", "{days} 天"),
    }
}

fn minute(at: DateTime<Utc>) -> String {
    moment::to_minute(at)
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, TimeZone};

    use super::*;
    use crate::auth::policy::OwnerReason;
    use crate::auth::status::{OwnerEnd, Standing};
    use crate::domain::credential::Trouble;
    use crate::domain::shop::ShopOptions;
    use crate::platform::profiles;

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
        let action = to_do(&shop("115"), None, now()).unwrap();
        assert_eq!(action.english, "not authorised: `shopsync auth qr acme`");
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
            let action = to_do(&shop("temu"), status.as_ref(), now());
            assert_eq!(action.as_ref().map(|action| &*action.english), expected);
            assert!(
                action.is_none_or(|action| !action.chinese.is_empty() && action.chinese != action.english)
            );
        }
    }

    #[test]
    fn every_platform_is_authorised_by_the_verb_that_takes_what_its_owner_brings() {
        for profile in profiles() {
            let expected = if profile.name == "115" { "shopsync auth qr s" } else { "shopsync auth login s" };
            assert_eq!(authorise_command("s", profile.name), expected);
        }
    }

    #[test]
    fn a_begun_day_counts_as_a_day_left() {
        let now = DateTime::UNIX_EPOCH;
        for (seconds, expected) in [(-1, 0), (0, 0), (1, 1), (86_400, 1), (86_401, 2), (864_000, 10)] {
            assert_eq!(days_left(now + TimeDelta::seconds(seconds), now), expected, "{seconds}");
        }
    }
}
