//! After-sales cases and their lines.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(
            manager,
            &[
                AFTER_SALES,
                AFTER_SALES_BY_UPDATE,
                AFTER_SALES_BY_CREATION,
                AFTER_SALES_BY_ORDER,
                AFTER_SALE_ITEMS,
            ],
        )
        .await
    }
}

/// `refund_minor` is what was refunded, until then what is expected to be.
const AFTER_SALES: &str = "
    CREATE TABLE after_sales (
        shop text NOT NULL,
        number text NOT NULL,
        order_number text,
        kind text NOT NULL,
        status text NOT NULL,
        platform_status text NOT NULL,
        reason text,
        refund_minor bigint,
        currency text,
        created_at {instant},
        updated_at {instant},
        raw text NOT NULL,
        list_hash text NOT NULL,
        content_hash text NOT NULL,
        first_seen_at {instant} NOT NULL,
        synced_at {instant} NOT NULL,
        run_id bigint NOT NULL,
        PRIMARY KEY (shop, number)
    )";

const AFTER_SALES_BY_UPDATE: &str = "CREATE INDEX after_sales_by_update ON after_sales (shop, updated_at)";

const AFTER_SALES_BY_CREATION: &str =
    "CREATE INDEX after_sales_by_creation ON after_sales (shop, created_at)";

/// The cases of an order.
const AFTER_SALES_BY_ORDER: &str = "CREATE INDEX after_sales_by_order ON after_sales (shop, order_number)";

/// `line` counts from 0 in the order the platform lists them.
const AFTER_SALE_ITEMS: &str = "
    CREATE TABLE after_sale_items (
        shop text NOT NULL,
        number text NOT NULL,
        line bigint NOT NULL,
        item_number text,
        product_id text,
        sku_id text,
        sku_code text,
        quantity bigint,
        status text,
        refund_minor bigint,
        currency text,
        PRIMARY KEY (shop, number, line)
    )";
