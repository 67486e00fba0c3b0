//! Requests the details of listed rows, and decides what happens to a row whose call fails.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::convert::{Converted, RowParts};
use super::requests::{PATIENCE, Responses};
use crate::domain::entity::Entity;
use crate::platform::rate::Priority;
use crate::platform::{ConvertError, DetailNeed, Details, ListRow};
use crate::sync::engine::{convert, requests};
use crate::sync::{RecordSync, SyncError};

/// How often a detail is fetched that is older than its list row, and the pause between.
const STALE_DETAILS_MAX: u32 = 3;
const STALE_DETAIL_PAUSE: Duration = Duration::from_millis(500);

/// What rows are requested with.
#[derive(Clone, Copy)]
pub struct DetailCalls {
    pub details: Details,
    /// When the rows were read.
    pub read_at: DateTime<Utc>,
    pub priority: Priority,
    /// See [`requests::request_each`].
    pub patience: Option<Duration>,
}

/// Adds what else belongs to the rows, and converts them. A row whose call fails goes to quarantine, unless most
/// of them fail. An extra that fails never keeps the rest of the row from being stored.
pub async fn complete_all(
    sync: &RecordSync,
    rows: Vec<ListRow>,
    read_at: DateTime<Utc>,
    priority: Priority,
) -> Result<Vec<Converted>, SyncError> {
    let Some(details) = sync.paging.details_for(sync.shop.options) else {
        let converted =
            rows.into_iter().map(|row| convert::convert_row(sync, row.into_parts(), read_at, false));
        return Ok(converted.collect());
    };
    let calls = DetailCalls { details, read_at, priority, patience: None };
    let mut responses = request_details(sync, &rows, calls).await;
    match responses.common_failure(&details_name(sync)) {
        Some(error @ SyncError::MostFailed { .. }) if calls.are_extra() => {
            tracing::debug!(shop = %sync.shop.name, "no more details are requested in this run: {error}");
            sync.progress.give_up_extras();
        }
        Some(error) => return Err(error),
        None => {}
    }
    let converted = rows.into_iter().zip(responses.answers);
    Ok(converted.map(|(row, answer)| row_after_call(sync, row, answer, calls)).collect())
}

/// Requests what belongs to each of the rows: several in a call where the platform can, and one by one those whose
/// common call failed.
pub async fn request_details(
    sync: &RecordSync,
    rows: &[ListRow],
    calls: DetailCalls,
) -> Responses<Converted> {
    if calls.are_extra() && sync.progress.has_given_up_extras() {
        return Responses { answers: rows.iter().map(|_| None).collect(), fatal: None, of: rows.len() };
    }
    if calls.details.batch <= 1 || rows.len() <= 1 {
        let all: Vec<&ListRow> = rows.iter().collect();
        return request_alone(sync, &all, rows.len(), calls).await;
    }
    let batches: Vec<&[ListRow]> = rows.chunks(calls.details.batch).collect();
    let responses =
        requests::request_each(sync, &batches, batches.len(), calls.patience, |batch, patience| {
            complete_batch(sync, batch, DetailCalls { patience, ..calls })
        });
    let mut responses = responses.await;
    let fatal = responses.common_failure(&details_name(sync));
    let mut answers: Vec<Option<Result<Converted, SyncError>>> = Vec::with_capacity(rows.len());
    let mut alone = Vec::new();
    for (batch, answer) in batches.into_iter().zip(responses.answers) {
        if let Some(Ok(Some(converted))) = answer {
            answers.extend(converted.into_iter().map(|outcome| Some(Ok(outcome))));
        } else {
            alone.extend((answers.len()..).zip(batch));
            answers.extend(batch.iter().map(|_| None));
        }
    }
    if fatal.is_some() || alone.is_empty() {
        return Responses { answers, fatal, of: rows.len() };
    }
    let (places, alone): (Vec<usize>, Vec<&ListRow>) = alone.into_iter().unzip();
    // The common call has used the full time.
    let calls = DetailCalls { patience: calls.patience.or(Some(PATIENCE)), ..calls };
    let responses = request_alone(sync, &alone, rows.len(), calls).await;
    for (place, answer) in places.into_iter().zip(responses.answers) {
        answers[place] = answer;
    }
    Responses { answers, fatal: responses.fatal, of: rows.len() }
}

