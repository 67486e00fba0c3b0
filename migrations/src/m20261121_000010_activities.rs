//! Activities and what the seller has put into them.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &[ACTIVITIES, ACTIVITY_SKUS]).await
    }
}

/// No platform tells when an activity changed: `updated_at` is the moment before it was read.
const ACTIVITIES: &str = "
    CREATE TABLE activities (
        shop text NOT NULL,
        activity_id text NOT NULL,
        kind text NOT NULL,
        name text,
        status text NOT NULL,
        starts_at {instant},
        ends_at {instant},
        joined boolean,
        updated_at {instant},
        gone_at {instant},
        raw text NOT NULL,
        list_hash text NOT NULL,
        content_hash text NOT NULL,
        first_seen_at {instant} NOT NULL,
        synced_at {instant} NOT NULL,
        run_id bigint NOT NULL,
        PRIMARY KEY (shop, activity_id)
    )";

const ACTIVITY_SKUS: &str = "
    CREATE TABLE activity_skus (
        shop text NOT NULL,
        activity_id text NOT NULL,
        sku_id text NOT NULL,
        product_id text,
        price_minor bigint,
        currency text,
        quantity bigint,
        remaining bigint,
        PRIMARY KEY (shop, activity_id, sku_id)
    )";
