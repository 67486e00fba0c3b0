//! Pages of lists, as every platform tells them: a total, and rows that are read one by one.

use serde_json::value::RawValue;

use super::envelope::Dialect;
use super::error::{ConvertError, PlatformError};
use super::{ListRow, Page, PageQuery, Row, UnreadableRow};

/// A list's answer and how its parts are called.
pub(super) struct Listing<'a> {
    pub(super) dialect: Dialect,
    pub(super) total: Option<i64>,
    pub(super) total_name: &'static str,
    /// How many pages there are, and how many rows a page has, where the platform says so.
    pub(super) pages: Option<i64>,
    pub(super) page_size: Option<i64>,
    pub(super) rows: Option<Vec<&'a RawValue>>,
    pub(super) rows_name: &'static str,
}

impl<'a> Listing<'a> {
    /// Reads each row on its own: one that cannot be read does not stop the others.
    pub(super) fn into_page(
        self,
        query: &PageQuery,
        read_row: impl Fn(&RawValue) -> Row,
    ) -> Result<Page, PlatformError> {
        let (page, rows) = self.open(query.page)?;
        Ok(Page { rows: rows.into_iter().map(read_row).collect(), ..page })
    }

    /// The page without its rows, and the rows as the platform wrote them, if it is a list that makes sense. A total that is
    /// missing or no number beside rows is no reason to refuse them.
    pub(super) fn open(self, page: u32) -> Result<(Page, Vec<&'a RawValue>), PlatformError> {
        let total = self.total.and_then(|total| u64::try_from(total).ok());
        let rows = match (self.rows, total) {
            (Some(rows), total) if total.is_some() || !rows.is_empty() => rows,
            // Later pages may be empty, when rows left the window meanwhile.
            (None, Some(total)) if total == 0 || page > 1 => Vec::new(),
            (None, Some(_)) => return Err(self.dialect.malformed(self.rows_name)),
            (_, None) | (Some(_), Some(_)) => return Err(self.dialect.malformed(self.total_name)),
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
pub(super) fn reread(raw: &str, read_row: impl Fn(&RawValue) -> Row) -> Option<ListRow> {
    match read_row(serde_json::from_str(raw).ok()?) {
        Row::Readable(row) => Some(row),
        Row::Unreadable(_) => None,
    }
}

/// A row that was read or was not; `number` finds what can still be told of the latter.
pub(super) fn row(
    raw: &RawValue,
    read: impl FnOnce(&str) -> Result<ListRow, ConvertError>,
    number: impl FnOnce(&str) -> Option<String>,
) -> Row {
    match read(raw.get()) {
        Ok(row) => Row::Readable(row),
        Err(error) => Row::Unreadable(UnreadableRow {
            number: number(raw.get()),
            reason: error.reason(),
            raw: raw.get().to_owned(),
        }),
    }
}
