//! Windows of platform time, and how they are cut.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// A half-open stretch of platform time `[from, until)` on whole seconds, never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    from: DateTime<Utc>,
    until: DateTime<Utc>,
}

impl Window {
    /// `None` when nothing would be left after both ends are cut down to whole seconds.
    pub fn new(from: DateTime<Utc>, until: DateTime<Utc>) -> Option<Self> {
        let (from, until) = (from.trunc_subsecs(0), until.trunc_subsecs(0));
        (from < until).then_some(Self { from, until })
    }

    pub fn from(&self) -> DateTime<Utc> {
        self.from
    }

    pub fn until(&self) -> DateTime<Utc> {
        self.until
    }

    pub fn length(&self) -> TimeDelta {
        self.until - self.from
    }

    pub fn contains(&self, at: DateTime<Utc>) -> bool {
        self.from <= at && at < self.until
    }

    /// The bounds a query requests, in seconds since 1970, both taken as inclusive by the platform: one
    /// second early, so that nothing hinges on how a platform treats the ends. A window is therefore at most
    /// the platform's limit minus one second long.
    pub fn query_bounds(&self) -> (i64, i64) {
        ((self.from.timestamp() - 1).max(0), self.until.timestamp())
    }

    /// Two halves on a whole second. `None` at one second, which cannot be cut.
    pub fn halves(&self) -> Option<(Self, Self)> {
        let middle = self.from + TimeDelta::seconds(self.length().num_seconds() / 2);
        Some((Self::new(self.from, middle)?, Self::new(middle, self.until)?))
    }

    /// Pieces of at most `length_max`, oldest first.
    pub fn pieces(&self, length_max: TimeDelta) -> Vec<Self> {
        let length_max = length_max.max(TimeDelta::seconds(1));
        let mut pieces = Vec::new();
        let mut from = self.from;
        while let Some(piece) = Self::new(from, (from + length_max).min(self.until)) {
            pieces.push(piece);
            from = piece.until;
        }
        pieces
    }

    /// What is left of this window when `covered` is taken away, oldest first.
    pub fn without(&self, covered: &[Self]) -> Vec<Self> {
        let mut left = Vec::new();
        let mut covered: Vec<Self> = covered.to_vec();
        covered.sort_unstable();
        let mut from = self.from;
        for piece in covered {
            left.extend(Self::new(from, piece.from.min(self.until)));
            from = from.max(piece.until);
        }
        left.extend(Self::new(from, self.until));
        left
    }
}

/// Where the contiguous prefix of `closed` windows ends that begins at `cursor`: everything before is stored.
/// Never before `cursor`.
pub fn contiguous_end(cursor: DateTime<Utc>, closed: &[Window]) -> DateTime<Utc> {
    let mut closed = closed.to_vec();
    closed.sort_unstable();
    closed.iter().fold(cursor, |end, window| if window.from <= end { end.max(window.until) } else { end })
}

/// How the update lane cuts its time.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The longest window, already a second shorter than the platform's limit.
    pub window_max: TimeDelta,
    /// How far behind the cursor a run begins again, for rows a platform lists late.
    pub overlap: TimeDelta,
}

/// A window of the ledger that is over, and when it was read.
#[derive(Clone, Copy, Debug)]
pub struct Closed {
    pub window: Window,
    pub at: DateTime<Utc>,
}

impl Closed {
    /// Whether it was read so late after its end that a platform which lists rows up to `overlap` late had listed
    /// them all.
    pub fn is_settled(&self, overlap: TimeDelta) -> bool {
        self.window.until + overlap <= self.at
    }
}

