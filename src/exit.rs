//! What a verb ends with: the exit codes, and an error that carries one.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use crate::app::AppError;
use crate::auth::AuthError;
use crate::config::ConfigError;
use crate::jobs::daemon::run::RunError;
use crate::language::text;
use crate::platform::{PlatformError, Rejection};
use crate::store::StoreError;
use crate::sync::SyncError;
use crate::telemetry::TelemetryError;

/// Exit codes, as scripts and systemd see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Done = 0,
    /// The arguments of the command line are wrong.
    Usage = 2,
    /// Some shops failed, or a difference is left.
    Partly = 3,
    /// What was handed in is bad or does not exist.
    BadInput = 65,
    /// The platform or the database cannot be reached.
    Unavailable = 69,
    /// A fault of this program.
    Bug = 70,
    /// Nothing is wrong that time does not mend.
    Later = 75,
    /// A shop needs its owner.
    NeedsOwner = 77,
    BadConfig = 78,
}

impl Exit {
    /// What several shops end with together: the one reason for which all failed; `Partly` when the reasons
    /// differ or some succeeded.
    pub fn of_shops(shops: impl IntoIterator<Item = Self>) -> Self {
        let mut shops = shops.into_iter();
        let Some(first) = shops.next() else {
            return Self::Done;
        };
        if shops.all(|shop| shop == first) { first } else { Self::Partly }
    }

    /// What an error ends with: what it or any of its causes says, else it is a bug.
    pub fn of_error(error: &anyhow::Error) -> Self {
        error.chain().find_map(Self::of_cause).unwrap_or(Self::Bug)
    }

    fn of_cause(cause: &(dyn Error + 'static)) -> Option<Self> {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return Some(failure.exit);
        }
        if let Some(error) = cause.downcast_ref::<StoreError>() {
            return Self::of_store(error);
        }
        if let Some(error) = cause.downcast_ref::<RunError>() {
            return Some(Self::of_run(error));
        }
        if let Some(error) = cause.downcast_ref::<AuthError>() {
            return Some(Self::of_auth(error));
        }
        if let Some(error) = cause.downcast_ref::<AppError>() {
            return match error {
                AppError::Connect(_) => Some(Self::BadConfig),
                AppError::Store(error) => Self::of_store(error),
                AppError::Auth(error) => Some(Self::of_auth(error)),
            };
        }
        let is_config = cause.is::<ConfigError>() || cause.is::<TelemetryError>();
        is_config.then_some(Self::BadConfig)
    }

    /// What a run ends with that did not do all it should.
    pub fn of_run(error: &RunError) -> Self {
        match error {
            RunError::Busy { .. } => Self::Later,
            RunError::Panicked { .. } => Self::Bug,
            RunError::Sync { source, .. } => match &**source {
                SyncError::Auth { source } => Self::of_auth(source),
                SyncError::Platform { source, .. }
                | SyncError::NotCovered { source, .. }
                | SyncError::MostFailed { source, .. } => Self::of_platform(source),
                SyncError::Store { source } => Self::of_store(source).unwrap_or(Self::Bug),
                SyncError::ChangedPlatform { .. } | SyncError::ScanTooSmall { .. } => Self::Unavailable,
                SyncError::Missed { .. } => Self::Partly,
                SyncError::Absent { .. } => Self::BadInput,
                SyncError::NotOffered { .. } => Self::Usage,
                SyncError::Off { .. }
                | SyncError::Stuck { .. }
                | SyncError::ClockBehind { .. }
                | SyncError::Stopped => Self::Later,
            },
        }
    }

