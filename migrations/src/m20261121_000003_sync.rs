//! How far the copying is: cursors, the ledger of windows, and who may write.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &[SYNC_CURSORS, LEASES, SYNC_WINDOWS, SYNC_WINDOWS_BY_STATE]).await
    }
}

/// `epoch` counts the times a person moved the cursor: windows of earlier epochs no longer count.
const SYNC_CURSORS: &str = "
    CREATE TABLE sync_cursors (
        shop text NOT NULL,
        record text NOT NULL,
        last_sync_at {instant},
        epoch bigint NOT NULL,
        last_full_at {instant},
        off_reason text,
        off_until {instant},
        PRIMARY KEY (shop, record)
    )";

/// A lane is free when `owner` is null or `until` has passed. `fence` grows with every new owner.
const LEASES: &str = "
    CREATE TABLE leases (
        shop text NOT NULL,
        record text NOT NULL,
        lane text NOT NULL,
        owner text,
        until {instant},
        fence bigint NOT NULL,
        PRIMARY KEY (shop, record, lane)
    )";

/// `epoch` is 0 in the create lane. `attempts` counts how often the window was opened, `opened_at` is the last time:
/// what the platform listed after it may be missing.
const SYNC_WINDOWS: &str = "
    CREATE TABLE sync_windows (
        id {id},
        shop text NOT NULL,
        record text NOT NULL,
        lane text NOT NULL,
        epoch bigint NOT NULL,
        from_at {instant} NOT NULL,
        until_at {instant} NOT NULL,
        state text NOT NULL,
        platform_total bigint,
        rows_seen bigint,
        run_id bigint,
        attempts bigint NOT NULL,
        opened_at {instant},
        completed_at {instant},
        UNIQUE (shop, record, lane, epoch, from_at, until_at)
    )";

/// Serves every question asked of the ledger: what is closed beyond a moment, what is open, what is short.
const SYNC_WINDOWS_BY_STATE: &str = "
    CREATE INDEX sync_windows_by_state ON sync_windows (shop, record, lane, epoch, state, until_at)";
