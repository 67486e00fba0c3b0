//! Holds counters and histograms.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::Reload;
use super::catalogue::{
    ALL, CONFIG_RELOADS, Kind, Meter, PROCESS_CPU, RATE_LIMIT_WAIT, REQUEST_DURATION, RUN_DURATION,
};

/// In seconds: from a cached page to a very long `request_timeout`.
const REQUEST_BUCKETS: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// In seconds: from a run that finds nothing to the backfill of a year.
const RUN_BUCKETS: &[f64] = &[0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0];

/// A histogram keeps each sample until a scrape sorts the samples into buckets. Without scrapes, they are sorted after this
/// many.
const SAMPLES_UNSORTED_MAX: u32 = 1_024;

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

static SAMPLES: AtomicU32 = AtomicU32::new(0);

pub fn install() {
    HANDLE.get_or_init(|| {
        let buckets = [(&REQUEST_DURATION, REQUEST_BUCKETS), (&RUN_DURATION, RUN_BUCKETS)];
        let builder = buckets.into_iter().fold(PrometheusBuilder::new(), |builder, (meter, buckets)| {
            let matcher = Matcher::Full(meter.name.to_owned());
            builder.set_buckets_for_metric(matcher, buckets).expect("there are buckets")
        });
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        // If a program around us has installed a recorder, that one counts.
        if metrics::set_global_recorder(recorder).is_ok() {
            for meter in ALL {
                describe(meter);
            }
            // Prometheus sees an increase only of a series that existed before.
            for reload in Reload::ALL {
                metrics::counter!(CONFIG_RELOADS.name, "outcome" => reload.as_str()).absolute(0);
            }
        }
        handle
    });
}

pub fn is_installed() -> bool {
    HANDLE.get().is_some()
}

/// Counters and histograms as text. Empty before [`install`].
pub fn render() -> String {
    HANDLE.get().map(PrometheusHandle::render).unwrap_or_default()
}

/// Counts a sample of a histogram.
pub fn sampled() {
    if SAMPLES.fetch_add(1, Ordering::Relaxed) % SAMPLES_UNSORTED_MAX == SAMPLES_UNSORTED_MAX - 1
        && let Some(handle) = HANDLE.get()
    {
        handle.run_upkeep();
    }
}

fn describe(meter: &'static Meter) {
    match meter.kind {
        // The others are not of the recorder: see `text`.
        Kind::Counter if ![RATE_LIMIT_WAIT.name, PROCESS_CPU.name].contains(&meter.name) => {
            metrics::describe_counter!(meter.name, meter.help);
        }
        Kind::Histogram => metrics::describe_histogram!(meter.name, meter.help),
        Kind::Counter | Kind::Gauge => {}
    }
}
