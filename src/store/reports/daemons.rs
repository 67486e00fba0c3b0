//! The daemons that work on this database, and the shops that each of them knows: a verb started by hand may have read another
//! config than they.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{OnConflict, Query};
use sea_orm::{ConnectionTrait, EntityTrait};

use crate::domain::until::lasting;
use crate::store::db::dialect::text;
use crate::store::db::owner::Owner;
use crate::store::entities::daemon::{Column, Entity, Model};
use crate::store::{Store, StoreError};

/// How often a daemon says that it works.
pub const DAEMON_BEAT: std::time::Duration = std::time::Duration::from_secs(20);
/// One that has said nothing for this long is gone: killed, or its machine is.
const GONE_AFTER: TimeDelta = TimeDelta::seconds(60);
/// Names have no line breaks.
const BETWEEN_SHOPS: &str = "\n";

/// Which daemons work, and for which shops.
#[derive(Clone, Copy)]
pub struct DaemonRepo<'a> {
    pub(in crate::store) store: &'a Store,
}

impl DaemonRepo<'_> {
    /// The daemon `owner` works, and knows these shops. Forgets those that are gone.
    pub async fn works(self, owner: &Owner, shops: &[String]) -> Result<(), StoreError> {
        let now = self.store.clock.now();
        let (owner, shops) = (owner.to_string(), shops.join(BETWEEN_SHOPS));
        self.store
            .write(|tx| {
                let (owner, shops) = (owner.clone(), shops.clone());
                async move {
                    let instant = |at| tx.dialect.instant(at);
                    for row in Entity::find().all(tx.db()).await?.iter().filter(|row| is_gone(row, now)) {
                        Entity::delete_by_id(&row.owner).exec(tx.db()).await?;
                    }
                    let insert = Query::insert()
                        .into_table(Entity)
                        .columns([Column::Owner, Column::BeatAt, Column::Shops])
                        .values_panic([text(&owner).into(), instant(now).into(), text(&shops).into()])
                        .on_conflict(
                            OnConflict::column(Column::Owner)
                                .update_columns([Column::BeatAt, Column::Shops])
                                .to_owned(),
                        )
                        .to_owned();
                    tx.db().execute(&insert).await?;
                    Ok(())
                }
            })
            .await
    }

    /// The daemon `owner` ends.
    pub async fn ends(self, owner: &Owner) -> Result<(), StoreError> {
        let owner = owner.to_string();
        self.store
            .write(|tx| {
                let owner = owner.clone();
                async move {
                    Entity::delete_by_id(owner).exec(tx.db()).await?;
                    Ok(())
                }
            })
            .await
    }

    /// The shops that the daemons know that work now. `None`: no daemon works on this database.
    pub async fn shops(self) -> Result<Option<BTreeSet<String>>, StoreError> {
        let now = self.store.clock.now();
        let mut rows = Entity::find().all(&self.store.connection).await?;
        rows.retain(|row| !is_gone(row, now));
        if rows.is_empty() {
            return Ok(None);
        }
        let shops = rows.iter().flat_map(|row| row.shops.split(BETWEEN_SHOPS));
        Ok(Some(shops.filter(|name| !name.is_empty()).map(str::to_owned).collect()))
    }
}

/// Whether a daemon ended without saying so. A clock that stepped back a little ends none; what a clock far ahead wrote
/// is no beat, and a daemon that lives says so again at once.
fn is_gone(row: &Model, now: DateTime<Utc>) -> bool {
    let is_beating = lasting(row.beat_at + GONE_AFTER, GONE_AFTER * 2, now).is_some();
    !is_beating || Owner::from(row.owner.clone()).is_gone()
}
