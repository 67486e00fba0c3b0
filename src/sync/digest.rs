//! A page becomes rows to store: unchanged ones are dropped, details fetched, odd ones set aside.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::judgement::{WholeRows, judge};
use super::pass::AskedPage;
use super::seen::Seen;
use super::{RecordSync, SyncError};
use crate::domain::entity::{Answers, Entity, FUTURE_MAX, Kind};
use crate::platform::rate::Priority;
use crate::platform::{ConvertError, DetailNeed, Details, ListRow, PlatformError, Row};
use crate::store::pages::Stored;
use crate::store::quarantine::Quarantined;

/// Detail calls under way at once for one page; the rate limit decides how fast they go.
const DETAILS_IN_PARALLEL: usize = 16;

/// Whatever was asked for is answered by then, also when its turn was long in coming.
const ANSWERED_WITHIN: TimeDelta = TimeDelta::hours(1);

/// What is to be written of one or several pages.
#[derive(Default)]
pub(super) struct Digest {
    pub things: Vec<Stored>,
    pub quarantined: Vec<Quarantined>,
}

impl Digest {
    pub(super) fn append(&mut self, mut later: Self) {
        let readable: HashSet<&str> = later.things.iter().map(|stored| stored.entity.number()).collect();
        self.quarantined.retain(|odd| odd.number.as_deref().is_none_or(|number| !readable.contains(number)));
        self.things.append(&mut later.things);
        self.quarantined.append(&mut later.quarantined);
    }
}

/// How often a detail is fetched that is older than its list row, and the pause between.
const STALE_DETAILS_MAX: u32 = 3;
const STALE_DETAIL_PAUSE: Duration = Duration::from_millis(500);

/// What became of a row of the list.
pub(super) enum Outcome {
    Thing(Box<Stored>),
    Odd(Quarantined),
}

impl RecordSync {
    /// Turns a page into what is to be written. `seen` takes every number of the page.
    pub(super) async fn digest(
        &self,
        page: AskedPage,
        priority: Priority,
        seen: &mut Seen,
    ) -> Result<Digest, SyncError> {
        let AskedPage { page, asked_at: read_at } = page;
        let rows_total = page.rows.len();
        let mut whole = WholeRows::of(&page, self.paging.counted);
        seen.add(&page);
        let (listed, odd) = sort_rows(page.rows);

        let listed_total = listed.len();
        let changed = self.changed(listed).await?;
        let unchanged = listed_total - changed.len();
        let kinds: Vec<Kind> = changed.iter().map(|row| row.kind).collect();
        let mut digest = Digest { things: Vec::with_capacity(changed.len()), quarantined: odd };
        for (outcome, kind) in self.complete_all(changed, read_at, priority).await?.into_iter().zip(kinds) {
            match outcome {
                Outcome::Thing(thing) => digest.things.push(*thing),
                Outcome::Odd(row) => {
                    whole.unreadable += usize::from(kind == self.paging.counted);
                    digest.quarantined.push(row);
                }
            }
        }
        judge(rows_total, digest.quarantined.len(), &digest.quarantined)?;
        judge(whole.rows, whole.unreadable, &digest.quarantined)?;
        self.rows_read(rows_total, unchanged);
        tracing::debug!(
            shop = %self.shop.name, record = %self.record, rows = rows_total, unchanged,
            "read a page",
        );
        for row in &digest.quarantined {
            tracing::warn!(
                event = "record.quarantined", shop = %self.shop.name, record = %self.record,
                "{} {} cannot be read and is set aside: {}",
                self.paging.counted, row.number.as_deref().unwrap_or("without number"), row.reason,
            );
        }
        Ok(digest)
    }

