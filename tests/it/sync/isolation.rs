//! One thing whose own call always fails: it waits in quarantine, everything else goes on, and it arrives by itself once
//! the platform answers. For every call that tells of single things.

use chrono::TimeDelta;
use futures_util::future::join_all;
use shopsync::domain::record::{Lane, Record};
use shopsync::jobs::daemon::run::Task;
use shopsync::sandbox::{Fault, FaultKind, Platform, SandboxSettings, World};

use crate::support::context::{ContextSettings, TestContext};
use crate::support::databases::{TestDatabase, both_databases};
use crate::support::program::Program;
use crate::support::small_sandbox::small_sandbox;

const XHS_DETAIL: &str = "order.getOrderDetail";
const AMOUNT: &str = "bg.order.amount.query";

/// A call that tells of single things.
#[derive(Clone, Copy)]
struct Subject {
    shop: &'static str,
    record: Record,
    /// The lane that asks again.
    lane: Lane,
    api: &'static str,
    numbers: fn(&mut World) -> Vec<String>,
    /// How many things are stored with what the call tells.
    whole: &'static str,
    /// How many are waiting for it.
    waiting: &'static str,
}

const IN_QUARANTINE: &str = "SELECT COUNT(*) FROM quarantine";

macro_rules! in_quarantine {
    ($shop:literal, $record:literal) => {
        concat!("SELECT COUNT(*) FROM quarantine WHERE shop = '", $shop, "' AND record = '", $record, "'")
    };
}

const SUBJECTS: [Subject; 7] = [
    Subject {
        shop: "xhs-shop",
        record: Record::Orders,
        lane: Lane::Update,
        api: XHS_DETAIL,
        numbers: |world| world.numbers(Platform::Xiaohongshu, 0),
        whole: "SELECT COUNT(*) FROM orders WHERE shop = 'xhs-shop' AND total_minor IS NOT NULL",
        waiting: in_quarantine!("xhs-shop", "orders"),
    },
    Subject {
        shop: "xhs-shop",
        record: Record::AfterSales,
        lane: Lane::Update,
        api: "afterSale.getAfterSaleInfo",
        numbers: |world| world.case_numbers(Platform::Xiaohongshu, 0),
        whole: "SELECT COUNT(*) FROM after_sales WHERE shop = 'xhs-shop' AND raw LIKE '%\"detail\":%'",
        waiting: in_quarantine!("xhs-shop", "after_sales"),
    },
    Subject {
        shop: "temu-shop",
        record: Record::AfterSales,
        lane: Lane::Update,
        api: "bg.aftersales.aftersales.list.get",
        numbers: |world| world.case_numbers(Platform::Temu, 0),
        whole: "SELECT COUNT(*) FROM after_sales WHERE shop = 'temu-shop'",
        waiting: in_quarantine!("temu-shop", "after_sales"),
    },
    Subject {
        shop: "temu-shop",
        record: Record::Activities,
        lane: Lane::Update,
        api: "bg.promotion.activity.goods.query",
        numbers: |world| world.truth_activities(0).into_iter().map(|activity| activity.activity_id).collect(),
        whole: "SELECT COUNT(*) FROM activities",
        waiting: in_quarantine!("temu-shop", "activities"),
    },
    Subject {
        shop: "temu-shop",
        record: Record::Orders,
        lane: Lane::Update,
        api: "bg.order.detail.v2.get",
        numbers: |world| world.numbers(Platform::Temu, 0),
        whole: "SELECT COUNT(*) FROM orders WHERE shop = 'temu-shop' AND raw LIKE '%\"detail\":%'",
        waiting: in_quarantine!("temu-shop", "orders"),
    },
    Subject {
        shop: "temu-shop",
        record: Record::Orders,
        lane: Lane::Amounts,
        api: AMOUNT,
        numbers: |world| world.numbers(Platform::Temu, 0),
        whole: "SELECT COUNT(*) FROM orders WHERE shop = 'temu-shop' AND amounts_at IS NOT NULL",
        waiting: "SELECT COUNT(*) FROM orders WHERE amounts_attempts > 0",
    },
    Subject {
        shop: "xhs-shop",
        record: Record::Products,
        lane: Lane::Update,
        api: "inventory.getSkuStockV2",
        numbers: |world| {
            world.truth_skus(Platform::Xiaohongshu, 0).into_iter().map(|sku| sku.sku_id).collect()
        },
        whole: "SELECT COUNT(DISTINCT sku_id) FROM sku_stock",
        waiting: "SELECT COUNT(*) FROM skus WHERE stock_attempts > 0",
    },
];

/// Every way in which a single call fails for good.
fn failures(platform: Platform) -> Vec<FaultKind> {
    let business = |code, message: &str| FaultKind::Business { code, message: message.to_owned() };
    let (busy, refused) = match platform {
        Platform::Temu => (business(2_000_000, "SYSTEM_ERROR"), business(140_020_777, "no such luck")),
        Platform::Xiaohongshu => (business(501, "系统异常"), business(-1, "无权限查看该订单")),
    };
    vec![
        FaultKind::InternalError,
        busy,
        FaultKind::IsolatedEmpty,
        FaultKind::Truncated,
        FaultKind::HtmlPage,
        FaultKind::Stall { milliseconds: 5_000 },
        refused,
        FaultKind::NotGranted,
    ]
}

