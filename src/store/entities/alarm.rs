//! A row of `alarms`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "alarms")]
pub(in crate::store) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub cause: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub shop: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub record: String,
    pub since: ChronoDateTimeUtc,
    pub told_at: Option<ChronoDateTimeUtc>,
    pub ended_at: Option<ChronoDateTimeUtc>,
    pub end_told_at: Option<ChronoDateTimeUtc>,
    pub claimed_until: Option<ChronoDateTimeUtc>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(in crate::store) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
