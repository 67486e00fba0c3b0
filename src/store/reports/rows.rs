//! What is stored of a shop besides its orders, row by row: its offer, its after-sales cases, its activities.
//!
//! Everything of a shop at once, what is gone included: for who compares it with something else.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ConnectionTrait, FromQueryResult};

use crate::store::{Store, StoreError};

/// A product.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct ProductView {
    pub product_id: String,
    pub name: Option<String>,
    pub status: Option<String>,
    pub created_at: Option<DateTime<Utc>>,
    pub updated_at: Option<DateTime<Utc>>,
    pub gone_at: Option<DateTime<Utc>>,
}

/// A SKU.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct SkuView {
    pub sku_id: String,
    pub product_id: Option<String>,
    pub sku_code: Option<String>,
    pub barcode: Option<String>,
    pub name: Option<String>,
    pub price_minor: Option<i64>,
    pub list_price_minor: Option<i64>,
    pub currency: Option<String>,
    pub stock: Option<i64>,
    pub on_sale: Option<bool>,
    pub created_at: Option<DateTime<Utc>>,
    pub updated_at: Option<DateTime<Utc>>,
    pub gone_at: Option<DateTime<Utc>>,
}

/// An after-sales case.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct CaseView {
    pub number: String,
    pub order_number: Option<String>,
    pub platform_status: String,
    pub reason: Option<String>,
    pub refund_minor: Option<i64>,
    pub currency: Option<String>,
    pub created_at: Option<DateTime<Utc>>,
    pub updated_at: Option<DateTime<Utc>>,
}

/// A line of a case.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct CaseItemView {
    pub number: String,
    pub line: i64,
    pub item_number: Option<String>,
    pub product_id: Option<String>,
    pub sku_id: Option<String>,
    pub sku_code: Option<String>,
    pub quantity: Option<i64>,
    pub refund_minor: Option<i64>,
}

/// An activity.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct ActivityView {
    pub activity_id: String,
    pub name: Option<String>,
    pub status: String,
    pub starts_at: Option<DateTime<Utc>>,
    pub ends_at: Option<DateTime<Utc>>,
    pub joined: Option<bool>,
    pub gone_at: Option<DateTime<Utc>>,
}

/// A SKU in an activity.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct ActivitySkuView {
    pub activity_id: String,
    pub sku_id: String,
    pub product_id: Option<String>,
    pub price_minor: Option<i64>,
    pub quantity: Option<i64>,
    pub remaining: Option<i64>,
}

/// The stored rows of records that are no orders.
#[derive(Clone, Copy)]
pub struct RowRepo<'a> {
    pub(in crate::store) store: &'a Store,
}

impl RowRepo<'_> {
    /// By id.
    pub async fn products(self, shop: &str) -> Result<Vec<ProductView>, StoreError> {
        let columns = ["product_id", "name", "status", "created_at", "updated_at", "gone_at"];
        self.all_of(shop, "products", &columns, 1).await
    }

    /// By id.
    pub async fn skus(self, shop: &str) -> Result<Vec<SkuView>, StoreError> {
        let columns = [
            "sku_id",
            "product_id",
            "sku_code",
            "barcode",
            "name",
            "price_minor",
            "list_price_minor",
            "currency",
            "stock",
            "on_sale",
            "created_at",
            "updated_at",
            "gone_at",
        ];
        self.all_of(shop, "skus", &columns, 1).await
    }

    /// By number.
    pub async fn cases(self, shop: &str) -> Result<Vec<CaseView>, StoreError> {
        let columns = [
            "number",
            "order_number",
            "platform_status",
            "reason",
            "refund_minor",
            "currency",
            "created_at",
            "updated_at",
        ];
        self.all_of(shop, "after_sales", &columns, 1).await
    }

    /// By the case's number and line.
    pub async fn case_items(self, shop: &str) -> Result<Vec<CaseItemView>, StoreError> {
        let columns =
            ["number", "line", "item_number", "product_id", "sku_id", "sku_code", "quantity", "refund_minor"];
        self.all_of(shop, "after_sale_items", &columns, 2).await
    }

    /// By id.
    pub async fn activities(self, shop: &str) -> Result<Vec<ActivityView>, StoreError> {
        let columns = ["activity_id", "name", "status", "starts_at", "ends_at", "joined", "gone_at"];
        self.all_of(shop, "activities", &columns, 1).await
    }

    /// By activity and SKU.
    pub async fn activity_skus(self, shop: &str) -> Result<Vec<ActivitySkuView>, StoreError> {
        let columns = ["activity_id", "sku_id", "product_id", "price_minor", "quantity", "remaining"];
        self.all_of(shop, "activity_skus", &columns, 2).await
    }

    /// Every row of a shop in a table, by the first `keys` of its columns.
    async fn all_of<T: FromQueryResult>(
        self,
        shop: &str,
        table: &'static str,
        columns: &[&'static str],
        keys: usize,
    ) -> Result<Vec<T>, StoreError> {
        let mut select = Query::select();
        select.columns(columns.iter().copied()).from(table).and_where(Expr::col("shop").eq(shop));
        for key in &columns[..keys] {
            select.order_by(*key, sea_orm::Order::Asc);
        }
        let rows = self.store.connection.query_all(&select).await?;
        rows.iter().map(|row| Ok(T::from_query_result(row, "")?)).collect()
    }
}
