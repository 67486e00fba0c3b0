//! The log of runs.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &[JOB_RUNS, JOB_RUNS_BY_SHOP]).await
    }
}

/// `outcome` is null while the run goes on.
const JOB_RUNS: &str = "
    CREATE TABLE job_runs (
        id {id},
        job text NOT NULL,
        shop text NOT NULL,
        record text NOT NULL,
        \"trigger\" text NOT NULL,
        started_at {instant} NOT NULL,
        finished_at {instant},
        outcome text,
        calls bigint NOT NULL,
        rows_seen bigint NOT NULL,
        rows_written bigint NOT NULL,
        rows_unchanged bigint NOT NULL,
        rows_quarantined bigint NOT NULL,
        error text
    )";

const JOB_RUNS_BY_SHOP: &str = "CREATE INDEX job_runs_by_shop ON job_runs (shop, record, started_at)";
