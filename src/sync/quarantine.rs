//! Tries quarantined rows again: when they are due, after an upgrade, and when a person requests it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::engine::convert::Outcome;
use super::engine::details::{DetailCalls, detail_reason};
use super::engine::pages::Reading;
use super::engine::whole::NOT_SHOWN;
use super::{RecordSync, SyncError};
use crate::domain::entity::{FUTURE_MAX, Kind};
use crate::platform::rate::Priority;
use crate::platform::{Details, ListRow};
use crate::store::ledger::leases::Lease;
use crate::store::records::quarantine::{QuarantineRow, ShownIn, Unreadable, Untried};
use crate::store::records::read_again::WindowRead;
use crate::store::records::{pages::PageCommit, things::Stored};
use crate::sync::engine::{convert, details, requests, whole};

/// Rows in one transaction: as many as are requested at once.
const BATCH: u64 = 16;

/// Due rows must not keep new changes waiting: no further batch begins after this time, and no call takes longer
/// than the patience. What is left is due still.
const DUE_TIME_MAX: Duration = Duration::from_mins(1);
const DUE_PATIENCE: Duration = Duration::from_secs(30);

/// Rows of one retry, and the limits it has.
#[derive(Clone, Copy)]
struct Retry<'a> {
    rows: Untried<'a>,
    patience: Option<Duration>,
    time_max: Option<Duration>,
}

/// What became of a row without requesting it.
enum ReadAgain {
    Thing(Box<Stored>),
    Unreadable {
        reason: String,
        has_own_call: bool,
    },
    /// A detail call may give more.
    ToAsk(ListRow, Details),
    /// The list shows all rows of this number at once. The row itself may be only one of them, if it can be read at
    /// all.
    ToLookUp(String, Option<Box<Stored>>),
}

/// What came of requesting rows, and why no further one was requested.
type Answered<'a> = (Vec<(&'a QuarantineRow, Result<Box<Stored>, String>)>, Option<SyncError>);

/// Windows that are read again for rows that no other call shows, and how often these were tried.
type Windows = BTreeMap<ShownIn, i64>;

/// What became of the rows of a batch.
#[derive(Default)]
struct Retried<'a> {
    things: Vec<Stored>,
    readable: Vec<&'a QuarantineRow>,
    unreadable: Vec<Unreadable<'a>>,
}

impl<'a> Retried<'a> {
    fn add(&mut self, row: &'a QuarantineRow, answer: Result<Box<Stored>, String>) {
        match answer {
            Ok(thing) => {
                self.things.push(*thing);
                self.readable.push(row);
            }
            Err(reason) => self.unreadable.push(Unreadable { row, reason, has_own_call: true }),
        }
    }
}

/// Tries what is in quarantine again: the row of this number, or all of them.
pub async fn retry(sync: &RecordSync, lease: &Lease, number: Option<&str>) -> Result<(), SyncError> {
    let retry = Retry { rows: untried(sync, number, None), patience: None, time_max: None };
    retry_rows(sync, lease, retry).await
}

/// Tries what was due when the run began, and what this version of the program has not tried yet. What the platform
/// does not answer meanwhile is left for the next run: new changes matter more.
pub(super) async fn retry_due(
    sync: &RecordSync,
    lease: &Lease,
    begun_at: DateTime<Utc>,
) -> Result<(), SyncError> {
    let retry = Retry {
        rows: untried(sync, None, Some(begun_at)),
        patience: Some(DUE_PATIENCE),
        time_max: Some(DUE_TIME_MAX),
    };
    match retry_rows(sync, lease, retry).await {
        Err(error @ SyncError::Platform { .. }) => {
            tracing::debug!(shop = %sync.shop.name, "quarantine not tried to its end: {error}");
            Ok(())
        }
        other => other,
    }
}

fn untried<'a>(
    sync: &'a RecordSync,
    number: Option<&'a str>,
    due_before: Option<DateTime<Utc>>,
) -> Untried<'a> {
    Untried { shop: &sync.shop.name, record: sync.record, number, due_before }
}

async fn retry_rows(sync: &RecordSync, lease: &Lease, retry: Retry<'_>) -> Result<(), SyncError> {
    let begun_at = Instant::now();
    let has_time = || retry.time_max.is_none_or(|most| begun_at.elapsed() < most);
    let mut after: Option<String> = None;
    let mut windows = Windows::new();
    while has_time() {
        let rows = sync.store.quarantine().untried(retry.rows, after.as_deref(), BATCH).await?;
        let Some(last) = rows.last() else { break };
        let next = last.number.clone();
        retry_batch(sync, lease, &rows, retry.patience, &mut windows).await?;
        after = Some(next);
    }
    for (shown_in, attempts) in windows {
        if has_time() {
            read_window_again(sync, lease, shown_in, attempts).await?;
        }
    }
    Ok(())
}

