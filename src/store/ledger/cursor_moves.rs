//! Cursors that a person moves, which the log of runs remembers.

use crate::store::ledger::cursors::CursorRepo;
use chrono::{DateTime, Utc};

use super::cursors;
use crate::domain::record::Record;
use crate::store::StoreError;
use crate::store::db::bulk;
use crate::store::db::dialect::text;
use crate::store::entities::run::{Column, Entity};
use crate::store::reports::runs::Outcome;

/// The job under which the log of runs keeps it.
pub const CURSOR_JOB: &str = "cursor";

/// A cursor to be moved, by whom and why.
#[derive(Clone, Debug)]
pub struct CursorMove {
    pub shop: String,
    pub record: Record,
    pub to: DateTime<Utc>,
    /// The user of this machine.
    pub who: String,
    /// The reason that person gave. `None`: none.
    pub why: Option<String>,
}

impl CursorRepo<'_> {
    /// Moves a cursor as [`CursorRepo::set`] does, and notes in the same transaction who did it. Tells where it was.
    pub async fn move_to(self, moving: &CursorMove) -> Result<Option<DateTime<Utc>>, StoreError> {
        let now = self.store.clock.now();
        self.store
            .write(|tx| async move {
                let from = cursors::set(&tx, &moving.shop, moving.record, moving.to).await?;
                let row = [
                    (Column::Job, text(CURSOR_JOB)),
                    (Column::Shop, text(&moving.shop)),
                    (Column::Record, text(moving.record.as_str())),
                    (Column::Trigger, text("manual")),
                    (Column::StartedAt, tx.dialect.instant(now)),
                    (Column::FinishedAt, tx.dialect.instant(now)),
                    (Column::Outcome, text(Outcome::Ok.as_str())),
                    (Column::Calls, 0_i64.into()),
                    (Column::RowsSeen, 0_i64.into()),
                    (Column::RowsWritten, 0_i64.into()),
                    (Column::RowsUnchanged, 0_i64.into()),
                    (Column::RowsQuarantined, 0_i64.into()),
                    (Column::Note, text(&moving.note(from))),
                ];
                bulk::insert_for_id(tx.db(), Entity, row, None, Column::Id).await?;
                Ok(from)
            })
            .await
    }
}

impl CursorMove {
    fn note(&self, from: Option<DateTime<Utc>>) -> String {
        let when = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M:%S").to_string();
        let from = from.map_or_else(|| "nowhere".to_owned(), when);
        let why = self.why.as_deref().map_or_else(String::new, |why| format!(": {why}"));
        format!("from {from} to {} by {}{why}", when(self.to), self.who)
    }
}
