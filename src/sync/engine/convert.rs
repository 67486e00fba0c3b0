//! A page becomes rows to store: unchanged ones are dropped, details fetched, unreadable ones set aside.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use super::drift_check::{WholeRows, check_drift};
use super::pages::LoadedPage;
use super::reason::reason_of;
use super::seen::SeenNumbers;
use crate::domain::entity::{Answers, Entity, FUTURE_MAX, Kind};
use crate::platform::rate::Priority;
use crate::platform::{ConvertError, DetailNeed, ListRow, Row, UnreadableRow};
use crate::store::records::quarantine::Quarantined;
use crate::store::records::things::Stored;
use crate::sync::engine::details;
use crate::sync::{RecordSync, SyncError, quarantine};

/// Whatever was requested is answered by then, also when its turn was long in coming.
const ANSWERED_WITHIN: TimeDelta = TimeDelta::hours(1);

/// Why a readable order is requested again: a line does not say what it is of.
const NAMELESS_LINE: &str = "a line of the order has no number";

/// What is to be written of one or several pages.
#[derive(Default)]
pub struct ConvertedPage {
    pub things: Vec<Stored>,
    pub quarantined: Vec<Quarantined>,
}

impl ConvertedPage {
    pub fn append(&mut self, mut later: Self) {
        // A row that may be only a part says nothing about another row of the same order.
        let whole = later.things.iter().filter(|stored| !stored.may_be_part);
        let readable: HashSet<&str> = whole.map(|stored| stored.entity.number()).collect();
        self.quarantined.retain(|odd| odd.number.as_deref().is_none_or(|number| !readable.contains(number)));
        self.things.append(&mut later.things);
        self.quarantined.append(&mut later.quarantined);
    }
}

/// What became of a row of the list.
pub enum Outcome {
    Thing(Box<Stored>),
    /// It is stored without the part that its detail call would have given.
    Partly(Box<Stored>, Quarantined),
    Odd(Quarantined),
}

/// Turns a page into what is to be written. `seen` takes every number of the page.
pub async fn convert_page(
    sync: &RecordSync,
    page: LoadedPage,
    priority: Priority,
    seen: &mut SeenNumbers,
) -> Result<ConvertedPage, SyncError> {
    let LoadedPage { page, requested_at: read_at } = page;
    let rows_total = page.rows.len();
    let mut whole = WholeRows::of(&page, sync.paging.counted);
    seen.add(&page);
    let (listed, odd) = sort_rows(page.rows);

    let listed_total = listed.len();
    let changed = changed(sync, listed).await?;
    let unchanged = listed_total - changed.len();
    let kinds: Vec<Kind> = changed.iter().map(|row| row.kind).collect();
    let mut unreadable = odd.len();
    let mut converted = ConvertedPage { things: Vec::with_capacity(changed.len()), quarantined: odd };
    for (outcome, kind) in
        details::complete_all(sync, changed, read_at, priority).await?.into_iter().zip(kinds)
    {
        match outcome {
            Outcome::Thing(thing) => converted.things.push(*thing),
            Outcome::Partly(thing, missing) => {
                converted.things.push(*thing);
                converted.quarantined.push(missing);
            }
            Outcome::Odd(row) => {
                unreadable += 1;
                whole.unreadable += usize::from(kind == sync.paging.counted);
                converted.quarantined.push(row);
            }
        }
    }
    check_drift(rows_total, unreadable, &converted.quarantined)?;
    check_drift(whole.rows, whole.unreadable, &converted.quarantined)?;
    sync.rows_read(rows_total, unchanged);
    tracing::debug!(
        shop = %sync.shop.name, record = %sync.record, rows = rows_total, unchanged,
        "read a page",
    );
    Ok(converted)
}

/// The rows worth a closer look: those whose list row is not stored as it is now, and all where the list does not tell
/// of every change. Without those that are in quarantine as they are: they are requested again after new changes, and
/// no more often than that.
async fn changed(sync: &RecordSync, listed: Vec<ListRow>) -> Result<Vec<ListRow>, SyncError> {
    let changed = unlike_stored(sync, listed).await?;
    let numbers: Vec<&str> = changed.iter().map(|row| row.number.as_str()).collect();
    let kept = sync.store.quarantine().requested_again(&sync.shop.name, sync.record, &numbers).await?;
    if kept.is_empty() {
        return Ok(changed);
    }
    let is_kept = |row: &ListRow| {
        let kept = kept.get(&row.number).and_then(|kept| Some((kept, kept.answers().list?)));
        kept.is_some_and(|(kept, raw)| {
            raw == row.raw
                || !row.list_hash.is_empty()
                    && quarantine::listed_again(sync, kept, &raw)
                        .is_some_and(|kept| kept.list_hash == row.list_hash)
        })
    };
    Ok(changed.into_iter().filter(|row| !is_kept(row)).collect())
}

