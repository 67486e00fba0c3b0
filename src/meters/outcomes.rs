//! The words that stand in labels: closed lists, so that no other can get there.

/// What came of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestOutcome {
    Ok,
    /// Nothing reached the platform.
    NotSent,
    /// Sent, and no usable answer came.
    NoAnswer,
    /// An HTTP status other than 200, or a page that the platform did not write.
    Unavailable,
    Throttled,
    RefusedToken,
    NotGranted,
    TooDense,
    /// The platform understood and said no.
    Rejected,
    /// An answer of another shape than documented.
    Malformed,
    /// We went away before the answer came: the call's time was over, or the program stops.
    GivenUp,
}

/// What came of a run: the words of `job_runs.outcome`, and `skipped`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunOutcome {
    Ok,
    Failed,
    Interrupted,
    Mended,
    Skipped,
}

/// What came of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowResult {
    /// It stood in an answer. Each row counts here, and once more below when it is settled.
    Seen,
    Written,
    Unchanged,
    Quarantined,
}

/// What came of reading the config again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    Ok,
    /// It has a mistake; the one before still holds.
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