async fn retry_batch(
    sync: &RecordSync,
    lease: &Lease,
    rows: &[QuarantineRow],
    patience: Option<Duration>,
    windows: &mut Windows,
) -> Result<(), SyncError> {
    let mut retried = Retried::default();
    let (mut to_request, mut requested_of, mut to_look_up) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        match (read_again(sync, row), row.shown_in) {
            (ReadAgain::Thing(thing), _) => retried.add(row, Ok(thing)),
            (ReadAgain::ToAsk(listed, details), _) => {
                to_request.push(listed);
                requested_of.push((row, details));
            }
            (ReadAgain::ToLookUp(number, thing), _) => to_look_up.push((row, number, thing)),
            (ReadAgain::Unreadable { has_own_call: false, .. }, Some(shown_in)) => {
                let attempts = windows.entry(shown_in).or_default();
                *attempts = row.attempts.max(*attempts);
            }
            (ReadAgain::Unreadable { reason, has_own_call }, _) => {
                retried.unreadable.push(Unreadable { row, reason, has_own_call });
            }
        }
    }
    let (answers, fatal) = request_again(sync, &to_request, &requested_of, patience).await;
    let (whole, fatal_too) = look_up_again(sync, to_look_up, patience).await?;
    for (row, answer) in answers.into_iter().chain(whole) {
        retried.add(row, answer);
    }
    commit_retried(sync, lease, retried).await?;
    fatal.or(fatal_too).map_or(Ok(()), Err)
}

/// Looks each of the rows up by its number; without those for which there was no use in a request.
async fn look_up_again<'a>(
    sync: &RecordSync,
    rows: Vec<(&'a QuarantineRow, String, Option<Box<Stored>>)>,
    patience: Option<Duration>,
) -> Result<Answered<'a>, SyncError> {
    let numbers: Vec<&str> = rows.iter().map(|(_, number, _)| number.as_str()).collect();
    let (whole, fatal) = whole::read_whole(sync, &numbers, usize::MAX, Priority::Update, patience).await?;
    let mut whole: BTreeMap<String, _> = whole.into_iter().collect();
    let answers = rows.into_iter().filter_map(|(row, number, thing)| {
        let answer = match (whole.remove(&number)?, thing) {
            (Ok(Outcome::Thing(thing)), _) => Ok(thing),
            (Ok(Outcome::Partly(_, odd) | Outcome::Odd(odd)), _) => Err(odd.reason),
            // What the platform no longer has is as it was kept.
            (Err(reason), Some(kept)) if reason == NOT_SHOWN => {
                Ok(Box::new(Stored { may_be_part: false, ..*kept }))
            }
            (Err(reason), _) => Err(reason),
        };
        Some((row, answer))
    });
    Ok((answers.collect(), fatal))
}

/// Reads a window for the rows of it that could not be read when it was read last.
async fn read_window_again(
    sync: &RecordSync,
    lease: &Lease,
    shown_in: ShownIn,
    attempts: i64,
) -> Result<(), SyncError> {
    let begun_at = sync.clock.now();
    let mut reading = Reading::new(sync, lease, shown_in.lane, Priority::Create);
    let read = reading.read_again(shown_in).await;
    let is_whole = *read.as_ref().unwrap_or(&false);
    let read_again = WindowRead { shown_in, begun_at, is_whole, attempts };
    // Also when it could not be read: it is tried again after a longer pause.
    let is_of_window = |error: &SyncError| error.is_of_window() || error.is_too_old();
    if read.is_ok() || read.as_ref().is_err_and(is_of_window) {
        let gone = sync.store.quarantine().note_read_again(lease, read_again).await?;
        tracing::debug!(
            shop = %sync.shop.name, record = %sync.record,
            "read the window {} to {} again for what is in quarantine; {gone} rows without a number are not there any more",
            shown_in.window.from(), shown_in.window.until(),
        );
    }
    read.map(drop)
}

