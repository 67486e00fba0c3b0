//! Everything of every kind of shop, from the platforms' lists to the rows, on both databases.

use chrono::TimeDelta;
use shopsync::domain::record::{Lane, Record};
use shopsync::jobs::daemon::run::Task;
use shopsync::sandbox::{Drift, Fault, FaultKind, Platform, SandboxSettings, World};

use crate::support::context::{ContextSettings, TestContext};
use crate::support::databases::{TestDatabase, both_databases};
use crate::support::shops_of_all_kinds::{ALL_SHOPS, TestShop, authorise_the_others, sections};
use crate::support::truth_records;

const STOCK: &str = "inventory.getSkuStockV2";
const RUNS_MAX: usize = 20;

both_databases! {
    async fn everything_ends_up_equal_to_the_truth_amid_drift_faults_and_what_disappears(database: TestDatabase) {
        let test = context(database, SandboxSettings {
            // More than one page of each list, but of activities: those cost a call each.
            orders: 150, products: 130, after_sales: 120, activities: 24,
            history: TimeDelta::hours(40),
            drift: Drift { per_list_request: 1, ..Drift::default() },
            ..SandboxSettings::default()
        }).await;
        // Logged in before the trouble begins. What changes twice in one moment looks the same in a list.
        let clock = test.clock.clone();
        test.sandbox.world().with(|world| {
            for trouble in troubles() {
                world.add_fault(trouble);
            }
            world.on_request(Box::new(move |_, _| clock.advance(TimeDelta::milliseconds(1))));
        });
        read_everything(&test, RUNS_MAX).await;

        test.sandbox.world().with(|world| {
            for shop in &ALL_SHOPS {
                make_disappear(world, shop);
            }
        });
        // Long enough for what is read whole once a day.
        test.clock.advance(TimeDelta::hours(25));
        read_everything(&test, RUNS_MAX).await;

        test.sandbox.world().with(|world| {
            world.remove_hook();
            world.clear_faults();
            world.set_drift(Drift::default());
        });
        test.clock.advance(TimeDelta::hours(25));
        read_everything(&test, 0).await;
        assert_equal(&test).await;
        for table in ["products", "skus", "activities"] {
            assert!(test.database.number(&format!("SELECT COUNT(*) FROM {table} WHERE gone_at IS NOT NULL")).await >= 2, "{table}");
        }
        assert_eq!(test.database.number("SELECT COUNT(*) FROM quarantine").await, 0);
        let violations = test.sandbox.world().with(|world| world.violations());
        assert!(violations.is_empty(), "{violations:?}");
    }

    async fn the_stock_of_a_changed_sku_is_one_call_and_that_of_others_none(database: TestDatabase) {
        let test = context(database, SandboxSettings { products: 40, ..SandboxSettings::default() }).await;
        let shop = &ALL_SHOPS[4];
        read(&test, shop, Record::Products, 0).await;
        assert_shop_equal(&test, shop).await;
        let skus = test.sandbox.world().with(|world| world.truth_skus(shop.platform, shop.index));
        assert_eq!(stock_calls(&test), skus.len() as u64);

        test.settle();
        read(&test, shop, Record::Products, 0).await;
        assert_eq!(stock_calls(&test), 0, "nothing changed");

        let two_places = skus.iter().filter(|sku| sku.warehouses.len() == 2).take(2).collect::<Vec<_>>();
        let one_place = skus.iter().find(|sku| sku.warehouses.len() == 1).unwrap();
        test.sandbox.world().with(|world| {
            let mut change = |id: &str, change: fn(&mut shopsync::sandbox::Sku)| {
                assert!(world.change_sku(shop.platform, shop.index, id, change));
            };
            // Sold in one of its places; no longer kept in the other; only ordered yet, and not paid.
            change(&two_places[0].sku_id, |sku| sku.stock[0].total += 5);
            change(&two_places[1].sku_id, |sku| sku.stock.truncate(1));
            change(&one_place.sku_id, |sku| sku.stock[0].occupied += 1);
            // A product that changed is no news of its SKUs' stock.
            assert!(world.change_product(shop.platform, shop.index, &skus[0].product_id, |_| {}));
        });
        test.settle();
        read(&test, shop, Record::Products, 0).await;
        assert_eq!(stock_calls(&test), 3);
        assert_shop_equal(&test, shop).await;
    }

    async fn an_activity_that_ends_keeps_what_it_held(database: TestDatabase) {
        let test = context(database, SandboxSettings { products: 40, ..SandboxSettings::default() }).await;
        let shop = &ALL_SHOPS[0];
        let now = test.clock.now();
        let (id, ends_ms) = test.sandbox.world().with(|world| {
            let id = world.create_activity(shop.index, now - TimeDelta::hours(1), true);
            let ends_ms = (now + TimeDelta::hours(2)).timestamp_millis();
            world.change_activity(shop.index, id, |activity| activity.ends_ms = ends_ms);
            (id, ends_ms)
        });
        read(&test, shop, Record::Activities, 0).await;
        assert_shop_activities(&test, shop, "ongoing").await;
        let held = test.database.dump("activity_skus").await;
        assert!(!held.is_empty());

        test.clock.advance(TimeDelta::hours(3));
        assert!(test.clock.now().timestamp_millis() > ends_ms);
        for _ in 0..2 {
            test.settle();
            read(&test, shop, Record::Activities, 0).await;
            assert_shop_activities(&test, shop, "ended").await;
            assert_eq!(test.database.dump("activity_skus").await, held);
        }
        // A replay makes the rows of the answers: the last that told of the goods are still among them.
        assert_eq!(test.database.number("SELECT COUNT(*) FROM activities WHERE raw LIKE '%\"items\":[{%'").await, 1);

        test.sandbox.world().with(|world| assert!(world.cancel_activity(shop.index, id)));
        test.settle();
        read(&test, shop, Record::Activities, 0).await;
        assert_eq!(test.database.number("SELECT COUNT(*) FROM activities WHERE gone_at IS NOT NULL AND status = 'ended'").await, 1);
        assert_eq!(test.database.dump("activity_skus").await, held);
    }
}

