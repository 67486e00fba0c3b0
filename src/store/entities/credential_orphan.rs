//! A row of `credential_orphans`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credential_orphans")]
pub(in crate::store) struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub shop: String,
    pub version: i64,
    pub access_sealed: Option<String>,
    pub refresh_sealed: Option<String>,
    pub kid: String,
    pub obtained_at: ChronoDateTimeUtc,
    pub expires_at: ChronoDateTimeUtc,
    pub refresh_expires_at: Option<ChronoDateTimeUtc>,
    pub attempt_id: String,
    pub found_at: ChronoDateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(in crate::store) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
