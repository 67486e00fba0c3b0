//! The shops the config has ever named, and whose accounts they are.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &[SHOPS]).await
    }
}

/// `shops.id` is made once and outlives renames, so that what is sealed for a shop stays readable.
const SHOPS: &str = "
    CREATE TABLE shops (
        shop text NOT NULL PRIMARY KEY,
        id text NOT NULL UNIQUE,
        platform text NOT NULL,
        app text NOT NULL,
        zone text NOT NULL,
        account_id text,
        account_name text,
        region text,
        scopes text,
        authorised_at {instant},
        paused_reason text,
        paused_until {instant},
        removed_at {instant}
    )";
