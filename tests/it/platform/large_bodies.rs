//! More bytes than are read: a page is asked for in smaller parts, a single thing is set aside, and the others arrive.

use chrono::TimeDelta;
use shopsync::domain::record::{Lane, Record};
use shopsync::jobs::daemon::run::Task;
use shopsync::sandbox::{Fault, FaultKind, Platform, SandboxSettings, World};

use crate::support::context::{ContextSettings, TestContext};
use crate::support::databases::TestDatabase;
use crate::support::shops_of_all_kinds::ALL_SHOPS;

/// A hundred rows of so many bytes are 20 MB, more than is read of a body; fifty are not.
const BYTES_OF_A_ROW: u64 = 200_000;
/// More than is read of any body.
const BYTES_OF_A_THING: u64 = 17_000_000;
/// Each is kept, and any two of them are more than is kept of one thing.
const BYTES_OF_AN_ITEM: u64 = 2_200_000;

async fn context(sandbox: SandboxSettings) -> TestContext {
    let settings = ContextSettings {
        sandbox: SandboxSettings { history: TimeDelta::hours(1), ..sandbox },
        all_records: true,
        amounts: true,
        ..ContextSettings::default()
    };
    let mut test = TestContext::new(TestDatabase::sqlite().await, settings).await;
    test.edit_config("request_timeout = \"2s\"", "request_timeout = \"30s\"").await;
    test.edit_config("attempts_max = 8", "attempts_max = 2").await;
    test.edit_config("amounts = true", "amounts = true\ndetail = true").await;
    test
}

async fn read(test: &TestContext, shop: &str, record: Record) {
    for lane in [Lane::Update, Lane::Create] {
        if test.app.has_lane(&test.shop(shop), record, lane) {
            let outcome = test.run_task(shop, record, lane, Task::Incremental).await;
            outcome.unwrap_or_else(|error| panic!("{record} of {shop}, {lane} lane: {error}"));
        }
    }
}

fn suffer(test: &TestContext, faults: impl IntoIterator<Item = Fault>) {
    test.sandbox.world().with(|world| {
        world.clear_faults();
        for fault in faults {
            world.add_fault(fault);
        }
    });
}

fn large(bytes: u64) -> Fault {
    Fault::new(FaultKind::HugeRow).parameter(bytes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_more_bytes_than_are_read_is_requested_in_smaller_parts() {
    let test = context(SandboxSettings { orders: 100, after_sales: 100, ..SandboxSettings::default() }).await;
    let gzip = || Fault::new(FaultKind::Gzip);
    for (shop, record, list, more) in [
        (ALL_SHOPS[0], Record::Orders, "bg.order.list.v2.get", vec![]),
        (ALL_SHOPS[4], Record::AfterSales, "afterSale.listAfterSaleInfos", vec![]),
        // What is sent is short, and too long once it is decompressed.
        (ALL_SHOPS[0], Record::AfterSales, "bg.aftersales.parentaftersales.list.get", vec![gzip()]),
        (ALL_SHOPS[4], Record::Orders, "order.getOrderList", vec![gzip()]),
    ] {
        suffer(&test, [large(BYTES_OF_A_ROW).at(list)].into_iter().chain(more));
        read(&test, shop.name, record).await;
        let table = record.as_str().replace('-', "_");
        let stored = format!("SELECT COUNT(*) FROM {table} WHERE shop = '{}'", shop.name);
        assert_eq!(test.database.number(&stored).await, 100, "{record} of {}", shop.name);
    }
    assert_eq!(test.database.number("SELECT COUNT(*) FROM quarantine").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_thing_of_more_bytes_than_are_read_is_set_aside_alone() {
    let orders = |platform| move |world: &mut World| world.numbers(platform, 0);
    let cases = |platform| move |world: &mut World| world.case_numbers(platform, 0);
    let test = context(SandboxSettings { orders: 12, after_sales: 12, ..SandboxSettings::default() }).await;
    let waiting = async || test.database.number("SELECT COUNT(*) FROM quarantine").await;
    let of_each: [(&str, Record, &str, Vec<String>); 3] = test.sandbox.world().with(|world| {
        [
            ("temu-shop", Record::Orders, "bg.order.detail.v2.get", orders(Platform::Temu)(world)),
            ("xhs-shop", Record::Orders, "order.getOrderDetail", orders(Platform::Xiaohongshu)(world)),
            (
                "xhs-shop",
                Record::AfterSales,
                "afterSale.getAfterSaleInfo",
                cases(Platform::Xiaohongshu)(world),
            ),
        ]
    });
    for (shop, record, api, numbers) in of_each {
        suffer(&test, [large(BYTES_OF_A_THING).at(api).about(&numbers[3])]);
        read(&test, shop, record).await;
        let table = if record == Record::Orders { "orders" } else { "after_sales" };
        let with_detail =
            format!("SELECT COUNT(*) FROM {table} WHERE shop = '{shop}' AND raw LIKE '%\"detail\":%'");
        assert_eq!((waiting().await, test.database.number(&with_detail).await), (1, 11), "{api}");
        let reason = test.app.store.quarantine().list(Some(shop)).await.unwrap()[0].reason.clone();
        assert!(reason.contains("longer than 16777216 bytes"), "{reason}");

        suffer(&test, []);
        test.clock.advance(TimeDelta::hours(1));
        read(&test, shop, record).await;
        assert_eq!((waiting().await, test.database.number(&with_detail).await), (0, 12), "{api}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_within_one_thing_is_read_up_to_the_bytes_that_are_kept_of_a_thing() {
    const GOODS: &str = "bg.promotion.activity.goods.query";
    let test = context(SandboxSettings { products: 12, activities: 8, ..SandboxSettings::default() }).await;
    let all = test.sandbox.world().with(|world| world.truth_activities(0));
    // A platform's row is a product with its SKUs.
    let products = |skus: &[shopsync::sandbox::TruthActivitySku]| {
        skus.iter().map(|sku| sku.product_id.as_str()).collect::<std::collections::BTreeSet<_>>().len()
    };
    let large_one = all.iter().find(|activity| products(&activity.skus) >= 2).unwrap();
    suffer(&test, [large(BYTES_OF_AN_ITEM).at(GOODS).about(&large_one.activity_id)]);
    read(&test, "temu-shop", Record::Activities).await;

    let aside = test.app.store.quarantine().list(Some("temu-shop")).await.unwrap();
    assert_eq!(aside.iter().map(|row| &row.number).collect::<Vec<_>>(), [&large_one.activity_id]);
    assert!(aside[0].reason.contains("more than the 4194304 that are kept"), "{}", aside[0].reason);
    let stored = test.database.number("SELECT COUNT(*) FROM activities").await;
    assert_eq!(stored, i64::try_from(all.len()).unwrap() - 1);
}
