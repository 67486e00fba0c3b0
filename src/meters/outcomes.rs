//! The values of labels: closed lists, so that no other value can appear.

/// The outcome of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestOutcome {
    Ok,
    /// Nothing reached the platform.
    NotSent,
    /// Sent, but no usable response came.
    NoAnswer,
    /// An HTTP status other than 200, or a page that is not from the platform itself.
    Unavailable,
    Throttled,
    RefusedToken,
    NotGranted,
    TooDense,
    /// The platform refused the request.
    Rejected,
    /// A response with an undocumented shape.
    Malformed,
    /// We stopped waiting: the call's deadline passed, or the program stops.
    GivenUp,
}

/// The outcome of a run: the words of `job_runs.outcome`, and `skipped`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunOutcome {
    Ok,
    Failed,
    Interrupted,
    Mended,
    Skipped,
}

/// The result of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowResult {
    /// It was in a response. Each row counts here, and once more by its final result below.
    Seen,
    Written,
    Unchanged,
    Quarantined,
}

/// The outcome of a reload of the config.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    Ok,
    /// The new config has an error; the old one stays in use.
    Refused,
}

impl RequestOutcome {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotSent => "not_sent",
            Self::NoAnswer => "no_answer",
            Self::Unavailable => "unavailable",
            Self::Throttled => "throttled",
            Self::RefusedToken => "refused_token",
            Self::NotGranted => "not_granted",
            Self::TooDense => "too_dense",
            Self::Rejected => "rejected",
            Self::Malformed => "malformed",
            Self::GivenUp => "given_up",
        }
    }
}

impl RunOutcome {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Mended => "mended",
            Self::Skipped => "skipped",
        }
    }
}

impl RowResult {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Written => "written",
            Self::Unchanged => "unchanged",
            Self::Quarantined => "quarantined",
        }
    }
}

impl Reload {
    pub(super) const ALL: [Self; 2] = [Self::Ok, Self::Refused];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
        }
    }
}
