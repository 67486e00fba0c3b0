//! What people and the status verb are reported of a grant. Holds no secret.

use std::fmt;

use chrono::{DateTime, Utc};

use super::policy::{Demand, Need, OwnerReason, Rules};
use crate::domain::credential::{Condition, Credential, Trouble};

/// One shop's grant at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantStatus {
    pub shop: String,
    pub standing: Standing,
    /// Whether calls can be made with it now.
    pub usable: bool,
    pub version: i64,
    pub granted_at: DateTime<Utc>,
    pub access_ends_at: DateTime<Utc>,
    /// `None` when it cannot be renewed without its owner.
    pub due_at: Option<DateTime<Utc>>,
    /// `None` when there is no refresh token, or the platform sets it no end.
    pub refresh_ends_at: Option<DateTime<Utc>>,
    /// Nothing is tried before. `None`: no such limit.
    pub not_before: Option<DateTime<Utc>>,
    /// Why the last attempt gave nothing. `None`: all is well.
    pub trouble: Option<Trouble>,
    /// Whether something is to be done about it now that no one does yet: a renewal, or writing down that only the
    /// owner can help.
    pub is_due: bool,
    /// The end that only a person can put off. `None`: renewals put it off, or it has none.
    pub owner_end: Option<OwnerEnd>,
}

/// An end that a person must act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnerEnd {
    /// `access` or `refresh`.
    pub token: &'static str,
    pub at: DateTime<Utc>,
}

/// How a grant stands, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Good,
    /// Ended or about to; the next call renews it.
    Due,
    Refreshing,
    Throttled,
    /// The answer to a refresh was lost; it is requested again as the platform allows.
    AnswerLost,
    NeedsOwner(OwnerReason),
    /// Used, but not renewed: its database was copied here.
    Copied,
}

impl GrantStatus {
    pub(super) fn of(credential: &Credential, rules: &Rules, now: DateTime<Utc>) -> Self {
        let state = credential.state(rules, Demand::Due, now);
        let standing = match (state.need, credential.condition) {
            (Need::Owner(reason), _) => Standing::NeedsOwner(reason),
            (Need::Copied, _) => Standing::Copied,
            (Need::Busy, _) => Standing::Refreshing,
            (Need::Replay, _) | (_, Condition::Refreshing | Condition::Replaying | Condition::Unknown) => {
                Standing::AnswerLost
            }
            (Need::Rest { .. }, Condition::Throttled) => Standing::Throttled,
            (Need::Refresh, _) => Standing::Due,
            (Need::Rest { .. }, _) => Standing::Good,
        };
        Self {
            shop: credential.shop.clone(),
            standing,
            usable: state.usable,
            version: credential.version,
            granted_at: credential.granted_at,
            access_ends_at: credential.tokens.access_ends_at,
            due_at: credential.due_at(rules),
            refresh_ends_at: credential.tokens.refresh_ends_at,
            not_before: credential.not_before,
            trouble: credential.trouble.clone(),
            is_due: match state.need {
                Need::Refresh | Need::Replay => true,
                Need::Owner(_) => credential.owner_reason().is_none(),
                Need::Copied | Need::Busy | Need::Rest { .. } => false,
            },
            owner_end: OwnerEnd::of(credential, rules, now),
        }
    }

    pub fn needs_owner(&self) -> bool {
        matches!(self.standing, Standing::NeedsOwner(_))
    }

    /// Whether nothing can be read with it any more until its owner authorises the shop again.
    pub fn is_dead(&self) -> bool {
        self.needs_owner() && !self.usable
    }
}

impl OwnerEnd {
    fn of(credential: &Credential, rules: &Rules, now: DateTime<Utc>) -> Option<Self> {
        let tokens = &credential.tokens;
        if tokens.refresh_sealed.is_none() {
            return Some(Self { token: "access", at: tokens.access_ends_at });
        }
        // An end that moves with each renewal is of interest once the renewals are not what they should be: then the
        // access token has ended before its successor was there.
        let stands_still = rules.grant.refresh_end_is_fixed || tokens.access_ends_at <= now;
        tokens.refresh_ends_at.filter(|_| stands_still).map(|at| Self { token: "refresh", at })
    }
}

impl Standing {
    /// Every word there is.
    pub const WORDS: [&str; 7] =
        ["good", "due", "refreshing", "throttled", "answer_lost", "needs_owner", "copied"];

    /// The word for tables and scripts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Due => "due",
            Self::Refreshing => "refreshing",
            Self::Throttled => "throttled",
            Self::AnswerLost => "answer_lost",
            Self::NeedsOwner(_) => "needs_owner",
            Self::Copied => "copied",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeedsOwner(reason) => write!(f, "needs its owner: {}", reason.describe()),
            Self::Copied => f.write_str("in a copied database; not renewed here"),
            Self::AnswerLost => f.write_str("the answer to a refresh was lost; requested again when allowed"),
            other => f.write_str(other.as_str()),
        }
    }
}