    /// The rows worth a closer look: those whose list row is not stored as it is now, and all where the list does not
    /// tell of every change.
    async fn changed(&self, listed: Vec<ListRow>) -> Result<Vec<ListRow>, SyncError> {
        if self.paging.details.is_some_and(|details| details.need == DetailNeed::EveryTime) {
            return Ok(listed);
        }
        let mut numbers: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
        for row in &listed {
            numbers.entry(row.kind).or_default().push(row.number.clone());
        }
        let mut stored: HashMap<Kind, HashMap<String, String>> = HashMap::new();
        for (kind, numbers) in numbers {
            stored.insert(kind, self.store.list_hashes(&self.shop.name, kind, &numbers).await?);
        }
        let is_stored = |row: &ListRow| {
            stored.get(&row.kind).and_then(|hashes| hashes.get(&row.number)) == Some(&row.list_hash)
        };
        Ok(listed.into_iter().filter(|row| !is_stored(row)).collect())
    }

    /// Adds what else belongs to the rows, and converts them.
    pub(super) async fn complete_all(
        &self,
        rows: Vec<ListRow>,
        read_at: DateTime<Utc>,
        priority: Priority,
    ) -> Result<Vec<Outcome>, SyncError> {
        let Some(details) = self.paging.details_for(self.shop.options) else {
            let outcomes = rows.into_iter().map(|row| self.outcome(row.into_parts(), read_at));
            return Ok(outcomes.collect());
        };
        if details.batch > 1 {
            return self.complete_in_batches(rows, details, read_at, priority).await;
        }
        stream::iter(rows)
            .map(|row| self.complete(row, details, read_at, priority))
            .buffered(DETAILS_IN_PARALLEL)
            .try_collect()
            .await
    }

    /// Several rows share a call. One that the answer does not name has nothing more to tell.
    async fn complete_in_batches(
        &self,
        rows: Vec<ListRow>,
        details: Details,
        read_at: DateTime<Utc>,
        priority: Priority,
    ) -> Result<Vec<Outcome>, SyncError> {
        let mut outcomes = Vec::with_capacity(rows.len());
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let batch: Vec<ListRow> = rows.by_ref().take(details.batch).collect();
            let numbers: Vec<String> = batch.iter().map(|row| row.number.clone()).collect();
            let mut told = self.details(&numbers, priority).await?;
            for row in batch {
                let mut parts = row.into_parts();
                if let Some(text) = told.remove(&parts.number) {
                    details.part.put(&mut parts.answers, text);
                }
                outcomes.push(self.outcome(parts, read_at));
            }
        }
        Ok(outcomes)
    }

    /// One row with its own detail.
    async fn complete(
        &self,
        row: ListRow,
        details: Details,
        read_at: DateTime<Utc>,
        priority: Priority,
    ) -> Result<Outcome, SyncError> {
        let mut parts = row.into_parts();
        match self.with_detail(&mut parts, details, priority).await {
            Ok(made) => Ok(self.outcome_of(made, parts, read_at)),
            Err(error) => match odd_detail(&error) {
                Some(reason) if details.need != DetailNeed::Optional => Ok(Outcome::Odd(parts.odd(reason))),
                // The list row alone is enough here; the detail is only an extra.
                Some(reason) => {
                    tracing::debug!(shop = %self.shop.name, "detail of {} not stored: {reason}", parts.number);
                    Ok(self.outcome(parts, read_at))
                }
                None => Err(error),
            },
        }
    }

    /// What the row and its detail make. The detail is fetched again when it is older than the list row: the platform has
    /// not yet caught up with itself.
    async fn with_detail(
        &self,
        parts: &mut RowParts,
        details: Details,
        priority: Priority,
    ) -> Result<Result<Entity, ConvertError>, SyncError> {
        let mut fetches = 1;
        loop {
            if let Some(text) = self.detail(&parts.number, priority).await? {
                details.part.put(&mut parts.answers, text);
            }
            match self.convert(parts) {
                Err(ConvertError::StaleDetail) if fetches < STALE_DETAILS_MAX => fetches += 1,
                made => return Ok(made),
            }
            tokio::time::sleep(STALE_DETAIL_PAUSE).await;
        }
    }

    async fn detail(&self, number: &str, priority: Priority) -> Result<Option<String>, SyncError> {
        let source = self.source();
        self.call(
            priority,
            &self.reading_details(),
            |access| async move { source.detail(&access, number).await },
        )
        .await
    }

    async fn details(
        &self,
        numbers: &[String],
        priority: Priority,
    ) -> Result<HashMap<String, String>, SyncError> {
        let source = self.source();
        self.call(priority, &self.reading_details(), |access| async move {
            source.details(&access, numbers).await
        })
        .await
    }

    fn reading_details(&self) -> String {
        format!("reading details of {}", self.record)
    }

    pub(super) fn outcome(&self, parts: RowParts, read_at: DateTime<Utc>) -> Outcome {
        self.outcome_of(self.convert(&parts), parts, read_at)
    }

    fn convert(&self, parts: &RowParts) -> Result<Entity, ConvertError> {
        self.source().convert(parts.kind, &parts.answers)
    }

    /// What became of a row, once it is converted.
    fn outcome_of(
        &self,
        made: Result<Entity, ConvertError>,
        parts: RowParts,
        read_at: DateTime<Utc>,
    ) -> Outcome {
        let made = made.and_then(|entity| {
            entity.check_limits()?;
            Ok(entity)
        });
        match made {
            Ok(mut entity) => {
                let (latest, read_on_platform) = self.believed(read_at);
                entity.believe_times(latest, read_on_platform);
                let RowParts { answers, list_hash, .. } = parts;
                Outcome::Thing(Box::new(Stored { entity, answers, read_at, list_hash }))
            }
            Err(error) => Outcome::Odd(parts.odd(describe(&error))),
        }
    }

    /// Of something read at `read_at`: the latest time that can be true of it, and when it was read, both on the platform's
    /// clock. Its times often are whole seconds, so the reading is one too: a change in the same second is no older.
    fn believed(&self, read_at: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
        let offset = self.application.platform().skew().offset();
        let answered_by = self.clock.now().min(read_at + ANSWERED_WITHIN);
        (answered_by + offset + FUTURE_MAX, (read_at + offset).trunc_subsecs(0))
    }

    pub(super) fn platform_now(&self) -> DateTime<Utc> {
        self.clock.now() + self.application.platform().skew().offset()
    }
}

