//! What reading will cost, reckoned from what the ledger says windows held before. Pure.

use std::time::Duration;

use chrono::TimeDelta;

use crate::domain::window::Window;
use crate::platform::{DetailNeed, Details};

/// How many rows a stretch of platform time held lately.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Density {
    rows: u64,
    seconds: i64,
}

impl Density {
    /// Of windows that were read whole, and what the platform said they hold.
    pub(super) fn of(windows: impl IntoIterator<Item = (Window, u64)>) -> Self {
        windows.into_iter().fold(Self::default(), |sum, (window, rows)| Self {
            rows: sum.rows + rows,
            seconds: sum.seconds + window.length().num_seconds(),
        })
    }

    /// `None`: nothing was read yet.
    pub(super) fn rows_in(self, length: TimeDelta) -> Option<u64> {
        let rows = u128::from(self.rows) * u128::try_from(length.num_seconds()).ok()?;
        let seconds = u128::try_from(self.seconds).ok().filter(|seconds| *seconds > 0)?;
        u64::try_from(rows.div_ceil(seconds)).ok()
    }
}

/// How a record is requested.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prices {
    pub(super) page_size: u32,
    /// The detail call, if the shop wants it.
    pub(super) details: Option<Details>,
}

impl Prices {
    /// Calls for a window of so many rows: its pages, and the first once more at the end.
    pub(super) fn of_window(self, rows: u64) -> u64 {
        match rows.div_ceil(u64::from(self.page_size.max(1))) {
            0 | 1 => 1,
            pages => pages + 1,
        }
    }

    /// Calls for the details of rows of which so many changed.
    pub(super) fn of_details(self, rows: u64, changed: u64) -> u64 {
        match self.details {
            None => 0,
            Some(Details { need: DetailNeed::EveryTime, batch, .. }) => rows.div_ceil(batch.max(1) as u64),
            Some(Details { batch, .. }) => changed.div_ceil(batch.max(1) as u64),
        }
    }
}

/// What one thing to be read costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) windows: u64,
    /// `None`: nothing was read yet to reckon from; `calls` are then the fewest there can be.
    pub(super) rows: Option<u64>,
    pub(super) calls: u64,
}

impl Cost {
    /// Windows, of whose rows those in `news` have changed since they were read, or all.
    pub(super) fn of_windows(
        windows: &[Window],
        density: Density,
        prices: Prices,
        news: Option<TimeDelta>,
    ) -> Self {
        let rows_of = |length| density.rows_in(length).unwrap_or(0);
        let rows: u64 = windows.iter().map(|window| rows_of(window.length())).sum();
        let pages: u64 = windows.iter().map(|window| prices.of_window(rows_of(window.length()))).sum();
        let changed = news.map_or(rows, |news| rows_of(news).min(rows));
        Self {
            windows: windows.len() as u64,
            rows: density.rows_in(TimeDelta::seconds(1)).map(|_| rows),
            calls: pages + prices.of_details(rows, changed),
        }
    }

    /// Lists that are read whole and held so many rows the last time.
    pub(super) fn of_lists(lists: u64, rows: Option<u64>, prices: Prices) -> Self {
        let known = rows.unwrap_or(0);
        let pages = prices.of_window(known).max(lists);
        Self { windows: 0, rows, calls: pages + prices.of_details(known, 0) }
    }

    /// How long it takes where so many calls a second are allowed.
    pub(super) fn time(self, calls_per_second: f64) -> TimeDelta {
        let time =
            Duration::try_from_secs_f64(self.calls_as_number() / calls_per_second).unwrap_or(Duration::MAX);
        TimeDelta::from_std(time).unwrap_or(TimeDelta::MAX)
    }

    /// The share of the calls allowed in `interval` that it takes.
    pub(super) fn share(self, calls_per_second: f64, interval: TimeDelta) -> Option<f64> {
        let allowed = calls_per_second * interval.as_seconds_f64();
        (allowed > 0.0).then(|| self.calls_as_number() / allowed)
    }

    /// More calls than four thousand million are as many as that.
    fn calls_as_number(self) -> f64 {
        f64::from(u32::try_from(self.calls).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::platform::Part;

    fn window(from: i64, until: i64) -> Window {
        Window::new(DateTime::from_timestamp(from, 0).unwrap(), DateTime::from_timestamp(until, 0).unwrap())
            .unwrap()
    }

    const PRICES: Prices = Prices { page_size: 100, details: None };

    #[test]
    fn rows_are_reckoned_from_what_windows_held() {
        let density = Density::of([(window(0, 3_600), 100), (window(3_600, 7_200), 300)]);
        assert_eq!(density.rows_in(TimeDelta::hours(1)), Some(200));
        assert_eq!(density.rows_in(TimeDelta::minutes(1)), Some(4));
        assert_eq!(Density::default().rows_in(TimeDelta::hours(1)), None);
    }

    #[test]
    fn a_window_of_one_page_is_one_call_and_a_longer_one_reads_its_first_page_twice() {
        for (rows, calls) in [(0, 1), (1, 1), (100, 1), (101, 3), (1_000, 11)] {
            assert_eq!(PRICES.of_window(rows), calls, "{rows}");
        }
    }

    #[test]
    fn details_are_requested_for_what_changed_and_not_for_what_is_read_again() {
        let density = Density::of([(window(0, 1_000), 1_000)]);
        let details = Some(Details { need: DetailNeed::Changed, batch: 1, part: Part::Detail });
        let prices = Prices { details, ..PRICES };
        let cost = Cost::of_windows(&[window(0, 900)], density, prices, Some(TimeDelta::seconds(300)));
        assert_eq!(cost, Cost { windows: 1, rows: Some(900), calls: 10 + 300 });
    }

    #[test]
    fn what_was_never_read_costs_at_least_a_call_for_each_window() {
        let cost = Cost::of_windows(&[window(0, 9), window(9, 18)], Density::default(), PRICES, None);
        assert_eq!(cost, Cost { windows: 2, rows: None, calls: 2 });
        assert_eq!(cost.time(4.0), TimeDelta::milliseconds(500));
        assert_eq!(cost.share(1.0, TimeDelta::seconds(20)), Some(0.1));
    }
}
