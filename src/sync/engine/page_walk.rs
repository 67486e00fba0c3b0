//! Decides which pages of a range are requested, in which order, and whether they were all. It makes no calls itself:
//! each page is shown to it, and it returns what to do next.
//!
//! What a platform says about a range (a total, a number of pages, a page size) is a hint; the rows that came are the
//! truth. Where the hints hold, a range of one page costs one call, and a longer one its pages and page 1 twice. Where
//! they contradict the rows or each other, the end of the range is searched for: upwards until an empty or short page.
//! Rows are always taken from the last page to the first: a row updated meanwhile leaves its window, and the rows
//! behind it move to lower pages. Reading downwards can see a row twice, but never misses one.

use std::collections::BTreeSet;

use super::completeness::{Doubt, Evidence, PassEnd, RangeEnd, Totals};
use crate::platform::Page;

/// What a page showed.
#[derive(Clone, Copy, Debug)]
pub struct PageSummary {
    /// From 1.
    pub number: u32,
    /// The platform's own rows.
    pub rows: u64,
    /// Those of them that no other page of this walk had.
    pub fresh: u64,
    pub total: u64,
    pub pages: Option<u64>,
    pub page_size: Option<u64>,
}

impl PageSummary {
    pub fn of(page: &Page, number: u32, fresh: u64) -> Self {
        let rows = page.rows_sent();
        Self { number, rows, fresh, total: page.total, pages: page.pages, page_size: page.page_size }
    }

    /// A page that the platform refuses to show because there is none.
    pub fn absent(number: u32) -> Self {
        Self { number, rows: 0, fresh: 0, total: 0, pages: None, page_size: None }
    }
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Request this page and keep it aside.
    Probe(u32),
    /// Use a page that was kept aside; the others are not needed any more.
    Use(u32),
    /// Request this page and use it.
    Request(u32),
    Done,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Nothing was requested yet but page 1.
    Begin,
    /// The end is at `low` or above, and below `high`.
    Search {
        low: u32,
        low_rows: u64,
        high: Option<u32>,
        stride: u32,
    },
    /// All pages from here down to 1 are still to be read.
    Down {
        next: u32,
    },
    /// The end is looked at again: rows that came in between would show there.
    Recheck {
        rows_max: u64,
    },
    Done,
}

/// A walk over the pages of one range.
#[derive(Debug)]
pub struct PageWalk {
    /// Rows a page, as requested.
    requested_size: u64,
    /// Rows of a full page, as far as is known.
    size: u64,
    pages_max: u32,
    step: Step,
    next: Next,
    /// The last page that the hints announced when page 1 came.
    announced: u32,
    /// Pages above the first that were requested to find the end.
    probed: BTreeSet<u32>,
    /// The last page, and its rows. 0: not found.
    end: (u32, u64),
    evidence: Evidence,
}

impl PageWalk {
    /// `rows_given`: how many rows a full page is known to have where that is fewer than `requested_size`. `pages_max`:
    /// no later page is requested.
    pub fn new(requested_size: u32, rows_given: Option<u64>, pages_max: u32) -> Self {
        let requested_size = u64::from(requested_size.max(1));
        Self {
            requested_size,
            size: rows_given.filter(|rows| *rows > 0).unwrap_or(requested_size),
            pages_max: pages_max.max(1),
            step: Step::Begin,
            next: Next::Probe(1),
            announced: 1,
            probed: BTreeSet::new(),
            end: (0, 0),
            evidence: Evidence::default(),
        }
    }

    pub fn next(&self) -> Next {
        self.next
    }

    /// Whether a page is requested only to learn whether it exists.
    pub fn may_be_absent(&self, number: u32) -> bool {
        number > self.announced
    }

    /// The page that was requested.
    pub fn show(&mut self, page: PageSummary) {
        match self.step {
            Step::Begin => self.begin(page),
            Step::Search { low, low_rows, high, stride } => {
                self.search(page, Bounds { low, low_rows, high, stride });
            }
            Step::Down { next } => self.descend(page, next),
            Step::Recheck { rows_max } => {
                self.evidence.has_grown_at_end = page.rows > rows_max;
                self.finish();
            }
            Step::Done => {}
        }
    }

