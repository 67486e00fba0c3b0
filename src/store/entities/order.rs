//! A row of `orders`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "orders")]
pub(in crate::store) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub shop: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: String,
    pub platform: String,
    pub status: String,
    pub platform_status: String,
    pub after_sales_status: Option<String>,
    pub created_at: Option<ChronoDateTimeUtc>,
    pub updated_at: Option<ChronoDateTimeUtc>,
    pub paid_at: Option<ChronoDateTimeUtc>,
    pub shipped_at: Option<ChronoDateTimeUtc>,
    pub completed_at: Option<ChronoDateTimeUtc>,
    pub canceled_at: Option<ChronoDateTimeUtc>,
    pub ship_by: Option<ChronoDateTimeUtc>,
    pub total_minor: Option<i64>,
    pub shipping_minor: Option<i64>,
    pub seller_discount_minor: Option<i64>,
    pub platform_discount_minor: Option<i64>,
    pub tax_minor: Option<i64>,
    pub income_minor: Option<i64>,
    pub currency: Option<String>,
    pub country: Option<String>,
    pub province: Option<String>,
    pub city: Option<String>,
    pub district: Option<String>,
    pub buyer_note: Option<String>,
    pub seller_note: Option<String>,
    pub tracking_number: Option<String>,
    pub carrier: Option<String>,
    pub amounts_at: Option<ChronoDateTimeUtc>,
    pub amounts_due_at: Option<ChronoDateTimeUtc>,
    pub amounts_attempts: i64,
    pub raw: String,
    pub list_hash: String,
    pub content_hash: String,
    pub first_seen_at: ChronoDateTimeUtc,
    pub synced_at: ChronoDateTimeUtc,
    pub run_id: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(in crate::store) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
