//! Quarantine: records that could not be read, kept with the reason until a later copy is stored, the platform answers,
//! or a later version of the program can read them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, OnConflict, Query};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Value,
};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::domain::again;
use crate::domain::entity::Answers;
use crate::domain::record::{Lane, Record};
use crate::domain::until::believable_max;
use crate::domain::window::Window;
use crate::store::db::bulk::{self, KEYS_PER_STATEMENT};
use crate::store::db::dialect::{Dialect, text, text_or_null};
use crate::store::db::transaction::Tx;
use crate::store::entities::quarantine::{Column, Entity, Model};
use crate::store::ledger::leases::LaneKey;
use crate::store::{Store, StoreError};

/// What a row was last tried by.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A window of a list: of update time or of creation time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShownIn {
    pub lane: Lane,
    pub window: Window,
}

/// A record that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// `None` when not even the number could be read.
    pub number: Option<String>,
    pub reason: String,
    /// The platform's own text.
    pub raw: String,
    /// Whether a detail call may give more, so that it is requested again by itself.
    pub has_own_call: bool,
}

/// A record in quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineRow {
    pub shop: String,
    pub record: Record,
    /// `#` and a hash of `raw` where the number could not be read.
    pub number: String,
    pub reason: String,
    pub raw: String,
    /// How often it was tried.
    pub attempts: i64,
    pub first_seen_at: DateTime<Utc>,
    /// When the platform last showed it.
    pub last_seen_at: DateTime<Utc>,
    /// The version of this program that last tried to read it. `None`: one that did not say.
    pub version: Option<String>,
    /// From when on it is requested again. `None`: not by itself.
    pub next_try_at: Option<DateTime<Utc>>,
    /// The window that showed it last, which is read again for what has no call of its own. `None`: no window did.
    pub shown_in: Option<ShownIn>,
}

/// Rows that are to be tried again, of one record of one shop.
#[derive(Clone, Copy, Debug)]
pub struct Untried<'a> {
    pub shop: &'a str,
    pub record: Record,
    /// `None`: all of them.
    pub number: Option<&'a str>,
    /// Only what was due before this moment, or was not tried by this version yet. `None`: whatever there is.
    pub due_before: Option<DateTime<Utc>>,
}

/// What came of trying again what stays in quarantine.
#[derive(Clone, Debug)]
pub struct Unreadable<'a> {
    pub row: &'a QuarantineRow,
    pub reason: String,
    /// See [`Quarantined::has_own_call`].
    pub has_own_call: bool,
}

/// What a commit changed about the quarantine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Numbers, as the quarantine has them, that were not there before.
    pub new: BTreeSet<String>,
    /// Numbers that left it.
    pub released: Vec<String>,
}

impl QuarantineRow {
    /// Whether the platform's own number is known.
    pub fn has_number(&self) -> bool {
        !self.number.starts_with('#')
    }

    /// The answers it is made of. What could not even be listed is the bare row of the list.
    pub fn answers(&self) -> Answers {
        const PARTS: [&str; 4] = ["list", "detail", "amounts", "items"];
        let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&self.raw).unwrap_or_default();
        if !members.contains_key(PARTS[0]) || members.keys().any(|name| !PARTS.contains(&name.as_str())) {
            return Answers { list: Some(self.raw.clone()), ..Answers::default() };
        }
        let [list, detail, amounts, items] =
            PARTS.map(|name| members.get(name).map(|text| text.get().to_owned()));
        Answers { list, detail, amounts, items }
    }
}

/// Rows that could not be read, and when they are requested again.
#[derive(Clone, Copy)]
pub struct QuarantineRepo<'a> {
    pub(in crate::store) store: &'a Store,
}