both_databases! {
    async fn a_thing_whose_call_always_fails_waits_and_everything_else_goes_on(database: TestDatabase) {
        let test = context(database, 60).await;
        let expected = SUBJECTS.map(|subject| break_things(&test, subject));
        let whole = expected.map(|(all, broken)| (all - broken, broken));

        // All at once: what is broken takes its time.
        run_each(&test, &SUBJECTS, &[Lane::Update, Lane::Create]).await;
        run_each(&test, &SUBJECTS, &[Lane::Amounts]).await;
        assert_counts(&test, whole).await;

        // The next run asks again, and then not for ten minutes.
        test.settle();
        run_again(&test).await;
        assert_counts(&test, whole).await;
        test.sandbox.world().with(World::clear_faults);
        test.settle();
        run_again(&test).await;
        assert_counts(&test, whole).await;

        test.clock.advance(TimeDelta::minutes(11));
        run_again(&test).await;
        assert_counts(&test, expected.map(|(all, _)| (all, 0))).await;
    }

    async fn most_calls_of_a_page_that_fail_are_an_outage_and_half_of_them_are_not(database: TestDatabase) {
        let test = context(database, 0).await;
        run(&test, SUBJECTS[0], Lane::Update).await.unwrap();
        let mut changed: Vec<String> = Vec::new();
        // Those of one run are back with the next.
        for (orders, broken, kind, is_outage, quarantined) in [
            (6, 4, FaultKind::InternalError, true, 0),
            (0, 4, FaultKind::Throttle, true, 0),
            (0, 4, FaultKind::NotGranted, true, 0),
            (2, 4, FaultKind::InternalError, false, 4),
            (1, 1, FaultKind::HtmlPage, false, 1),
        ] {
            let before = test.cursor("xhs-shop").await;
            test.sandbox.world().with(|world| {
                changed.extend((0..orders).map(|_| world.create_order(Platform::Xiaohongshu, 0)));
                for number in changed.iter().take(broken) {
                    world.add_fault(Fault::new(kind.clone()).at(XHS_DETAIL).about(number));
                }
            });
            test.settle();
            let outcome = run(&test, SUBJECTS[0], Lane::Update).await;

            assert_eq!(outcome.is_err(), is_outage, "{broken} {kind:?}: {outcome:?}");
            assert_eq!(test.cursor("xhs-shop").await > before, !is_outage, "{broken} {kind:?}");
            assert_eq!(test.database.number(IN_QUARANTINE).await, quarantined, "{broken} {kind:?}");
            assert_eq!(off(&test).await, 0, "only a list's refusal switches a record off");
            test.sandbox.world().with(World::clear_faults);
            if !is_outage {
                changed.clear();
            }
        }
        test.settle();
        run(&test, SUBJECTS[0], Lane::Update).await.unwrap();
        test.assert_orders_of("xhs-shop").await;
        assert_eq!(test.database.number(IN_QUARANTINE).await, 0);
    }

    async fn orders_whose_money_fails_never_stand_before_the_others(database: TestDatabase) {
        const BROKEN: usize = 14;
        let test = context(database, 30).await;
        let subject = SUBJECTS[5];
        test.sandbox.world().with(|world| {
            let mut numbers = world.numbers(Platform::Temu, 0);
            numbers.sort_unstable();
            for number in &numbers[..BROKEN] {
                world.add_fault(Fault::new(FaultKind::InternalError).at(AMOUNT).about(number));
            }
        });
        for lane in [Lane::Update, Lane::Create] {
            run(&test, subject, lane).await.unwrap();
        }
        let first = run(&test, subject, Lane::Amounts).await;
        assert!(first.is_err_and(|error| error.contains("calls for single money of orders failed")));

        test.settle();
        // Those that failed are asked for last.
        drop(run(&test, subject, Lane::Amounts).await);
        assert_eq!(test.database.number(subject.whole).await, 30 - i64::try_from(BROKEN).unwrap());
        assert_eq!(test.database.number(subject.waiting).await, i64::try_from(BROKEN).unwrap());
    }
}

/// A shop of each platform with `things` of each record, and little patience.
async fn context(database: TestDatabase, things: usize) -> TestContext {
    let settings = ContextSettings {
        sandbox: SandboxSettings {
            orders: things,
            after_sales: things,
            products: things / 3,
            activities: things,
            history: TimeDelta::hours(20),
            ..SandboxSettings::default()
        },
        amounts: true,
        all_records: true,
        stock_detail: true,
        ..ContextSettings::default()
    };
    let mut test = TestContext::new(database, settings).await;
    test.edit_config("request_timeout = \"2s\"", "request_timeout = \"1s\"").await;
    test.edit_config("attempts_max = 8", "attempts_max = 2").await;
    test.edit_config("amounts = true", "amounts = true\ndetail = true").await;
    test
}