async fn unlike_stored(sync: &RecordSync, listed: Vec<ListRow>) -> Result<Vec<ListRow>, SyncError> {
    if sync.paging.details.is_some_and(|details| details.need == DetailNeed::EveryTime) {
        return Ok(listed);
    }
    let mut numbers: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
    for row in &listed {
        numbers.entry(row.kind).or_default().push(row.number.clone());
    }
    let mut stored: HashMap<Kind, HashMap<String, String>> = HashMap::new();
    for (kind, numbers) in numbers {
        stored.insert(kind, sync.store.pages().list_hashes(&sync.shop.name, kind, &numbers).await?);
    }
    let is_stored = |row: &ListRow| {
        stored.get(&row.kind).and_then(|hashes| hashes.get(&row.number)) == Some(&row.list_hash)
    };
    Ok(listed.into_iter().filter(|row| !is_stored(row)).collect())
}

/// What the answers of a row make. `has_own_call`: see [`Quarantined::has_own_call`].
pub fn outcome(sync: &RecordSync, parts: RowParts, read_at: DateTime<Utc>, has_own_call: bool) -> Outcome {
    outcome_of(sync, convert(sync, &parts), parts, read_at, has_own_call)
}

pub fn convert(sync: &RecordSync, parts: &RowParts) -> Result<Entity, ConvertError> {
    sync.source().convert(parts.kind, &parts.answers)
}

/// What became of a row, once it is converted.
pub fn outcome_of(
    sync: &RecordSync,
    made: Result<Entity, ConvertError>,
    parts: RowParts,
    read_at: DateTime<Utc>,
    has_own_call: bool,
) -> Outcome {
    let made = made.and_then(|entity| {
        entity.check_limits()?;
        Ok(entity)
    });
    match made {
        Ok(mut entity) => {
            let (latest, read_on_platform) = believed(sync, read_at);
            // The platform gives it an update time, and not a possible one: without a hash the thing is read again when
            // it is listed again, and that reading replaces this one.
            let has_update_time = entity.updated_at().is_some() || sync.paging.windows().is_some();
            let is_assumed = entity.believe_times(latest, read_on_platform);
            let RowParts { answers, mut list_hash, .. } = parts;
            if is_assumed && has_update_time {
                list_hash.clear();
            }
            let may_be_part = sync.source().splits_rows();
            let missing = entity.has_nameless_line(may_be_part).then(|| {
                let (raw, number) = (answers.to_json(), Some(entity.number().to_owned()));
                Quarantined { number, reason: NAMELESS_LINE.to_owned(), raw, has_own_call: true }
            });
            let thing = Box::new(Stored { entity, answers, read_at, list_hash, may_be_part });
            match missing {
                Some(missing) => Outcome::Partly(thing, missing),
                None => Outcome::Thing(thing),
            }
        }
        Err(error) => Outcome::Odd(parts.odd(reason_of(&error), has_own_call)),
    }
}

/// Of something read at `read_at`: the latest time that can be true of it, and when it was read, both on the platform's
/// clock. Its times often are whole seconds, so the reading is one too: a change in the same second is no older.
fn believed(sync: &RecordSync, read_at: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
    let offset = sync.application.platform().skew().offset();
    let answered_by = sync.clock.now().min(read_at + ANSWERED_WITHIN);
    (answered_by + offset + FUTURE_MAX, (read_at + offset).trunc_subsecs(0))
}

/// A row on its way to being stored.
#[derive(Clone)]
pub struct RowParts {
    kind: Kind,
    pub number: String,
    list_hash: String,
    pub answers: Answers,
}

impl RowParts {
    pub fn odd(self, reason: String, has_own_call: bool) -> Quarantined {
        Quarantined { number: Some(self.number), reason, raw: self.answers.to_json(), has_own_call }
    }
}

impl ListRow {
    /// With all the answers that belong to it.
    pub fn with(self, answers: Answers) -> RowParts {
        RowParts { answers, ..self.into_parts() }
    }

    pub fn into_parts(self) -> RowParts {
        let Self { kind, number, list_hash, raw, .. } = self;
        RowParts { kind, number, list_hash, answers: Answers { list: Some(raw), ..Answers::default() } }
    }
}

/// Readable rows, the same number only once (the last one listed), and the others.
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
                let UnreadableRow { number, reason, raw } = row;
                odd.push(Quarantined { number, reason, raw, has_own_call: false });
            }
        }
    }
    (listed, odd)
}