impl QuarantineRepo<'_> {
    /// What is in quarantine, newest first. `None`: of all shops.
    pub async fn list(self, shop: Option<&str>) -> Result<Vec<QuarantineRow>, StoreError> {
        let mut find = Entity::find();
        if let Some(shop) = shop {
            find = find.filter(Column::Shop.eq(shop));
        }
        let rows = find
            .order_by_desc(Column::LastSeenAt)
            .order_by_asc(Column::Shop)
            .order_by_asc(Column::Record)
            .order_by_asc(Column::Number)
            .all(&self.store.connection)
            .await?;
        rows.into_iter().map(QuarantineRow::try_from).collect()
    }

    /// One of them.
    pub async fn get(
        self,
        shop: &str,
        record: Record,
        number: &str,
    ) -> Result<Option<QuarantineRow>, StoreError> {
        let key = (shop.to_owned(), record.as_str().to_owned(), number.to_owned());
        Entity::find_by_id(key).one(&self.store.connection).await?.map(QuarantineRow::try_from).transpose()
    }

    /// How many there are to be tried again.
    pub async fn count_untried(self, of: Untried<'_>) -> Result<u64, StoreError> {
        Ok(Entity::find().filter(of.condition(self.store.dialect)).count(&self.store.connection).await?)
    }

    /// The next rows to be tried again, by number. `after`: the last number of the batch before.
    pub async fn untried(
        self,
        of: Untried<'_>,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Vec<QuarantineRow>, StoreError> {
        let rows = Entity::find()
            .filter(of.condition(self.store.dialect).add_option(after.map(|after| Column::Number.gt(after))))
            .order_by_asc(Column::Number)
            .limit(limit)
            .all(&self.store.connection)
            .await?;
        rows.into_iter().map(QuarantineRow::try_from).collect()
    }

    /// Those of `numbers` that are requested again by themselves, by number.
    pub async fn requested_again(
        self,
        shop: &str,
        record: Record,
        numbers: &[&str],
    ) -> Result<HashMap<String, QuarantineRow>, StoreError> {
        let mut kept = HashMap::new();
        for numbers in numbers.chunks(KEYS_PER_STATEMENT) {
            let rows = Entity::find()
                .filter(Column::Shop.eq(shop))
                .filter(Column::Record.eq(record.as_str()))
                .filter(Column::Number.is_in(numbers.iter().copied()))
                .filter(Column::NextTryAt.is_not_null())
                .all(&self.store.connection)
                .await?;
            for row in rows {
                kept.insert(row.number.clone(), QuarantineRow::try_from(row)?);
            }
        }
        Ok(kept)
    }

    /// How much of a (shop, record) is in quarantine and requested again by itself.
    pub async fn count_requested_again(self, shop: &str, record: Record) -> Result<u64, StoreError> {
        Ok(Entity::find()
            .filter(Column::Shop.eq(shop))
            .filter(Column::Record.eq(record.as_str()))
            .filter(Column::NextTryAt.is_not_null())
            .count(&self.store.connection)
            .await?)
    }
}

impl Untried<'_> {
    fn condition(self, dialect: Dialect) -> Condition {
        let due = self.due_before.map(|moment| {
            Condition::any()
                .add(Column::Version.is_null())
                .add(Column::Version.ne(VERSION))
                .add(Column::NextTryAt.lt(dialect.instant(moment)))
                .add(Column::NextTryAt.gt(dialect.instant(believable_max(again::PAUSE_MAX, moment))))
        });
        Condition::all()
            .add(Column::Shop.eq(self.shop))
            .add(Column::Record.eq(self.record.as_str()))
            .add_option(self.number.map(|number| Column::Number.eq(number)))
            .add_option(due)
    }
}

/// Notes that rows were tried in vain. When the platform showed them last stays: what is newer than that is newer.
pub async fn note_tried(
    tx: &Tx,
    key: &LaneKey,
    tried: &[Unreadable<'_>],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    for Unreadable { row, reason, has_own_call } in tried {
        let next_try = has_own_call.then(|| again::next_try(row.attempts.saturating_add(1), at));
        Entity::update_many()
            .col_expr(Column::Reason, Expr::value(text(reason)))
            .col_expr(Column::Version, Expr::value(VERSION))
            .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1_i64))
            .col_expr(Column::NextTryAt, Expr::value(tx.dialect.instant_or_null(next_try)))
            .filter(Column::Shop.eq(key.shop.as_str()))
            .filter(Column::Record.eq(key.record.as_str()))
            .filter(Column::Number.eq(row.number.as_str()))
            .filter(Column::LastSeenAt.lte(tx.dialect.instant(row.last_seen_at)))
            .exec(tx.db())
            .await?;
    }
    Ok(())
}

/// Puts what a page could not read into quarantine; what is already there is counted once more. Returns the numbers of
/// the new ones.
pub async fn keep(
    tx: &Tx,
    key: &LaneKey,
    quarantined: &[Quarantined],
    shown_in: Option<ShownIn>,
    now: DateTime<Utc>,
) -> Result<BTreeSet<String>, StoreError> {
    let mut new = BTreeSet::new();
    for has_own_call in [true, false] {
        let of_sort = quarantined.iter().filter(|record| record.has_own_call == has_own_call);
        let shown_in = shown_in.filter(|_| !has_own_call);
        let is_asked_again = has_own_call || shown_in.is_some();
        new.extend(keep_of_sort(tx, key, of_sort, (is_asked_again, shown_in), now).await?);
    }
    Ok(new)
}

