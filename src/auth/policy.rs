//! What a grant needs now. Pure: the row, the platform's rules and a moment go in, a decision comes out.

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

use crate::domain::credential::{Condition, Credential};
use crate::domain::until::is_believable;
use crate::platform::{GrantRules, Renewal, Replay};

/// How long no one else may try. More than twice the call and a commit, so that a holder which still lives never
/// finds its right gone.
pub const LEASE: TimeDelta = TimeDelta::seconds(30);

/// An access token that ends sooner is not handed out: the call it is for may take as long.
pub const ACCESS_MARGIN: TimeDelta = TimeDelta::seconds(30);

/// A refused access token leads to at most one token call in this time, however often it is refused.
pub const REFUSAL_SPACING: TimeDelta = TimeDelta::minutes(5);

/// How long before its end a token is renewed where the platform itself knows no renewal, but the grant has a
/// refresh token.
const LEAD_WITHOUT_RULE: TimeDelta = TimeDelta::days(1);

/// A `refresh_before` below this leaves no room for a second try, and none for a caller that gets a token.
const LEAD_MIN: TimeDelta = TimeDelta::minutes(6);

/// A token is never renewed in the first half of its life, whatever a rule or the config requests: short tokens
/// would else be renewed without end.
const LEAD_SHARE_OF_LIFE: i32 = 2;

/// Grants of one moment are spread over this share of the time they are renewed ahead.
const SPREAD_SHARE: i32 = 10;

/// Pause after a first failure; it doubles with each that follows.
const PAUSE_MIN: TimeDelta = TimeDelta::seconds(5);
const PAUSE_MAX: TimeDelta = TimeDelta::minutes(10);

/// An attempt further in the future than this was written down by a clock that was wrong, and so was its pause: neither
/// hinders. A pair that was obtained so far in the future is renewed at once. Clocks of two machines differ by far
/// less.
const CLOCK_STEP_MIN: TimeDelta = TimeDelta::minutes(5);

/// No pause is longer, whatever the platform requests. One that ends further ahead was written down by a clock that was
/// wrong.
pub(super) const PAUSE_LIFE_MAX: TimeDelta = TimeDelta::hours(1);

/// A platform that handed the same pair back is not requested again sooner.
const SAME_PAIR_PAUSE: TimeDelta = TimeDelta::minutes(1);

/// The class of the trouble of a grant whose refresh and whose one replay were both certainly lost: the platform's
/// rules allow no third call.
pub(super) const REPLAY_LOST: &str = "replay_lost";

/// The platform's rules and what the app's config says on top.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub grant: GrantRules,
    /// `refresh_before` of the app. `None`: `auto`.
    pub refresh_before: Option<TimeDelta>,
}

impl Rules {
    /// When a platform that just handed the same pair back is requested again.
    pub fn ask_again_at(&self, access_ends_at: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
        let again = match self.grant.renewal {
            Renewal::Before { again, .. } => access_ends_at - again,
            Renewal::ByOwner | Renewal::Share { .. } => now,
        };
        again.clamp(now + SAME_PAIR_PAUSE, now + PAUSE_LIFE_MAX)
    }
}

/// Who wants a token, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// A caller wants a token: it is renewed when due.
    Due,
    /// The platform refused the access token of this version.
    Refused { version: i64 },
    /// A person wants it renewed now.
    Now,
    /// A person wants whatever refresh token is stored to be sent, and accepts what that may cost.
    Forced,
}

/// What holds at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Whether the access token may be handed out.
    pub usable: bool,
    pub need: Need,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing may or must be done before this moment.
    Rest { until: DateTime<Utc> },
    /// The refresh token may be used.
    Refresh,
    /// The refresh token may be sent once more, because the answer to the first time was lost.
    Replay,
    /// Someone is at it.
    Busy,
    /// Nothing may be used here: the row was copied, and its original may be in use.
    Copied,
    /// Only a new authorisation helps.
    Owner(OwnerReason),
}

/// Why only the owner can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerReason {
    AccessEnded,
    AccessRefused,
    NoRefreshToken,
    RefreshRefused,
    AnswerLost,
    OtherAccount,
}

impl OwnerReason {
    pub const ALL: [Self; 6] = [
        Self::AccessEnded,
        Self::AccessRefused,
        Self::NoRefreshToken,
        Self::RefreshRefused,
        Self::AnswerLost,
        Self::OtherAccount,
    ];

