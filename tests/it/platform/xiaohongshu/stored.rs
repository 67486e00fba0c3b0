//! What the sandbox knows is what is stored, on both databases.

use chrono::TimeDelta;
use shopsync::domain::record::{Lane, Record};
use shopsync::jobs::daemon::run::Task;
use shopsync::sandbox::{Platform, SandboxSettings, TruthSku};

use crate::support::context::{ContextSettings, TestContext};
use crate::support::databases::{TestDatabase, both_databases};

const XHS: Platform = Platform::Xiaohongshu;
const SHOP: &str = "xhs-shop";

both_databases! {
    async fn what_xiaohongshu_sells_is_stored_and_marked_when_it_is_gone(database: TestDatabase) {
        let test = context(database).await;
        read(&test, Record::Products, Lane::Update).await;
        assert_offer(&test).await;

        let (product, sku) = test.sandbox.world().with(|world| {
            let skus = world.truth_skus(XHS, 0);
            (skus[0].product_id.clone(), skus[30].sku_id.clone())
        });
        test.clock.advance(TimeDelta::days(2));
        test.sandbox.world().with(|world| {
            assert!(world.delete_product(XHS, 0, &product) && world.delete_sku(XHS, 0, &sku));
            let other = world.truth_skus(XHS, 0).into_iter().find(|sku| !sku.is_gone).unwrap();
            assert!(world.change_sku(XHS, 0, &other.sku_id, |sku| sku.price_minor += 7));
            assert!(world.change_product(XHS, 0, &other.product_id, |product| product.name.push('新')));
            world.create_product(XHS, 0);
        });
        test.settle();
        read(&test, Record::Products, Lane::Update).await;
        assert_offer(&test).await;
        let gone = "SELECT COUNT(*) FROM products WHERE gone_at IS NOT NULL";
        assert_eq!(test.database.number(gone).await, 1);
    }

    async fn what_comes_after_a_sale_is_stored_with_its_money_and_without_persons(database: TestDatabase) {
        let test = context(database).await;
        read(&test, Record::AfterSales, Lane::Update).await;
        read(&test, Record::AfterSales, Lane::Create).await;
        assert_cases(&test).await;

        test.clock.advance(TimeDelta::minutes(45));
        test.sandbox.world().with(|world| {
            let number = world.case_numbers(XHS, 0).remove(0);
            assert!(world.refund_case(XHS, 0, &number, 123));
            let order = world.numbers(XHS, 0).remove(0);
            world.open_case(XHS, 0, &order).unwrap();
        });
        test.settle();
        read(&test, Record::AfterSales, Lane::Update).await;
        assert_cases(&test).await;
        let personal = "SELECT COUNT(*) FROM after_sales WHERE raw LIKE '%returnAddress%' OR raw LIKE '%proofPhotos%'";
        assert_eq!(test.database.number(personal).await, 0);
    }
}

async fn context(database: TestDatabase) -> TestContext {
    let sandbox = SandboxSettings {
        orders: 60,
        products: 60,
        after_sales: 40,
        history: TimeDelta::hours(40),
        ..SandboxSettings::default()
    };
    TestContext::new(database, ContextSettings { sandbox, all_records: true, ..ContextSettings::default() })
        .await
}

async fn read(test: &TestContext, record: Record, lane: Lane) {
    test.run_task(SHOP, record, lane, Task::Incremental)
        .await
        .unwrap_or_else(|error| panic!("{lane} lane of {record}: {error}"));
}

/// What is stored and not gone adds up to the truth.
async fn assert_offer(test: &TestContext) {
    let (products, skus) =
        test.sandbox.world().with(|world| (world.truth_products(XHS, 0), world.truth_skus(XHS, 0)));
    let skus: Vec<&TruthSku> = skus.iter().filter(|sku| !sku.is_gone).collect();
    let names: usize =
        products.iter().filter(|product| !product.is_gone).map(|product| product.name.chars().count()).sum();
    let here = "WHERE shop = 'xhs-shop' AND gone_at IS NULL";
    for (sql, expected) in [
        (
            format!("SELECT COUNT(*) FROM products {here}"),
            whole(products.iter().filter(|product| !product.is_gone).count()),
        ),
        (format!("SELECT CAST(SUM(LENGTH(name)) AS BIGINT) FROM products {here}"), whole(names)),
        (format!("SELECT COUNT(*) FROM skus {here}"), whole(skus.len())),
        (
            format!("SELECT CAST(SUM(price_minor) AS BIGINT) FROM skus {here}"),
            skus.iter().map(|sku| sku.price_minor).sum(),
        ),
        (
            format!("SELECT CAST(SUM(stock) AS BIGINT) FROM skus {here}"),
            skus.iter().map(|sku| sku.stock).sum(),
        ),
        ("SELECT COUNT(*) FROM quarantine".to_owned(), 0),
    ] {
        assert_eq!(test.database.number(&sql).await, expected, "{sql}");
    }
    assert_well_behaved(test);
}

async fn assert_cases(test: &TestContext) {
    let truth = test.sandbox.world().with(|world| world.truth_cases(XHS, 0));
    let items = || truth.iter().flat_map(|case| &case.items);
    for (sql, expected) in [
        ("SELECT COUNT(*) FROM after_sales", whole(truth.len())),
        (
            "SELECT CAST(SUM(refund_minor) AS BIGINT) FROM after_sales",
            truth.iter().filter_map(|case| case.refund_minor).sum(),
        ),
        ("SELECT COUNT(*) FROM after_sale_items", whole(items().count())),
        (
            "SELECT CAST(SUM(refund_minor) AS BIGINT) FROM after_sale_items",
            items().filter_map(|item| item.refund_minor).sum(),
        ),
        ("SELECT COUNT(*) FROM quarantine", 0),
    ] {
        assert_eq!(test.database.number(sql).await, expected, "{sql}");
    }
    assert_well_behaved(test);
}

fn assert_well_behaved(test: &TestContext) {
    let violations = test.sandbox.world().with(|world| world.violations());
    assert!(violations.is_empty(), "{violations:?}");
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap()
}
