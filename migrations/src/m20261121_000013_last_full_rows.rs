//! How much the last complete scan saw, which the next one is judged by.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &[LAST_FULL_ROWS]).await
    }
}

const LAST_FULL_ROWS: &str = "ALTER TABLE sync_cursors ADD COLUMN last_full_rows bigint";
