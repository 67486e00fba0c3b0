//! Products and the SKUs they are sold as.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &[PRODUCTS, SKUS, SKUS_BY_STOCK, SKU_STOCK]).await
    }
}

/// `gone_at` is when a complete scan no longer found it; null while it is there.
const PRODUCTS: &str = "
    CREATE TABLE products (
        shop text NOT NULL,
        product_id text NOT NULL,
        name text,
        status text,
        category_id text,
        image_url text,
        created_at {instant},
        updated_at {instant},
        gone_at {instant},
        raw text NOT NULL,
        list_hash text NOT NULL,
        content_hash text NOT NULL,
        first_seen_at {instant} NOT NULL,
        synced_at {instant} NOT NULL,
        run_id bigint NOT NULL,
        PRIMARY KEY (shop, product_id)
    )";

/// Money is in minor units of `currency`; null where the platform did not tell.
const SKUS: &str = "
    CREATE TABLE skus (
        shop text NOT NULL,
        sku_id text NOT NULL,
        product_id text,
        sku_code text,
        barcode text,
        name text,
        price_minor bigint,
        list_price_minor bigint,
        currency text,
        stock bigint,
        on_sale boolean,
        created_at {instant},
        updated_at {instant},
        gone_at {instant},
        raw text NOT NULL,
        list_hash text NOT NULL,
        content_hash text NOT NULL,
        first_seen_at {instant} NOT NULL,
        synced_at {instant} NOT NULL,
        run_id bigint NOT NULL,
        PRIMARY KEY (shop, sku_id)
    )";

/// What is about to run out, among what is there.
const SKUS_BY_STOCK: &str = "CREATE INDEX skus_by_stock ON skus (shop, stock) WHERE gone_at IS NULL";

/// `warehouse` is empty for the sum over all.
const SKU_STOCK: &str = "
    CREATE TABLE sku_stock (
        shop text NOT NULL,
        sku_id text NOT NULL,
        warehouse text NOT NULL,
        available bigint,
        occupied bigint,
        total bigint,
        read_at {instant} NOT NULL,
        PRIMARY KEY (shop, sku_id, warehouse)
    )";