    /// The page that was kept aside is used.
    pub fn used(&mut self) {
        match self.end.0 {
            0 | 1 => self.finish(),
            end => self.go_down(end - 1),
        }
    }

    /// Whether there are more pages than may be requested.
    pub fn is_too_long(&self) -> bool {
        self.evidence.range_end == RangeEnd::TooLong
    }

    /// How many rows a full page has where that is fewer than were requested. `None`: as many.
    pub fn rows_given(&self) -> Option<u64> {
        (self.size < self.requested_size).then_some(self.size)
    }

    /// Whether it went over several pages without a hole, so that it knows how long a full page is.
    pub fn has_several_pages(&self) -> bool {
        self.end.0 > 1 && !self.evidence.has_hole
    }

    /// Whether the end that was found fits the total, and nothing speaks against it.
    pub fn ends_at(&self, total: u64) -> bool {
        let (end, rows) = self.end;
        let before = u64::from(end.saturating_sub(1)) * self.size;
        end > 0
            && !self.evidence.doubts.any()
            && self.evidence.range_end == RangeEnd::Reached
            && before + rows == total
    }

    /// What came of it; `seen` is how many distinct rows were used.
    pub fn end(&self, seen: u64) -> PassEnd {
        self.evidence.judge(seen)
    }

    fn begin(&mut self, page: PageSummary) {
        self.evidence.totals =
            Totals { first: page.total, last: page.total, highest: page.total, have_jumped: false };
        let announces_more = page.total > page.rows || page.pages.is_some_and(|pages| pages > 1);
        if page.rows == 0 {
            self.evidence.range_end = if announces_more { RangeEnd::NoRows } else { RangeEnd::Reached };
            self.evidence.doubts.add_if(announces_more, Doubt::PageEmpty);
            self.next = Next::Use(1);
            self.end = (1, 0);
            return;
        }
        // The page size that comes is the page size, whatever was requested.
        let is_full_by_its_words = page.page_size == Some(page.rows);
        if page.rows > self.size || (page.rows < self.size && (announces_more || is_full_by_its_words)) {
            self.size = page.rows;
        }
        self.evidence.doubts.add_if(page.total < page.rows, Doubt::RowsBeyondTotal);
        self.evidence.doubts.add_if(self.do_fields_disagree(page), Doubt::FieldsDisagree);
        self.announced = self.announced_by(page);
        let is_full = page.rows >= self.size;
        self.step = Step::Search { low: 1, low_rows: page.rows, high: None, stride: 1 };
        if self.announced > 1 {
            self.next = Next::Probe(self.announced.min(self.pages_max));
            if self.pages_max == 1 {
                self.settle_end(Bounds { low: 1, low_rows: page.rows, high: None, stride: 1 }, true);
            }
        } else if is_full || self.evidence.doubts.any() {
            self.probe_above(Bounds { low: 1, low_rows: page.rows, high: None, stride: 1 });
        } else {
            self.end = (1, page.rows);
            self.next = Next::Use(1);
        }
    }

    /// Whether the number of pages does not follow from the total by any page size in question.
    fn do_fields_disagree(&self, page: PageSummary) -> bool {
        let sizes = [Some(self.size), Some(self.requested_size), page.page_size];
        let fits = |pages: u64| {
            sizes.into_iter().flatten().any(|size| page.total.div_ceil(size).max(1) == pages.max(1))
        };
        page.pages.is_some_and(|pages| !fits(pages))
    }

    /// The last page that the hints of a page announce.
    fn announced_by(&self, page: PageSummary) -> u32 {
        let pages = page.total.div_ceil(self.size).max(page.pages.unwrap_or(0)).max(1);
        u32::try_from(pages).unwrap_or(u32::MAX)
    }

