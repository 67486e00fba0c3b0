//! Sealed grants in the database: one row a shop, changed by one writer at a time.
//!
//! Every write locks the row, checks that it is still as its writer read it, and is on the disk when it returns. What
//! a grant needs is decided in `auth`; no token in clear ever comes here.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, OnConflict, Query, SimpleExpr};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::dialect::{Dialect, text, text_or_null};
use super::entities::credential::{Column, Entity, Model};
use super::owner::Owner;
use super::transaction::Tx;
use super::{Store, StoreError};
use crate::domain::credential::{
    Attempt, Claim, Condition, Credential, Intent, NewTokens, SealedTokens, Settlement, Trouble,
};

/// The fence of a shop's first grant.
const FIRST_FENCE: i64 = 1;

impl Store {
    /// `None`: the shop has no grant.
    pub async fn credential(&self, shop: &str) -> Result<Option<Credential>, StoreError> {
        match Entity::find_by_id(shop).one(&self.connection).await? {
            Some(row) => Ok(Some(self.read(row).await?)),
            None => Ok(None),
        }
    }

    /// Every grant, by the shops' names.
    pub async fn credentials(&self) -> Result<Vec<Credential>, StoreError> {
        let rows = Entity::find().order_by_asc(Column::Shop).all(&self.connection).await?;
        let mut credentials = Vec::with_capacity(rows.len());
        for row in rows {
            credentials.push(self.read(row).await?);
        }
        Ok(credentials)
    }

    /// Writes down the intent to spend a refresh token. `None` when the row is no longer as the claim says, a
    /// pause lasts, or somebody else holds the lease.
    pub async fn begin_refresh(&self, claim: &Claim, intent: &Intent) -> Result<Option<Claim>, StoreError> {
        self.write(|tx| async move {
            let Some(row) = claimed(&tx, claim).await? else {
                return Ok(None);
            };
            let now = tx.now().await?;
            let is_paused = row.not_before.is_some_and(|until| until > intent.pauses_until);
            if is_paused || is_leased(&row, now) {
                return Ok(None);
            }
            let begun =
                Claim { fence: row.fence + 1, attempt: Some(intent.attempt.id.clone()), ..claim.clone() };
            let changes = [
                (Column::Fence, Expr::value(begun.fence)),
                (Column::State, Expr::value(intent.condition.as_str())),
                (Column::LeaseOwner, Expr::value(text(&intent.owner))),
                (Column::LeaseUntil, Expr::value(tx.dialect.instant(now + intent.lease))),
                (Column::AttemptId, Expr::value(text(&intent.attempt.id))),
                (Column::AttemptRtHash, Expr::value(text(&intent.attempt.refresh_hash))),
                (Column::AttemptAt, Expr::value(tx.dialect.instant(intent.attempt.at))),
            ];
            update(&tx, &claim.shop, changes.into()).await?;
            Ok(Some(begun))
        })
        .await
    }

    /// Stores what a renewal brought. `false` when somebody else took over meanwhile: nothing was written.
    pub async fn commit_tokens(&self, claim: &Claim, tokens: &NewTokens) -> Result<bool, StoreError> {
        self.write(|tx| async move {
            if claimed(&tx, claim).await?.is_none() {
                return Ok(false);
            }
            let mut changes = columns(tokens, tx.dialect);
            changes.extend(no_lease(tx.dialect));
            update(&tx, &claim.shop, changes).await?;
            Ok(true)
        })
        .await
    }

    /// Writes down how a renewal ended that brought nothing. No token is touched.
    pub async fn settle_refresh(&self, claim: &Claim, settlement: &Settlement) -> Result<bool, StoreError> {
        self.write(|tx| async move {
            if claimed(&tx, claim).await?.is_none() {
                return Ok(false);
            }
            let mut changes = vec![
                (Column::State, Expr::value(settlement.condition.as_str())),
                (Column::NotBefore, Expr::value(tx.dialect.instant_or_null(settlement.not_before))),
            ];
            if let Some(end) = settlement.access_ends_at {
                changes.push((Column::ExpiresAt, Expr::value(tx.dialect.instant(end))));
            }
            changes.extend(trouble(settlement.trouble.as_ref()));
            changes.extend(no_lease(tx.dialect));
            update(&tx, &claim.shop, changes).await?;
            Ok(true)
        })
        .await
    }