    /// What it means to a script that there is no token.
    pub fn of_auth(error: &AuthError) -> Self {
        match error {
            error if error.is_misconfigured() => Self::BadConfig,
            AuthError::NeverAuthorised { .. }
            | AuthError::NeedsOwner { .. }
            | AuthError::Copied { .. }
            | AuthError::OtherAccount { .. }
            | AuthError::SharedAccount { .. } => Self::NeedsOwner,
            AuthError::Later { .. } | AuthError::LoginOver { .. } | AuthError::NotStoredYet { .. } => {
                Self::Later
            }
            AuthError::EndsSoon { source, .. } => Self::of_auth(source),
            AuthError::ForeignLink { .. } | AuthError::CodeTriedBefore { .. } => Self::BadInput,
            AuthError::NoDeviceLogin { .. } => Self::Usage,
            AuthError::Seal { .. }
            | AuthError::Key { .. }
            | AuthError::Unfit { .. }
            | AuthError::NoApplication { .. } => Self::BadConfig,
            AuthError::TokenStore { .. } | AuthError::Store { .. } => Self::Unavailable,
            AuthError::Platform { source, .. } | AuthError::Unproven { source, .. } => {
                Self::of_platform(source)
            }
            AuthError::NotRegistered { .. } | AuthError::Broken { .. } => Self::Bug,
        }
    }

    /// What a platform's answer means to a script.
    pub fn of_platform(error: &PlatformError) -> Self {
        match error {
            PlatformError::TokenRefused { .. } | PlatformError::Rejected { why: Rejection::Capacity, .. } => {
                Self::NeedsOwner
            }
            PlatformError::Throttled { .. } => Self::Later,
            PlatformError::NotGranted { .. } => Self::BadConfig,
            PlatformError::Rejected { why: Rejection::Login, .. } => Self::BadInput,
            PlatformError::Rejected { why, .. } if why.remedy().is_some() => Self::BadConfig,
            PlatformError::NotSent { .. }
            | PlatformError::NoAnswer { .. }
            | PlatformError::Unavailable { .. }
            | PlatformError::NotFromPlatform { .. }
            | PlatformError::TooDense
            | PlatformError::Rejected { .. }
            | PlatformError::Malformed { .. } => Self::Unavailable,
        }
    }

    fn of_store(error: &StoreError) -> Option<Self> {
        match error {
            error if error.is_unavailable() => Some(Self::Unavailable),
            StoreError::UnknownKind
            | StoreError::Address { .. }
            | StoreError::InMemory
            | StoreError::NoFolder { .. }
            | StoreError::Create { .. }
            | StoreError::Encoding { .. }
            | StoreError::Pooler
            | StoreError::ForeignTable { .. }
            | StoreError::NoSchema { .. }
            | StoreError::SchemaNewer { .. } => Some(Self::BadConfig),
            // A right that is missing, a trigger that a person added, a file that is damaged: not ours.
            StoreError::Refused { .. } if error.is_named() => Some(Self::BadConfig),
            _ => None,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error that knows its exit code. The message says what failed, where, and what to do.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    message: String,
    source: Option<anyhow::Error>,
}

impl Failure {
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), source: None }
    }

    /// Standard output takes no more. Nothing is wrong with this program: a disk is full, or the output is closed.
    pub fn unwritten(error: std::io::Error) -> Self {
        let text = text!(
            "the result cannot be written to standard output (is the disk full?)",
            "无法把结果写到标准输出（磁盘是否已满？）"
        );
        Self::new(Exit::Unavailable, text).because(error)
    }

    /// With what caused it.
    #[must_use]
    pub fn because(self, source: impl Into<anyhow::Error>) -> Self {
        Self { source: Some(source.into()), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn several_shops_give_their_one_reason_or_partly() {
        use Exit::{Done, Later, NeedsOwner, Partly, Unavailable};
        let cases: [(&[Exit], Exit); 6] = [
            (&[], Done),
            (&[Done, Done], Done),
            (&[NeedsOwner], NeedsOwner),
            (&[Unavailable, Unavailable], Unavailable),
            (&[Unavailable, Later], Partly),
            (&[Done, NeedsOwner], Partly),
        ];
        for (shops, expected) in cases {
            assert_eq!(Exit::of_shops(shops.iter().copied()), expected, "{shops:?}");
        }
    }

    #[test]
    fn an_exit_code_is_found_under_any_context() {
        let failure = Failure::new(Exit::Later, "the lane is busy").because(anyhow::anyhow!("held by pid 7"));
        let error = Err::<(), _>(failure).context("could not sync").unwrap_err();
        assert_eq!(Exit::of_error(&error), Exit::Later);
        assert_eq!(format!("{error:#}"), "could not sync: the lane is busy: held by pid 7");

        assert_eq!(Exit::of_error(&anyhow::anyhow!("nobody thought of this")), Exit::Bug);
    }
}
