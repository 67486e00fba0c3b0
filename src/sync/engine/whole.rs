//! Orders of which a row may be only a part, read whole: all rows of an order at once, by its number.

use std::collections::HashSet;
use std::time::Duration;

use super::convert::Converted;
use super::requests::Responses;
use crate::platform::rate::Priority;
use crate::platform::{Found, ListRow, Row};
use crate::store::records::pages::PageCommit;
use crate::store::records::quarantine::Quarantined;
use crate::sync::engine::{details, requests};
use crate::sync::{RecordSync, SyncError};

/// Why an order cannot be read that the platform does not have any more.
pub const NOT_SHOWN: &str = "by its number: the platform shows no row of it";

/// What a lookup by number made of the orders that were requested. `Err`: why an order cannot be read whole.
pub type WholeOrders = Vec<(String, Result<Converted, String>)>;

/// Puts the whole orders of these numbers in the place of their rows. An order that cannot be read whole goes to
/// quarantine, and what is stored of it stays as it is.
pub async fn make_whole(
    sync: &RecordSync,
    commit: &mut PageCommit,
    numbers: &[String],
    priority: Priority,
) -> Result<(), SyncError> {
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let (whole, fatal) = read_whole(sync, &numbers, numbers.len(), priority, None).await?;
    if let Some(error) = fatal {
        return Err(error);
    }
    let known: HashSet<&str> = numbers.iter().copied().collect();
    let rows = commit.things.extract_if(.., |stored| known.contains(stored.entity.number()));
    let rows: Vec<_> = rows.collect();
    commit
        .quarantined
        .retain(|unreadable| unreadable.number.as_deref().is_none_or(|number| !known.contains(number)));
    for (number, outcome) in whole {
        let row = rows.iter().find(|stored| stored.entity.number() == number);
        match outcome {
            Ok(Converted::Complete(thing)) => commit.things.push(*thing),
            Ok(Converted::Incomplete(thing, missing)) => {
                commit.things.push(*thing);
                commit.quarantined.push(missing);
            }
            Ok(Converted::Unreadable(unreadable)) => commit.quarantined.push(unreadable),
            Err(reason) => {
                let raw = row.map(|stored| stored.answers.to_json()).unwrap_or_default();
                let unreadable = Quarantined { number: Some(number), reason, raw, has_own_call: true };
                commit.quarantined.push(unreadable);
            }
        }
    }
    commit.synced_at = sync.clock.now();
    Ok(())
}

/// Reads each of the orders whole. Leaves out those that were not requested. `of`: see [`requests::request_each`].
pub async fn read_whole(
    sync: &RecordSync,
    numbers: &[&str],
    of: usize,
    priority: Priority,
    patience: Option<Duration>,
) -> Result<(WholeOrders, Option<SyncError>), SyncError> {
    let read_at = sync.clock.now();
    let responses = requests::request_each(sync, numbers, of, patience, |number, patience| {
        rows_of(sync, number, priority, patience)
    });
    let mut responses: Responses<Result<ListRow, String>> = responses.await;
    let fatal = responses.common_failure(&format!("{} by their numbers", sync.record));
    let (mut rows, mut whole) = (Vec::new(), WholeOrders::new());
    for (number, answer) in numbers.iter().zip(responses.answers) {
        match answer {
            Some(Ok(Ok(row))) => rows.push(row),
            Some(Ok(Err(reason))) => whole.push(((*number).to_owned(), Err(reason))),
            Some(Err(error)) => {
                whole.push(((*number).to_owned(), Err(format!("by its number: {}", error.reason()))));
            }
            None => {}
        }
    }
    let read: Vec<String> = rows.iter().map(|row| row.number.clone()).collect();
    for (number, mut outcome) in
        read.into_iter().zip(details::complete_all(sync, rows, read_at, priority).await?)
    {
        if let Converted::Complete(thing) | Converted::Incomplete(thing, _) = &mut outcome {
            thing.may_be_part = false;
        }
        whole.push((number, Ok(outcome)));
    }
    Ok((whole, fatal))
}

/// All rows of one order as one. `Err`: why they do not make an order.
async fn rows_of(
    sync: &RecordSync,
    number: &str,
    priority: Priority,
    patience: Option<Duration>,
) -> Result<Result<ListRow, String>, SyncError> {
    let source = sync.source();
    let doing = format!("reading the rows of {number}");
    let found =
        sync.call(patience, priority, &doing, |access| async move { source.find(&access, number).await });
    let Found::Rows(rows) = found.await? else {
        return Ok(Err(NOT_SHOWN.to_owned()));
    };
    let mut whole = None;
    for row in rows {
        match row {
            Row::Readable(row) if row.number == number => whole = Some(row),
            // One without a number may be of this order.
            Row::Unreadable(row) if row.number.as_deref().is_none_or(|other| other == number) => {
                return Ok(Err(row.reason));
            }
            Row::Readable(_) | Row::Unreadable(_) => {}
        }
    }
    Ok(whole.ok_or_else(|| NOT_SHOWN.to_owned()))
}
