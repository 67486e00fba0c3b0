//! Orders and their lines.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &[ORDERS, ORDERS_BY_UPDATE, ORDERS_DUE, ORDER_ITEMS]).await
    }
}

/// Money is in minor units of `currency`; null where the platform did not tell. `raw` is one JSON text of the
/// answers as they came, keyed by source.
const ORDERS: &str = "
    CREATE TABLE orders (
        shop text NOT NULL,
        number text NOT NULL,
        platform text NOT NULL,
        status text NOT NULL,
        platform_status text NOT NULL,
        after_sales_status text,
        created_at {instant},
        updated_at {instant},
        paid_at {instant},
        shipped_at {instant},
        completed_at {instant},
        canceled_at {instant},
        ship_by {instant},
        total_minor bigint,
        shipping_minor bigint,
        seller_discount_minor bigint,
        platform_discount_minor bigint,
        tax_minor bigint,
        income_minor bigint,
        currency text,
        country text,
        province text,
        city text,
        district text,
        buyer_note text,
        seller_note text,
        tracking_number text,
        carrier text,
        amounts_at {instant},
        amounts_due_at {instant},
        raw text NOT NULL,
        list_hash text NOT NULL,
        content_hash text NOT NULL,
        first_seen_at {instant} NOT NULL,
        synced_at {instant} NOT NULL,
        run_id bigint NOT NULL,
        PRIMARY KEY (shop, number)
    )";

const ORDERS_BY_UPDATE: &str = "CREATE INDEX orders_by_update ON orders (shop, updated_at)";

/// The drain of the `amounts` lane; empty but for what is due or will be.
const ORDERS_DUE: &str = "
    CREATE INDEX orders_amounts_due ON orders (shop, amounts_due_at) WHERE amounts_due_at IS NOT NULL";

/// `line` counts from 0 in the order the platform lists them: the same article may come twice.
const ORDER_ITEMS: &str = "
    CREATE TABLE order_items (
        shop text NOT NULL,
        order_number text NOT NULL,
        line bigint NOT NULL,
        item_number text,
        product_id text,
        sku_id text,
        sku_code text,
        name text,
        spec text,
        quantity bigint,
        canceled_quantity bigint,
        status text,
        unit_minor bigint,
        total_minor bigint,
        currency text,
        gift boolean,
        PRIMARY KEY (shop, order_number, line)
    )";
