//! A replay makes every typed column of every table anew from the stored answers, touches nothing else, and asks
//! nobody: the real binary.

use std::time::Duration;

use chrono::TimeDelta;
use secrecy::ExposeSecret;
use shopsync::clock::Clock;
use shopsync::sandbox::{Platform, Sandbox, SandboxSettings};

use crate::support::databases::{TestDatabase, both_databases};
use crate::support::program::Program;
use crate::support::shops_of_all_kinds::{ALL_SHOPS, authorise_all_of, sections};
use crate::support::truth_records;

/// Every column that is made of the answers, table by table: texts, numbers, yes or no, instants.
const TYPED: &[(&str, [&str; 4])] = &[
    (
        "orders",
        [
            "status platform_status after_sales_status currency country province city district buyer_note seller_note \
             tracking_number carrier",
            "total_minor shipping_minor seller_discount_minor platform_discount_minor tax_minor income_minor",
            "",
            "created_at updated_at paid_at shipped_at completed_at canceled_at ship_by",
        ],
    ),
    (
        "order_items",
        [
            "item_number product_id sku_id sku_code name spec status currency",
            "quantity canceled_quantity unit_minor total_minor",
            "gift",
            "",
        ],
    ),
    ("products", ["name status category_id image_url", "", "", "created_at"]),
    (
        "skus",
        [
            "product_id sku_code barcode name currency",
            "price_minor list_price_minor stock",
            "on_sale",
            "created_at",
        ],
    ),
    (
        "after_sales",
        [
            "order_number kind status platform_status reason currency",
            "refund_minor",
            "",
            "created_at updated_at",
        ],
    ),
    (
        "after_sale_items",
        ["item_number product_id sku_id sku_code status currency", "quantity refund_minor", "", ""],
    ),
    ("activities", ["kind name status", "", "joined", "starts_at ends_at"]),
    ("activity_skus", ["product_id currency", "price_minor quantity remaining", "", ""]),
];

/// Longer than the program's `settle`.
const SETTLED: Duration = Duration::from_secs(3);

/// Not made of answers that are kept, and not to be touched.
const OTHERS: &[&str] =
    &["order_events", "sku_stock", "quarantine", "sync_windows", "sync_cursors", "job_runs", "shops"];

both_databases! {
    async fn every_typed_column_of_every_record_is_restored_without_a_call(database: TestDatabase) {
        let sandbox = Sandbox::start(SandboxSettings {
            clock: Clock::system(),
            orders: 40, products: 40, after_sales: 40, activities: 8,
            history: TimeDelta::hours(30),
            ..SandboxSettings::default()
        }).await.unwrap();
        let more = "stock_detail = true\n".to_owned() + &sections(&sandbox);
        let program = Program::with(&sandbox, database.settings.url.expose_secret(), &more).reading_everything();
        authorise_all_of(&program, &sandbox).await;
        let running = begin_activity(&sandbox);
        program.finish(&["sync"]).await;
        // One product is gone by now, and an activity that held goods has ended.
        sandbox.world().with(|world| {
            let gone = world.truth_products(Platform::Temu, 0).remove(0);
            assert!(world.delete_product(Platform::Temu, 0, &gone.product_id));
            let past_ms = (world.now().timestamp() - 1) * 1_000;
            assert!(world.change_activity(0, running, |activity| activity.ends_ms = past_ms));
        });
        // A scan leaves alone what was written after the moment it counts from, which lies `settle` and a second back.
        tokio::time::sleep(SETTLED).await;
        program.finish(&["sync"]).await;
        assert_eq!(database.number(&format!("SELECT COUNT(*) FROM activities WHERE activity_id = '{running}' AND status = 'ended'")).await, 1);
        assert_eq!(database.number("SELECT COUNT(*) FROM products WHERE gone_at IS NOT NULL").await, 1);
        let tables = || TYPED.iter().map(|(table, _)| *table).chain(OTHERS.iter().copied());
        let mut before = Vec::new();
        for table in tables() {
            before.push(database.dump(table).await);
        }
        let calls = sandbox.world().with(|world| world.calls_total());
        scramble(&database).await;

        let told = program.json(&["replay", "--json"]).await;

        assert_eq!(sandbox.world().with(|world| world.calls_total()), calls, "a replay asks nobody");
        for kind in told.as_array().unwrap() {
            assert_eq!((&kind["unreadable"], &kind["pruned"]), (&0.into(), &0.into()), "{kind}");
        }
        for (table, before) in tables().zip(before) {
            let after = database.dump(table).await;
            let different: Vec<_> = before.symmetric_difference(&after).take(4).collect();
            assert!(different.is_empty(), "{table}: {different:#?}");
            assert!(!after.is_empty() || table == "quarantine", "{table} is empty");
        }
        for shop in &ALL_SHOPS {
            let differences = truth_records::differences(&database, &sandbox, shop, true).await;
            assert!(differences.is_empty(), "{}: {:#?}", shop.name, differences.first());
        }
    }
}

/// Something that is wrong in every typed column.
async fn scramble(database: &TestDatabase) {
    for (table, columns) in TYPED {
        let values = ["'scrambled'", "-7", "NOT", "'2001-01-01 00:00:00.000'"];
        let mut sets = Vec::new();
        for (columns, value) in columns.iter().zip(values) {
            sets.extend(columns.split_whitespace().map(|column| match value {
                "NOT" => format!("{column} = COALESCE(NOT {column}, TRUE)"),
                value => format!("{column} = {value}"),
            }));
        }
        database.execute(&format!("UPDATE {table} SET {}", sets.join(", "))).await;
    }
    // Where no answer tells when a thing changed, the moment it was read stands in the column, and stays.
    for table in ["products", "skus"] {
        let sql =
            format!("UPDATE {table} SET updated_at = '2001-01-01 00:00:00.000' WHERE shop = 'xhs-shop'");
        database.execute(&sql).await;
    }
}

/// An activity with goods in it that has an hour to go.
fn begin_activity(sandbox: &Sandbox) -> i64 {
    sandbox.world().with(|world| {
        let now = world.now();
        let id = world.create_activity(0, now - TimeDelta::hours(1), true);
        let ends_ms = (now + TimeDelta::hours(1)).timestamp_millis();
        assert!(world.change_activity(0, id, |activity| activity.ends_ms = ends_ms));
        id
    })
}
