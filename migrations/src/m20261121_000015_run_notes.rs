//! What a person said on doing something by hand.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &[NOTE]).await
    }
}

const NOTE: &str = "ALTER TABLE job_runs ADD COLUMN note text";
