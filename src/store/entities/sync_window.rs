//! A row of the ledger.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_windows")]
pub(in crate::store) struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub shop: String,
    pub record: String,
    pub lane: String,
    pub epoch: i64,
    pub from_at: ChronoDateTimeUtc,
    pub until_at: ChronoDateTimeUtc,
    pub state: String,
    pub platform_total: Option<i64>,
    pub rows_seen: Option<i64>,
    pub run_id: Option<i64>,
    pub attempts: i64,
    pub opened_at: Option<ChronoDateTimeUtc>,
    pub completed_at: Option<ChronoDateTimeUtc>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(in crate::store) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
