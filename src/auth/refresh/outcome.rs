//! What the answer to a refresh means for the grant: the closed outcome table. Pure.
//!
//! The question behind it: is the refresh token used up? Only three things end a grant: the platform's own words that
//! the refresh token is dead; a certain loss where the platform allows no replay; a certain loss of the replay. The
//! last two are declared when no access token works any more ([`Credential::state`]).
//!
//! | what came | used up? | before: known to live | before: certainly lost | before: perhaps sent (its sender died) | before: given up, a person insists |
//! |---|---|---|---|---|---|
//! | nothing was sent | no | pause, request again | pause, replay again | pause, replay again | given up |
//! | "fewer calls" | no | the same, as long as it asks | the same | the same | given up |
//! | a refusal that does not name the token, or whose code no table knows | no | the same | the same | the same | given up |
//! | a page of something in front of the platform | not known to be | the same | the same | the same | given up |
//! | sent, then cut off, timed out or cut short | perhaps | `unknown`: a replay, as the rules say | `replay_lost` | `unknown` | given up |
//! | "this refresh token is dead" | yes | the owner | the owner | the owner | given up |
//!
//! So a page in the way uses up no replay, however many come; and the pauses between grow in the row, so that they
//! survive a restart.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::auth::policy::{OwnerReason, PAUSE_LIFE_MAX, REPLAY_LOST};
use crate::domain::credential::{Condition, Credential, Settlement, Trouble};
use crate::platform::PlatformError;

/// How an attempt to renew ended that brought no tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing reached the platform, so nothing was used up.
    NotSent,
    Throttled {
        retry_after: Option<Duration>,
    },
    /// The refresh token is dead.
    Refused,
    /// The platform understood, did nothing, and does not say the token is dead.
    Kept,
    /// Something in front of the platform answered in its place.
    NotFromPlatform,
    /// Sent, and the answer is certainly lost: whether the platform acted is unknown.
    Lost,
}

pub fn classify(error: &PlatformError) -> Outcome {
    match error {
        PlatformError::NotSent { .. } => Outcome::NotSent,
        PlatformError::Throttled { retry_after } => Outcome::Throttled { retry_after: *retry_after },
        PlatformError::TokenRefused { .. } => Outcome::Refused,
        PlatformError::Rejected { .. } | PlatformError::NotGranted { .. } | PlatformError::TooDense => {
            Outcome::Kept
        }
        PlatformError::Unavailable { .. } | PlatformError::NotFromPlatform { .. } => Outcome::NotFromPlatform,
        // A success in which no pair can be found is as good as cut off.
        PlatformError::NoAnswer { .. } | PlatformError::Malformed { .. } => Outcome::Lost,
    }
}

impl Outcome {
    /// The word in the table and in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotSent => "not_sent",
            Self::Throttled { .. } => "throttled",
            Self::Refused => OwnerReason::RefreshRefused.as_str(),
            Self::Kept => "rejected",
            Self::NotFromPlatform => "not_from_platform",
            Self::Lost => OwnerReason::AnswerLost.as_str(),
        }
    }

    /// What is written into the row, which was `before` when the attempt began. Tokens are never touched.
    pub fn settlement(self, before: &Credential, message: &str, now: DateTime<Utc>) -> Settlement {
        let settled = |condition, not_before, class: &str| Settlement {
            condition,
            not_before,
            trouble: Some(Trouble { class: class.to_owned(), message: message.to_owned() }),
            access_ends_at: None,
        };
        match (self, before.condition) {
            (Self::Refused, _) => settled(Condition::NeedsOwner, None, reason_of_refusal(before).as_str()),
            // It was given up before, and nothing new is known of it.
            (_, Condition::NeedsOwner) => Settlement {
                condition: Condition::NeedsOwner,
                not_before: None,
                trouble: before.trouble.clone(),
                access_ends_at: None,
            },
            (Self::Lost, Condition::Unknown) => settled(Condition::Unknown, None, REPLAY_LOST),
            (Self::Lost, _) => settled(Condition::Unknown, None, self.as_str()),
            (Self::Throttled { .. }, Condition::Active | Condition::Throttled) => {
                settled(Condition::Throttled, Some(self.pause_end(before, now)), self.as_str())
            }
            (_, condition) => {
                let condition = match condition {
                    Condition::Throttled => Condition::Active,
                    // Its lease is given back: it stays a token that may have been sent.
                    Condition::Replaying => Condition::Refreshing,
                    other => other,
                };
                let class = if before.is_replay_lost() { REPLAY_LOST } else { self.as_str() };
                settled(condition, Some(self.pause_end(before, now)), class)
            }
        }
    }

    fn pause_end(self, before: &Credential, now: DateTime<Utc>) -> DateTime<Utc> {
        let requested = match self {
            Self::Throttled { retry_after: Some(pause) } => {
                TimeDelta::from_std(pause).map_or(PAUSE_LIFE_MAX, |pause| pause.min(PAUSE_LIFE_MAX))
            }
            _ => TimeDelta::zero(),
        };
        now + before.next_pause(now).max(requested)
    }
}

/// The platform refuses what a lost call used up: the answer is lost for good, and that is the reason to report.
fn reason_of_refusal(before: &Credential) -> OwnerReason {
    match before.condition {
        Condition::Refreshing | Condition::Replaying | Condition::Unknown => OwnerReason::AnswerLost,
        Condition::NeedsOwner => before.owner_reason().unwrap_or(OwnerReason::RefreshRefused),
        Condition::Active | Condition::Throttled => OwnerReason::RefreshRefused,
    }
}

/// What undoes an intent that nothing was sent for: `row` as it was, in the condition it had before.
pub fn undo_intent(row: &Credential, condition: Condition) -> Settlement {
    Settlement {
        // Its sender is gone, and with it the lease.
        condition: if condition == Condition::Replaying { Condition::Refreshing } else { condition },
        not_before: row.not_before,
        trouble: row.trouble.clone(),
        access_ends_at: None,
    }
}

pub fn trouble(reason: OwnerReason, message: String) -> Trouble {
    Trouble { class: reason.as_str().to_owned(), message }
}

#[cfg(test)]
#[path = "outcome_tests.rs"]
mod tests;
