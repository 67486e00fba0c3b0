//! Ways in which an order was lost, or a shop left waiting, before somebody looked for them.

use std::time::Duration;

use chrono::TimeDelta;
use shopsync::app::live::Live;
use shopsync::config::Work;
use shopsync::domain::record::{Lane, Record};
use shopsync::domain::window::Window;
use shopsync::jobs::daemon::Daemon;
use shopsync::jobs::scheduler::job::Trigger;
use shopsync::sandbox::{Fault, FaultKind, Platform, SandboxSettings};
use shopsync::store::ledger::windows::{Close, Closing};
use shopsync::store::records::pages::PageCommit;
use tokio_util::sync::CancellationToken;

use crate::store::orders::page;
use crate::support::context::{ContextSettings, TestContext};
use crate::support::databases::{TestDatabase, both_databases};

const TEMU_LIST: &str = "bg.order.list.v2.get";
const TEMU_AMOUNT: &str = "bg.order.amount.query";

/// As often as a call is tried, by the config of a context.
const ATTEMPTS: u32 = 8;

async fn context(database: TestDatabase, orders: usize, amounts: bool) -> TestContext {
    let sandbox = SandboxSettings { orders, history: TimeDelta::hours(20), ..SandboxSettings::default() };
    TestContext::new(database, ContextSettings { sandbox, amounts, ..ContextSettings::default() }).await
}

both_databases! {
    async fn a_list_that_says_it_is_empty_in_mid_pass_is_not_believed(database: TestDatabase) {
        let test = context(database, 0, false).await;
        test.sync("temu-shop").await;
        test.sandbox.world().with(|world| {
            for _ in 0..250 {
                world.create_order(Platform::Temu, 0);
            }
            // Page 1 tells of three pages, the third and the second are read, and page 1 again says "none".
            let mut calls = 0;
            world.on_request(Box::new(move |world, request| {
                calls += u32::from(request.api == TEMU_LIST);
                if calls == 3 {
                    world.add_fault(Fault::new(FaultKind::EmptyList).at(TEMU_LIST).next(1));
                }
            }));
        });

        test.settle();
        test.run("temu-shop", Lane::Update).await.unwrap();

        test.assert_orders_of("temu-shop").await;
    }

    async fn an_order_whose_money_cannot_be_read_does_not_stand_before_the_others(database: TestDatabase) {
        let test = context(database, 6, true).await;
        test.run("temu-shop", Lane::Update).await.unwrap();
        test.run("temu-shop", Lane::Create).await.unwrap();
        test.sandbox.world().with(|world| {
            world.add_fault(Fault::new(FaultKind::InternalError).at(TEMU_AMOUNT).next(ATTEMPTS));
        });

        test.run("temu-shop", Lane::Amounts).await.unwrap();

        assert_eq!(test.database.number("SELECT COUNT(*) FROM orders WHERE amounts_at IS NULL").await, 1);
        test.settle();
        test.run("temu-shop", Lane::Amounts).await.unwrap();
        test.assert_orders_of("temu-shop").await;
    }

    async fn a_platform_that_is_away_gets_no_request_for_the_money_of_every_order(database: TestDatabase) {
        let test = context(database, 40, true).await;
        test.run("temu-shop", Lane::Update).await.unwrap();
        test.run("temu-shop", Lane::Create).await.unwrap();
        test.sandbox.world().with(|world| {
            world.reset_counters();
            world.add_fault(Fault::new(FaultKind::InternalError).at(TEMU_AMOUNT));
        });

        assert!(test.run("temu-shop", Lane::Amounts).await.is_err());

        let calls = test.sandbox.world().with(|world| world.calls_total());
        assert!(calls <= u64::from(30 * ATTEMPTS), "{calls} calls");
    }

    async fn a_window_that_cannot_be_read_does_not_keep_history_waiting(database: TestDatabase) {
        let test = context(database, 30, false).await;
        test.run("temu-shop", Lane::Update).await.unwrap();
        test.sandbox.world().with(|world| {
            for _ in 0..6 {
                let number = world.create_order(Platform::Temu, 0);
                world.spoil(Platform::Temu, 0, &number, Some(shopsync::sandbox::Spoiled::Number));
            }
        });

        test.settle();
        let daemon = Daemon::new(Live::new(test.app.clone()), CancellationToken::new());
        daemon.start("orders", Work::Sync(Record::Orders), &[test.shop("temu-shop")], Trigger::Schedule);
        assert!(daemon.drain(Duration::from_mins(1)).await);

        assert_eq!(test.database.number("SELECT COUNT(*) FROM job_runs WHERE error LIKE '%rows of one page cannot be read%'").await, 1);
        assert_eq!(test.database.number("SELECT COUNT(*) FROM orders").await, 30);
    }

    async fn a_clock_that_was_set_back_is_a_failure_and_not_a_quiet_success(database: TestDatabase) {
        let test = context(database, 0, false).await;
        test.sync("temu-shop").await;
        let cursor = test.cursor("temu-shop").await;
        test.clock.advance(TimeDelta::hours(-1));

        let outcome = test.run("temu-shop", Lane::Update).await;

        assert!(outcome.is_err_and(|error| error.contains("passed the cursor")));
        assert_eq!(test.cursor("temu-shop").await, cursor);
        test.clock.advance(TimeDelta::hours(1));
        test.settle();
        test.sync("temu-shop").await;
    }

    async fn a_window_to_be_read_again_cannot_be_passed_before(database: TestDatabase) {
        let test = context(database, 0, false).await;
        test.sync("temu-shop").await;
        let cursor = test.cursor("temu-shop").await.unwrap();
        // An interrupted run closed a window ahead, right after its end: the platform may list more in it.
        test.clock.advance(TimeDelta::minutes(21));
        let ahead = Window::new(cursor + TimeDelta::minutes(10), cursor + TimeDelta::minutes(20)).unwrap();
        let (_, lease) = test.order_sync("temu-shop", Lane::Update).await.unwrap();
        let store = &test.app.store;
        let id = store.windows().open(&lease, 1, ahead, 1).await.unwrap();
        let close = Close { id, state: Closing::Complete, platform_total: 0, rows_seen: 0 };
        store.pages().commit(&lease, &PageCommit { close: Some(close), ..page(test.clock.now(), Vec::new()) }).await.unwrap();
        store.leases().release(&lease).await.unwrap();
        assert_eq!(store.windows().closed_after("temu-shop", Record::Orders, 1, cursor).await.unwrap().len(), 1);

        // The next run plans it anew and is cut off before it gets there.
        test.clock.advance(TimeDelta::minutes(20));
        test.sandbox.world().with(|world| world.add_fault(Fault::new(FaultKind::InternalError).at(TEMU_LIST)));
        assert!(test.run("temu-shop", Lane::Update).await.is_err());

        assert!(store.windows().closed_after("temu-shop", Record::Orders, 1, cursor).await.unwrap().is_empty());
    }
}