/// How many things a subject has, and how many of them are broken: one in every way.
fn break_things(test: &TestContext, subject: Subject) -> (i64, i64) {
    let numbers = test.sandbox.world().with(|world| (subject.numbers)(world));
    let platform = if subject.shop == "xhs-shop" { Platform::Xiaohongshu } else { Platform::Temu };
    let kinds = failures(platform);
    let (all, broken) = (numbers.len(), kinds.len());
    test.sandbox.world().with(|world| {
        for (kind, number) in kinds.into_iter().zip(numbers.iter().step_by(all / broken)) {
            world.add_fault(Fault::new(kind).at(subject.api).about(number));
        }
    });
    (i64::try_from(all).unwrap(), i64::try_from(broken).unwrap())
}

/// The subjects' records side by side, the lanes of each one after the other.
async fn run_each(test: &TestContext, subjects: &[Subject], lanes: &[Lane]) {
    let mut records: Vec<Subject> = Vec::new();
    for subject in subjects {
        if !records.iter().any(|other| (other.shop, other.record) == (subject.shop, subject.record)) {
            records.push(*subject);
        }
    }
    let each = records.into_iter().map(async |subject| {
        for lane in lanes {
            if test.app.has_lane(&test.shop(subject.shop), subject.record, *lane) {
                let ended = run(test, subject, *lane).await;
                ended.unwrap_or_else(|error| panic!("{} of {}: {error}", subject.record, subject.shop));
            }
        }
    });
    join_all(each).await;
}

/// The lanes that ask again.
async fn run_again(test: &TestContext) {
    let each = SUBJECTS.map(async |subject| {
        run(test, subject, subject.lane).await.unwrap_or_else(|error| panic!("{}: {error}", subject.api));
    });
    join_all(each).await;
}

/// How many things of each subject are whole, and how many wait.
async fn assert_counts(test: &TestContext, expected: [(i64, i64); SUBJECTS.len()]) {
    for (subject, expected) in SUBJECTS.into_iter().zip(expected) {
        let whole = test.database.number(subject.whole).await;
        let waiting = test.database.number(subject.waiting).await;
        assert_eq!((whole, waiting), expected, "{}", subject.api);
    }
    assert_eq!(off(test).await, 0, "only a list's refusal switches a record off");
}

async fn run(test: &TestContext, subject: Subject, lane: Lane) -> Result<(), String> {
    test.run_task(subject.shop, subject.record, lane, Task::Incremental).await.map(drop)
}

/// How much is switched off.
async fn off(test: &TestContext) -> i64 {
    test.database.number("SELECT COUNT(*) FROM sync_cursors WHERE off_reason IS NOT NULL").await
}

both_databases! {
    async fn one_broken_order_ends_a_sync_with_3_is_reported_once_and_heals_by_itself(database: TestDatabase) {
        let sandbox = small_sandbox().await;
        let program = Program::new(&sandbox, &database);
        program.authorise_all(&sandbox).await;
        let broken = sandbox.world().with(|world| {
            let broken = world.numbers(Platform::Xiaohongshu, 0)[4].clone();
            world.add_fault(Fault::new(FaultKind::InternalError).at(XHS_DETAIL).about(&broken));
            broken
        });

        let output = program.output(&["sync", "--json", "--log-format", "json"]).await;
        let said = String::from_utf8_lossy(&output.stderr);
        let synced: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert_eq!(said.matches("record.quarantined").count(), 1, "{said}");
        let left: Vec<i64> = synced["shops"].as_array().unwrap().iter().map(|shop| shop["left"].as_i64().unwrap()).collect();
        assert_eq!(left, [0, 1], "{synced}");
        assert_eq!(database.number("SELECT COUNT(*) FROM orders").await, 59);
        let kept = program.json(&["quarantine", "show", "xhs-shop", "orders", &broken, "--json"]).await;
        assert_eq!(kept["reason"], "detail: the platform answered HTTP 500", "{kept}");

        // Asked again, and not reported again; then it waits, and a sync says that it does.
        for attempts in [2, 2] {
            let output = program.output(&["sync", "--log-format", "json"]).await;
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(3), "{said}");
            assert!(said.contains("1 of the orders of `xhs-shop`") && !said.contains("record.quarantined"), "{said}");
            assert_eq!(database.number("SELECT attempts FROM quarantine").await, attempts);
        }

        sandbox.world().with(World::clear_faults);
        program.fail(&["sync"], 3).await;
        database.execute("UPDATE quarantine SET next_try_at = '2026-01-01 00:00:00.000'").await;
        let output = program.output(&["sync", "--log-format", "json"]).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("record.recovered"), "{said}");
        assert_eq!(database.number("SELECT COUNT(*) FROM orders").await, 60);
        program.finish(&["sync"]).await;
    }
}