/// A row on its way to being stored.
pub(super) struct RowParts {
    kind: Kind,
    number: String,
    list_hash: String,
    answers: Answers,
}

impl RowParts {
    fn odd(self, reason: String) -> Quarantined {
        Quarantined { number: Some(self.number), reason, raw: self.answers.to_json() }
    }
}

impl ListRow {
    /// With all the answers that belong to it.
    pub(super) fn with(self, answers: Answers) -> RowParts {
        RowParts { answers, ..self.into_parts() }
    }

    fn into_parts(self) -> RowParts {
        let Self { kind, number, list_hash, raw, .. } = self;
        RowParts { kind, number, list_hash, answers: Answers { list: Some(raw), ..Answers::default() } }
    }
}

/// Readable rows, the same number only once (the last one told), and the others.
fn sort_rows(rows: Vec<Row>) -> (Vec<ListRow>, Vec<Quarantined>) {
    let mut listed: Vec<ListRow> = Vec::with_capacity(rows.len());
    let mut odd = Vec::new();
    for row in rows {
        match row {
            Row::Readable(row) => {
                match listed.iter_mut().find(|known| (known.kind, &known.number) == (row.kind, &row.number)) {
                    Some(known) => *known = row,
                    None => listed.push(row),
                }
            }
            Row::Unreadable(row) => {
                odd.push(Quarantined { number: row.number, reason: row.reason, raw: row.raw });
            }
        }
    }
    (listed, odd)
}

/// Why a detail is missing for good, when it is this order's own fault.
fn odd_detail(error: &SyncError) -> Option<String> {
    match error {
        SyncError::Platform {
            source: source @ (PlatformError::Rejected { .. } | PlatformError::Malformed { .. }),
            ..
        } if source.retry() == crate::platform::error::Retry::No => Some(format!("detail: {source}")),
        _ => None,
    }
}

fn describe(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
