//! What a person must do about a shop's grant, and by when. Pure; the words are left to those who say it.

use chrono::{DateTime, TimeDelta, Utc};

use super::GrantStatus;
use super::policy::OwnerReason;
use super::status::Standing;
use crate::platform::{Login, profile};

/// An end that is further away is no news.
const NOTICE_DAYS: i64 = 30;

/// The command that authorises a shop: its platform decides whether an owner opens a link, brings a token or scans a
/// code. Whoever tells an owner what to do takes it from here.
pub fn authorise_command(shop: &str, platform: &str) -> String {
    let login = profile(platform).map_or(Login::Link, |profile| profile.login);
    format!("shopsync auth {} {shop}", login.verb())
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Duty {
    /// The shop has no grant.
    Authorise,
    /// Only the owner can help.
    AskOwner {
        reason: OwnerReason,
        /// `None`: nothing works any more.
        works_until: Option<End>,
    },
    /// The database was copied: somebody must say that this is the one in use.
    TakeOver,
    /// It works, and ends before long.
    AuthoriseBefore(End),
    /// Nothing yet: the last renewal brought nothing, and time may be all it takes.
    Wait {
        trouble: String,
        /// `None`: as soon as somebody asks.
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
pub fn duty(status: Option<&GrantStatus>, now: DateTime<Utc>) -> Option<Duty> {
    let Some(status) = status else {
        return Some(Duty::Authorise);
    };
    let end = |at| End::of(at, now);
    match status.standing {
        Standing::NeedsOwner(reason) => {
            let works_until = status.usable.then(|| end(status.access_ends_at));
            return Some(Duty::AskOwner { reason, works_until });
        }
        Standing::Copied => return Some(Duty::TakeOver),
        _ => {}
    }
    if let Some(owner_end) = status.owner_end.map(|owner_end| end(owner_end.at))
        && owner_end.days <= NOTICE_DAYS
    {
        return Some(Duty::AuthoriseBefore(owner_end));
    }
    status.trouble.as_ref().map(|trouble| Duty::Wait {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::PLATFORMS;

    #[test]
    fn every_platform_is_authorised_by_the_verb_that_takes_what_its_owner_brings() {
        for profile in PLATFORMS {
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
