//! Records that are read whole: what a scan did not see is gone, and nothing else is.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use shopsync::domain::entity::Kind;
use shopsync::domain::record::{Lane, Record};
use shopsync::platform::{Paging, PlatformError, Reach};
use shopsync::store::ledger::leases::{Acquired, LaneKey, Lease};
use shopsync::sync::{RecordSync, SyncError, backfill, update};

use crate::daemon::process::until;
use crate::support::context::{ContextSettings, TestContext};
use crate::support::databases::{TestDatabase, both_databases};
use crate::support::shelf::{Shelf, by_time, lists};

const SHOP: &str = "temu-shop";

both_databases! {
    async fn what_a_scan_did_not_see_is_gone_and_comes_back_when_it_is_seen(database: TestDatabase) {
        let test = context(database).await;
        let shelf = Shelf::with(lists(), 10, test.clock.now());
        scan(&test, &shelf).await.unwrap();
        assert_eq!(gone(&test).await, Vec::<String>::new());

        let taken = shelf.change(|products| products.remove("p03").unwrap());
        test.settle();
        scan(&test, &shelf).await.unwrap();
        assert_eq!(gone(&test).await, ["p03"]);

        shelf.change(|products| products.insert("p03".to_owned(), taken));
        test.settle();
        scan(&test, &shelf).await.unwrap();
        assert_eq!(gone(&test).await, Vec::<String>::new());
        let cursor = test.app.store.cursors().get(SHOP, Record::Products).await.unwrap().unwrap();
        assert_eq!(cursor.last_full_at, cursor.last_sync_at);
    }

    async fn rows_that_move_while_a_list_is_read_are_neither_missed_nor_gone(database: TestDatabase) {
        let test = context(database).await;
        let shelf = Shelf::with(lists(), 20, test.clock.now());
        scan(&test, &shelf).await.unwrap();

        // While it is read, the first two are taken away, and later two come in at the front: what is behind moves
        // to lower pages, and then to higher ones.
        shelf.between(|products, call| {
            match call {
                2 => products.retain(|id, _| id != "p00" && id != "p01"),
                4 => products.extend([("a1".to_owned(), start()), ("a2".to_owned(), start())]),
                _ => {}
            }
        });
        test.settle();
        scan(&test, &shelf).await.unwrap();

        assert_eq!(gone(&test).await, ["p00", "p01"]);
        assert_eq!(test.database.number("SELECT COUNT(*) FROM products WHERE gone_at IS NULL").await, 20);
    }

    async fn a_list_that_never_adds_up_marks_nothing(database: TestDatabase) {
        let test = context(database).await;
        let shelf = Shelf::with(lists(), 20, test.clock.now());
        scan(&test, &shelf).await.unwrap();

        // At each page another one comes in at the front and moves the others to higher pages, which are behind us.
        shelf.change(|products| products.remove("p05"));
        shelf.between(|products, call| {
            products.insert(format!("a{call:03}"), start());
        });
        test.settle();
        scan(&test, &shelf).await.unwrap();
        assert_eq!(gone(&test).await, Vec::<String>::new());

        shelf.between(|_, _| {});
        test.settle();
        scan(&test, &shelf).await.unwrap();
        assert_eq!(gone(&test).await, ["p05"]);
    }

    async fn a_scan_that_saw_less_than_half_fails_and_marks_nothing(database: TestDatabase) {
        let test = context(database).await;
        let shelf = Shelf::with(lists(), 10, test.clock.now());
        scan(&test, &shelf).await.unwrap();
        shelf.change(|products| products.retain(|id, _| id.as_str() < "p04"));
        test.settle();

        let told = scan(&test, &shelf).await.unwrap_err().to_string();

        assert!(told.contains("4 of 10"), "{told}");
        assert_eq!(gone(&test).await, Vec::<String>::new());
        // Somebody who knows better says so.
        read(&test, &shelf, true).await.unwrap();
        assert_eq!(gone(&test).await.len(), 6);
    }

    async fn a_product_that_changes_while_the_whole_is_read_is_not_gone(database: TestDatabase) {
        let test = context(database).await;
        let shelf = Shelf::with(by_time(), 10, test.clock.now() - TimeDelta::days(3));
        scan(&test, &shelf).await.unwrap();
        assert_eq!(test.database.number("SELECT COUNT(*) FROM products").await, 10);

        // A day later the whole is due. One is gone; another changes right after page 1 was asked, and leaves the
        // window before its own page is.
        test.clock.advance(TimeDelta::hours(25));
        scan_without_change(&test, &shelf).await;
        shelf.change(|products| products.remove("p05"));
        test.clock.advance(TimeDelta::hours(25));
        let (first, clock) = (shelf.calls(), test.clock.clone());
        shelf.between(move |products, call| {
            assert!(call < first + 30, "a scan of ten products does not take so many calls");
            products.insert("p09".to_owned(), clock.now());
            clock.advance(TimeDelta::milliseconds(700));
        });
        scan(&test, &shelf).await.unwrap();

        assert_eq!(gone(&test).await, ["p05"]);
    }

    async fn rows_that_slide_while_the_whole_is_read_by_time_are_not_gone(database: TestDatabase) {
        let test = context(database).await;
        let shelf = Shelf::with(by_time(), 30, test.clock.now() - TimeDelta::days(3));
        scan(&test, &shelf).await.unwrap();

        // One of the oldest after the other changes while the pages are read, leaves the window, and all behind it move
        // down by one.
        test.clock.advance(TimeDelta::hours(25));
        let clock = test.clock.clone();
        shelf.between(move |products, call| {
            if (1..=8).contains(&call) {
                products.insert(format!("p{call:02}"), clock.now());
            }
        });
        scan(&test, &shelf).await.unwrap();

        assert!(shelf.calls() > 10, "the whole was read");
        assert_eq!(gone(&test).await, Vec::<String>::new());
    }

    async fn between_scans_windows_move_the_cursor(database: TestDatabase) {
        let test = context(database).await;
        let shelf = Shelf::with(by_time(), 5, test.clock.now() - TimeDelta::days(3));
        scan(&test, &shelf).await.unwrap();
        let scanned = test.app.store.cursors().get(SHOP, Record::Products).await.unwrap().unwrap();

        let now = test.clock.now();
        shelf.change(|products| products.insert("p02".to_owned(), now));
        test.clock.advance(TimeDelta::hours(1));
        scan(&test, &shelf).await.unwrap();

        let cursor = test.app.store.cursors().get(SHOP, Record::Products).await.unwrap().unwrap();
        assert_eq!(cursor.last_full_at, scanned.last_full_at);
        assert_eq!(cursor.last_sync_at, scanned.last_sync_at.map(|at| at + TimeDelta::hours(1)));
        assert!(shelf.longest_asked_since_the_scan() < TimeDelta::hours(2));
    }

    async fn stock_is_read_for_what_changed_and_never_in_the_way(database: TestDatabase) {
        let test = context(database).await;
        let skus = Paging { counted: Kind::Sku, ..lists() };
        let shelf = Shelf::with(skus, 4, test.clock.now());
        scan(&test, &shelf).await.unwrap();
        assert_eq!(test.database.number("SELECT COUNT(*) FROM sku_stock WHERE available = 7").await, 8);
        shelf.answer_stock(None);
        test.settle();
        scan(&test, &shelf).await.unwrap();
        assert_eq!(shelf.stock_asked(), Vec::<String>::new());

        // A call that is not answered leaves the products as they are, and is made again by the next run.
        let now = test.clock.now();
        shelf.change(|products| products.insert("p02".to_owned(), now));
        shelf.answer_stock(Some(|| PlatformError::Unavailable { status: 500 }));
        test.settle();
        scan(&test, &shelf).await.unwrap();
        shelf.answer_stock(None);
        test.settle();
        scan(&test, &shelf).await.unwrap();
        assert_eq!(shelf.stock_asked(), ["p02"]);

        // Not granted, and never was: asked once, and not again before tomorrow.
        test.database.execute("DELETE FROM sku_stock").await;
        shelf.answer_stock(Some(|| PlatformError::NotGranted { code: "1".into(), message: "no".into() }));
        for _ in 0..2 {
            test.settle();
            scan(&test, &shelf).await.unwrap();
        }
        assert_eq!(shelf.stock_asked().len(), 1);
        shelf.answer_stock(None);
        test.clock.advance(TimeDelta::hours(25));
        scan(&test, &shelf).await.unwrap();
        assert_eq!(shelf.stock_asked(), ["p00", "p01", "p02", "p03"]);
    }

    async fn the_daily_work_goes_before_the_history_of_years(database: TestDatabase) {
        const WINDOWS: usize = 48;
        let test = context(database).await;
        let mut windows = by_time();
        let Reach::Windows(of) = &mut windows.reach else { panic!("listed by time") };
        of.create_max = Some(TimeDelta::hours(1));
        let shelf = Shelf::with(windows, 5, test.clock.now());
        scan(&test, &shelf).await.unwrap();
        test.settle();
        let application = shelf.application(20.0);
        let (mut history, mut news) = (sync_with(&test, &shelf).await, sync_with(&test, &shelf).await);
        (history.application, news.application) = (application.clone(), application);
        let (of_history, of_news) = (lease(&test, Lane::Create).await, lease(&test, Lane::Update).await);

        let reading = tokio::spawn(async move { backfill::run(&history, &of_history).await });
        until(|| shelf.windows_asked(Lane::Create) > 0).await;
        update::catch_up(&news, &of_news, false).await.unwrap();
        let read_meanwhile = shelf.windows_asked(Lane::Create);
        reading.await.unwrap().unwrap();

        assert_eq!(shelf.windows_asked(Lane::Create), WINDOWS);
        assert!(read_meanwhile < WINDOWS, "{read_meanwhile} windows of history went first");
    }

    async fn a_window_that_is_not_answered_is_halved_as_long_as_the_platform_answers_at_all(database: TestDatabase) {
        let test = context(database).await;
        let mut windows = by_time();
        let Reach::Windows(of) = &mut windows.reach else { panic!("listed by time") };
        (of.create_max, of.update_max) = (Some(TimeDelta::days(7)), TimeDelta::days(7));
        let shelf = Shelf::with(windows, 10, test.clock.now());
        scan(&test, &shelf).await.unwrap();
        for answered in [TimeDelta::days(2), TimeDelta::hours(2)] {
            test.clock.advance(TimeDelta::days(6));
            shelf.answer_at_most(answered);
            scan(&test, &shelf).await.unwrap();
            let cursor = test.app.store.cursors().get(SHOP, Record::Products).await.unwrap().unwrap();
            assert_eq!(cursor.last_sync_at, Some(test.clock.now() - TimeDelta::seconds(5)));
        }

        // A platform that answers nothing is away: the window fails at once, and holds the cursor.
        let cursor = test.app.store.cursors().get(SHOP, Record::Products).await.unwrap().unwrap();
        test.clock.advance(TimeDelta::days(6));
        shelf.answer_at_most(TimeDelta::zero());
        let before = shelf.calls();
        assert!(scan(&test, &shelf).await.is_err());
        assert_eq!(test.app.store.cursors().get(SHOP, Record::Products).await.unwrap().unwrap(), cursor);
        // Two tries of the window, and of a second of it.
        assert_eq!(shelf.calls() - before, 4);
    }
}

