//! A row of `credentials`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credentials")]
pub(in crate::store) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub shop: String,
    pub version: i64,
    pub fence: i64,
    pub state: String,
    pub access_sealed: Option<String>,
    pub refresh_sealed: Option<String>,
    pub prev_refresh_sealed: Option<String>,
    pub kid: Option<String>,
    pub obtained_at: Option<ChronoDateTimeUtc>,
    pub expires_at: Option<ChronoDateTimeUtc>,
    pub grant_at: Option<ChronoDateTimeUtc>,
    pub refresh_expires_at: Option<ChronoDateTimeUtc>,
    pub not_before: Option<ChronoDateTimeUtc>,
    pub lease_owner: Option<String>,
    pub lease_until: Option<ChronoDateTimeUtc>,
    pub attempt_id: Option<String>,
    pub attempt_rt_hash: Option<String>,
    pub attempt_at: Option<ChronoDateTimeUtc>,
    pub instance_id: Option<String>,
    pub last_error_class: Option<String>,
    pub last_error: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(in crate::store) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
