//! What the answer to a refresh means for the grant: the closed outcome table. Pure.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::credential::OwnerReason;
use crate::domain::credential::{Condition, Credential, Settlement, Trouble};
use crate::platform::{PlatformError, Rejection};

/// A longer pause that a platform asks for is cut to this.
const PAUSE_ASKED_MAX: TimeDelta = TimeDelta::hours(1);

/// How an attempt to renew ended that brought no tokens.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    /// Nothing reached the platform, so nothing was spent.
    NotSent,
    Throttled {
        retry_after: Option<Duration>,
    },
    /// The refresh token is dead.
    Refused,
    /// The platform understood, did nothing, and does not say the token is dead.
    Kept,
    /// Whether the platform acted is unknown.
    Unknown,
}

/// `is_replay`: the same refresh token was sent before and its answer lost.
pub(super) fn classify(error: &PlatformError, is_replay: bool) -> Outcome {
    match error {
        PlatformError::NotSent { .. } => Outcome::NotSent,
        PlatformError::Throttled { retry_after } => Outcome::Throttled { retry_after: *retry_after },
        // What the lost call spent is refused, at times in words no table knows: the answer is lost for good, and that
        // is the reason to be told. A refusal that names another cause says nothing about it.
        PlatformError::TokenRefused { .. } | PlatformError::Rejected { why: Rejection::Unknown, .. }
            if is_replay =>
        {
            Outcome::Unknown
        }
        PlatformError::TokenRefused { .. } => Outcome::Refused,
        PlatformError::Rejected { .. } | PlatformError::NotGranted { .. } | PlatformError::TooDense => {
            Outcome::Kept
        }
        // A proxy's 5xx tells nothing of what happened behind it.
        PlatformError::NoAnswer { .. }
        | PlatformError::Unavailable { .. }
        | PlatformError::NotFromPlatform { .. }
        | PlatformError::Malformed { .. } => Outcome::Unknown,
    }
}

impl Outcome {
    /// The word in the table and in logs.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::NotSent => "not_sent",
            Self::Throttled { .. } => "throttled",
            Self::Refused => OwnerReason::RefreshRefused.as_str(),
            Self::Kept => "rejected",
            Self::Unknown => OwnerReason::AnswerLost.as_str(),
        }
    }

    /// Why the owner is needed, should this be the end. `None`: it never is.
    pub(super) fn reason(self) -> Option<OwnerReason> {
        match self {
            Self::Refused => Some(OwnerReason::RefreshRefused),
            Self::Unknown => Some(OwnerReason::AnswerLost),
            Self::NotSent | Self::Throttled { .. } | Self::Kept => None,
        }
    }

    /// What is written into the row. Tokens are never touched.
    pub(super) fn settlement(
        self,
        credential: &Credential,
        is_replay: bool,
        message: String,
        now: DateTime<Utc>,
    ) -> Settlement {
        // An answer that tells nothing of the token leaves what we knew of it before as it was.
        let known = if is_replay { Condition::Unknown } else { Condition::Active };
        let paused = now + credential.next_pause(now);
        let (condition, not_before) = match self {
            Self::NotSent | Self::Kept => (known, Some(paused)),
            Self::Throttled { retry_after } => {
                let asked = retry_after
                    .and_then(|pause| TimeDelta::from_std(pause).ok())
                    .unwrap_or_default()
                    .min(PAUSE_ASKED_MAX);
                let condition = if is_replay { known } else { Condition::Throttled };
                (condition, Some(paused.max(now + asked)))
            }
            Self::Refused => (Condition::NeedsOwner, None),
            Self::Unknown if is_replay => (Condition::NeedsOwner, None),
            Self::Unknown => (Condition::Unknown, None),
        };
        Settlement {
            condition,
            not_before,
            trouble: Some(Trouble { class: self.as_str().to_owned(), message }),
            access_ends_at: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::credential::tests::credential;
    use super::*;

    fn rejected(why: Rejection) -> PlatformError {
        PlatformError::Rejected { code: "1".to_owned(), message: "no".to_owned(), why }
    }

    fn throttled(seconds: u64) -> PlatformError {
        PlatformError::Throttled { retry_after: Some(Duration::from_secs(seconds)) }
    }

    /// Condition and pause in seconds after `error`.
    fn after(error: &PlatformError, is_replay: bool) -> (Condition, Option<i64>) {
        let row = credential();
        let now = row.tokens.access_ends_at - TimeDelta::minutes(20);
        let settlement = classify(error, is_replay).settlement(&row, is_replay, error.to_string(), now);
        let pause = settlement.not_before.map(|until| (until - now).num_seconds());
        (settlement.condition, pause)
    }

    #[test]
    fn every_failure_has_one_meaning() {
        let lost = || PlatformError::NoAnswer { what: "cut off".to_owned(), source: None };
        let refused = || PlatformError::TokenRefused {
            code: "401".to_owned(),
            message: "refreshToken expired".to_owned(),
        };
        let malformed = || PlatformError::Malformed { path: "data".to_owned() };
        let table = [
            (throttled(0), false, (Condition::Throttled, Some(5))),
            (throttled(90), false, (Condition::Throttled, Some(90))),
            (throttled(1_000_000), false, (Condition::Throttled, Some(3600))),
            (throttled(90), true, (Condition::Unknown, Some(90))),
            (refused(), false, (Condition::NeedsOwner, None)),
            (refused(), true, (Condition::NeedsOwner, None)),
            (rejected(Rejection::Unknown), false, (Condition::Active, Some(5))),
            (rejected(Rejection::Unknown), true, (Condition::NeedsOwner, None)),
            (rejected(Rejection::App), false, (Condition::Active, Some(5))),
            (rejected(Rejection::App), true, (Condition::Unknown, Some(5))),
            (rejected(Rejection::Passing), true, (Condition::Unknown, Some(5))),
            (lost(), false, (Condition::Unknown, None)),
            (lost(), true, (Condition::NeedsOwner, None)),
            (malformed(), false, (Condition::Unknown, None)),
            (PlatformError::Unavailable { status: 502 }, false, (Condition::Unknown, None)),
            (PlatformError::Unavailable { status: 502 }, true, (Condition::NeedsOwner, None)),
        ];
        for (error, is_replay, expected) in table {
            assert_eq!(after(&error, is_replay), expected, "{error:?}, replay: {is_replay}");
        }
    }
}