async fn context(database: TestDatabase) -> TestContext {
    TestContext::new(database, ContextSettings::default()).await
}

fn start() -> DateTime<Utc> {
    crate::support::databases::at("2026-11-01 00:00:00")
}

/// One run of the update lane.
async fn scan(test: &TestContext, shelf: &Arc<Shelf>) -> Result<(), SyncError> {
    read(test, shelf, false).await
}

async fn lease(test: &TestContext, lane: Lane) -> Lease {
    let key = LaneKey { shop: SHOP.to_owned(), record: Record::Products, lane };
    let Acquired::Granted(lease) = test.app.store.leases().acquire(&key, &test.app.owner).await.unwrap()
    else {
        panic!("nobody else reads");
    };
    lease
}

async fn read(test: &TestContext, shelf: &Arc<Shelf>, whole: bool) -> Result<(), SyncError> {
    let lease = lease(test, Lane::Update).await;
    let sync = sync_with(test, shelf).await;
    let outcome = update::catch_up(&sync, &lease, whole).await;
    test.app.store.leases().release(&lease).await.unwrap();
    outcome
}

async fn scan_without_change(test: &TestContext, shelf: &Arc<Shelf>) {
    scan(test, shelf).await.unwrap();
    assert_eq!(gone(test).await, Vec::<String>::new());
}

async fn sync_with(test: &TestContext, shelf: &Arc<Shelf>) -> RecordSync {
    let (mut sync, lease) = test.order_sync(SHOP, Lane::Amounts).await.unwrap();
    test.app.store.leases().release(&lease).await.unwrap();
    sync.application = shelf.application(1_000.0);
    sync.record = Record::Products;
    sync.paging = shelf.paging.clone();
    sync.shop.options.stock_detail = true;
    sync
}

async fn gone(test: &TestContext) -> Vec<String> {
    let rows = test
        .database
        .query("SELECT product_id FROM products WHERE gone_at IS NOT NULL ORDER BY product_id")
        .await;
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}