/// Requests each of the rows by a call of its own; without those for which there was no use in a request.
async fn request_again<'a>(
    sync: &RecordSync,
    listed: &[ListRow],
    of: &[(&'a QuarantineRow, Details)],
    patience: Option<Duration>,
) -> Answered<'a> {
    let each: Vec<(&ListRow, Details)> =
        listed.iter().zip(of).map(|(listed, (_, details))| (listed, *details)).collect();
    // No share of them says anything of the platform: they are here because they failed before.
    let responses =
        requests::request_each(sync, &each, usize::MAX, patience, |(listed, details), patience| {
            // Its detail is read now, so it holds events since its row was listed.
            let (read_at, priority) = (sync.clock.now(), Priority::Update);
            details::complete(sync, listed.clone(), DetailCalls { details, read_at, priority, patience })
        });
    let responses = responses.await;
    let answers = of.iter().zip(responses.answers).filter_map(|((row, _), answer)| {
        let answer = match answer? {
            Ok(Outcome::Thing(thing)) => Ok(thing),
            Ok(Outcome::Partly(_, odd) | Outcome::Odd(odd)) => Err(odd.reason),
            Err(error) => Err(detail_reason(&error)),
        };
        Some((*row, answer))
    });
    (answers.collect(), responses.fatal)
}

async fn commit_retried(sync: &RecordSync, lease: &Lease, retried: Retried<'_>) -> Result<(), SyncError> {
    let Retried { things, readable, unreadable } = retried;
    let made = things.len() as u64;
    let commit = PageCommit {
        run_id: sync.run_id,
        synced_at: sync.clock.now(),
        believed_until: sync.platform_now() + FUTURE_MAX,
        things,
        amounts_due: sync.wants_amounts(),
        quarantined: Vec::new(),
        shown_in: None,
        close: None,
    };
    let committed = sync.store.pages().commit_retried(lease, &commit, &readable, &unreadable).await?;
    sync.rows_read(readable.len() + unreadable.len(), 0);
    let unchanged = made - committed.written.min(made);
    sync.rows_stored(committed.written, unchanged, unreadable.len() as u64);
    for Unreadable { row, reason, .. } in &unreadable {
        tracing::debug!(shop = %sync.shop.name, record = %sync.record, "{} still cannot be read: {reason}", row.number);
    }
    sync.report_quarantine(&[], &committed.quarantine);
    Ok(())
}

/// What this version makes of a row without requesting it.
fn read_again(sync: &RecordSync, row: &QuarantineRow) -> ReadAgain {
    let answers = row.answers();
    let listed = answers.list.as_deref().and_then(|raw| listed_again(sync, row, raw));
    if sync.source().splits_rows() {
        let number = row.has_number().then(|| row.number.clone());
        if let Some(number) = number.or_else(|| Some(listed.as_ref()?.number.clone())) {
            let made =
                listed.map(|listed| convert::outcome(sync, listed.with(answers), row.last_seen_at, false));
            let thing =
                made.and_then(|made| if let Outcome::Thing(thing) = made { Some(thing) } else { None });
            return ReadAgain::ToLookUp(number, thing);
        }
        return ReadAgain::Unreadable { reason: why_unlisted(sync, row), has_own_call: false };
    }
    let Some(listed) = listed else {
        return ReadAgain::Unreadable { reason: why_unlisted(sync, row), has_own_call: false };
    };
    let details = sync.paging.details_for(sync.shop.options);
    let is_whole = details.is_none() || answers.detail.is_some() || answers.items.is_some();
    let made =
        is_whole.then(|| convert::outcome(sync, listed.clone().with(answers), row.last_seen_at, false));
    match (made, details) {
        (Some(Outcome::Thing(thing)), _) => ReadAgain::Thing(thing),
        (_, Some(details)) => ReadAgain::ToAsk(listed, details),
        (Some(Outcome::Odd(odd) | Outcome::Partly(_, odd)), None) => {
            ReadAgain::Unreadable { reason: odd.reason, has_own_call: false }
        }
        (None, None) => ReadAgain::Unreadable { reason: row.reason.clone(), has_own_call: false },
    }
}

/// The row of the list, of whichever kind of the record it is.
pub(super) fn listed_again(sync: &RecordSync, row: &QuarantineRow, raw: &str) -> Option<ListRow> {
    let of_record = Kind::ALL.into_iter().filter(|kind| kind.record() == sync.record);
    let mut listed = of_record.filter_map(|kind| sync.source().reread(kind, raw));
    listed.find(|listed| !row.has_number() || listed.number == row.number)
}

/// Why a row of the list still cannot be read.
fn why_unlisted(sync: &RecordSync, row: &QuarantineRow) -> String {
    match sync.source().convert(sync.paging.counted, &row.answers()) {
        Err(error) => error.reason(),
        Ok(_) => row.reason.clone(),
    }
}
