//! Sealed grants in the database: one row a shop, changed by one writer at a time.
//!
//! Every write locks the row, checks that it is still as its writer read it, and is on the disk when it returns. What
//! a grant needs is decided in `auth`; no token in clear ever comes here.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, OnConflict, Query, SimpleExpr};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::orphans;
use crate::domain::credential::{Attempt, Claim, Condition, Credential, RefreshLease, SealedTokens, Trouble};
use crate::domain::moment;
use crate::store::db::dialect::{Dialect, text, text_or_null};
use crate::store::db::transaction::Tx;
use crate::store::entities::credential::{Column, Entity, Model};
use crate::store::{Store, StoreError};

/// The shops' grants: tokens, and what is known of them.
#[derive(Clone, Copy)]
pub struct GrantRepo<'a> {
    pub(in crate::store) store: &'a Store,
}

impl GrantRepo<'_> {
    /// `None`: the shop has no grant.
    pub async fn get(self, shop: &str) -> Result<Option<Credential>, StoreError> {
        match Entity::find_by_id(shop).one(&self.store.connection).await? {
            Some(row) => credential(row).map(Some),
            None => Ok(None),
        }
    }

    /// Every grant, by the shops' names.
    pub async fn all(self) -> Result<Vec<Credential>, StoreError> {
        let rows = Entity::find().order_by_asc(Column::Shop).all(&self.store.connection).await?;
        rows.into_iter().map(credential).collect()
    }

    /// Puts `next` in the place of the row that `claim` names; with `None`, where there is none. `false` when the row is
    /// another by now: nothing was written.
    pub async fn swap(self, claim: Option<&Claim>, next: &Credential) -> Result<bool, StoreError> {
        self.store
            .write(|tx| async move {
                tx.make_durable().await?;
                match claim {
                    Some(claim) if is_claimed(&tx, claim).await? => update(&tx, next).await.map(|()| true),
                    Some(_) => Ok(false),
                    None => insert(&tx, next).await,
                }
            })
            .await
    }

    /// Forgets a grant and its orphans. `false`: there was none.
    pub async fn clear(self, shop: &str) -> Result<bool, StoreError> {
        self.store
            .write(|tx| async move {
                tx.make_durable().await?;
                orphans::drop_all(&tx, shop).await?;
                let deleted = Entity::delete_by_id(shop).exec(tx.db()).await?;
                Ok(deleted.rows_affected > 0)
            })
            .await
    }

    /// The moment by the clock that leases run by.
    pub async fn now(self) -> Result<DateTime<Utc>, StoreError> {
        match self.store.dialect {
            Dialect::Sqlite => Ok(self.store.clock.now()),
            Dialect::Postgres => self.store.write(|tx| async move { Ok(tx.now().await?) }).await,
        }
    }
}

/// Locks the row until the end of the transaction. `false` when it is no longer as the claim says.
async fn is_claimed(tx: &Tx, claim: &Claim) -> Result<bool, StoreError> {
    let row = Entity::find_by_id(claim.shop.as_str()).lock_exclusive().one(tx.db()).await?;
    Ok(row.is_some_and(|row| {
        row.version == claim.version && row.fence == claim.fence && row.attempt_id == claim.attempt
    }))
}

async fn update(tx: &Tx, next: &Credential) -> Result<(), StoreError> {
    let mut update = Entity::update_many().filter(Column::Shop.eq(next.shop.as_str()));
    for (column, value) in columns(next, tx.dialect) {
        update = update.col_expr(column, value);
    }
    update.exec(tx.db()).await?;
    Ok(())
}

async fn insert(tx: &Tx, next: &Credential) -> Result<bool, StoreError> {
    let mut values = columns(next, tx.dialect);
    values.push((Column::Shop, Expr::value(text(&next.shop))));
    let (columns, values): (Vec<_>, Vec<_>) = values.into_iter().unzip();
    let insert = Query::insert()
        .into_table(Entity)
        .columns(columns)
        .values_panic(values)
        .on_conflict(OnConflict::column(Column::Shop).do_nothing().to_owned())
        .to_owned();
    Ok(tx.db().execute(&insert).await?.rows_affected() == 1)
}

