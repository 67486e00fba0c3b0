//! The daemons that work on this database, which shops each of them knows, and the lane of a run.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &[DAEMONS, JOB_RUNS_LANE]).await
    }
}

/// `shops`: their names, one a line.
const DAEMONS: &str = "
    CREATE TABLE daemons (
        owner text NOT NULL PRIMARY KEY,
        beat_at {instant} NOT NULL,
        shops text NOT NULL
    )";

/// NULL in rows from before, and where no lane was run.
const JOB_RUNS_LANE: &str = "ALTER TABLE job_runs ADD COLUMN lane text";
