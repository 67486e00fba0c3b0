//! What somebody was told of by webhook, so that no restart tells it again, and when the daemon last looked.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &[ALARMS, HEARTBEATS, JOB_RUNS_MENDED]).await
    }
}

/// `shop` and `record` are empty where a cause is about none. `claimed_until`: somebody is telling it.
const ALARMS: &str = "
    CREATE TABLE alarms (
        cause text NOT NULL,
        shop text NOT NULL,
        record text NOT NULL,
        since {instant} NOT NULL,
        told_at {instant},
        ended_at {instant},
        end_told_at {instant},
        claimed_until {instant},
        PRIMARY KEY (cause, shop, record)
    )";

/// `since`: the beginning of the stretch without a gap that goes on; `back_from`: the last beat before it.
const HEARTBEATS: &str = "
    CREATE TABLE heartbeats (
        program text NOT NULL PRIMARY KEY,
        since {instant} NOT NULL,
        beat_at {instant} NOT NULL,
        back_from {instant}
    )";

/// Asked for every minute; there are few of them.
const JOB_RUNS_MENDED: &str =
    "CREATE INDEX job_runs_mended ON job_runs (finished_at) WHERE outcome = 'mended'";
