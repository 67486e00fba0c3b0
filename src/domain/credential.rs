//! A grant as it is kept: sealed tokens, their ends, and how the last attempt to renew them went.
//!
//! Holds no token in clear. What the states mean for a caller is decided in `auth`; where the row lies is the
//! business of a token store.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

mod shown;
mod transitions;

/// The grant of one shop as a token store keeps it.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The shop's name.
    pub shop: String,
    /// Which pair of tokens this is, from 1. Sealed into the texts below.
    pub version: i64,
    /// Raised with every write: a process that read the row before can no longer change it.
    pub fence: i64,
    pub condition: Condition,
    pub tokens: SealedTokens,
    /// When the lineage of this grant began: the owner's authorisation, as far as we know.
    pub granted_at: DateTime<Utc>,
    /// The refresh token before this one, kept until its successor has proved itself.
    pub previous_refresh_sealed: Option<String>,
    /// No token call before this moment. `None`: no such limit.
    pub not_before: Option<DateTime<Utc>>,
    /// Who has the right to renew. `None`: no one.
    pub lease: Option<RefreshLease>,
    /// Where the row was when its tokens were written, as its store names itself. `None`: the store has no name, or
    /// the row is older than its naming.
    pub place: Option<String>,
    /// Whether the row is now somewhere else than it was written: a copy, whose original may be in use. Set by
    /// its reader; no store keeps it.
    pub is_copied: bool,
    /// The last attempt to renew. `None`: there was none since the owner authorised.
    pub attempt: Option<Attempt>,
    /// Why the last attempt gave nothing, or why the owner is needed. `None`: all is well.
    pub trouble: Option<Trouble>,
}

/// One pair of tokens, sealed, with its ends.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedTokens {
    /// `None` when only a refresh token was given.
    pub access_sealed: Option<String>,
    /// Always a moment: where a platform names none, its shortest known life is assumed.
    pub access_ends_at: DateTime<Utc>,
    /// `None` when the grant cannot be renewed without its owner.
    pub refresh_sealed: Option<String>,
    /// `None` when the platform sets no end, or gave none.
    pub refresh_ends_at: Option<DateTime<Utc>>,
    /// The key that sealed them.
    pub key_id: String,
    /// When the call that brought them was started.
    pub obtained_at: DateTime<Utc>,
}

/// The right to renew, until it runs out by the clock of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshLease {
    /// A process, as [`Intent::owner`] named it.
    pub owner: String,
    pub until: DateTime<Utc>,
}

/// The intent to use a refresh token, written before the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub id: String,
    /// SHA-256 of the refresh token that was sent, in hex.
    pub refresh_hash: String,
    pub at: DateTime<Utc>,
}

/// What a row says of itself. Time may have passed since: [`Credential::state`] says what holds now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Active,
    /// A refresh token is being used. With its lease over, the process that did it died or froze.
    Refreshing,
    /// The same refresh token is being sent a second and last time, because the first answer was lost.
    Replaying,
    /// The platform requested patience.
    Throttled,
    /// The answer to a refresh was lost: whether the refresh token still lives is unknown.
    Unknown,
    /// Only a new authorisation helps. The tokens are kept all the same.
    NeedsOwner,
}

impl Condition {
    pub const ALL: [Self; 6] =
        [Self::Active, Self::Refreshing, Self::Replaying, Self::Throttled, Self::Unknown, Self::NeedsOwner];

    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Refreshing => "refreshing",
            Self::Replaying => "replaying",
            Self::Throttled => "throttled",
            Self::Unknown => "unknown",
            Self::NeedsOwner => "needs_owner",
        }
    }

    /// `None` when the word is none of ours: a newer version wrote it.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|condition| condition.as_str() == word)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What went wrong: a name that never changes, and the platform's own text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// A stable word, such as `throttled` or `refresh_refused`.
    pub class: String,
    /// For people. Holds no secret.
    pub message: String,
}

/// The right to change one row: it is as it was read, and no one took it since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub shop: String,
    pub version: i64,
    pub fence: i64,
    /// The attempt the row names. Two rows of one shop, one before and one after `auth clear`, may share
    /// version and fence, but never an attempt.
    pub attempt: Option<String>,
}

/// What is written before a refresh token is used.
#[derive(Clone, Debug)]
pub struct Intent {
    pub attempt: Attempt,
    /// [`Condition::Refreshing`] or [`Condition::Replaying`].
    pub condition: Condition,
    /// Who does it, for people who look into the table.
    pub owner: String,
    /// How long no one else may try.
    pub lease: TimeDelta,
    /// A pause that is over by then does not hinder. The far future: no pause hinders.
    pub pauses_until: DateTime<Utc>,
}

/// How an attempt ended that brought no new tokens.
#[derive(Clone, Debug)]
pub struct Settlement {
    pub condition: Condition,
    pub not_before: Option<DateTime<Utc>>,
    pub trouble: Option<Trouble>,
    /// What the platform now says of the end of the access token. `None`: nothing new.
    pub access_ends_at: Option<DateTime<Utc>>,
}

/// A new pair of tokens to be stored.
#[derive(Clone)]
pub struct NewTokens {
    /// The version its texts were sealed under.
    pub version: i64,
    pub condition: Condition,
    pub tokens: SealedTokens,
    pub granted_at: DateTime<Utc>,
    pub previous_refresh_sealed: Option<String>,
    pub not_before: Option<DateTime<Utc>>,
    pub trouble: Option<Trouble>,
}

/// A pair that a platform handed out and whose place in its row was taken while it was on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// The shop's name.
    pub shop: String,
    /// The version its texts were sealed under.
    pub version: i64,
    pub tokens: SealedTokens,
    /// The attempt that brought it, by which it is kept once.
    pub attempt: String,
}
