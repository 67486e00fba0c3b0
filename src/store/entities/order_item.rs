//! A row of `order_items`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "order_items")]
pub(in crate::store) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub shop: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub order_number: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub line: i64,
    pub item_number: Option<String>,
    pub product_id: Option<String>,
    pub sku_id: Option<String>,
    pub sku_code: Option<String>,
    pub name: Option<String>,
    pub spec: Option<String>,
    pub quantity: Option<i64>,
    pub canceled_quantity: Option<i64>,
    pub status: Option<String>,
    pub unit_minor: Option<i64>,
    pub total_minor: Option<i64>,
    pub currency: Option<String>,
    pub gift: Option<bool>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(in crate::store) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
