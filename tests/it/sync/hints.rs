//! What a platform says about its lists is a hint; the rows are the truth. Each lie of a list, over real HTTP.

use chrono::TimeDelta;
use shopsync::domain::record::{Lane, Record};
use shopsync::jobs::daemon::run::Task;
use shopsync::platform::Reach;
use shopsync::sandbox::{Fault, FaultKind, SandboxSettings, World};
use shopsync::store::ledger::windows::WindowState;
use shopsync::sync::{backfill, verify};

use crate::support::context::{ContextSettings, SHOPS, TestContext};
use crate::support::databases::{TestDatabase, both_databases};
use crate::support::program::Program;
use crate::support::small_sandbox::small_sandbox;

const LISTS: [&str; 2] = ["bg.order.list.v2.get", "order.getOrderList"];

/// A lie about lists of orders.
fn lie(kind: &FaultKind, parameter: Option<u64>) -> Vec<Fault> {
    let fault = |api| {
        let fault = Fault::new(kind.clone()).at(api);
        parameter.map_or(fault.clone(), |parameter| fault.parameter(parameter))
    };
    LISTS.map(fault).into()
}

async fn context(database: TestDatabase, sandbox: SandboxSettings) -> TestContext {
    TestContext::new(database, ContextSettings { sandbox, ..ContextSettings::default() }).await
}

fn tell(test: &TestContext, faults: Vec<Fault>) {
    test.sandbox.world().with(|world| {
        world.clear_faults();
        world.reset_counters();
        for fault in faults {
            world.add_fault(fault);
        }
    });
}

fn place(test: &TestContext, orders: usize) {
    for (_, platform, shop) in SHOPS {
        test.sandbox.world().with(|world| {
            for _ in 0..orders {
                world.create_order(platform, shop);
            }
        });
    }
}

fn calls(test: &TestContext) -> u64 {
    test.sandbox.world().with(|world| LISTS.iter().map(|api| world.calls(api)).sum())
}

async fn windows(test: &TestContext, state: WindowState) -> i64 {
    let state = state.as_str();
    test.database.number(&format!("SELECT COUNT(*) FROM sync_windows WHERE state = '{state}'")).await
}