async fn keep_of_sort(
    tx: &Tx,
    key: &LaneKey,
    records: impl Iterator<Item = &Quarantined>,
    (is_asked_again, shown_in): (bool, Option<ShownIn>),
    now: DateTime<Utc>,
) -> Result<BTreeSet<String>, StoreError> {
    let by_number: BTreeMap<String, &Quarantined> =
        records.map(|record| (number_of(record), record)).collect();
    let next_try =
        |failures| tx.dialect.instant_or_null(is_asked_again.then(|| again::next_try(failures, now)));
    let window = shown_in.map(|shown| shown.window);
    let at = tx.dialect.instant(now);
    let rows = by_number.into_iter().map(|(number, record)| {
        [
            (Column::Shop, text(&key.shop)),
            (Column::Record, text(key.record.as_str())),
            (Column::Number, text(&number)),
            (Column::Reason, text(&record.reason)),
            (Column::Raw, text(&record.raw)),
            (Column::Attempts, 1_i64.into()),
            (Column::FirstSeenAt, at.clone()),
            (Column::LastSeenAt, at.clone()),
            (Column::Version, text(VERSION)),
            (Column::NextTryAt, next_try(1)),
            (Column::ShownLane, text_or_null(shown_in.map(|shown| shown.lane.as_str()))),
            (Column::ShownFrom, tx.dialect.instant_or_null(window.map(|window| window.from()))),
            (Column::ShownUntil, tx.dialect.instant_or_null(window.map(|window| window.until()))),
        ]
    });
    let mut conflict = OnConflict::columns([Column::Shop, Column::Record, Column::Number]);
    conflict
        .update_columns([Column::Reason, Column::Raw, Column::LastSeenAt, Column::Version])
        .value(Column::Attempts, Expr::col((Entity, Column::Attempts)).add(1_i64))
        .value(Column::NextTryAt, after_failures(next_try));
    if shown_in.is_some() {
        conflict.update_columns([Column::ShownLane, Column::ShownFrom, Column::ShownUntil]);
    }
    let mut new = BTreeSet::new();
    for mut insert in bulk::inserts(Entity, rows) {
        insert.on_conflict(conflict.clone());
        insert.returning(Query::returning().columns([Column::Number, Column::Attempts]));
        for row in tx.db().query_all(&insert).await? {
            if row.try_get_by_index::<i64>(1)? == 1 {
                new.insert(row.try_get_by_index(0)?);
            }
        }
    }
    Ok(new)
}

/// The next try of a row that was there before, by how often it has failed now.
fn after_failures(next_try: impl Fn(i64) -> Value) -> Expr {
    let before = || Expr::col((Entity, Column::Attempts));
    // The pauses are the same from the fourth failure on.
    CaseStatement::new()
        .case(before().lte(1_i64), Expr::value(next_try(2)))
        .case(before().eq(2_i64), Expr::value(next_try(3)))
        .finally(Expr::value(next_try(4)))
        .into()
}

/// Takes records out of quarantine, within the transaction that stores them: those that went there before they were
/// read now, by number and moment of reading. Tells their numbers.
pub async fn release(
    tx: &Tx,
    key: &LaneKey,
    read: impl Iterator<Item = (&str, DateTime<Utc>)>,
) -> Result<Vec<String>, StoreError> {
    // One statement for each moment: the rows of a page share it.
    let mut by_moment: BTreeMap<DateTime<Utc>, Vec<&str>> = BTreeMap::new();
    for (number, read_at) in read {
        by_moment.entry(read_at).or_default().push(number);
    }
    let mut released = Vec::new();
    for (read_at, numbers) in by_moment {
        for numbers in numbers.chunks(KEYS_PER_STATEMENT) {
            let delete = Query::delete()
                .from_table(Entity)
                .and_where(Column::Shop.eq(key.shop.as_str()))
                .and_where(Column::Record.eq(key.record.as_str()))
                .and_where(Column::Number.is_in(numbers.iter().copied()))
                .and_where(Column::LastSeenAt.lte(tx.dialect.instant(read_at)))
                .returning_col(Column::Number)
                .to_owned();
            for row in tx.db().query_all(&delete).await? {
                released.push(row.try_get_by_index(0)?);
            }
        }
    }
    Ok(released)
}

fn number_of(record: &Quarantined) -> String {
    number_in_quarantine(record.number.as_deref(), &record.raw)
}

/// The number a record has in quarantine: its own, or one made of its text where that cannot be read.
pub fn number_in_quarantine(number: Option<&str>, raw: &str) -> String {
    number.map_or_else(|| format!("#{}", hex::encode(Sha256::digest(raw))), str::to_owned)
}

impl TryFrom<Model> for QuarantineRow {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let lane = row
            .shown_lane
            .as_deref()
            .map(|lane| crate::store::lane_of("quarantine.shown_lane", lane))
            .transpose()?;
        let window = row.shown_from.zip(row.shown_until).and_then(|(from, until)| Window::new(from, until));
        Ok(Self {
            shown_in: lane.zip(window).map(|(lane, window)| ShownIn { lane, window }),
            shop: row.shop,
            record: crate::store::record_of("quarantine.record", &row.record)?,
            number: row.number,
            reason: row.reason,
            raw: row.raw,
            attempts: row.attempts,
            first_seen_at: row.first_seen_at,
            last_seen_at: row.last_seen_at,
            version: row.version,
            next_try_at: row.next_try_at,
        })
    }
}
