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

const fn meter(name: &'static str, kind: Kind, labels: &'static [&'static str], help: &'static str) -> Meter {
    Meter { name, kind, labels, help }
}

pub const LAST_SYNC: Meter = meter(
    "shopsync_last_sync_timestamp_seconds",
    Kind::Gauge,
    &["shop", "record"],
    "Everything the platform showed as updated before this moment is stored (Unix time).",
);

pub const LAG: Meter =
    meter("shopsync_lag_seconds", Kind::Gauge, &["shop", "record"], "How far that moment lies back.");

pub const RUNS: Meter = meter(
    "shopsync_runs_total",
    Kind::Counter,
    &["job", "outcome"],
    "Runs by how they ended, and slots that were skipped.",
);

pub const RUN_DURATION: Meter =
    meter("shopsync_run_duration_seconds", Kind::Histogram, &[], "How long runs took.");

pub const ROWS: Meter = meter(
    "shopsync_rows_total",
    Kind::Counter,
    &["shop", "record", "result"],
    "Rows that answers held (seen), and what became of them.",
);

pub const REQUESTS: Meter = meter(
    "shopsync_requests_total",
    Kind::Counter,
    &["platform", "api", "outcome"],
    "Requests to the platforms, repeated ones each time.",
);

pub const REQUEST_DURATION: Meter = meter(
    "shopsync_request_duration_seconds",
    Kind::Histogram,
    &["platform", "api"],
    "From sending a request to the last byte of its answer.",
);

pub const RATE_LIMIT_WAIT: Meter = meter(
    "shopsync_rate_limit_wait_seconds_total",
    Kind::Counter,
    &["app"],
    "What calls waited for their turn in the rate limit of their app, added up.",
);

pub const TOKEN_EXPIRY: Meter = meter(
    "shopsync_token_expiry_timestamp_seconds",
    Kind::Gauge,
    &["shop", "token"],
    "When the access and the refresh token end (Unix time).",
);

pub const GRANTS: Meter =
    meter("shopsync_grants", Kind::Gauge, &["state"], "Shops by how their authorisation stands.");

pub const QUARANTINED: Meter =
    meter("shopsync_quarantined", Kind::Gauge, &["shop", "record"], "Records in quarantine.");

pub const EXTRAS_UNREADABLE: Meter = meter(
    "shopsync_extras_unreadable",
    Kind::Gauge,
    &["shop", "record"],
    "Orders whose money, or SKUs whose stock, could not be read.",
);

pub const WINDOWS_INCOMPLETE: Meter = meter(
    "shopsync_windows_incomplete",
    Kind::Gauge,
    &["shop", "record"],
    "Windows of time that failed, or came out short of what the platform said they hold.",
);

pub const CLOCK_SKEW: Meter = meter(
    "shopsync_clock_skew_seconds",
    Kind::Gauge,
    &["app"],
    "How far this host's clock is ahead of the platform's; 0 below two seconds.",
);

pub const CONFIG_RELOADS: Meter = meter(
    "shopsync_config_reloads_total",
    Kind::Counter,
    &["outcome"],
    "How often the config was read again while the daemon ran.",
);

pub const BUILD_INFO: Meter =
    meter("shopsync_build_info", Kind::Gauge, &["version"], "Always 1; the label holds the version.");

pub const PROCESS_CPU: Meter = meter(
    "process_cpu_seconds_total",
    Kind::Counter,
    &[],
    "Processor time that this process used, in user and system mode.",
);

pub const PROCESS_MEMORY: Meter =
    meter("process_resident_memory_bytes", Kind::Gauge, &[], "Memory that this process holds in RAM.");

pub const PROCESS_OPEN_FDS: Meter =
    meter("process_open_fds", Kind::Gauge, &[], "File descriptors that this process has open.");

pub const PROCESS_START: Meter =
    meter("process_start_time_seconds", Kind::Gauge, &[], "When this process started (Unix time).");

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
    &PROCESS_CPU,
    &PROCESS_MEMORY,
    &PROCESS_OPEN_FDS,
    &PROCESS_START,
];
