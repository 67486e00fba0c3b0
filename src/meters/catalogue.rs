//! Every metric. `docs/reference/metrics.md` says the same; a test compares the two.

/// One metric.
#[derive(Debug)]
pub struct Meter {
    pub name: &'static str,
    pub kind: Kind,
    /// In the order of the values.
    pub labels: &'static [&'static str],
    /// The description that Prometheus shows.
    pub help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    /// The word in the text format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

pub const LAST_SYNC: Meter = Meter {
    name: "shopsync_last_sync_timestamp_seconds",
    kind: Kind::Gauge,
    labels: &["shop", "record"],
    help: "Everything the platform showed as updated before this moment is stored (Unix time).",
};

pub const LAG: Meter = Meter {
    name: "shopsync_lag_seconds",
    kind: Kind::Gauge,
    labels: &["shop", "record"],
    help: "How far that moment lies back.",
};

pub const RUNS: Meter = Meter {
    name: "shopsync_runs_total",
    kind: Kind::Counter,
    labels: &["job", "outcome"],
    help: "Runs by how they ended, and slots that were skipped.",
};

pub const RUN_DURATION: Meter = Meter {
    name: "shopsync_run_duration_seconds",
    kind: Kind::Histogram,
    labels: &[],
    help: "How long runs took.",
};

pub const ROWS: Meter = Meter {
    name: "shopsync_rows_total",
    kind: Kind::Counter,
    labels: &["shop", "record", "result"],
    help: "Rows that answers held (seen), and what became of them.",
};

pub const REQUESTS: Meter = Meter {
    name: "shopsync_requests_total",
    kind: Kind::Counter,
    labels: &["platform", "api", "outcome"],
    help: "Requests to the platforms, repeated ones each time.",
};

pub const REQUEST_DURATION: Meter = Meter {
    name: "shopsync_request_duration_seconds",
    kind: Kind::Histogram,
    labels: &["platform", "api"],
    help: "From sending a request to the last byte of its answer.",
};

pub const RATE_LIMIT_WAIT: Meter = Meter {
    name: "shopsync_rate_limit_wait_seconds_total",
    kind: Kind::Counter,
    labels: &["app"],
    help: "What calls waited for their turn in the rate limit of their app, added up.",
};

pub const TOKEN_EXPIRY: Meter = Meter {
    name: "shopsync_token_expiry_timestamp_seconds",
    kind: Kind::Gauge,
    labels: &["shop", "token"],
    help: "When the access and the refresh token end (Unix time).",
};

pub const GRANTS: Meter = Meter {
    name: "shopsync_grants",
    kind: Kind::Gauge,
    labels: &["state"],
    help: "Shops by how their authorisation stands.",
};

pub const QUARANTINED: Meter = Meter {
    name: "shopsync_quarantined",
    kind: Kind::Gauge,
    labels: &["shop", "record"],
    help: "Records in quarantine.",
};

pub const EXTRAS_UNREADABLE: Meter = Meter {
    name: "shopsync_extras_unreadable",
    kind: Kind::Gauge,
    labels: &["shop", "record"],
    help: "Orders whose money, or SKUs whose stock, could not be read.",
};

pub const WINDOWS_INCOMPLETE: Meter = Meter {
    name: "shopsync_windows_incomplete",
    kind: Kind::Gauge,
    labels: &["shop", "record"],
    help: "Windows of time that failed, or came out short of what the platform said they hold.",
};

pub const CLOCK_SKEW: Meter = Meter {
    name: "shopsync_clock_skew_seconds",
    kind: Kind::Gauge,
    labels: &["app"],
    help: "How far this host's clock is ahead of the platform's; 0 below two seconds.",
};

pub const CONFIG_RELOADS: Meter = Meter {
    name: "shopsync_config_reloads_total",
    kind: Kind::Counter,
    labels: &["outcome"],
    help: "How often the config was read again while the daemon ran.",
};

pub const BUILD_INFO: Meter = Meter {
    name: "shopsync_build_info",
    kind: Kind::Gauge,
    labels: &["version"],
    help: "Always 1; the label holds the version.",
};

/// All of them.
pub const ALL: &[&Meter] = &[
    &LAST_SYNC,
    &LAG,
    &RUNS,
    &RUN_DURATION,
    &ROWS,
    &REQUESTS,
    &REQUEST_DURATION,
    &RATE_LIMIT_WAIT,
    &TOKEN_EXPIRY,
    &GRANTS,
    &QUARANTINED,
    &EXTRAS_UNREADABLE,
    &WINDOWS_INCOMPLETE,
    &CLOCK_SKEW,
    &CONFIG_RELOADS,
    &BUILD_INFO,
];
