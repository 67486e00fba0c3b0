//! Every state an order was ever seen in.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &[ORDER_EVENTS]).await
    }
}

/// `updated_at` is when the platform says the order came to be so; `seen_at` is when we first saw it so.
const ORDER_EVENTS: &str = "
    CREATE TABLE order_events (
        id {id},
        shop text NOT NULL,
        number text NOT NULL,
        platform_status text NOT NULL,
        updated_at {instant} NOT NULL,
        status text NOT NULL,
        seen_at {instant} NOT NULL,
        run_id bigint NOT NULL,
        UNIQUE (shop, number, platform_status, updated_at)
    )";