    /// The word in the table and in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessEnded => "access_ended",
            Self::AccessRefused => "access_refused",
            Self::NoRefreshToken => "no_refresh_token",
            Self::RefreshRefused => "refresh_refused",
            Self::AnswerLost => "answer_lost",
            Self::OtherAccount => "other_account",
        }
    }

    /// For people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::AccessEnded => "its access token has ended and the grant has no refresh token",
            Self::AccessRefused => "the platform refuses its access token and nothing can renew it",
            Self::NoRefreshToken => "the grant has no refresh token, so nothing can renew it",
            Self::RefreshRefused => "the platform refuses its refresh token",
            Self::AnswerLost => "the answer to a refresh was lost, and the platform gives it only once",
            Self::OtherAccount => "its tokens belong to another account",
        }
    }

    /// The same once the access token is refused as well: then nothing is left that could be handed out.
    pub(super) fn after(self, demand: Demand) -> Self {
        match demand {
            Demand::Refused { .. } if !self.spoils_access() => Self::AccessRefused,
            _ => self,
        }
    }

    /// Whether the access token at hand is as useless as the refresh token.
    pub(super) fn spoils_access(self) -> bool {
        matches!(self, Self::AccessRefused | Self::OtherAccount)
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

impl Credential {
    /// What may be done with this grant at `now`, and what must.
    pub fn state(&self, rules: &Rules, demand: Demand, now: DateTime<Utc>) -> State {
        let lives = self.tokens.access_sealed.is_some() && now + ACCESS_MARGIN < self.tokens.access_ends_at;
        let usable = lives && !self.owner_reason().is_some_and(OwnerReason::spoils_access);
        let need = if self.is_frozen_copy() {
            Need::Copied
        } else if self.lease.is_some() {
            Need::Busy
        } else if demand == Demand::Forced {
            self.need_when_forced(rules, now)
        } else {
            match self.condition {
                Condition::NeedsOwner => {
                    Need::Owner(self.owner_reason().unwrap_or(OwnerReason::AccessRefused))
                }
                // With the lease over, the process that was about to send the refresh token cannot say whether it did.
                Condition::Refreshing | Condition::Replaying | Condition::Unknown => {
                    self.need_after_lost_answer(rules, demand, now)
                }
                Condition::Active | Condition::Throttled => self.need_when_known(rules, demand, now),
            }
        };
        State { usable, need }
    }

    /// Whether the refresh token belongs to the original of this row. A grant without a refresh token has nothing that
    /// a copy could take from it, and one that needs its owner has nothing left.
    pub fn is_frozen_copy(&self) -> bool {
        self.is_copied && self.tokens.refresh_sealed.is_some() && self.condition != Condition::NeedsOwner
    }

    /// When the token is due for renewal, spread by a jitter that is fixed for each shop. `None`: nothing here can
    /// be renewed.
    pub fn due_at(&self, rules: &Rules) -> Option<DateTime<Utc>> {
        self.tokens.refresh_sealed.as_ref()?;
        let life = self.tokens.access_ends_at - self.tokens.obtained_at;
        let by_rule = match rules.grant.renewal {
            Renewal::ByOwner => LEAD_WITHOUT_RULE,
            Renewal::Before { end, .. } => end,
            Renewal::Share { percent, at_least } => (life * percent / 100).max(at_least),
        };
        let lead = match (rules.refresh_before, rules.grant.renewal) {
            // Before that, such a platform hands the same pair back.
            (Some(wanted), Renewal::Before { end, .. }) => wanted.min(end).max(LEAD_MIN),
            (Some(wanted), _) => wanted.max(LEAD_MIN),
            (None, _) => by_rule,
        };
        let spread = lead / SPREAD_SHARE;
        let lead =
            (lead + spread_of(&self.shop, spread)).min(life / LEAD_SHARE_OF_LIFE).max(TimeDelta::zero());
        Some(self.tokens.access_ends_at - lead)
    }

    /// How long to wait after another failure: twice as long as the last time.
    pub fn next_pause(&self, now: DateTime<Utc>) -> TimeDelta {
        let last = match (&self.trouble, &self.attempt, self.not_before) {
            (Some(_), Some(attempt), Some(not_before)) if not_before <= now => not_before - attempt.at,
            _ => TimeDelta::zero(),
        };
        (last * 2).clamp(PAUSE_MIN, PAUSE_MAX)
    }

    /// Why the owner is needed, as the row says. `None`: the row does not say that.
    pub fn owner_reason(&self) -> Option<OwnerReason> {
        let trouble = self.trouble.as_ref()?;
        (self.condition == Condition::NeedsOwner).then(|| OwnerReason::parse(&trouble.class)).flatten()
    }

    fn need_when_known(&self, rules: &Rules, demand: Demand, now: DateTime<Utc>) -> Need {
        let Some(due_at) = self.due_at(rules) else {
            return match demand {
                Demand::Refused { .. } => Need::Owner(OwnerReason::AccessRefused),
                Demand::Now | Demand::Forced => Need::Owner(OwnerReason::NoRefreshToken),
                Demand::Due if self.tokens.access_ends_at <= now => Need::Owner(OwnerReason::AccessEnded),
                Demand::Due => Need::Rest { until: self.tokens.access_ends_at },
            };
        };
        // That the refresh token has ended by our clock is no reason not to try: the clock may be wrong, the end
        // assumed, and a dead token costs no more than a refusal.
        let attempt_at = self.believable_attempt_at(now);
        let spaced = attempt_at.map(|at| at + rules.grant.spacing);
        let wanted = match demand {
            // By a clock that was ahead it also ends later than it does.
            Demand::Due if self.tokens.obtained_at > now + CLOCK_STEP_MIN => None,
            Demand::Due => Some(due_at),
            Demand::Refused { .. } => attempt_at.map(|at| at + REFUSAL_SPACING),
            Demand::Now | Demand::Forced => None,
        };
        let pause = self.not_before.filter(|_| !self.pause_yields(demand, now));
        rest_or(Need::Refresh, [wanted, spaced, pause], now)
    }

    /// Whether a pause may be passed over. A pause after trouble is only cut short by a person, and one the
    /// platform requested by no one, but for a person who insists.
    pub(super) fn pause_yields(&self, demand: Demand, now: DateTime<Utc>) -> bool {
        let is_written_by_wrong_clock = self.believable_attempt_at(now).is_none() && self.attempt.is_some()
            || self.not_before.is_some_and(|until| !is_believable(until, PAUSE_LIFE_MAX, now));
        match demand {
            _ if is_written_by_wrong_clock => true,
            Demand::Due => false,
            Demand::Refused { .. } => self.condition == Condition::Active && self.trouble.is_none(),
            Demand::Now => self.condition == Condition::Active,
            Demand::Forced => true,
        }
    }

    /// What to do with a refresh token that was sent, or may have been, and whose answer is not here.
    ///
    /// | row | platform allows a replay | platform allows none |
    /// |---|---|---|
    /// | `unknown`: the answer is certainly lost | replay, as its rules say | wait, then the owner |
    /// | the same, and the replay as well (`REPLAY_LOST`) | wait, then the owner | – |
    /// | `refreshing`, `replaying`: its sender died, perhaps before it sent anything | replay, as its rules say | replay as the last resort |
    ///
    /// "Wait": until no access token works any more. Until then nothing is lost, and nothing is declared. The last
    /// resort comes as late: nothing is left by then that a second use of the token could cost.
    fn need_after_lost_answer(&self, rules: &Rules, demand: Demand, now: DateTime<Utc>) -> Need {
        let is_certain = self.condition == Condition::Unknown;
        let (need, after, only_when_expired) = match rules.grant.replay {
            Replay::Once { after, only_when_expired } if !(is_certain && self.is_replay_lost()) => {
                (Need::Replay, after, only_when_expired)
            }
            Replay::Never if !is_certain => (Need::Replay, TimeDelta::zero(), true),
            Replay::Once { .. } | Replay::Never => {
                (Need::Owner(OwnerReason::AnswerLost), TimeDelta::zero(), true)
            }
        };
        let settled = self.believable_attempt_at(now).map(|at| at + after);
        let is_refused = matches!(demand, Demand::Refused { .. });
        let expired = (only_when_expired && !is_refused && self.tokens.access_sealed.is_some())
            .then(|| self.tokens.access_ends_at - ACCESS_MARGIN);
        // A pause before a second request does not mean that requests are of no use.
        let yields = self.pause_yields(Demand::Due, now) || matches!(need, Need::Owner(_));
        rest_or(need, [settled, expired, self.not_before.filter(|_| !yields)], now)
    }

    /// A person insists: only another process at work and the platform's spacing of token calls are waited for.
    fn need_when_forced(&self, rules: &Rules, now: DateTime<Utc>) -> Need {
        if self.tokens.refresh_sealed.is_none() {
            return Need::Owner(OwnerReason::NoRefreshToken);
        }
        let need = match self.condition {
            Condition::Active | Condition::Throttled => Need::Refresh,
            Condition::Refreshing | Condition::Replaying | Condition::Unknown | Condition::NeedsOwner => {
                Need::Replay
            }
        };
        let spaced = self.believable_attempt_at(now).map(|at| at + rules.grant.spacing);
        rest_or(need, [spaced, None, None], now)
    }

    /// Whether the answer to the one replay that the platform allows was lost as well.
    pub(super) fn is_replay_lost(&self) -> bool {
        self.trouble.as_ref().is_some_and(|trouble| trouble.class == REPLAY_LOST)
    }

    /// When the last attempt was made. `None`: there was none, or a clock that was ahead says when.
    fn believable_attempt_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let at = self.attempt.as_ref()?.at;
        (at <= now + CLOCK_STEP_MIN).then_some(at)
    }
}

/// `need`, once all of these moments have come.
fn rest_or(need: Need, moments: [Option<DateTime<Utc>>; 3], now: DateTime<Utc>) -> Need {
    match moments.into_iter().flatten().max() {
        Some(until) if now < until => Need::Rest { until },
        _ => need,
    }
}

/// A time below `within` that is always the same for a shop, in every process and version.
pub fn spread_of(shop: &str, within: TimeDelta) -> TimeDelta {
    let hash = Sha256::digest(shop.as_bytes());
    let share = i64::from(u16::from_be_bytes([hash[0], hash[1]]));
    TimeDelta::milliseconds((within.num_milliseconds() * share) >> 16)
}

#[cfg(test)]
#[path = "policy_tests.rs"]
pub(in crate::auth) mod tests;
