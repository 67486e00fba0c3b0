//! The causes of alerts: their stable words, their order, and how often each is sent.

/// In the order of a message: what needs a person comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    NeedsOwner,
    DatabaseAway,
    Copied,
    NothingScheduled,
    DaemonBack,
    Lag,
    TokenEnding,
    RecordOff,
    Difference,
    Quarantine,
}

/// When an alert that was sent is sent again while it lasts. Never twice within a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    Daily,
    /// When there is more than was sent.
    WhenMore,
    /// At thresholds of the days left.
    Thresholds,
    Never,
}

impl Cause {
    const ALL: [Self; 10] = [
        Self::NeedsOwner,
        Self::DatabaseAway,
        Self::Copied,
        Self::NothingScheduled,
        Self::DaemonBack,
        Self::Lag,
        Self::TokenEnding,
        Self::RecordOff,
        Self::Difference,
        Self::Quarantine,
    ];

    /// The word in the table, in logs and in JSON.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::NeedsOwner => "needs_owner",
            Self::DatabaseAway => "database_away",
            Self::Copied => "copied",
            Self::NothingScheduled => "nothing_scheduled",
            Self::DaemonBack => "daemon_back",
            Self::Lag => "lag",
            Self::TokenEnding => "token_ending",
            Self::RecordOff => "record_off",
            Self::Difference => "difference",
            Self::Quarantine => "quarantine",
        }
    }

    /// `None`: an unknown word, written by a newer version.
    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == word)
    }

    pub(super) fn repeat(self) -> Repeat {
        match self {
            Self::NeedsOwner | Self::DatabaseAway | Self::Copied | Self::NothingScheduled | Self::Lag => {
                Repeat::Daily
            }
            Self::DaemonBack | Self::Difference | Self::Quarantine => Repeat::WhenMore,
            Self::TokenEnding => Repeat::Thresholds,
            Self::RecordOff => Repeat::Never,
        }
    }

    /// Whether its end is sent. What happened at one moment has no end.
    pub(super) fn recovers(self) -> bool {
        !matches!(self, Self::DaemonBack | Self::Difference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_a_word_of_its_own() {
        for cause in Cause::ALL {
            assert_eq!(Cause::parse(cause.as_str()), Some(cause));
        }
        assert_eq!(Cause::parse("flux"), None);
    }
}
