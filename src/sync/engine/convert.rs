//! Converts one row of a list, with the answers that belong to it, into what is stored.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::domain::entity::{Answers, Entity, FUTURE_MAX, Kind};
use crate::platform::{ConvertError, ListRow};
use crate::store::records::quarantine::{QuarantineRow, Quarantined};
use crate::store::records::things::Stored;
use crate::sync::RecordSync;
use crate::sync::error::reason_of;

/// Each request is answered within this time, also when it waited long for its turn.
const ANSWERED_WITHIN: TimeDelta = TimeDelta::hours(1);

/// Why a readable order is requested again: a line does not say what it is of.
const NAMELESS_LINE: &str = "a line of the order has no number";

/// A row of the list, once it is converted.
pub enum Converted {
    Complete(Box<Stored>),
    /// It is stored without the part that its detail call would have given.
    Incomplete(Box<Stored>, Quarantined),
    Unreadable(Quarantined),
}

/// Converts a row with the answers that belong to it. `has_own_call`: see [`Quarantined::has_own_call`].
pub fn convert_row(
    sync: &RecordSync,
    parts: RowParts,
    read_at: DateTime<Utc>,
    has_own_call: bool,
) -> Converted {
    checked_row(sync, convert(sync, &parts), parts, read_at, has_own_call)
}

pub fn convert(sync: &RecordSync, parts: &RowParts) -> Result<Entity, ConvertError> {
    sync.source().convert(parts.kind, &parts.answers)
}

/// Checks what a row was converted to, and completes it with what this program knows.
pub fn checked_row(
    sync: &RecordSync,
    made: Result<Entity, ConvertError>,
    parts: RowParts,
    read_at: DateTime<Utc>,
    has_own_call: bool,
) -> Converted {
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
                Some(missing) => Converted::Incomplete(thing, missing),
                None => Converted::Complete(thing),
            }
        }
        Err(error) => Converted::Unreadable(parts.into_quarantined(reason_of(&error), has_own_call)),
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
    pub fn into_quarantined(self, reason: String, has_own_call: bool) -> Quarantined {
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

/// The row of the list, of whichever kind of the record it is.
pub fn listed_again(sync: &RecordSync, row: &QuarantineRow, raw: &str) -> Option<ListRow> {
    let of_record = Kind::ALL.into_iter().filter(|kind| kind.record() == sync.record);
    let mut listed = of_record.filter_map(|kind| sync.source().reread(kind, raw));
    listed.find(|listed| !row.has_number() || listed.number == row.number)
}
