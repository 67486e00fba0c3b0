//! Records that could not be read, kept until they can.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &[QUARANTINE]).await
    }
}

/// `number` is `#` and a hash of `raw` where not even the number could be read.
const QUARANTINE: &str = "
    CREATE TABLE quarantine (
        shop text NOT NULL,
        record text NOT NULL,
        number text NOT NULL,
        reason text NOT NULL,
        raw text NOT NULL,
        attempts bigint NOT NULL,
        first_seen_at {instant} NOT NULL,
        last_seen_at {instant} NOT NULL,
        PRIMARY KEY (shop, record, number)
    )";
