//! The faults of lists and of single things, for records other than orders: while they last nothing is marked as gone, and
//! after them everything equals the truth.

use chrono::TimeDelta;
use shopsync::domain::record::{Lane, Record};
use shopsync::jobs::daemon::run::Task;
use shopsync::sandbox::{Fault, FaultKind, Platform, SandboxSettings, World};

use crate::support::context::{ContextSettings, TestContext};
use crate::support::databases::{TestDatabase, both_databases};
use crate::support::shops_of_all_kinds::{ALL_SHOPS, TestShop};
use crate::support::truth_records;

const SHOPS: [TestShop; 2] = [ALL_SHOPS[0], ALL_SHOPS[4]];
const RECORDS: [Record; 3] = [Record::AfterSales, Record::Activities, Record::Products];

/// Written as on the command line. The numbers are far below what the lists hold.
const FAULTS: [&str; 13] = [
    "isolated-500=0.1",
    "isolated-html=0.1",
    "null-number=0.1",
    "nan-row=0.1",
    "page-capped:3",
    "max-rows-500:10",
    "rows-capped:10",
    "total-capped:10",
    "total-of-page=0.3",
    "total-zero=0.3",
    "unfiltered",
    "endless-total=0.3",
    "unit-swapped=0.2",
];

both_databases! {
    async fn no_fault_takes_anything_for_gone_and_after_each_everything_is_current(database: TestDatabase) {
        let test = context(database).await;
        for shop in &SHOPS {
            read(&test, shop, true).await;
            assert_equal(&test, shop, "before").await;
        }
        for written in FAULTS {
            test.sandbox.world().with(|world| {
                for shop in &SHOPS {
                    change(world, shop);
                }
                world.add_fault(written.parse().unwrap());
            });
            test.settle();
            for shop in &SHOPS {
                read(&test, shop, false).await;
            }
            for table in ["products", "skus", "activities"] {
                let gone = format!("SELECT COUNT(*) FROM {table} WHERE gone_at IS NOT NULL");
                assert_eq!(test.database.number(&gone).await, 0, "{written} took {table} for gone");
            }
            test.sandbox.world().with(World::clear_faults);
            for shop in &SHOPS {
                // Later than the pause after a second failure.
                test.clock.advance(TimeDelta::minutes(11));
                read(&test, shop, true).await;
                assert_equal(&test, shop, written).await;
            }
        }
        let violations = test.sandbox.world().with(|world| world.violations());
        assert!(violations.is_empty(), "{violations:?}");
    }

    async fn a_case_whose_number_is_null_is_set_aside_alone(database: TestDatabase) {
        let test = context(database).await;
        for (shop, list) in SHOPS.iter().zip(["bg.aftersales.parentaftersales.list.get", "afterSale.listAfterSaleInfos"]) {
            let mut numbers = test.sandbox.world().with(|world| {
                let numbers = world.case_numbers(shop.platform, shop.index);
                world.add_fault(Fault::new(FaultKind::NullNumber).at(list).about(&numbers[3]));
                numbers
            });
            let nameless = numbers.remove(3);
            read_record(&test, shop, Record::AfterSales, true).await;
            let stored = async || {
                let sql = format!("SELECT number FROM after_sales WHERE shop = '{}'", shop.name);
                let rows = test.database.query(&sql).await;
                let mut numbers: Vec<String> = rows.iter().map(|row| row.try_get("", "number").unwrap()).collect();
                numbers.sort();
                numbers
            };
            numbers.sort();
            assert_eq!(stored().await, numbers, "{}", shop.name);
            let aside = test.app.store.quarantine().list(Some(shop.name)).await.unwrap();
            assert_eq!(aside.len(), 1, "{}", shop.name);
            assert!(aside[0].number.starts_with('#') && aside[0].raw.contains("null"), "{}", aside[0].raw);

            test.sandbox.world().with(|world| {
                world.clear_faults();
                assert!(world.advance_case(shop.platform, shop.index, &nameless));
            });
            test.settle();
            read_record(&test, shop, Record::AfterSales, true).await;
            assert!(stored().await.contains(&nameless), "{}", shop.name);
        }
    }
}

async fn context(database: TestDatabase) -> TestContext {
    let sandbox = SandboxSettings {
        orders: 30,
        after_sales: 30,
        products: 20,
        activities: 12,
        history: TimeDelta::hours(20),
        ..SandboxSettings::default()
    };
    let settings = ContextSettings { sandbox, all_records: true, ..ContextSettings::default() };
    let mut test = TestContext::new(database, settings).await;
    test.edit_config("attempts_max = 8", "attempts_max = 2").await;
    test
}

/// Something of every kind is new, and something else has changed.
fn change(world: &mut World, shop: &TestShop) {
    let TestShop { platform, index, .. } = *shop;
    world.create_product(platform, index);
    for number in world.case_numbers(platform, index).into_iter().take(8) {
        world.advance_case(platform, index, &number);
    }
    let skus = world.truth_skus(platform, index);
    for sku in skus.iter().step_by(4) {
        assert!(world.change_sku(platform, index, &sku.sku_id, |sku| sku.price_minor += 1));
    }
    if platform == Platform::Temu {
        let now = world.now();
        world.create_activity(index, now, true);
    }
}

/// `is_to_go_well`: every run must.
async fn read(test: &TestContext, shop: &TestShop, is_to_go_well: bool) {
    for record in RECORDS {
        read_record(test, shop, record, is_to_go_well).await;
    }
}

async fn read_record(test: &TestContext, shop: &TestShop, record: Record, is_to_go_well: bool) {
    for lane in [Lane::Update, Lane::Create] {
        if test.app.has_lane(&test.shop(shop.name), record, lane) {
            let outcome = test.run_task(shop.name, record, lane, Task::Incremental).await;
            assert!(!is_to_go_well || outcome.is_ok(), "{record} of {}, {lane} lane: {outcome:?}", shop.name);
        }
    }
}

async fn assert_equal(test: &TestContext, shop: &TestShop, after: &str) {
    let mut differences = truth_records::differences(&test.database, &test.sandbox, shop, false).await;
    // Orders are not read here, and their differences begin with their number.
    differences.retain(|line| OTHERS.iter().any(|kind| line.starts_with(kind)));
    assert!(
        differences.is_empty(),
        "{after}: {} has {} differences, the first: {:#?}",
        shop.name,
        differences.len(),
        &differences[..differences.len().min(3)]
    );
}

/// How differences of what is read here begin.
const OTHERS: [&str; 6] = ["product ", "SKU ", "case ", "item ", "activity ", "stock "];