    fn search(&mut self, page: PageSummary, mut bounds: Bounds) {
        self.probed.insert(page.number);
        let is_announced = page.number <= self.announced;
        if is_announced {
            self.evidence.totals.add(page.total);
        }
        self.size = self.size.max(page.rows);
        if page.rows == 0 || page.fresh == 0 {
            bounds.high = Some(page.number);
            // Rows that left meanwhile are no contradiction: then the page's own hints announce fewer pages.
            let still_announced = is_announced && self.announced_by(page) >= page.number;
            self.evidence.doubts.add_if(page.rows == 0 && still_announced, Doubt::PageEmpty);
            self.evidence.doubts.add_if(page.rows > 0 && still_announced, Doubt::PageRepeated);
        } else {
            self.evidence.doubts.add_if(!is_announced, Doubt::RowsBeyondTotal);
            (bounds.low, bounds.low_rows) = (page.number, page.rows);
        }
        let is_short = bounds.low > 1 && bounds.low_rows < self.size;
        if is_short || bounds.high == Some(bounds.low + 1) {
            self.settle_end(bounds, false);
        } else if bounds.low >= self.pages_max {
            self.settle_end(bounds, true);
        } else if let Some(high) = bounds.high {
            let by_hint = self.announced_by(page);
            self.probe_between(bounds, high, (is_announced && page.rows == 0).then_some(by_hint));
        } else {
            self.probe_above(bounds);
        }
    }

    fn probe_above(&mut self, mut bounds: Bounds) {
        if bounds.low >= self.pages_max {
            return self.settle_end(bounds, true);
        }
        self.next = Next::Probe(bounds.low.saturating_add(bounds.stride).min(self.pages_max));
        bounds.stride = bounds.stride.saturating_mul(2);
        self.step = bounds.into();
    }

    /// Looks at the page that the latest hint names; else close above the last page that has rows, then further away,
    /// but never beyond the middle.
    fn probe_between(&mut self, mut bounds: Bounds, high: u32, by_hint: Option<u32>) {
        let by_hint = by_hint.filter(|page| bounds.low < *page && *page < high);
        let number = by_hint.unwrap_or_else(|| {
            let step = bounds.stride.min((high - bounds.low) / 2).max(1);
            bounds.stride = bounds.stride.saturating_mul(2);
            bounds.low + step
        });
        self.next = Next::Probe(number);
        self.step = bounds.into();
    }

    fn settle_end(&mut self, bounds: Bounds, is_too_long: bool) {
        self.evidence.range_end = if is_too_long { RangeEnd::TooLong } else { RangeEnd::Reached };
        self.end = (bounds.low, bounds.low_rows);
        // Page 1 was requested before the others; what moved onto it since is only seen by a second request.
        if bounds.low == 1 && self.announced > 1 {
            self.go_down(1);
        } else {
            self.next = Next::Use(bounds.low);
        }
    }

    fn go_down(&mut self, number: u32) {
        self.step = Step::Down { next: number };
        self.next = Next::Request(number);
    }

    fn descend(&mut self, page: PageSummary, number: u32) {
        self.evidence.totals.add(page.total);
        // Some platforms show the last page for every number behind it.
        let is_repeated = page.rows > 0 && page.fresh == 0 && number > 1 && !self.probed.contains(&number);
        if is_repeated && !self.evidence.doubts.has(Doubt::PageRepeated) {
            self.evidence.doubts.add_if(true, Doubt::PageRepeated);
            let bounds = Bounds { low: 1, low_rows: self.size, high: Some(number), stride: 1 };
            return self.probe_between(bounds, number, None);
        }
        self.evidence.has_hole |= number < self.end.0 && page.rows < self.size;
        if number > 1 {
            return self.go_down(number - 1);
        }
        // Totals that cannot be trusted do not show that rows came in; the last page does.
        let (end, rows) = self.end;
        if self.evidence.doubts.spoil_the_hints() && end > 1 && self.evidence.range_end == RangeEnd::Reached {
            let is_full = rows >= self.size;
            let (page, rows_max) = if is_full && end < self.pages_max { (end + 1, 0) } else { (end, rows) };
            self.step = Step::Recheck { rows_max };
            self.next = Next::Probe(page);
        } else {
            self.finish();
        }
    }

    fn finish(&mut self) {
        self.step = Step::Done;
        self.next = Next::Done;
    }
}

/// Where the last page is.
#[derive(Clone, Copy)]
struct Bounds {
    /// A page with rows, and how many.
    low: u32,
    low_rows: u64,
    /// A page without rows. `None`: none was met.
    high: Option<u32>,
    /// How far the next look goes.
    stride: u32,
}

impl From<Bounds> for Step {
    fn from(Bounds { low, low_rows, high, stride }: Bounds) -> Self {
        Self::Search { low, low_rows, high, stride }
    }
}

#[cfg(test)]
mod tests;
