//! The shops of the config, and their accounts as their grants name them.

pub mod prune;
pub mod shop_tables;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, OnConflict, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::db::dialect::{text, text_or_null};
use super::db::transaction::Tx;
use super::entities::shop::{Column, Entity, Model};
use super::{Store, StoreError};
use crate::domain::grant::Account;
use crate::domain::shop::Shop;

/// A shop as the database knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShopRow {
    pub name: String,
    /// Made once; what is sealed for the shop is bound to it.
    pub id: String,
    pub platform: String,
    pub app: String,
    pub zone: String,
    /// Empty until the first grant.
    pub account: Account,
    /// When its owner last granted access. `None`: never.
    pub authorised_at: Option<DateTime<Utc>>,
    /// `None`: not paused.
    pub pause: Option<Pause>,
    /// Since when the config no longer names it. `None`: it does.
    pub removed_at: Option<DateTime<Utc>>,
    /// When people were last notified that this grant ends or has ended. `None`: never.
    pub warned_at: Option<DateTime<Utc>>,
    /// When the permissions of this grant were last read. `None`: never.
    pub inspected_at: Option<DateTime<Utc>>,
}

/// Why nothing is requested a shop at present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    pub reason: String,
    /// `None`: until someone acts.
    pub until: Option<DateTime<Utc>>,
}

/// The shops themselves: accounts, pauses, new names.
#[derive(Clone, Copy)]
pub struct ShopRepo<'a> {
    pub(in crate::store) store: &'a Store,
}

impl ShopRepo<'_> {
    /// Makes the table say what the config says: new shops get an id, those no longer named get `removed_at`,
    /// those that are back lose it. Accounts and pauses stay.
    pub async fn register(self, shops: &[Shop]) -> Result<(), StoreError> {
        let now = self.store.clock.now();
        self.store
            .write(|tx| async move {
                let known: HashMap<String, Model> = Entity::find()
                    .all(tx.db())
                    .await?
                    .into_iter()
                    .map(|row| (row.shop.clone(), row))
                    .collect();
                for shop in shops {
                    if known.get(&shop.name).is_none_or(|row| differs(row, shop)) {
                        upsert(&tx, shop).await?;
                    }
                }
                let named: Vec<&str> = shops.iter().map(|shop| shop.name.as_str()).collect();
                Entity::update_many()
                    .col_expr(Column::RemovedAt, Expr::value(tx.dialect.instant(now)))
                    .filter(Column::RemovedAt.is_null())
                    .filter(Column::Shop.is_not_in(named))
                    .exec(tx.db())
                    .await?;
                Ok(())
            })
            .await
    }

    /// Every shop ever named, by name.
    pub async fn all(self) -> Result<Vec<ShopRow>, StoreError> {
        let rows = Entity::find().order_by_asc(Column::Shop).all(&self.store.connection).await?;
        Ok(rows.into_iter().map(ShopRow::from).collect())
    }

    pub async fn get(self, shop: &str) -> Result<Option<ShopRow>, StoreError> {
        let row = Entity::find_by_id(shop).one(&self.store.connection).await?;
        Ok(row.map(ShopRow::from))
    }

    /// Stores what a grant says of its account. What it does not say stays.
    pub async fn set_account(
        self,
        shop: &str,
        account: &Account,
        authorised_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let scopes = account.scopes.as_ref().map(|scopes| scopes.join(SCOPES_SEPARATOR));
        let told = [
            (Column::AccountId, &account.id),
            (Column::AccountName, &account.name),
            (Column::Region, &account.region),
            (Column::Scopes, &scopes),
        ];
        let told = &told;
        self.store
            .write(|tx| async move {
                let mut update = Entity::update_many()
                    .col_expr(Column::AuthorisedAt, Expr::value(tx.dialect.instant(authorised_at)))
                    .filter(Column::Shop.eq(shop));
                for (column, value) in told {
                    if let Some(value) = value {
                        update = update.col_expr(*column, Expr::value(text(value)));
                    }
                }
                known(shop, update.exec(tx.db()).await?.rows_affected)
            })
            .await
    }

    /// Asks nothing for the shop until then; with `None`, until [`ShopRepo::resume`]. `false` when it was paused
    /// already, which stays as it is.
    pub async fn pause(
        self,
        shop: &str,
        reason: &str,
        until: Option<DateTime<Utc>>,
    ) -> Result<bool, StoreError> {
        self.store
            .write(|tx| async move {
                let row = locked_row(&tx, shop).await?;
                if row.paused_reason.is_some() {
                    return Ok(false);
                }
                let paused = Entity::update_many()
                    .col_expr(Column::PausedReason, Expr::value(text(reason)))
                    .col_expr(Column::PausedUntil, Expr::value(tx.dialect.instant_or_null(until)))
                    .filter(Column::Shop.eq(shop))
                    .exec(tx.db())
                    .await?;
                Ok(paused.rows_affected > 0)
            })
            .await
    }

    /// Ends a pause. `false` when there was none.
    pub async fn resume(self, shop: &str) -> Result<bool, StoreError> {
        self.store
            .write(|tx| async move {
                let resumed = Entity::update_many()
                    .col_expr(Column::PausedReason, Expr::value(text_or_null(None)))
                    .col_expr(Column::PausedUntil, Expr::value(tx.dialect.instant_or_null(None)))
                    .filter(Column::Shop.eq(shop))
                    .filter(Column::PausedReason.is_not_null())
                    .exec(tx.db())
                    .await?;
                Ok(resumed.rows_affected > 0)
            })
            .await
    }
}