    /// Stores what an authorisation brought, over whatever is under way. `claim`: the row as it was read, `None`
    /// when there was none. `false` when that changed meanwhile.
    pub async fn put_credential(
        &self,
        shop: &str,
        claim: Option<&Claim>,
        tokens: &NewTokens,
    ) -> Result<bool, StoreError> {
        self.write(|tx| async move {
            let Some(claim) = claim else {
                return insert(&tx, shop, tokens).await;
            };
            if claimed(&tx, claim).await?.is_none() {
                return Ok(false);
            }
            let mut changes = columns(tokens, tx.dialect);
            changes.extend(no_lease(tx.dialect));
            changes.push((Column::Fence, Expr::value(claim.fence + 1)));
            changes.push((Column::AttemptId, Expr::value(text_or_null(None))));
            changes.push((Column::AttemptRtHash, Expr::value(text_or_null(None))));
            changes.push((Column::AttemptAt, Expr::value(tx.dialect.instant_or_null(None))));
            update(&tx, shop, changes).await?;
            Ok(true)
        })
        .await
    }

    /// Forgets a grant. `false`: there was none.
    pub async fn clear_credential(&self, shop: &str) -> Result<bool, StoreError> {
        self.write(|tx| async move {
            make_durable(&tx).await?;
            let deleted = Entity::delete_by_id(shop).exec(tx.db()).await?;
            Ok(deleted.rows_affected > 0)
        })
        .await
    }

    async fn read(&self, row: Model) -> Result<Credential, StoreError> {
        let leased = match row.lease_until {
            None => false,
            Some(_) if self.dialect == Dialect::Sqlite => is_leased(&row, self.clock.now()),
            // Seldom: the database's clock is asked only while somebody renews this very grant.
            Some(_) => is_leased(&row, self.write(|tx| async move { Ok(tx.now().await?) }).await?),
        };
        credential(row, leased)
    }
}

/// Locks the row until the end of the transaction. `None` when it is no longer as the claim says.
async fn claimed(tx: &Tx, claim: &Claim) -> Result<Option<Model>, StoreError> {
    make_durable(tx).await?;
    let row = Entity::find_by_id(claim.shop.as_str()).lock_exclusive().one(tx.db()).await?;
    Ok(row.filter(|row| {
        row.version == claim.version && row.fence == claim.fence && row.attempt_id == claim.attempt
    }))
}

/// A spent refresh token cannot be got again: whatever the server's default is, these commits wait for the disk.
/// SQLite is opened so that every commit does.
async fn make_durable(tx: &Tx) -> Result<(), StoreError> {
    if tx.dialect == Dialect::Postgres {
        tx.db().execute_unprepared("SET LOCAL synchronous_commit = on").await?;
    }
    Ok(())
}

/// Whether somebody holds the lease at `now`, as far as can be known from here.
fn is_leased(row: &Model, now: DateTime<Utc>) -> bool {
    let is_gone = row.lease_owner.as_ref().is_some_and(|owner| Owner::from(owner.clone()).is_gone());
    row.lease_until.is_some_and(|until| now < until) && !is_gone
}

async fn update(tx: &Tx, shop: &str, changes: Vec<(Column, SimpleExpr)>) -> Result<(), StoreError> {
    let mut update = Entity::update_many().filter(Column::Shop.eq(shop));
    for (column, value) in changes {
        update = update.col_expr(column, value);
    }
    update.exec(tx.db()).await?;
    Ok(())
}

