//! Walks over simulated lists whose hints may be anything.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::completeness::Verdict;
use super::*;

const ASKED: u64 = 100;
const PAGES_MAX: u32 = 50;

/// A platform whose rows stand still and whose hints may be anything.
#[derive(Clone, Copy, Debug)]
struct Source {
    rows: u64,
    /// Rows of a full page.
    size: u64,
    total: Total,
    pages: Pages,
    says_page_size: bool,
    /// A page number behind the last one shows the last page again.
    clamps: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Total {
    True,
    OfPage,
    CappedAt(u64),
    Always(u64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Pages {
    Missing,
    True,
    ByAskedSize,
    CappedAt(u64),
    Always(u64),
}

impl Source {
    const HONEST: Self = Self {
        rows: 0,
        size: ASKED,
        total: Total::True,
        pages: Pages::Missing,
        says_page_size: false,
        clamps: false,
    };

    fn page(self, number: u32) -> (Vec<u64>, PageSummary) {
        let last = self.rows.div_ceil(self.size).max(1);
        let place = if self.clamps { u64::from(number).min(last) } else { u64::from(number) };
        let from = ((place - 1) * self.size).min(self.rows);
        let rows: Vec<u64> = (from..(from + self.size).min(self.rows)).collect();
        let total = match self.total {
            Total::True => self.rows,
            Total::OfPage => rows.len() as u64,
            Total::CappedAt(cap) => self.rows.min(cap),
            Total::Always(total) => total,
        };
        let pages = match self.pages {
            Pages::Missing => None,
            Pages::True => Some(last),
            Pages::ByAskedSize => Some(self.rows.div_ceil(ASKED).max(1)),
            Pages::CappedAt(cap) => Some(last.min(cap)),
            Pages::Always(pages) => Some(pages),
        };
        let page_size = self.says_page_size.then_some(self.size);
        let shown = PageSummary { number, rows: rows.len() as u64, fresh: 0, total, pages, page_size };
        (rows, shown)
    }
}

struct Walked {
    end: PassEnd,
    seen: u64,
    calls: u32,
    is_too_long: bool,
    /// Every page that was used, in order.
    used: Vec<u32>,
}

fn walk(source: Source, pages_max: u32) -> Walked {
    let mut walk = PageWalk::new(100, None, pages_max);
    let (mut names, mut seen, mut used, mut calls) = (BTreeSet::new(), BTreeSet::new(), Vec::new(), 0);
    loop {
        match walk.next() {
            Next::Probe(number) | Next::Request(number) => {
                calls += 1;
                assert!(u64::from(calls) < 4 * (source.rows / source.size) + 120, "{source:?} ends");
                let (rows, shown) = source.page(number);
                let fresh = rows.iter().filter(|row| names.insert(**row)).count() as u64;
                if matches!(walk.next(), Next::Request(_)) {
                    used.push(number);
                    seen.extend(rows);
                }
                walk.show(PageSummary { fresh, ..shown });
            }
            Next::Use(number) => {
                used.push(number);
                seen.extend(source.page(number).0);
                walk.used();
            }
            Next::Done => break,
        }
    }
    let seen = seen.len() as u64;
    Walked { end: walk.end(seen), seen, calls, is_too_long: walk.is_too_long(), used }
}

#[test]
fn hints_that_hold_cost_the_pages_and_page_one_twice() {
    for (rows, calls) in [(0, 1), (1, 1), (99, 1), (101, 3), (250, 4), (4_950, 51)] {
        for pages in [Pages::Missing, Pages::True] {
            let walked = walk(Source { rows, pages, ..Source::HONEST }, PAGES_MAX);
            assert!(walked.end.is_complete() && !walked.end.doubts.any(), "{rows}: {:?}", walked.end);
            assert_eq!((walked.seen, walked.calls), (rows, calls), "{rows} rows");
        }
    }
    // A last page that is full is followed by a look behind it.
    for (rows, calls) in [(100, 2), (300, 5)] {
        let walked = walk(Source { rows, ..Source::HONEST }, PAGES_MAX);
        assert!(walked.end.is_complete() && !walked.end.doubts.any());
        assert_eq!((walked.seen, walked.calls), (rows, calls), "{rows} rows");
    }
}

#[test]
fn pages_are_used_from_the_last_to_the_first() {
    for total in [Total::True, Total::OfPage, Total::Always(0), Total::CappedAt(300), Total::Always(4_900)] {
        let walked = walk(Source { rows: 1_234, total, ..Source::HONEST }, PAGES_MAX);
        let down: Vec<u32> = (1..=13).rev().collect();
        assert_eq!(walked.used, down, "{total:?}");
    }
}

#[test]
fn hints_that_lie_are_found_out_and_nothing_is_lost() {
    use Pages::{Always as P, ByAskedSize, CappedAt as PagesTo, Missing, True as RightPages};
    let lies = [
        ("the total counts the page", 250, Total::OfPage, RightPages, true),
        ("the total counts the page, no number of pages", 250, Total::OfPage, Missing, true),
        ("total 0", 250, Total::Always(0), Missing, true),
        ("total 7", 250, Total::Always(7), Missing, true),
        ("total 7 beside 30 rows", 30, Total::Always(7), Missing, true),
        ("totals stop at 1,000", 1_234, Total::CappedAt(1_000), Missing, true),
        ("totals and pages stop at 1,000", 1_234, Total::CappedAt(1_000), PagesTo(10), true),
        ("pages stop at 10", 1_234, Total::True, PagesTo(10), true),
        ("pages are one too many", 250, Total::True, P(4), true),
        ("pages by another size", 250, Total::True, ByAskedSize, true),
        ("the total is the shop's", 250, Total::Always(4_500), Missing, false),
        ("the total is the shop's, of one page", 30, Total::Always(4_500), Missing, false),
        ("a thousand million", 250, Total::Always(1_000_000_000), Missing, false),
    ];
    for (lie, rows, total, pages, is_complete) in lies {
        let walked = walk(Source { rows, total, pages, ..Source::HONEST }, PAGES_MAX);
        assert_eq!(walked.seen, rows, "{lie}");
        assert_eq!(walked.end.is_complete(), is_complete, "{lie}: {:?}", walked.end);
        assert_eq!(walked.end.verdict == Verdict::TotalTooHigh, !is_complete, "{lie}: {:?}", walked.end);
        assert!(walked.calls <= 26, "{lie}: {} calls", walked.calls);
        if pages != ByAskedSize {
            assert!(walked.end.doubts.any(), "{lie} is reported");
        }
    }
}

#[test]
fn the_page_size_that_comes_is_the_page_size() {
    for (size, pages) in [
        (50, Pages::Missing),
        (50, Pages::True),
        (50, Pages::ByAskedSize),
        (20, Pages::True),
        (200, Pages::Missing),
    ] {
        let walked = walk(Source { rows: 230, size, pages, ..Source::HONEST }, PAGES_MAX);
        assert!(walked.end.is_complete() && !walked.end.doubts.any(), "{size}, {pages:?}: {:?}", walked.end);
        assert_eq!(walked.seen, 230, "{size}, {pages:?}");
    }
    // By its own page size the page is full, though it is shorter than requested and the total says no more.
    let own_words =
        Source { rows: 230, size: 50, total: Total::OfPage, says_page_size: true, ..Source::HONEST };
    assert_eq!(walk(own_words, PAGES_MAX).seen, 230);
}

#[test]
fn empty_pages_against_the_total_end_at_once() {
    let walked = walk(Source { rows: 0, total: Total::Always(1_000_000_000), ..Source::HONEST }, PAGES_MAX);
    assert_eq!(walked.calls, 1);
    assert!(!walked.end.is_complete() && walked.end.doubts.has(Doubt::PageEmpty));
}

#[test]
fn the_last_page_shown_for_every_number_behind_it_costs_few_calls_and_loses_nothing() {
    for (rows, size, total) in [(10, 7, 855), (1_000, 10, 4_000), (30, 10, 4_000), (9, 10, 4_000)] {
        let source = Source { rows, size, total: Total::Always(total), clamps: true, ..Source::HONEST };
        let walked = walk(source, 1_000);
        assert_eq!(walked.seen, rows, "{source:?}");
        assert!(!walked.end.is_complete() || rows < size, "{source:?}");
        assert!(u64::from(walked.calls) < rows / size + 30, "{source:?}: {} calls", walked.calls);
    }
}

#[test]
fn a_page_number_that_is_ignored_ends_the_search() {
    let mut walk = PageWalk::new(100, None, PAGES_MAX);
    let page =
        |number, fresh| PageSummary { number, rows: 100, fresh, total: 250, pages: None, page_size: None };
    walk.show(page(1, 100));
    let mut calls = 1;
    loop {
        match walk.next() {
            Next::Probe(number) | Next::Request(number) => walk.show(page(number, 0)),
            Next::Use(_) => walk.used(),
            Next::Done => break,
        }
        calls += 1;
    }
    assert!(calls <= 5, "{calls}");
    assert!(!walk.end(100).is_complete() && walk.end(100).doubts.has(Doubt::PageRepeated));
}

#[test]
fn more_pages_than_may_be_requested_are_reported() {
    for total in [Total::Always(0), Total::True, Total::OfPage] {
        let walked = walk(Source { rows: 6_000, total, ..Source::HONEST }, PAGES_MAX);
        assert!(walked.is_too_long && !walked.end.is_complete(), "{total:?}");
    }
}

/// A page with any hints.
fn any_page() -> impl Strategy<Value = PageSummary> {
    let hint = || proptest::option::of(1_u64..);
    (0_u64..200, 0_u64..200, any::<u64>(), hint(), hint()).prop_map(
        |(rows, fresh, total, pages, page_size)| PageSummary {
            number: 0,
            rows,
            fresh: fresh.min(rows),
            total,
            pages,
            page_size,
        },
    )
}

proptest! {
    #[test]
    fn no_number_that_is_said_of_a_page_makes_a_walk_overflow_or_go_on_for_ever(
        pages in proptest::collection::vec(any_page(), 1..30),
        requested_size in 0_u32..300,
        rows_given in proptest::option::of(any::<u64>()),
    ) {
        let mut walk = PageWalk::new(requested_size, rows_given, PAGES_MAX);
        let mut calls = 0;
        for page in pages.iter().cycle() {
            match walk.next() {
                Next::Probe(number) | Next::Request(number) => {
                    prop_assert!(number <= PAGES_MAX);
                    walk.show(PageSummary { number, ..*page });
                }
                Next::Use(_) => walk.used(),
                Next::Done => break,
            }
            calls += 1;
            prop_assert!(calls <= 4 * PAGES_MAX);
        }
        walk.end(u64::MAX);
        walk.ends_at(pages[0].total);
    }

    #[test]
    fn what_is_called_complete_was_seen_whole(
        rows in 0_u64..3_000,
        size in prop_oneof![Just(ASKED), Just(ASKED), 7_u64..150],
        total in prop_oneof![
            Just(Total::True), Just(Total::OfPage), (0_u64..4_000).prop_map(Total::CappedAt), (0_u64..4_000).prop_map(Total::Always),
        ],
        pages in prop_oneof![
            Just(Pages::Missing), Just(Pages::True), Just(Pages::ByAskedSize),
            (0_u64..40).prop_map(Pages::CappedAt), (0_u64..40).prop_map(Pages::Always),
        ],
        says_page_size in any::<bool>(),
        clamps in any::<bool>(),
    ) {
        let source = Source { rows, size, total, pages, says_page_size, clamps };
        let walked = walk(source, 1_000);
        // A short page beside a total that says no more is the end: nothing that came contradicts it.
        let first = source.page(1).1;
        let is_beyond_proof = first.rows < ASKED
            && first.total == first.rows
            && first.pages.is_none_or(|pages| pages <= 1)
            && !(says_page_size && first.rows == size);
        if walked.end.is_complete() && !is_beyond_proof {
            prop_assert_eq!(walked.seen, rows, "{:?}", source);
        }
        if total == Total::True && size == ASKED && matches!(pages, Pages::Missing | Pages::True) {
            prop_assert!(walked.end.is_complete() && !walked.end.doubts.any(), "{:?}: {:?}", source, walked.end);
            prop_assert!(u64::from(walked.calls) <= rows / ASKED + 3);
        }
    }
}
