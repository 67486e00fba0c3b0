//! One thing by its number, now.

use chrono::TimeDelta;

use super::engine::pager::{LoadedPage, Sink};
use super::engine::pages::Reading;
use super::{RecordSync, SyncError};
use crate::domain::record::Lane;
use crate::domain::window::Window;
use crate::platform::rate::Priority;
use crate::platform::{Found, Page, Range, Row};
use crate::store::ledger::leases::Lease;
use crate::sync::quarantine;

/// Reads one thing and stores it as a page that holds nothing else.
pub async fn one(sync: &RecordSync, lease: &Lease, number: &str) -> Result<(), SyncError> {
    let mut reading = Reading::new(sync, lease, Lane::Create, Priority::Update);
    let row = listed(sync, &reading, number).await?;
    let kept = sync.store.quarantine().requested_again(&sync.shop.name, sync.record, &[number]).await?;
    reading.rows.take(row).await?;
    reading.rows.write(None).await?;
    // One that is in quarantine as it is listed was not requested with the page.
    if kept.is_empty() { Ok(()) } else { quarantine::retry(sync, lease, Some(number)).await }
}

/// Its row of the list, alone on a page.
async fn listed(sync: &RecordSync, reading: &Reading<'_>, number: &str) -> Result<LoadedPage, SyncError> {
    let source = sync.source();
    let requested_at = sync.clock.now();
    let doing = format!("looking {number} up");
    let found =
        sync.call(None, Priority::Update, &doing, |access| async move { source.find(&access, number).await });
    match found.await? {
        Found::NotOffered => Err(SyncError::NotOffered { record: sync.record }),
        Found::Nothing => Err(absent(sync, number)),
        Found::Rows(rows) => {
            let page = alone(rows, number).ok_or_else(|| absent(sync, number))?;
            Ok(LoadedPage { page, requested_at })
        }
        Found::Created(at) => {
            let second = Window::new(at, at + TimeDelta::seconds(1));
            in_second(sync, reading, second.ok_or_else(|| absent(sync, number))?, number).await
        }
    }
}

/// Looks through everything created in one second.
async fn in_second(
    sync: &RecordSync,
    reading: &Reading<'_>,
    second: Window,
    number: &str,
) -> Result<LoadedPage, SyncError> {
    let range = Range::Window { lane: Lane::Create, window: second, status: None };
    for page in 1..=reading.pager.pages_max() {
        let loaded = reading.pager.page(range, page, sync.paging.page_size).await?;
        // A total is a hint: the search ends with a page that is not full and reaches it.
        let (rows, page_size) = (loaded.page.rows_sent(), u64::from(sync.paging.page_size));
        let is_last = rows == 0 || (rows < page_size && u64::from(page) * page_size >= loaded.page.total);
        if let Some(page) = alone(loaded.page.rows, number) {
            return Ok(LoadedPage { page, requested_at: loaded.requested_at });
        }
        if is_last {
            break;
        }
    }
    Err(absent(sync, number))
}

fn absent(sync: &RecordSync, number: &str) -> SyncError {
    SyncError::Absent { record: sync.record, number: number.to_owned() }
}

/// The rows of this number as a page of their own. `None`: there are none.
fn alone(rows: Vec<Row>, number: &str) -> Option<Page> {
    let of_number = |row: &Row| match row {
        Row::Readable(row) => row.number == number,
        Row::Unreadable(row) => row.number.as_deref() == Some(number),
    };
    let rows: Vec<Row> = rows.into_iter().filter(of_number).collect();
    (!rows.is_empty()).then(|| Page::new(rows.len() as u64, rows))
}
