//! Pages of lists, as every platform gives them: a total, and rows that are read one by one.

use serde_json::value::RawValue;

use super::envelope::Dialect;
use super::error::{ConvertError, PlatformError};
use super::{ListRow, Page, PageQuery, Row, UnreadableRow, part};
use crate::domain::limits::check_number;

/// A list's answer and how its parts are called.
pub struct Listing<'a> {
    pub dialect: Dialect,
    pub total: Option<i64>,
    pub total_name: &'static str,
    /// How many pages there are, and how many rows a page has, where the platform says so.
    pub pages: Option<i64>,
    pub page_size: Option<i64>,
    pub rows: Option<Vec<&'a RawValue>>,
    pub rows_name: &'static str,
}

impl<'a> Listing<'a> {
    /// Reads each row on its own: one that cannot be read does not stop the others.
    pub fn into_page(
        self,
        query: &PageQuery,
        read_row: impl Fn(&RawValue) -> Row,
    ) -> Result<Page, PlatformError> {
        let (page, rows) = self.open(query.page)?;
        Ok(Page { rows: rows.into_iter().map(read_row).collect(), ..page })
    }

    /// The page without its rows, and the rows as the platform wrote them, if it is a list that makes sense. A total
    /// that is missing or no number is no reason to refuse rows, and rows that are there and none, without a total, are
    /// none.
    pub fn open(self, page: u32) -> Result<(Page, Vec<&'a RawValue>), PlatformError> {
        let total = self.total.and_then(|total| u64::try_from(total).ok());
        let rows = match (self.rows, total) {
            (Some(rows), _) => rows,
            // Later pages may be empty, when rows left the window meanwhile.
            (None, Some(total)) if total == 0 || page > 1 => Vec::new(),
            (None, Some(_)) => return Err(self.dialect.malformed(self.rows_name)),
            (None, None) => return Err(self.dialect.malformed(self.total_name)),
        };
        let positive =
            |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok()).filter(|n| *n > 0);
        let page = Page {
            total: total.unwrap_or(0),
            pages: positive(self.pages),
            page_size: positive(self.page_size),
            ..Page::default()
        };
        Ok((page, rows))
    }
}

/// A row of the list that stands alone, if it can be read.
pub fn reread(raw: &str, read_row: impl Fn(&RawValue) -> Row) -> Option<ListRow> {
    match read_row(serde_json::from_str(raw).ok()?) {
        Row::Readable(row) => Some(row),
        Row::Unreadable(_) => None,
    }
}

/// A row that was read or was not; `number` finds the number of the latter where it can be read.
pub fn row(
    raw: &RawValue,
    read: impl FnOnce(&str) -> Result<ListRow, ConvertError>,
    number: impl FnOnce(&str) -> Option<String>,
) -> Row {
    let text = raw.get();
    let error = match part::check_size(text).and_then(|()| read(text)) {
        Ok(row) => return within_limits(row),
        Err(error) => error,
    };
    unreadable(number(text), &error, text)
}

/// A row that goes to quarantine, as much of it as is kept.
pub fn unreadable(number: Option<String>, error: &ConvertError, raw: &str) -> Row {
    let raw = match error {
        ConvertError::TooLarge { .. } => part::beginning(raw),
        _ => raw.to_owned(),
    };
    // A number that is too long identifies a thing no better than none.
    let number = number.filter(|number| check_number("", number).is_ok());
    Row::Unreadable(UnreadableRow { number, reason: error.reason(), raw })
}

/// The row, if its number is one that can be kept.
pub fn within_limits(row: ListRow) -> Row {
    match check_number("the number", &row.number) {
        Ok(()) => Row::Readable(row),
        Err(error) => unreadable(None, &error.into(), &row.raw),
    }
}
