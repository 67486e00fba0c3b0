//! Products, after-sales cases and activities, from the platform's lists to the rows, on both databases.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use shopsync::domain::record::{Lane, Record};
use shopsync::jobs::run::Task;
use shopsync::sandbox::SandboxSettings;

use crate::context::{ContextSettings, SHOPS, TestContext};
use crate::databases::{TestDatabase, both_databases};

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
    let store = &test.app.store;
    for (name, platform, index) in SHOPS {
        let reads = |record| test.app.reads(&test.shop(name), record);
        if reads(Record::Products) {
            let mut products = test.sandbox.world().with(|world| world.truth_products(platform, index));
            products.retain(|product| !product.is_gone);
            let mut here = store.products(name).await.unwrap();
            here.retain(|product| product.gone_at.is_none());
            assert_eq!(
                set(here.into_iter().map(|product| (product.product_id, product.name, product.status))),
                set(products.into_iter().map(|told| (
                    told.product_id,
                    Some(told.name),
                    told.platform_status
                ))),
                "{name}"
            );
            let mut skus = test.sandbox.world().with(|world| world.truth_skus(platform, index));
            skus.retain(|sku| !sku.is_gone);
            let mut here = store.skus(name).await.unwrap();
            here.retain(|sku| sku.gone_at.is_none());
            assert_eq!(
                set(here.into_iter().map(|sku| (sku.sku_id, sku.price_minor, sku.stock, sku.on_sale))),
                set(skus.into_iter().map(|told| {
                    (told.sku_id, Some(told.price_minor), Some(told.stock), Some(told.is_on_sale))
                })),
                "{name}"
            );
        }
        if reads(Record::AfterSales) {
            let truth = test.sandbox.world().with(|world| world.truth_cases(platform, index));
            let here = store.cases(name).await.unwrap();
            assert_eq!(
                set(here.into_iter().map(|case| (case.number, case.platform_status, case.refund_minor))),
                set(truth.into_iter().map(|told| (told.number, told.platform_status, told.refund_minor))),
                "{name}"
            );
        }
        if reads(Record::Activities) {
            let mut truth = test.sandbox.world().with(|world| world.truth_activities(index));
            truth.retain(|activity| !activity.is_gone);
            let mut here = store.activities(name).await.unwrap();
            here.retain(|activity| activity.gone_at.is_none());
            assert_eq!(
                set(here.into_iter().map(|activity| (activity.activity_id, activity.name, activity.joined))),
                set(truth.into_iter().map(|told| (told.activity_id, Some(told.name), Some(told.joined)))),
                "{name}"
            );
        }
    }
}

fn set<T: Ord>(rows: impl Iterator<Item = T>) -> BTreeSet<T> {
    rows.collect()
}
