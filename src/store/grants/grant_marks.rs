//! What was done about a shop's grant and must not be done twice, by however many programs: marks in the shop's row,
//! each set by a process that saw the one before.

use crate::store::grants::credentials::GrantRepo;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::store::StoreError;
use crate::store::db::dialect::text_or_null;
use crate::store::entities::shop::{Column, Entity};
use crate::store::entities::sync_cursor;
use crate::store::shops::locked_row;

/// What a mark stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantMark {
    /// People were notified that the grant ends or has ended.
    Warned,
    /// The permissions of the grant were read from the platform.
    Inspected,
}

impl GrantMark {
    fn column(self) -> Column {
        match self {
            Self::Warned => Column::WarnedAt,
            Self::Inspected => Column::InspectedAt,
        }
    }
}

impl GrantRepo<'_> {
    /// Moves a mark from `seen` to `to`. `false`: it is not what was seen, so another process does what it stands for.
    pub async fn mark(
        self,
        shop: &str,
        mark: GrantMark,
        seen: Option<DateTime<Utc>>,
        to: Option<DateTime<Utc>>,
    ) -> Result<bool, StoreError> {
        let column = mark.column();
        self.store
            .write(|tx| async move {
                let as_seen = match seen {
                    Some(seen) => column.eq(tx.dialect.instant(seen)),
                    None => column.is_null(),
                };
                let marked = Entity::update_many()
                    .col_expr(column, Expr::value(tx.dialect.instant_or_null(to)))
                    .filter(Column::Shop.eq(shop))
                    .filter(as_seen)
                    .exec(tx.db())
                    .await?;
                Ok(marked.rows_affected > 0)
            })
            .await
    }

    /// A new grant begins: no warning was sent, its permissions were not read, nothing pauses the shop, and
    /// nothing of it is off. `true`
    /// when it was paused.
    pub async fn begin(self, shop: &str) -> Result<bool, StoreError> {
        self.store
            .write(|tx| async move {
                let row = locked_row(&tx, shop).await?;
                let nothing = || Expr::value(tx.dialect.instant_or_null(None));
                Entity::update_many()
                    .col_expr(Column::PausedReason, Expr::value(text_or_null(None)))
                    .col_expr(Column::PausedUntil, nothing())
                    .col_expr(Column::WarnedAt, nothing())
                    .col_expr(Column::InspectedAt, nothing())
                    .filter(Column::Shop.eq(shop))
                    .exec(tx.db())
                    .await?;
                // What the old grant did not cover, this one may.
                sync_cursor::Entity::update_many()
                    .col_expr(sync_cursor::Column::OffReason, Expr::value(text_or_null(None)))
                    .col_expr(sync_cursor::Column::OffUntil, nothing())
                    .filter(sync_cursor::Column::Shop.eq(shop))
                    .filter(sync_cursor::Column::OffReason.is_not_null())
                    .exec(tx.db())
                    .await?;
                Ok(row.paused_reason.is_some())
            })
            .await
    }
}
