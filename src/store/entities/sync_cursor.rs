//! A row of `sync_cursors`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_cursors")]
pub(in crate::store) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub shop: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub record: String,
    pub last_sync_at: Option<ChronoDateTimeUtc>,
    pub epoch: i64,
    pub last_full_at: Option<ChronoDateTimeUtc>,
    pub off_reason: Option<String>,
    pub off_until: Option<ChronoDateTimeUtc>,
    pub last_full_rows: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(in crate::store) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
