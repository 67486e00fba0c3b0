//! A row of `job_runs`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job_runs")]
pub(in crate::store) struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub job: String,
    pub shop: String,
    pub record: String,
    pub trigger: String,
    pub started_at: ChronoDateTimeUtc,
    pub finished_at: Option<ChronoDateTimeUtc>,
    pub outcome: Option<String>,
    pub calls: i64,
    pub rows_seen: i64,
    pub rows_written: i64,
    pub rows_unchanged: i64,
    pub rows_quarantined: i64,
    pub error: Option<String>,
    pub note: Option<String>,
    pub lane: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(in crate::store) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
