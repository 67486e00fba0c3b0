//! When what could not be read is asked for again, and how often that has failed.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statements = [
            NEXT_TRY,
            DUE_AT_ONCE,
            AMOUNTS_ATTEMPTS,
            AMOUNTS_FAILED,
            STOCK_ATTEMPTS,
            STOCK_DUE,
            STOCK_FAILED,
        ];
        dialect::run(manager, &statements).await
    }
}

/// NULL: not by itself, because no call of its own tells more of it.
const NEXT_TRY: &str = "ALTER TABLE quarantine ADD COLUMN next_try_at {instant}";

/// Nobody knows what was the matter with those that are there already: the next run asks for them once.
const DUE_AT_ONCE: &str = "UPDATE quarantine SET next_try_at = last_seen_at";

/// How often in a row the money of an order could not be read.
const AMOUNTS_ATTEMPTS: &str = "ALTER TABLE orders ADD COLUMN amounts_attempts bigint NOT NULL DEFAULT 0";

/// Counted by every look at the state of the shops; nearly always empty.
const AMOUNTS_FAILED: &str = "
    CREATE INDEX orders_amounts_failed ON orders (shop) WHERE amounts_attempts > 0";

/// The same of the stock of a SKU.
const STOCK_ATTEMPTS: &str = "ALTER TABLE skus ADD COLUMN stock_attempts bigint NOT NULL DEFAULT 0";

/// Not before then. NULL: whenever the SKU changes.
const STOCK_DUE: &str = "ALTER TABLE skus ADD COLUMN stock_due_at {instant}";

const STOCK_FAILED: &str = "CREATE INDEX skus_stock_failed ON skus (shop) WHERE stock_attempts > 0";
