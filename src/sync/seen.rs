//! The numbers that were seen, which is the evidence of completeness.

use std::collections::{BTreeMap, HashSet};

use super::RecordSync;
use crate::domain::entity::Kind;
use crate::platform::{Page, Row};

/// Distinct numbers, by kind.
#[derive(Default)]
pub(super) struct Seen {
    by_kind: BTreeMap<Kind, HashSet<String>>,
    /// Numbers of rows that could not be read, of whatever kind.
    odd: HashSet<String>,
    /// Texts of rows not even whose number could be read.
    nameless: HashSet<String>,
    /// What the platform counts, where that is no kind of ours.
    counted: HashSet<String>,
}

impl Seen {
    pub(super) fn add(&mut self, page: &Page) {
        self.counted.extend(page.counted.iter().flatten().cloned());
        for row in &page.rows {
            match row {
                Row::Readable(row) => {
                    self.by_kind.entry(row.kind).or_default().insert(row.number.clone());
                }
                Row::Unreadable(row) => match &row.number {
                    Some(number) => drop(self.odd.insert(number.clone())),
                    None => drop(self.nameless.insert(row.raw.clone())),
                },
            }
        }
    }

    pub(super) fn absorb(&mut self, other: &Self) {
        for (kind, numbers) in &other.by_kind {
            self.by_kind.entry(*kind).or_default().extend(numbers.iter().cloned());
        }
        self.odd.extend(other.odd.iter().cloned());
        self.nameless.extend(other.nameless.iter().cloned());
        self.counted.extend(other.counted.iter().cloned());
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// How many things of a kind were seen. A row that could not be read may be one of them.
    pub(super) fn count(&self, kind: Kind) -> u64 {
        let none = HashSet::new();
        let readable = self.by_kind.get(&kind).unwrap_or(&none);
        let odd = self.odd.iter().filter(|number| !readable.contains(*number)).count();
        (readable.len() + odd + self.nameless.len()) as u64
    }

    /// How much was seen of what the total of a list counts: what the platform counts itself, else the kind seen most,
    /// where lists of different kinds make up one record.
    pub(super) fn most(&self) -> u64 {
        if !self.counted.is_empty() {
            return self.counted.len() as u64;
        }
        Kind::ALL.into_iter().map(|kind| self.count(kind)).max().unwrap_or(0)
    }

    /// Whether there was a row that could be any.
    pub(super) fn has_nameless(&self) -> bool {
        !self.nameless.is_empty()
    }

    /// Everything that is not gone, for each kind that the record of `sync` has. What could not be read is there all
    /// the same, whichever kind it is of.
    pub(super) fn into_present(mut self, sync: &RecordSync) -> BTreeMap<Kind, HashSet<String>> {
        let kinds = Kind::ALL.into_iter().filter(|kind| kind.record() == sync.record);
        kinds
            .map(|kind| {
                let mut present = self.by_kind.remove(&kind).unwrap_or_default();
                present.extend(self.odd.iter().cloned());
                (kind, present)
            })
            .collect()
    }
}
