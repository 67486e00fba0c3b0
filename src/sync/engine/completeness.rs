//! The one place that judges whether a range was read whole: from what was seen, what was given as total, and how
//! the pages ended. Windows, scans and `verify` are judged alike.

/// What speaks against the hints of a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// A page held more rows than the total, or rows came behind the last page that was announced.
    RowsBeyondTotal = 1,
    /// The total and the number of pages do not fit together.
    FieldsDisagree = 2,
    /// Another page number showed the same rows.
    PageRepeated = 4,
    /// A page that was announced is empty.
    PageEmpty = 8,
}

/// Several of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Doubts(u8);

impl Doubts {
    pub fn add_if(&mut self, is_so: bool, doubt: Doubt) {
        self.0 |= if is_so { doubt as u8 } else { 0 };
    }

    pub fn has(self, doubt: Doubt) -> bool {
        self.0 & doubt as u8 != 0
    }

    pub fn any(self) -> bool {
        self.0 != 0
    }

    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the hints are too low or contradict each other, so that they say nothing about where the range ends.
    pub fn spoil_the_hints(self) -> bool {
        self.has(Doubt::RowsBeyondTotal) || self.has(Doubt::FieldsDisagree)
    }

    /// For a person.
    pub fn describe(self) -> &'static str {
        if self.has(Doubt::RowsBeyondTotal) {
            "more rows than the reported total"
        } else if self.has(Doubt::FieldsDisagree) {
            "a total and a number of pages that contradict each other"
        } else if self.has(Doubt::PageRepeated) {
            "the same rows on pages of different numbers"
        } else {
            "an empty page where the reported total announces rows"
        }
    }
}

/// How a walk is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing speaks against it that everything was seen.
    Complete,
    /// Only the total speaks against it: the pages end before it is reached.
    TotalTooHigh,
    /// Something may not have been seen.
    Open,
}

/// What came of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassEnd {
    /// The total that counts: the one reported last, or the highest where totals contradict the rows.
    pub total: u64,
    pub verdict: Verdict,
    /// Whether rows left while it was read.
    pub has_shrunk: bool,
    pub doubts: Doubts,
}

impl PassEnd {
    pub fn is_complete(&self) -> bool {
        self.verdict == Verdict::Complete
    }
}

/// Whether the end of the range was reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RangeEnd {
    #[default]
    Reached,
    /// There are more pages than may be requested.
    TooLong,
    /// Rows are announced, and page 1 shows none.
    NoRows,
}

/// The totals of the pages that were announced, in the order they were requested.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    pub first: u64,
    pub last: u64,
    pub highest: u64,
    /// They rose, or fell to less than half: a closed window only loses rows, and not most of them at once.
    pub have_jumped: bool,
}

impl Totals {
    pub fn add(&mut self, total: u64) {
        self.have_jumped |= total > self.last || total < self.last / 2;
        self.last = total;
        self.highest = self.highest.max(total);
    }
}

/// What a walk over the pages of a range found out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence {
    pub doubts: Doubts,
    pub totals: Totals,
    /// An empty or short page was met before the last one.
    pub has_hole: bool,
    /// The last page had more rows when it was looked at again.
    pub has_grown_at_end: bool,
    pub range_end: RangeEnd,
}

impl Evidence {
    /// `seen`: how many distinct rows were used.
    pub fn judge(&self, seen: u64) -> PassEnd {
        let are_hints_spoilt = self.doubts.spoil_the_hints();
        let total = if are_hints_spoilt { self.totals.highest } else { self.totals.last };
        let is_unbroken = !self.has_hole && !self.has_grown_at_end;
        // Totals that hold show by themselves that rows came in or left.
        let is_steady = if are_hints_spoilt { is_unbroken } else { !self.totals.have_jumped };
        let has_end = self.range_end == RangeEnd::Reached && !self.doubts.has(Doubt::PageRepeated);
        let verdict = if has_end && is_steady && seen >= total {
            Verdict::Complete
        } else if has_end && is_unbroken && seen < total {
            Verdict::TotalTooHigh
        } else {
            Verdict::Open
        };
        let has_shrunk = self.totals.last < self.totals.first;
        PassEnd { total, verdict, has_shrunk, doubts: self.doubts }
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Complete, Open, TotalTooHigh};
    use super::{Doubt, Evidence, RangeEnd, Totals};

    fn of_ten(change: impl FnOnce(&mut Evidence)) -> Evidence {
        let totals = Totals { first: 10, last: 10, highest: 10, have_jumped: false };
        let mut evidence = Evidence { totals, ..Evidence::default() };
        change(&mut evidence);
        evidence
    }

    fn doubt(evidence: &mut Evidence, doubt: Doubt) {
        evidence.doubts.add_if(true, doubt);
    }

    #[test]
    fn a_range_is_complete_only_if_nothing_speaks_against_it() {
        let hole = |evidence: &mut Evidence| evidence.has_hole = true;
        let growth = |evidence: &mut Evidence| evidence.has_grown_at_end = true;
        let beyond = |evidence: &mut Evidence| doubt(evidence, Doubt::RowsBeyondTotal);
        let cases = [
            ("every row seen", of_ten(|_| {}), 10, Complete),
            ("a row less than the total", of_ten(|_| {}), 9, TotalTooHigh),
            ("a row less, behind a hole", of_ten(hole), 9, Open),
            ("a row less, and the end grew", of_ten(growth), 9, Open),
            ("a jump of the total", of_ten(|evidence| evidence.totals.have_jumped = true), 10, Open),
            ("rows beyond the total, all of them seen", of_ten(beyond), 10, Complete),
            (
                "rows beyond the total, and a hole",
                of_ten(|evidence| {
                    beyond(evidence);
                    hole(evidence);
                }),
                10,
                Open,
            ),
            (
                "rows beyond the total, and the end grew",
                of_ten(|evidence| {
                    beyond(evidence);
                    growth(evidence);
                }),
                10,
                Open,
            ),
            ("a page shown twice", of_ten(|evidence| doubt(evidence, Doubt::PageRepeated)), 10, Open),
            (
                "more pages than may be requested",
                of_ten(|evidence| evidence.range_end = RangeEnd::TooLong),
                10,
                Open,
            ),
            ("no rows where a total is", of_ten(|evidence| evidence.range_end = RangeEnd::NoRows), 0, Open),
        ];
        for (what, evidence, seen, expected) in cases {
            assert_eq!(evidence.judge(seen).verdict, expected, "{what}");
        }
    }
}
