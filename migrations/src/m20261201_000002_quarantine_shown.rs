//! The window that last showed what is in quarantine.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &[LANE, FROM, UNTIL]).await
    }
}

/// NULL: no window showed it, or none that is known.
const LANE: &str = "ALTER TABLE quarantine ADD COLUMN shown_lane text";
const FROM: &str = "ALTER TABLE quarantine ADD COLUMN shown_from {instant}";
const UNTIL: &str = "ALTER TABLE quarantine ADD COLUMN shown_until {instant}";
