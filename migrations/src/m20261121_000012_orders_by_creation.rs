//! Indexes for what is asked of orders: by day of creation, and what should have been sent by now.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &[ORDERS_BY_CREATION, ORDERS_TO_SHIP]).await
    }
}

const ORDERS_BY_CREATION: &str = "CREATE INDEX orders_by_creation ON orders (shop, created_at)";

/// Holds only what waits for the parcel. Used by queries that name these statuses in just these words.
const ORDERS_TO_SHIP: &str = "
    CREATE INDEX orders_to_ship ON orders (shop, ship_by) WHERE status IN ('to_ship', 'partially_shipped')";