/// Each by a call of its own. `of`: how many rows there are with those that are not requested here.
async fn request_alone(
    sync: &RecordSync,
    rows: &[&ListRow],
    of: usize,
    calls: DetailCalls,
) -> Responses<Converted> {
    requests::request_each(sync, rows, of, calls.patience, |row, patience| {
        complete(sync, row.clone(), DetailCalls { patience, ..calls })
    })
    .await
}

fn row_after_call(
    sync: &RecordSync,
    row: ListRow,
    answer: Option<Result<Converted, SyncError>>,
    calls: DetailCalls,
) -> Converted {
    let reason = match answer {
        Some(Ok(Converted::Unreadable(unreadable))) => unreadable.reason,
        Some(Ok(outcome)) => return outcome,
        Some(Err(error)) => format!("detail: {}", error.reason()),
        None => "detail: most calls for details fail at present".to_owned(),
    };
    let parts = row.into_parts();
    let unreadable = parts.clone().into_quarantined(reason, true);
    if !calls.are_extra() {
        return Converted::Unreadable(unreadable);
    }
    match convert::convert_row(sync, parts, calls.read_at, true) {
        Converted::Complete(thing) => Converted::Incomplete(thing, unreadable),
        outcome => outcome,
    }
}

/// Several rows share a call. `None`: the answer leaves out a row that was requested. Then it may be cut, also in the
/// middle of another row's parts, and each row needs a call of its own.
async fn complete_batch(
    sync: &RecordSync,
    batch: &[ListRow],
    calls: DetailCalls,
) -> Result<Option<Vec<Converted>>, SyncError> {
    let numbers: Vec<String> = batch.iter().map(|row| row.number.clone()).collect();
    let mut answered = details(sync, &numbers, calls).await?;
    if numbers.iter().any(|number| !answered.contains_key(number)) {
        return Ok(None);
    }
    let outcome = |row: &ListRow| {
        let mut parts = row.clone().into_parts();
        if let Some(text) = answered.remove(&parts.number) {
            calls.details.part.put(&mut parts.answers, text);
        }
        convert::convert_row(sync, parts, calls.read_at, true)
    };
    Ok(Some(batch.iter().map(outcome).collect()))
}

/// One row with its own detail.
pub async fn complete(sync: &RecordSync, row: ListRow, calls: DetailCalls) -> Result<Converted, SyncError> {
    let mut parts = row.into_parts();
    let made = with_detail(sync, &mut parts, calls).await?;
    Ok(convert::checked_row(sync, made, parts, calls.read_at, true))
}

/// What the row and its detail make. The detail is fetched again when it is older than the list row: the detail is not
/// up to date yet.
async fn with_detail(
    sync: &RecordSync,
    parts: &mut RowParts,
    calls: DetailCalls,
) -> Result<Result<Entity, ConvertError>, SyncError> {
    let mut fetches = 1;
    loop {
        if let Some(text) = detail(sync, &parts.number, calls).await? {
            calls.details.part.put(&mut parts.answers, text);
        }
        match convert::convert(sync, parts) {
            Err(ConvertError::StaleDetail) if fetches < STALE_DETAILS_MAX => fetches += 1,
            made => return Ok(made),
        }
        tokio::time::sleep(STALE_DETAIL_PAUSE).await;
    }
}

async fn detail(sync: &RecordSync, number: &str, calls: DetailCalls) -> Result<Option<String>, SyncError> {
    if calls.details.batch > 1 {
        let numbers = [number.to_owned()];
        return Ok(details(sync, &numbers, calls).await?.remove(number));
    }
    let source = sync.source();
    let doing = format!("reading {}", details_name(sync));
    sync.call(
        calls.patience,
        calls.priority,
        &doing,
        |access| async move { source.detail(&access, number).await },
    )
    .await
}

async fn details(
    sync: &RecordSync,
    numbers: &[String],
    calls: DetailCalls,
) -> Result<HashMap<String, String>, SyncError> {
    let source = sync.source();
    let doing = format!("reading {}", details_name(sync));
    sync.call(calls.patience, calls.priority, &doing, |access| async move {
        source.details(&access, numbers).await
    })
    .await
}

fn details_name(sync: &RecordSync) -> String {
    format!("details of {}", sync.record)
}

impl DetailCalls {
    /// Whether a row is stored without them, too.
    fn are_extra(&self) -> bool {
        self.details.need == DetailNeed::Optional
    }
}