async fn insert(tx: &Tx, shop: &str, tokens: &NewTokens) -> Result<bool, StoreError> {
    make_durable(tx).await?;
    let mut values = columns(tokens, tx.dialect);
    values.push((Column::Shop, Expr::value(text(shop))));
    values.push((Column::Fence, Expr::value(FIRST_FENCE)));
    let (columns, values): (Vec<_>, Vec<_>) = values.into_iter().unzip();
    let insert = Query::insert()
        .into_table(Entity)
        .columns(columns)
        .values_panic(values)
        .on_conflict(OnConflict::column(Column::Shop).do_nothing().to_owned())
        .to_owned();
    Ok(tx.db().execute(&insert).await?.rows_affected() == 1)
}

fn columns(tokens: &NewTokens, dialect: Dialect) -> Vec<(Column, SimpleExpr)> {
    let sealed = &tokens.tokens;
    let instant = |at| Expr::value(dialect.instant_or_null(at));
    let sealed_text = |sealed: &Option<String>| Expr::value(text_or_null(sealed.as_deref()));
    let mut columns = vec![
        (Column::Version, Expr::value(tokens.version)),
        (Column::State, Expr::value(tokens.condition.as_str())),
        (Column::AccessSealed, sealed_text(&sealed.access_sealed)),
        (Column::RefreshSealed, sealed_text(&sealed.refresh_sealed)),
        (Column::PrevRefreshSealed, sealed_text(&tokens.previous_refresh_sealed)),
        (Column::Kid, Expr::value(text(&sealed.key_id))),
        (Column::ObtainedAt, instant(Some(sealed.obtained_at))),
        (Column::ExpiresAt, instant(Some(sealed.access_ends_at))),
        (Column::GrantAt, instant(Some(tokens.granted_at))),
        (Column::RefreshExpiresAt, instant(sealed.refresh_ends_at)),
        (Column::NotBefore, instant(tokens.not_before)),
    ];
    columns.extend(trouble(tokens.trouble.as_ref()));
    columns
}

fn trouble(trouble: Option<&Trouble>) -> [(Column, SimpleExpr); 2] {
    let class = trouble.map(|trouble| trouble.class.as_str());
    let message = trouble.map(|trouble| trouble.message.as_str());
    [
        (Column::LastErrorClass, Expr::value(text_or_null(class))),
        (Column::LastError, Expr::value(text_or_null(message))),
    ]
}

fn no_lease(dialect: Dialect) -> [(Column, SimpleExpr); 2] {
    [
        (Column::LeaseOwner, Expr::value(text_or_null(None))),
        (Column::LeaseUntil, Expr::value(dialect.instant_or_null(None))),
    ]
}

fn credential(row: Model, leased: bool) -> Result<Credential, StoreError> {
    let condition = Condition::parse(&row.state)
        .ok_or_else(|| StoreError::UnknownWord { column: "credentials.state", found: row.state.clone() })?;
    let attempt = match (row.attempt_id, row.attempt_rt_hash, row.attempt_at) {
        (Some(id), Some(refresh_hash), Some(at)) => Some(Attempt { id, refresh_hash, at }),
        _ => None,
    };
    let trouble =
        row.last_error_class.map(|class| Trouble { class, message: row.last_error.unwrap_or_default() });
    // Written by every insert; the beginning of time, where a hand took them out, counts as long over.
    let obtained_at = row.obtained_at.unwrap_or(DateTime::UNIX_EPOCH);
    Ok(Credential {
        shop: row.shop,
        version: row.version,
        fence: row.fence,
        condition,
        tokens: SealedTokens {
            access_sealed: row.access_sealed,
            access_ends_at: row.expires_at.unwrap_or(obtained_at),
            refresh_sealed: row.refresh_sealed,
            refresh_ends_at: row.refresh_expires_at,
            key_id: row.kid.unwrap_or_default(),
            obtained_at,
        },
        granted_at: row.grant_at.unwrap_or(obtained_at),
        previous_refresh_sealed: row.prev_refresh_sealed,
        not_before: row.not_before,
        leased,
        attempt,
        trouble,
    })
}
