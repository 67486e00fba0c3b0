//! A row of `quarantine`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "quarantine")]
pub(in crate::store) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub shop: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub record: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: String,
    pub reason: String,
    pub raw: String,
    pub attempts: i64,
    pub first_seen_at: ChronoDateTimeUtc,
    pub last_seen_at: ChronoDateTimeUtc,
    pub version: Option<String>,
    pub next_try_at: Option<ChronoDateTimeUtc>,
    pub shown_lane: Option<String>,
    pub shown_from: Option<ChronoDateTimeUtc>,
    pub shown_until: Option<ChronoDateTimeUtc>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(in crate::store) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