both_databases! {
    async fn hints_that_lie_about_a_list_lose_no_order_and_leave_nothing_short(database: TestDatabase) {
        let test = context(database, SandboxSettings { orders: 0, ..SandboxSettings::default() }).await;
        for (name, ..) in SHOPS {
            test.sync(name).await;
        }
        for (kind, parameter, orders) in [
            (FaultKind::TotalCapped, Some(20), 45),
            (FaultKind::TotalOfPage, None, 105),
            (FaultKind::TotalZero, None, 105),
            (FaultKind::TotalZero, Some(7), 30),
            (FaultKind::PageCapped, Some(20), 45),
            (FaultKind::Unfiltered, None, 45),
            (FaultKind::UnfilteredRows, None, 45),
            (FaultKind::MaxRows500, Some(40), 45),
        ] {
            place(&test, orders);
            test.settle();
            tell(&test, lie(&kind, parameter));
            for (name, ..) in SHOPS {
                test.run(name, Lane::Update).await.unwrap_or_else(|error| panic!("{kind:?}: {error}"));
                let differences = test.differences(name).await;
                assert!(differences.is_empty(), "{kind:?} of {name}: {:?}", &differences[..1]);
            }
            assert_eq!(windows(&test, WindowState::Short).await, 0, "{kind:?}");
            assert!(calls(&test) < 200, "{kind:?}: {} calls", calls(&test));
            test.clock.advance(TimeDelta::minutes(20));
        }
    }

    async fn a_day_with_more_orders_than_totals_count_to_is_read_whole_and_verified(database: TestDatabase) {
        let sandbox = SandboxSettings { orders: 120, history: TimeDelta::hours(20), ..SandboxSettings::default() };
        let test = context(database, sandbox).await;
        for (name, ..) in SHOPS {
            // At the limit that is known, and at one that is lower than we think.
            for cap in [50, 15] {
                tell(&test, lie(&FaultKind::TotalCapped, Some(cap)));
                test.run(name, Lane::Update).await.unwrap();
                let (mut sync, lease) = test.order_sync(name, Lane::Create).await.unwrap();
                let Reach::Windows(windows) = &mut sync.paging.reach else { panic!("orders are listed by time") };
                windows.rows_max = 50;
                sync.paging.page_size = 5;
                backfill::plan_history(&sync, &lease).await.unwrap();
                backfill::run(&sync, &lease).await.unwrap();
                test.assert_orders_of(name).await;
                let verified = verify::recent(&sync, TimeDelta::days(2)).await.unwrap();
                assert_eq!((verified.rows, verified.stored, verified.missing()), (120, 120, 0), "{name}, {cap}");
                test.app.store.leases().release(&lease).await.unwrap();
            }
        }
        assert_eq!(windows(&test, WindowState::Short).await, 0);
    }

    async fn a_platform_whose_total_ignores_the_window_is_asked_little_and_believed_by_its_rows(database: TestDatabase) {
        let sandbox = SandboxSettings { orders: 250, history: TimeDelta::hours(20), ..SandboxSettings::default() };
        let test = context(database, sandbox).await;
        for kind in [FaultKind::Unfiltered, FaultKind::UnfilteredRows] {
            for (name, ..) in SHOPS {
                tell(&test, lie(&kind, None));
                test.run(name, Lane::Update).await.unwrap();
                let (mut sync, lease) = test.order_sync(name, Lane::Create).await.unwrap();
                let Reach::Windows(windows) = &mut sync.paging.reach else { panic!("orders are listed by time") };
                windows.rows_max = 200;
                backfill::plan_history(&sync, &lease).await.unwrap();
                backfill::run(&sync, &lease).await.unwrap();
                test.app.store.leases().release(&lease).await.unwrap();
                test.assert_orders_of(name).await;
                assert!(calls(&test) < 120, "{kind:?} of {name}: {} calls", calls(&test));
            }
        }
        // What showed nothing before the platform was known to do so is read again, and believed.
        test.settle();
        for (name, ..) in SHOPS {
            test.sync(name).await;
        }
        assert_eq!(windows(&test, WindowState::Short).await, 0);
    }

    async fn a_total_without_rows_ends_a_window_at_once_and_leaves_it_short(database: TestDatabase) {
        let sandbox = SandboxSettings { orders: 30, history: TimeDelta::hours(20), ..SandboxSettings::default() };
        let test = context(database, sandbox).await;
        tell(&test, lie(&FaultKind::EndlessTotal, None));
        for (name, ..) in SHOPS {
            test.run(name, Lane::Update).await.unwrap();
            test.run(name, Lane::Create).await.unwrap();
            assert!(test.app.store.windows().count_short(name, Record::Orders).await.unwrap() > 0);
        }
        let (short, calls) = (windows(&test, WindowState::Short).await, calls(&test));
        assert!(calls <= 2 * u64::try_from(short).unwrap() + 2, "{calls} calls for {short} windows");

        tell(&test, Vec::new());
        test.settle();
        for (name, ..) in SHOPS {
            test.sync(name).await;
        }
        test.assert_equals_truth().await;
        assert_eq!(windows(&test, WindowState::Short).await, 0);
    }

    async fn pages_that_are_not_answered_are_made_smaller_once_and_an_outage_stays_one(database: TestDatabase) {
        let sandbox = SandboxSettings { orders: 120, history: TimeDelta::hours(1), ..SandboxSettings::default() };
        let test = context(database, sandbox).await;
        let tries = 8;
        for (name, ..) in SHOPS {
            test.run(name, Lane::Update).await.unwrap();
            tell(&test, lie(&FaultKind::MaxRows500, Some(40)));
            test.run(name, Lane::Create).await.unwrap();
            test.assert_orders_of(name).await;
            // What worked is remembered: no call fails any more.
            tell(&test, lie(&FaultKind::MaxRows500, Some(40)));
            test.run_task(name, Record::Orders, Lane::Create, Task::Full).await.unwrap();
            let with_memory = calls(&test);
            assert!(with_memory < 30, "{with_memory} calls");
            tell(&test, lie(&FaultKind::InternalError, None));
            test.settle();
            assert!(test.run(name, Lane::Update).await.is_err());
            assert!(calls(&test) <= 3 * tries, "{} calls in an outage", calls(&test));
            tell(&test, Vec::new());
        }
    }

    async fn what_the_platform_no_longer_shows_is_closed_as_unreachable_and_the_rest_is_read(database: TestDatabase) {
        let sandbox = SandboxSettings { orders: 60, history: TimeDelta::hours(44), ..SandboxSettings::default() };
        let test = context(database, sandbox).await;
        for (name, ..) in SHOPS {
            tell(&test, lie(&FaultKind::HistoryLimit, Some(1)));
            test.run(name, Lane::Update).await.unwrap();
            test.run(name, Lane::Create).await.unwrap();
            let day_ago = test.clock.now() - TimeDelta::hours(24);
            let recent = test.differences(name).await.len();
            assert!(recent > 0, "what is older than a day is not here");
            // The cursor passes what is too old, too.
            test.clock.advance(TimeDelta::days(3));
            place(&test, 3);
            test.settle();
            tell(&test, lie(&FaultKind::HistoryLimit, Some(1)));
            test.run(name, Lane::Update).await.unwrap();
            assert!(calls(&test) < 100, "{} calls", calls(&test));
            assert!(test.cursor(name).await.unwrap() > test.clock.now() - TimeDelta::minutes(5));
            assert!(test.cursor(name).await.unwrap() > day_ago);
            let overview = test.app.store.reports().overview(name, Record::Orders).await.unwrap();
            assert!(overview.windows_unreachable > 0 && overview.windows_failed + overview.windows_short == 0);
            let here = test.differences(name).await;
            assert_eq!(here.len(), recent, "the newest are here: {here:?}");
        }
        let gone = "SELECT COUNT(*) FROM sync_windows WHERE state = 'unreachable' AND platform_total IS NOT NULL";
        assert_eq!(test.database.number(gone).await, 0);
        let later = test.clock.now() + TimeDelta::days(40);
        assert!(test.app.store.windows().prune(later).await.unwrap() > 0);
        assert!(windows(&test, WindowState::Unreachable).await <= 6, "what touches is one");
    }

    async fn a_sync_ends_with_3_while_a_window_is_short_and_with_0_once_it_was_read(database: TestDatabase) {
        let sandbox = small_sandbox().await;
        let program = Program::new(&sandbox, &database);
        program.authorise_all(&sandbox).await;
        sandbox.world().with(|world| world.add_fault(Fault::new(FaultKind::EndlessTotal).at(LISTS[1])));
        let short = "SELECT COUNT(*) FROM sync_windows WHERE state = 'short'";
        for _ in 0..2 {
            let said = program.fail(&["sync"], 3).await;
            assert!(said.contains("windows showed fewer than the platform reported"), "{said}");
            assert!(database.number(short).await > 0);
        }
        assert_eq!(database.number("SELECT COUNT(*) FROM orders").await, 30);

        sandbox.world().with(World::clear_faults);
        // Those that were read twice wait for their day.
        program.fail(&["sync"], 3).await;
        database.execute("UPDATE sync_windows SET completed_at = '2026-01-01 00:00:00.000' WHERE state = 'short'").await;
        program.finish(&["sync"]).await;
        assert_eq!((database.number(short).await, database.number("SELECT COUNT(*) FROM orders").await), (0, 60));
        program.finish(&["sync"]).await;
    }

    async fn a_scan_that_meets_hints_that_lie_marks_nothing_as_gone(database: TestDatabase) {
        let sandbox = SandboxSettings { orders: 0, products: 110, ..SandboxSettings::default() };
        let settings = ContextSettings { sandbox, all_records: true, ..ContextSettings::default() };
        let test = TestContext::new(database, settings).await;
        for (name, ..) in SHOPS {
            test.run_task(name, Record::Products, Lane::Update, Task::Incremental).await.unwrap();
        }
        for (kind, parameter) in [
            (FaultKind::TotalCapped, Some(60)),
            (FaultKind::TotalOfPage, None),
            (FaultKind::TotalZero, Some(7)),
            (FaultKind::PageCapped, Some(50)),
            (FaultKind::MaxRows500, Some(40)),
        ] {
            let fault = |api| Fault::new(kind.clone()).at(api);
            let faults = ["bg.local.goods*", "product.getDetailSkuList"].map(fault);
            tell(&test, faults.map(|fault| parameter.map_or(fault.clone(), |value| fault.parameter(value))).into());
            test.settle();
            for (name, ..) in SHOPS {
                test.run_task(name, Record::Products, Lane::Update, Task::Full).await.unwrap();
            }
            for table in ["products", "skus"] {
                let gone = format!("SELECT COUNT(*) FROM {table} WHERE gone_at IS NOT NULL");
                assert_eq!(test.database.number(&gone).await, 0, "{kind:?} took {table} for gone");
            }
        }
    }
}

#[tokio::test]
async fn a_plain_sync_costs_the_calls_it_always_cost() {
    let sandbox = SandboxSettings { orders: 60, history: TimeDelta::hours(20), ..SandboxSettings::default() };
    let test = context(TestDatabase::sqlite().await, sandbox).await;
    tell(&test, Vec::new());
    for (name, ..) in SHOPS {
        let before = calls(&test);
        test.sync(name).await;
        test.settle();
        test.sync(name).await;
        let opened = format!("SELECT SUM(attempts) FROM sync_windows WHERE shop = '{name}'");
        let windows = u64::try_from(test.database.number(&opened).await).unwrap();
        // One call for each window of one page, and at most one row of the list to learn the platform's time.
        let cost = calls(&test) - before;
        assert!(
            windows > 0 && (windows..=windows + 1).contains(&cost),
            "{name}: {cost} calls, {windows} windows"
        );
    }
}
