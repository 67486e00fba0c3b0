//! A row of `shops`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "shops")]
pub(in crate::store) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub shop: String,
    pub id: String,
    pub platform: String,
    pub app: String,
    pub zone: String,
    pub account_id: Option<String>,
    pub account_name: Option<String>,
    pub region: Option<String>,
    pub scopes: Option<String>,
    pub authorised_at: Option<ChronoDateTimeUtc>,
    pub paused_reason: Option<String>,
    pub paused_until: Option<ChronoDateTimeUtc>,
    pub removed_at: Option<ChronoDateTimeUtc>,
    pub warned_at: Option<ChronoDateTimeUtc>,
    pub inspected_at: Option<ChronoDateTimeUtc>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(in crate::store) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
