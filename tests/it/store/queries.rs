//! The questions of the guide, asked as they stand there: they answer rightly, and by an index. Every other query of the
//! papers runs as it stands.

use chrono::{DateTime, TimeDelta, Utc};

use crate::house::docs::papers::{Paper, papers};
use crate::support::databases::{TestDatabase, at, both_databases};

/// Enough for a planner to prefer an index to reading everything.
const ORDERS: i32 = 6_000;
const ROWS_PER_INSERT: i32 = 1_000;

/// The queries of the guide, in their order.
fn queries() -> Vec<String> {
    queries_of(&Paper::read("docs/guide/sql.md"))
}

fn queries_of(paper: &Paper) -> Vec<String> {
    let blocks = paper.blocks_of("sql");
    let queries = blocks.iter().flat_map(|block| block.text.split(';'));
    queries.map(|query| query.trim().to_owned()).filter(|query| !query.is_empty()).collect()
}

/// An instant as both databases take it in SQL.
fn quoted(at: DateTime<Utc>) -> String {
    format!("'{}'", at.format("%Y-%m-%d %H:%M:%S%.3f"))
}

/// What every row of a record has.
const STAMPS: &str = "raw, list_hash, content_hash, first_seen_at, synced_at, run_id";
const STAMPED: &str = "'{}', 'l', 'c', '2026-11-20 12:00:00.000', '2026-11-20 12:00:00.000', 7";

impl TestDatabase {
    /// Two shops with years of orders, cases and SKUs, of which the questions are about a few.
    async fn fill(&self) {
        for first in (0..ORDERS).step_by(usize::try_from(ROWS_PER_INSERT).unwrap()) {
            let numbers = first..first + ROWS_PER_INSERT;
            let orders: Vec<String> = numbers.clone().map(order).collect();
            self.execute(&format!(
                "INSERT INTO orders (shop, number, platform, status, platform_status, created_at, updated_at, ship_by,
                 total_minor, income_minor, currency, {STAMPS}) VALUES {}", orders.join(", "),
            )).await;
            let cases: Vec<String> = numbers.clone().map(case).collect();
            self.execute(&format!(
                "INSERT INTO after_sales (shop, number, kind, status, platform_status, updated_at, {STAMPS}) VALUES {}",
                cases.join(", "),
            )).await;
            let items: Vec<String> = numbers.clone().map(item).collect();
            self.execute(&format!(
                "INSERT INTO after_sale_items (shop, number, line, sku_id, quantity, refund_minor, currency) VALUES {}",
                items.join(", "),
            )).await;
            let skus: Vec<String> = numbers.map(sku).collect();
            self.execute(&format!(
                "INSERT INTO skus (shop, sku_id, stock, on_sale, gone_at, {STAMPS}) VALUES {}",
                skus.join(", "),
            ))
            .await;
        }
        self.execute("ANALYZE").await;
    }

    /// How a query is answered, as the database tells it.
    async fn plan(&self, query: &str) -> String {
        let (explain, column) =
            if self.store.is_postgres() { ("EXPLAIN", 0) } else { ("EXPLAIN QUERY PLAN", 3) };
        let rows = self.query(&format!("{explain} {query}")).await;
        let lines: Vec<String> = rows.iter().map(|row| row.try_get_by_index(column).unwrap()).collect();
        lines.join("\n")
    }
}

fn shop(number: i32) -> &'static str {
    if number % 2 == 0 { "acme-us" } else { "bolt" }
}

/// Hour by hour back from the last day of November; every hundredth waits for its parcel.
fn order(number: i32) -> String {
    let at = at("2026-11-30 23:00:00") - TimeDelta::hours(1) * number;
    let status = if number % 100 == 0 { "to_ship" } else { "delivered" };
    let (moment, ship_by) = (quoted(at), quoted(at + TimeDelta::days(2)));
    format!(
        "('{}', 'N{number:05}', 'temu', '{status}', '2', {moment}, {moment}, {ship_by}, 200, 150, 'USD', {STAMPED})",
        shop(number),
    )
}

fn case(number: i32) -> String {
    let moment = quoted(at("2026-11-30 23:00:00") - TimeDelta::hours(1) * number);
    format!("('{}', 'N{number:05}', 'refund_only', 'refunded', '5', {moment}, {STAMPED})", shop(number))
}

fn item(number: i32) -> String {
    format!("('{}', 'N{number:05}', 0, 's{}', 1, 30, 'USD')", shop(number), number % 4)
}

fn sku(number: i32) -> String {
    let gone_at = if number % 10 == 8 { "'2026-11-01 00:00:00.000'" } else { "NULL" };
    format!("('{}', 's{number:05}', {number}, true, {gone_at}, {STAMPED})", shop(number))
}

both_databases! {
    async fn every_query_of_the_papers_runs(test: TestDatabase) {
        let mut run = 0;
        for query in papers().iter().flat_map(queries_of) {
            test.query(&query).await;
            run += 1;
        }
        assert!(run > queries().len(), "the papers have more queries than the guide");
    }

    async fn the_questions_of_the_guide_are_answered_by_an_index(test: TestDatabase) {
        test.fill().await;
        let queries = queries();
        let indexes = ["orders_by_creation", "orders_to_ship", "after_sales_by_update", "skus_by_stock", "orders_by_update"];
        assert_eq!(queries.len(), indexes.len());
        for (query, index) in queries.iter().zip(indexes) {
            let plan = test.plan(query).await;
            assert!(plan.contains(index), "{query}\n{plan}");
        }
    }

    async fn the_questions_of_the_guide_are_answered_rightly(test: TestDatabase) {
        test.fill().await;
        let queries = queries();

        let days = test.query(&queries[0]).await;
        let first = &days[0];
        assert_eq!(days.len(), 30, "a row for each day of November");
        assert_eq!(first.try_get::<String>("", "currency").unwrap(), "USD");
        let orders = test.number(&format!("SELECT CAST(sum(orders) AS bigint) FROM ({}) AS days", queries[0])).await;
        let sales = test.number(&format!("SELECT CAST(sum(sales_minor) AS bigint) FROM ({}) AS days", queries[0])).await;
        let income = test.number(&format!("SELECT CAST(sum(income_minor) AS bigint) FROM ({}) AS days", queries[0])).await;
        // 720 hours, every other one of this shop.
        assert_eq!((orders, sales, income), (360, 360 * 200, 360 * 150));

        let late = test.query(&queries[1]).await;
        let late: Vec<String> = late.iter().map(|row| row.try_get("", "number").unwrap()).collect();
        assert!(late.contains(&"N05900".to_owned()) && late.first().is_some_and(|first| *first == "N05900"), "{late:?}");

        let refunds = test.query(&queries[2]).await;
        let refunds: Vec<String> = refunds.iter().map(|row| row.try_get("", "sku_id").unwrap()).collect();
        assert_eq!(refunds, ["s0", "s2"]);
        let refunded = test.number(&format!("SELECT CAST(sum(refund_minor) AS bigint) FROM ({}) AS refunds", queries[2])).await;
        assert_eq!(refunded, 360 * 30);

        let low = test.query(&queries[3]).await;
        let low: Vec<i64> = low.iter().map(|row| row.try_get("", "stock").unwrap()).collect();
        assert_eq!(low, [0, 2, 4, 6], "8 is gone");

        let changed = test.query(&queries[4]).await;
        assert_eq!(changed.len(), 8, "every other hour of the last day");
    }
}
