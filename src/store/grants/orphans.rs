//! Pairs of tokens whose place in `credentials` was taken while they were on their way. Kept sealed, until they are
//! needed or too old.
//!
//! They lie in the database whatever store the grants are in. When one is used is decided in `auth`.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::domain::credential::{Orphan, SealedTokens};
use crate::domain::moment;
use crate::store::db::dialect::{text, text_or_null};
use crate::store::db::transaction::Tx;
use crate::store::entities::credential_orphan::{Column, Entity, Model};
use crate::store::{Store, StoreError};

/// Past this age no platform is known to honour a pair that no one used.
const KEPT_FOR: TimeDelta = TimeDelta::days(30);
/// More orphans of one shop are never looked at: each is a refresh that went wrong in the same way.
const ORPHANS_MAX: u64 = 16;

/// Token pairs that a platform handed out and that no grant holds yet.
#[derive(Clone, Copy)]
pub struct OrphanRepo<'a> {
    pub(in crate::store) store: &'a Store,
}

impl OrphanRepo<'_> {
    /// Keeps a pair, on the disk when this returns. One that is kept already stays as it is.
    pub async fn keep(self, orphan: &Orphan) -> Result<(), StoreError> {
        let now = self.store.clock.now();
        self.store
            .write(|tx| async move {
                tx.make_durable().await?;
                insert(&tx, orphan, now).await
            })
            .await
    }

    /// A shop's orphans, the newest pair first.
    pub async fn of_shop(self, shop: &str) -> Result<Vec<Orphan>, StoreError> {
        let rows = Entity::find()
            .filter(Column::Shop.eq(shop))
            .order_by_desc(Column::Version)
            .order_by_desc(Column::ObtainedAt)
            .limit(ORPHANS_MAX)
            .all(&self.store.connection)
            .await?;
        let oldest = self.store.clock.now() - KEPT_FOR;
        Ok(rows.into_iter().filter(|row| row.found_at > oldest).map(Orphan::from).collect())
    }

    /// The keys that orphans are sealed with.
    pub async fn key_ids(self) -> Result<BTreeSet<String>, StoreError> {
        let rows = Entity::find().select_only().column(Column::Kid).distinct();
        let key_ids: Vec<String> = rows.into_tuple().all(&self.store.connection).await?;
        Ok(key_ids.into_iter().collect())
    }

    /// Every orphan that another key than this one sealed.
    pub async fn not_sealed_with(self, key_id: &str) -> Result<Vec<Orphan>, StoreError> {
        let rows = Entity::find().filter(Column::Kid.ne(key_id)).all(&self.store.connection).await?;
        Ok(rows.into_iter().map(Orphan::from).collect())
    }

    /// Puts the same tokens, sealed again, in the place of the orphan's. `false`: it was used, dropped or sealed again
    /// meanwhile.
    pub async fn reseal(self, orphan: &Orphan, sealed: &SealedTokens) -> Result<bool, StoreError> {
        self.store
            .write(|tx| async move {
                tx.make_durable().await?;
                let words = |words: Option<&String>| Expr::value(text_or_null(words.map(String::as_str)));
                let updated = Entity::update_many()
                    .col_expr(Column::AccessSealed, words(sealed.access_sealed.as_ref()))
                    .col_expr(Column::RefreshSealed, words(sealed.refresh_sealed.as_ref()))
                    .col_expr(Column::Kid, Expr::value(text(&sealed.key_id)))
                    .filter(Column::AttemptId.eq(orphan.attempt.as_str()))
                    .filter(Column::Kid.eq(orphan.tokens.key_id.as_str()))
                    .exec(tx.db())
                    .await?;
                Ok(updated.rows_affected > 0)
            })
            .await
    }

    /// Forgets an orphan that became a grant, or never can.
    pub async fn delete(self, attempt: &str) -> Result<(), StoreError> {
        self.store
            .write(|tx| async move {
                tx.make_durable().await?;
                Entity::delete_many().filter(Column::AttemptId.eq(attempt)).exec(tx.db()).await?;
                Ok(())
            })
            .await
    }

    /// Forgets all orphans of a shop.
    pub async fn delete_of_shop(self, shop: &str) -> Result<(), StoreError> {
        self.store.write(|tx| async move { drop_all(&tx, shop).await }).await
    }

    /// Forgets what is too old, of all shops.
    pub async fn prune(self) -> Result<(), StoreError> {
        let oldest = self.store.clock.now() - KEPT_FOR;
        self.store
            .write(|tx| async move {
                let too_old = Expr::col(Column::FoundAt).lte(Expr::value(tx.dialect.instant(oldest)));
                Entity::delete_many().filter(too_old).exec(tx.db()).await?;
                Ok(())
            })
            .await
    }
}

/// All orphans of a shop, in the caller's transaction.
pub async fn drop_all(tx: &Tx, shop: &str) -> Result<(), StoreError> {
    Entity::delete_many().filter(Column::Shop.eq(shop)).exec(tx.db()).await?;
    Ok(())
}

async fn insert(tx: &Tx, orphan: &Orphan, now: DateTime<Utc>) -> Result<(), StoreError> {
    let sealed = &orphan.tokens;
    let instant = |at| Expr::value(tx.dialect.instant_or_null(at));
    let words = |words: Option<&String>| Expr::value(text_or_null(words.map(String::as_str)));
    let (columns, values): (Vec<_>, Vec<_>) = [
        (Column::Shop, Expr::value(text(&orphan.shop))),
        (Column::Version, Expr::value(orphan.version)),
        (Column::AccessSealed, words(sealed.access_sealed.as_ref())),
        (Column::RefreshSealed, words(sealed.refresh_sealed.as_ref())),
        (Column::Kid, Expr::value(text(&sealed.key_id))),
        (Column::ObtainedAt, instant(Some(sealed.obtained_at))),
        (Column::ExpiresAt, instant(Some(sealed.access_ends_at))),
        (Column::RefreshExpiresAt, instant(sealed.refresh_ends_at)),
        (Column::AttemptId, Expr::value(text(&orphan.attempt))),
        (Column::FoundAt, instant(Some(now))),
    ]
    .into_iter()
    .unzip();
    let insert = Query::insert()
        .into_table(Entity)
        .columns(columns)
        .values_panic(values)
        .on_conflict(OnConflict::column(Column::AttemptId).do_nothing().to_owned())
        .to_owned();
    tx.db().execute(&insert).await?;
    Ok(())
}

impl From<Model> for Orphan {
    fn from(row: Model) -> Self {
        Self {
            shop: row.shop,
            version: row.version,
            tokens: SealedTokens {
                access_sealed: row.access_sealed,
                access_ends_at: moment::bounded(row.expires_at),
                refresh_sealed: row.refresh_sealed,
                refresh_ends_at: row.refresh_expires_at.map(moment::bounded),
                key_id: row.kid,
                obtained_at: row.obtained_at,
            },
            attempt: row.attempt_id,
        }
    }
}
