//! The numbers that were seen, which are the evidence of completeness, and those that had been missed before.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

use crate::domain::entity::Kind;
use crate::platform::{ListRow, Page, Row};
use crate::sync::{RecordSync, SyncError};

/// Distinct numbers, by kind.
#[derive(Default)]
pub struct SeenNumbers {
    by_kind: BTreeMap<Kind, HashSet<String>>,
    /// Rows of a page that had the number of another row of the same page: totals count them too.
    repeated: BTreeMap<Kind, HashMap<String, u64>>,
    /// Numbers of rows that could not be read, of whatever kind.
    unreadable: HashSet<String>,
    /// Texts of rows not even whose number could be read.
    nameless: HashSet<String>,
    /// What the platform counts, where that is no kind of ours.
    counted: HashSet<String>,
}

/// The numbers of rows that should have been stored before they were read. Each page is added before it is stored.
pub struct MissedRows {
    /// A row that the platform shows as updated before this moment should be stored as it is.
    before: DateTime<Utc>,
    numbers: Mutex<BTreeSet<String>>,
}

impl SeenNumbers {
    pub fn add(&mut self, page: &Page) {
        self.counted.extend(page.counted.iter().flatten().cloned());
        let mut on_page: HashMap<(Kind, &str), u64> = HashMap::new();
        for row in &page.rows {
            match row {
                Row::Readable(row) => {
                    self.by_kind.entry(row.kind).or_default().insert(row.number.clone());
                    *on_page.entry((row.kind, &row.number)).or_default() += 1;
                }
                Row::Unreadable(row) => match &row.number {
                    Some(number) => drop(self.unreadable.insert(number.clone())),
                    None => drop(self.nameless.insert(row.raw.clone())),
                },
            }
        }
        for ((kind, number), rows) in on_page.into_iter().filter(|(_, rows)| *rows > 1) {
            let repeated = self.repeated.entry(kind).or_default().entry(number.to_owned()).or_default();
            *repeated = (*repeated).max(rows - 1);
        }
    }

    pub fn absorb(&mut self, other: &Self) {
        for (kind, numbers) in &other.by_kind {
            self.by_kind.entry(*kind).or_default().extend(numbers.iter().cloned());
        }
        for (kind, numbers) in &other.repeated {
            let repeated = self.repeated.entry(*kind).or_default();
            for (number, rows) in numbers {
                let known = repeated.entry(number.clone()).or_default();
                *known = (*known).max(*rows);
            }
        }
        self.unreadable.extend(other.unreadable.iter().cloned());
        self.nameless.extend(other.nameless.iter().cloned());
        self.counted.extend(other.counted.iter().cloned());
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// What was seen so far; nothing is seen from now on.
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// How many rows of a kind were seen: distinct numbers, and where a page shows one more than once, each row of it.
    /// A row that could not be read may be one of them.
    pub fn rows(&self, kind: Kind) -> u64 {
        self.count(kind) + self.repeated.get(&kind).map_or(0, |numbers| numbers.values().sum())
    }

    /// How many things of a kind were seen. A row that could not be read may be one of them.
    pub fn count(&self, kind: Kind) -> u64 {
        let none = HashSet::new();
        let readable = self.by_kind.get(&kind).unwrap_or(&none);
        let unreadable = self.unreadable.iter().filter(|number| !readable.contains(*number)).count();
        (readable.len() + unreadable + self.nameless.len()) as u64
    }

    /// How much was seen of what the total of a list counts: what the platform counts itself, else the kind seen most,
    /// where lists of different kinds make up one record.
    pub fn most(&self) -> u64 {
        if !self.counted.is_empty() {
            return self.counted.len() as u64;
        }
        Kind::ALL.into_iter().map(|kind| self.rows(kind)).max().unwrap_or(0)
    }

    /// Whether the pages named what their total counts.
    pub fn has_counted(&self) -> bool {
        !self.counted.is_empty()
    }

    /// Whether the number of a row could not be read. Such a row may be any row.
    pub fn has_nameless(&self) -> bool {
        !self.nameless.is_empty()
    }

    /// The numbers that still exist, for each kind of the record of `sync`. A row that could not be read still exists,
    /// and may be of each kind.
    pub fn into_present(mut self, sync: &RecordSync) -> BTreeMap<Kind, HashSet<String>> {
        let kinds = Kind::ALL.into_iter().filter(|kind| kind.record() == sync.record);
        kinds
            .map(|kind| {
                let mut present = self.by_kind.remove(&kind).unwrap_or_default();
                present.extend(self.unreadable.iter().cloned());
                (kind, present)
            })
            .collect()
    }
}

impl MissedRows {
    pub fn before(before: DateTime<Utc>) -> Self {
        Self { before, numbers: Mutex::default() }
    }

    pub fn into_numbers(self) -> BTreeSet<String> {
        self.numbers.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    pub async fn add(&self, sync: &RecordSync, page: &Page) -> Result<(), SyncError> {
        let mut by_kind: BTreeMap<Kind, Vec<&ListRow>> = BTreeMap::new();
        for row in &page.rows {
            if let Row::Readable(row) = row
                && row.updated_at.is_some_and(|at| at < self.before)
            {
                by_kind.entry(row.kind).or_default().push(row);
            }
        }
        for (kind, rows) in by_kind {
            let numbers: Vec<String> = rows.iter().map(|row| row.number.clone()).collect();
            let stored = sync.store.scans().versions(&sync.shop.name, kind, &numbers).await?;
            let is_late = |row: &ListRow| stored.get(&row.number).is_none_or(|at| *at < row.updated_at);
            let late: Vec<String> =
                rows.into_iter().filter(|row| is_late(row)).map(|row| row.number.clone()).collect();
            let aside = sync.store.scans().set_aside(&sync.shop.name, sync.record, &late).await?;
            let mut missed = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
            missed.extend(late.into_iter().filter(|number| !aside.contains(number)));
        }
        Ok(())
    }
}