/// Scopes are names of APIs, which hold no space.
const SCOPES_SEPARATOR: &str = " ";

fn known(shop: &str, rows_affected: u64) -> Result<(), StoreError> {
    if rows_affected == 0 {
        return Err(StoreError::UnknownShop { shop: shop.to_owned() });
    }
    Ok(())
}

/// The shop's row, which no one else changes until the end of the transaction.
pub(super) async fn locked_row(tx: &Tx, shop: &str) -> Result<Model, StoreError> {
    let row = Entity::find_by_id(shop).lock_exclusive().one(tx.db()).await?;
    row.ok_or_else(|| StoreError::UnknownShop { shop: shop.to_owned() })
}

fn differs(row: &Model, shop: &Shop) -> bool {
    row.removed_at.is_some() || row.platform != shop.platform || row.app != shop.app || row.zone != shop.zone
}

async fn upsert(tx: &Tx, shop: &Shop) -> Result<(), StoreError> {
    let insert = Query::insert()
        .into_table(Entity)
        .columns([Column::Shop, Column::Id, Column::Platform, Column::App, Column::Zone, Column::RemovedAt])
        .values_panic([
            shop.name.as_str().into(),
            Uuid::new_v4().to_string().into(),
            shop.platform.into(),
            shop.app.as_str().into(),
            shop.zone.as_str().into(),
            tx.dialect.instant_or_null(None).into(),
        ])
        .on_conflict(
            OnConflict::column(Column::Shop)
                .update_columns([Column::Platform, Column::App, Column::Zone, Column::RemovedAt])
                .to_owned(),
        )
        .to_owned();
    tx.db().execute(&insert).await?;
    Ok(())
}

impl From<Model> for ShopRow {
    fn from(row: Model) -> Self {
        let scopes = row.scopes.map(|scopes| {
            scopes.split(SCOPES_SEPARATOR).filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
        });
        Self {
            name: row.shop,
            id: row.id,
            platform: row.platform,
            app: row.app,
            zone: row.zone,
            account: Account { id: row.account_id, name: row.account_name, region: row.region, scopes },
            authorised_at: row.authorised_at,
            pause: row.paused_reason.map(|reason| Pause { reason, until: row.paused_until }),
            removed_at: row.removed_at,
            warned_at: row.warned_at,
            inspected_at: row.inspected_at,
        }
    }
}
