//! Which version of the program could not read what is in quarantine, so that a later one tries once.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &[VERSION]).await
    }
}

/// NULL: a version before this change.
const VERSION: &str = "ALTER TABLE quarantine ADD COLUMN version text";