/// The update windows to read from `cursor` to `end`, oldest first.
///
/// Windows ahead of the cursor that an interrupted run closed are not read again, provided they are settled.
pub fn plan(cursor: DateTime<Utc>, end: DateTime<Utc>, closed: &[Closed], pace: Pace) -> Vec<Window> {
    let Some(ahead) = Window::new(cursor, end) else {
        return Vec::new();
    };
    let settled: Vec<Window> = closed
        .iter()
        .filter(|closed| closed.window.from >= cursor && closed.is_settled(pace.overlap))
        .map(|closed| closed.window)
        .collect();
    let mut stretches = ahead.without(&settled);
    // The overlap and the first stretch after the cursor are one stretch when they touch, so that a run in a
    // quiet hour costs one window and not two.
    let overlap_from = (cursor - pace.overlap).max(DateTime::UNIX_EPOCH);
    match stretches.first_mut() {
        Some(first) if first.from == ahead.from => {
            *first = Window { from: overlap_from.trunc_subsecs(0), until: first.until };
        }
        _ => stretches.extend(Window::new(overlap_from, ahead.from)),
    }
    stretches.sort_unstable();
    stretches.into_iter().flat_map(|stretch| stretch.pieces(pace.window_max)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn window(from: i64, until: i64) -> Window {
        Window::new(at(from), at(until)).unwrap()
    }

    const PACE: Pace = Pace { window_max: TimeDelta::seconds(1799), overlap: TimeDelta::seconds(600) };

    #[test]
    fn a_window_has_whole_seconds_and_is_never_empty() {
        let ms = |ms| DateTime::from_timestamp_millis(ms).unwrap();
        assert_eq!(Window::new(ms(1_999), ms(3_001)), Some(window(1, 3)));
        assert_eq!(Window::new(ms(1_000), ms(1_999)), None);
        assert_eq!(Window::new(at(5), at(4)), None);
    }

    #[test]
    fn a_query_asks_one_second_early_and_to_the_end() {
        assert_eq!(window(100, 1_899).query_bounds(), (99, 1_899));
        assert_eq!(window(0, 10).query_bounds(), (0, 10));
    }

    #[test]
    fn a_quiet_run_reads_the_overlap_and_new_changes_in_one_window() {
        assert_eq!(plan(at(10_000), at(10_300), &[], PACE), [window(9_400, 10_300)]);
    }

    #[test]
    fn a_catch_up_is_cut_to_the_longest_window() {
        let windows = plan(at(10_000), at(10_000 + 7_200), &[], PACE);
        assert_eq!(windows.first().unwrap().from(), at(9_400));
        assert_eq!(windows.last().unwrap().until(), at(17_200));
        assert!(windows.iter().all(|window| window.length() <= PACE.window_max));
    }

    #[test]
    fn a_window_closed_ahead_of_the_cursor_is_not_read_again() {
        let closed = [Closed { window: window(11_000, 12_000), at: at(20_000) }];
        assert_eq!(
            plan(at(10_000), at(12_100), &closed, PACE),
            [window(9_400, 11_000), window(12_000, 12_100)]
        );
    }

    #[test]
    fn a_window_read_right_after_its_end_is_read_again() {
        let closed = [Closed { window: window(10_000, 11_000), at: at(11_060) }];
        assert_eq!(plan(at(10_000), at(11_000), &closed, PACE), [window(9_400, 11_000)]);
    }

    #[test]
    fn nothing_is_planned_before_the_cursor_has_aged() {
        assert!(plan(at(10_000), at(10_000), &[], PACE).is_empty());
        assert!(plan(at(10_000), at(9_000), &[], PACE).is_empty());
    }

    #[test]
    fn the_prefix_stops_at_the_first_gap() {
        assert_eq!(contiguous_end(at(10), &[window(10, 20), window(25, 30)]), at(20));
        assert_eq!(contiguous_end(at(10), &[window(25, 30), window(5, 20), window(20, 25)]), at(30));
        assert_eq!(contiguous_end(at(10), &[window(11, 20)]), at(10));
        assert_eq!(contiguous_end(at(10), &[window(1, 5)]), at(10));
    }

    proptest! {
        #[test]
        fn pieces_cover_the_window_without_gap(from in 0i64..1_000_000, length in 1i64..500_000, max in 1i64..90_000) {
            let whole = window(from, from + length);
            let pieces = whole.pieces(TimeDelta::seconds(max));
            prop_assert_eq!(pieces[0].from(), whole.from());
            prop_assert_eq!(pieces.last().unwrap().until(), whole.until());
            prop_assert!(pieces.windows(2).all(|pair| pair[0].until() == pair[1].from()));
            prop_assert!(pieces.iter().all(|piece| piece.length() <= TimeDelta::seconds(max)));
        }

        #[test]
        fn what_is_planned_and_what_was_settled_cover_everything_ahead_and_the_overlap(
            ahead in 1i64..100_000,
            closed in proptest::collection::vec((0i64..100_000, 1i64..5_000, 0i64..2_000), 0..8),
        ) {
            let cursor = 50_000;
            let closed: Vec<Closed> = closed
                .into_iter()
                .map(|(from, length, late)| Closed {
                    window: window(cursor + from, cursor + from + length),
                    at: at(cursor + from + length + late),
                })
                .collect();
            let planned = plan(at(cursor), at(cursor + ahead), &closed, PACE);
            let settled: Vec<Window> = closed
                .iter()
                .filter(|closed| closed.at - closed.window.until() >= PACE.overlap)
                .map(|closed| closed.window)
                .collect();
            let whole = window(cursor - 600, cursor + ahead);
            let covered: Vec<Window> = planned.iter().copied().chain(settled).collect();
            prop_assert!(whole.without(&covered).is_empty());
            prop_assert!(planned.windows(2).all(|pair| pair[0].until() <= pair[1].from()));
        }

        #[test]
        fn halves_meet_and_cover(from in 0i64..1_000_000, length in 2i64..100_000) {
            let whole = window(from, from + length);
            let (first, second) = whole.halves().unwrap();
            prop_assert_eq!(first.from(), whole.from());
            prop_assert_eq!(first.until(), second.from());
            prop_assert_eq!(second.until(), whole.until());
            prop_assert!(window(from, from + 1).halves().is_none());
        }
    }
}