async fn context(database: TestDatabase, sandbox: SandboxSettings) -> TestContext {
    let settings = ContextSettings {
        sandbox,
        amounts: true,
        all_records: true,
        stock_detail: true,
        more: sections,
        ..ContextSettings::default()
    };
    let test = TestContext::new(database, settings).await;
    authorise_the_others(&test).await;
    test
}

/// Everything a network and a platform can do to a reader, each now and then.
fn troubles() -> Vec<Fault> {
    let often = |kind| Fault::new(kind).with_probability(0.02);
    let seldom = |kind| Fault::new(kind).with_probability(0.002);
    vec![
        often(FaultKind::InternalError),
        often(FaultKind::BadGateway),
        often(FaultKind::HtmlPage),
        often(FaultKind::Truncated),
        often(FaultKind::Reset),
        often(FaultKind::LostReply),
        // These slow the reader down, as they should.
        seldom(FaultKind::TooManyRequests { retry_after_seconds: None }),
        seldom(FaultKind::Throttle),
        Fault::new(FaultKind::Stall { milliseconds: 3_000 }).next(2),
    ]
}

/// Products, a SKU and an activity go; another comes back; cases go on.
fn make_disappear(world: &mut World, shop: &TestShop) {
    let TestShop { platform, index, .. } = *shop;
    let mut products = world.truth_products(platform, index);
    products.retain(|product| !product.is_gone);
    for product in &products[..3] {
        assert!(world.delete_product(platform, index, &product.product_id));
    }
    let skus = world.truth_skus(platform, index);
    let sku = skus.iter().filter(|sku| !sku.is_gone).nth(20).unwrap();
    assert!(world.delete_sku(platform, index, &sku.sku_id));
    world.create_product(platform, index);
    for number in world.case_numbers(platform, index).into_iter().take(20) {
        assert!(world.advance_case(platform, index, &number));
    }
    if platform == Platform::Temu {
        let activities = world.truth_activities(index);
        for activity in activities.iter().filter(|activity| !activity.is_gone).take(2) {
            assert!(world.cancel_activity(index, activity.activity_id.parse().unwrap()));
        }
    }
}

/// Each record of each shop; the money of orders at last, because what comes after a sale changes it.
async fn read_everything(test: &TestContext, failures_max: usize) {
    for shop in &ALL_SHOPS {
        for record in Record::ALL {
            read(test, shop, record, failures_max).await;
        }
        if test.app.reads_amounts(&test.shop(shop.name)) {
            read_lane(test, shop, Record::Orders, Lane::Amounts, failures_max).await;
        }
    }
}

async fn read(test: &TestContext, shop: &TestShop, record: Record, failures_max: usize) {
    for lane in [Lane::Update, Lane::Create] {
        if test.app.has_lane(&test.shop(shop.name), record, lane) {
            read_lane(test, shop, record, lane, failures_max).await;
        }
    }
}

/// Until it works: a run that fails goes on where it stopped.
async fn read_lane(test: &TestContext, shop: &TestShop, record: Record, lane: Lane, failures_max: usize) {
    let mut failures = 0;
    while let Err(error) = test.run_task(shop.name, record, lane, Task::Incremental).await {
        failures += 1;
        assert!(failures <= failures_max, "{record} of {}, {lane} lane: {error}", shop.name);
    }
}

async fn assert_equal(test: &TestContext) {
    for shop in &ALL_SHOPS {
        assert_shop_equal(test, shop).await;
    }
}

async fn assert_shop_equal(test: &TestContext, shop: &TestShop) {
    let differences = truth_records::differences(&test.database, &test.sandbox, shop, true).await;
    let first = &differences[..differences.len().min(6)];
    assert!(
        differences.is_empty(),
        "{}: {} differences, the first: {first:#?}",
        shop.name,
        differences.len()
    );
}

async fn assert_shop_activities(test: &TestContext, shop: &TestShop, status: &str) {
    let sql = format!(
        "SELECT COUNT(*) FROM activities WHERE shop = '{}' AND status = '{status}' AND gone_at IS NULL",
        shop.name
    );
    assert_eq!(test.database.number(&sql).await, 1, "{status}");
}

/// How many SKUs were asked for since the last look.
fn stock_calls(test: &TestContext) -> u64 {
    test.sandbox.world().with(|world| {
        let calls = world.calls(STOCK);
        world.reset_counters();
        calls
    })
}
