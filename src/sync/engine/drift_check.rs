//! Decides whether unreadable rows mean that the platform's format has changed.

use crate::domain::entity::Kind;
use crate::platform::{Page, Row};
use crate::store::records::quarantine::Quarantined;
use crate::sync::SyncError;

/// A page with fewer rows says nothing about the platform as a whole.
const ROWS_FOR_JUDGEMENT: usize = 5;

/// The platform's own rows of a page, where each holds several kinds of things: a row without a readable thing
/// of the kind that it counts is no readable row, though the rest of it can be read.
pub struct WholeRows {
    pub rows: usize,
    pub unreadable: usize,
}

impl WholeRows {
    pub fn of(page: &Page, counted: Kind) -> Self {
        let is_readable = |row: &&Row| matches!(row, Row::Readable(row) if row.kind == counted);
        let rows = page.counted.as_ref().map_or(0, Vec::len);
        let odd = page.rows.iter().filter(|row| matches!(row, Row::Unreadable(_))).count();
        let without = rows.saturating_sub(page.rows.iter().filter(is_readable).count());
        // A row without a thing of that kind is not unreadable.
        Self { rows, unreadable: without.min(odd) }
    }
}

/// Whether so many of them are the platform's trouble, rather than their own.
pub fn is_most(some: usize, of: usize) -> bool {
    of >= ROWS_FOR_JUDGEMENT && some * 2 > of
}

/// If more than half of a page is unreadable, the platform has changed.
pub fn check_drift(rows: usize, unreadable: usize, quarantined: &[Quarantined]) -> Result<(), SyncError> {
    match quarantined.first() {
        Some(first) if is_most(unreadable, rows) => {
            Err(SyncError::ChangedPlatform { unreadable, rows, example: first.reason.clone() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::{ListRow, UnreadableRow};

    fn page(parts: &[(Kind, bool)], counted: Option<usize>) -> Page {
        let row = |(index, (kind, is_readable)): (usize, &(Kind, bool))| {
            let (number, raw) = (index.to_string(), "{}".to_owned());
            if *is_readable {
                let row = ListRow { kind: *kind, number, updated_at: None, list_hash: String::new(), raw };
                return Row::Readable(row);
            }
            Row::Unreadable(UnreadableRow { number: Some(number), reason: "odd".to_owned(), raw })
        };
        let rows: Vec<Row> = parts.iter().enumerate().map(row).collect();
        let counted = counted.map(|rows| (0..rows).map(|row| row.to_string()).collect());
        Page { counted, ..Page::new(rows.len() as u64, rows) }
    }

    #[test]
    fn a_row_without_a_readable_thing_of_the_kind_that_is_counted_is_unreadable() {
        let (product, sku) = ((Kind::Product, true), (Kind::Sku, true));
        let (no_product, no_sku) = ((Kind::Product, false), (Kind::Sku, false));
        let changed = [product, no_sku].repeat(6);
        let some_odd = [[no_product, no_sku], [product, sku], [product, sku]].concat().repeat(2);
        for (parts, rows, expected) in [
            (&*changed, Some(6), (6, 6)),
            (&*some_odd, Some(6), (6, 2)),
            (&[product, no_sku, sku], Some(2), (2, 1)),
            (&[product, product, sku], Some(3), (3, 0)),
            (&[product, product], None, (0, 0)),
        ] {
            let whole = WholeRows::of(&page(parts, rows), Kind::Sku);
            assert_eq!((whole.rows, whole.unreadable), expected, "{parts:?}");
        }
    }

    #[test]
    fn more_than_half_of_five_or_more_is_a_changed_platform() {
        let odd =
            [Quarantined { number: None, reason: "odd".to_owned(), raw: String::new(), has_own_call: false }];
        for (rows, unreadable, is_changed) in
            [(4, 4, false), (5, 2, false), (5, 3, true), (6, 3, false), (6, 6, true), (0, 0, false)]
        {
            assert_eq!(check_drift(rows, unreadable, &odd).is_err(), is_changed, "{unreadable} of {rows}");
        }
    }
}
