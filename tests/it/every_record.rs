//! Products, after-sales cases and activities, from the platform's lists to the rows, on both databases.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use shopsync::domain::record::{Lane, Record};
use shopsync::jobs::run::Task;
use shopsync::sandbox::{Platform, SandboxSettings};

use crate::context::{ContextSettings, SHOPS, TestContext};
use crate::databases::{TestDatabase, both_databases};

/// Temu's code of a product that its seller has deleted.
const TEMU_DELETED: &str = "6001";

both_databases! {
    async fn every_record_ends_up_equal_to_the_truth_also_after_changes(database: TestDatabase) {
        let test = TestContext::new(database, ContextSettings {
            sandbox: SandboxSettings {
                orders: 80, products: 40, after_sales: 60, activities: 12,
                history: TimeDelta::hours(40),
                ..SandboxSettings::default()
            },
            all_records: true,
            ..ContextSettings::default()
        }).await;
        sync_all(&test).await;
        assert_equal(&test).await;

        test.sandbox.world().with(|world| {
            for (_, platform, index) in SHOPS {
                let products = world.truth_products(platform, index);
                for product in &products[..3] {
                    world.delete_product(platform, index, &product.product_id);
                }
                let skus = world.truth_skus(platform, index);
                world.delete_sku(platform, index, &skus[20].sku_id);
                world.create_product(platform, index);
                for number in world.case_numbers(platform, index).into_iter().take(10) {
                    world.advance_case(platform, index, &number);
                }
            }
        });
        // Long enough for what is scanned once a day.
        test.clock.advance(TimeDelta::hours(25));
        sync_all(&test).await;

        assert_equal(&test).await;
        assert!(test.database.number("SELECT COUNT(*) FROM products WHERE gone_at IS NOT NULL").await >= 3);
        let violations = test.sandbox.world().with(|world| world.violations());
        assert!(violations.is_empty(), "{violations:?}");
    }
}

async fn sync_all(test: &TestContext) {
    for (name, ..) in SHOPS {
        for record in Record::ALL {
            for lane in [Lane::Update, Lane::Create] {
                if test.app.has_lane(&test.shop(name), record, lane) {
                    let outcome = test.run_task(name, record, lane, Task::Rest).await;
                    outcome.unwrap_or_else(|error| panic!("{record} of {name}, {lane} lane: {error}"));
                }
            }
        }
    }
}

async fn assert_equal(test: &TestContext) {
    for (name, platform, index) in SHOPS {
        let reads = |record| test.app.reads(&test.shop(name), record);
        if reads(Record::Products) {
            let products = test.sandbox.world().with(|world| world.truth_products(platform, index));
            // Temu lists what a seller has deleted, but no longer its SKUs.
            let deleted: BTreeSet<&str> = products
                .iter()
                .filter(|product| product.platform_status.as_deref() == Some(TEMU_DELETED))
                .map(|product| product.product_id.as_str())
                .collect();
            let skus = test.sandbox.world().with(|world| world.truth_skus(platform, index));
            let there =
                skus.into_iter().filter(|sku| !sku.is_gone && !deleted.contains(sku.product_id.as_str()));
            assert_eq!(
                stored(test, name, "skus", "sku_id").await,
                there.map(|sku| sku.sku_id).collect(),
                "{name}"
            );
            let there =
                products.iter().filter(|product| !product.is_gone).map(|product| product.product_id.clone());
            assert_eq!(stored(test, name, "products", "product_id").await, there.collect(), "{name}");
        }
        if reads(Record::AfterSales) {
            let truth = test.sandbox.world().with(|world| world.truth_cases(platform, index));
            let versions = truth.into_iter().map(|case| format!("{} {}", case.number, case.platform_status));
            let here = rows(
                test,
                &format!("SELECT number || ' ' || platform_status FROM after_sales WHERE shop = '{name}'"),
            )
            .await;
            assert_eq!(here, versions.collect(), "{name}");
        }
        if reads(Record::Activities) && platform == Platform::Temu {
            let truth = test.sandbox.world().with(|world| world.truth_activities(index));
            let there =
                truth.into_iter().filter(|activity| !activity.is_gone).map(|activity| activity.activity_id);
            assert_eq!(stored(test, name, "activities", "activity_id").await, there.collect(), "{name}");
        }
    }
}

async fn stored(test: &TestContext, shop: &str, table: &str, what: &str) -> BTreeSet<String> {
    rows(test, &format!("SELECT {what} FROM {table} WHERE shop = '{shop}' AND gone_at IS NULL")).await
}

async fn rows(test: &TestContext, sql: &str) -> BTreeSet<String> {
    test.database.query(sql).await.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}