fn columns(row: &Credential, dialect: Dialect) -> Vec<(Column, SimpleExpr)> {
    let (sealed, lease, attempt) = (&row.tokens, row.lease.as_ref(), row.attempt.as_ref());
    let instant = |at: Option<DateTime<Utc>>| Expr::value(dialect.instant_or_null(at));
    let words = |words: Option<&String>| Expr::value(text_or_null(words.map(String::as_str)));
    let trouble = row.trouble.as_ref();
    vec![
        (Column::Version, Expr::value(row.version)),
        (Column::Fence, Expr::value(row.fence)),
        (Column::State, Expr::value(row.condition.as_str())),
        (Column::AccessSealed, words(sealed.access_sealed.as_ref())),
        (Column::RefreshSealed, words(sealed.refresh_sealed.as_ref())),
        (Column::PrevRefreshSealed, words(row.previous_refresh_sealed.as_ref())),
        (Column::Kid, Expr::value(text(&sealed.key_id))),
        (Column::ObtainedAt, instant(Some(sealed.obtained_at))),
        (Column::ExpiresAt, instant(Some(sealed.access_ends_at))),
        (Column::GrantAt, instant(Some(row.granted_at))),
        (Column::RefreshExpiresAt, instant(sealed.refresh_ends_at)),
        (Column::NotBefore, instant(row.not_before)),
        (Column::LeaseOwner, words(lease.map(|lease| &lease.owner))),
        (Column::LeaseUntil, instant(lease.map(|lease| lease.until))),
        (Column::AttemptId, words(attempt.map(|attempt| &attempt.id))),
        (Column::AttemptRtHash, words(attempt.map(|attempt| &attempt.refresh_hash))),
        (Column::AttemptAt, instant(attempt.map(|attempt| attempt.at))),
        (Column::InstanceId, words(row.place.as_ref())),
        (Column::LastErrorClass, words(trouble.map(|trouble| &trouble.class))),
        (Column::LastError, words(trouble.map(|trouble| &trouble.message))),
    ]
}

pub(in crate::store) fn credential(row: Model) -> Result<Credential, StoreError> {
    let condition = Condition::parse(&row.state)
        .ok_or_else(|| StoreError::UnknownWord { column: "credentials.state", found: row.state.clone() })?;
    let attempt = match (row.attempt_id, row.attempt_rt_hash, row.attempt_at.map(moment::bounded)) {
        (Some(id), Some(refresh_hash), Some(at)) => Some(Attempt { id, refresh_hash, at }),
        _ => None,
    };
    let lease = match (row.lease_owner, row.lease_until.map(moment::bounded)) {
        (Some(owner), Some(until)) => Some(RefreshLease { owner, until }),
        _ => None,
    };
    let trouble =
        row.last_error_class.map(|class| Trouble { class, message: row.last_error.unwrap_or_default() });
    let told = |at: Option<DateTime<Utc>>| at.map(moment::bounded);
    // Written by every insert; the beginning of time, where a hand took them out, counts as long over.
    let obtained_at = told(row.obtained_at).unwrap_or(DateTime::UNIX_EPOCH);
    Ok(Credential {
        shop: row.shop,
        version: row.version,
        fence: row.fence,
        condition,
        tokens: SealedTokens {
            access_sealed: row.access_sealed,
            access_ends_at: told(row.expires_at).unwrap_or(obtained_at),
            refresh_sealed: row.refresh_sealed,
            refresh_ends_at: told(row.refresh_expires_at),
            key_id: row.kid.unwrap_or_default(),
            obtained_at,
        },
        granted_at: told(row.grant_at).unwrap_or(obtained_at),
        previous_refresh_sealed: row.prev_refresh_sealed,
        not_before: told(row.not_before),
        lease,
        place: row.instance_id,
        is_copied: false,
        attempt,
        trouble,
    })
}
