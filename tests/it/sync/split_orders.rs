//! An order whose lines come in several rows of the list keeps all of them, wherever the rows stand; and lines that are gone at the
//! platform are gone here.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use shopsync::domain::entity::Kind;
use shopsync::domain::order::OrderItem;
use shopsync::domain::record::{Lane, Record};
use shopsync::sandbox::{Fault, FaultKind, Platform, SandboxSettings, World};
use shopsync::store::StoreError;
use shopsync::store::records::pages::PageCommit;
use shopsync::store::records::quarantine::Quarantined;
use shopsync::store::records::things::Stored;
use shopsync::sync::{SyncError, backfill, lease, update, verify};
use tokio_util::sync::CancellationToken;

use crate::store::orders::{changed, of, order, page};
use crate::support::context::{ContextSettings, TestContext};
use crate::support::databases::{TestDatabase, both_databases};

const SHOP: &str = "temu-shop";
const TEMU_LIST: &str = "bg.order.list.v2.get";

/// As often as a call is tried, by the config of a context.
const ATTEMPTS: u32 = 8;

async fn context(database: TestDatabase, orders: usize) -> TestContext {
    let sandbox = SandboxSettings { orders, history: TimeDelta::hours(20), ..SandboxSettings::default() };
    TestContext::new(database, ContextSettings { sandbox, ..ContextSettings::default() }).await
}

/// From now on each order with several lines comes in two rows.
fn split_all(test: &TestContext) {
    test.sandbox.world().with(|world| world.add_fault("split-order".parse().unwrap()));
}

async fn run(test: &TestContext, lane: Lane, page_size: u32) -> Result<(), SyncError> {
    let (mut sync, lease) = test.order_sync(SHOP, lane).await.unwrap();
    sync.paging.page_size = page_size;
    let work = async {
        if lane == Lane::Update {
            update::catch_up(&sync, &lease, false).await
        } else {
            backfill::run(&sync, &lease).await
        }
    };
    let cancel = CancellationToken::new();
    let outcome = Box::pin(lease::hold(&test.app.store, &lease, &sync.progress, &cancel, work)).await;
    test.app.store.leases().release(&lease).await.unwrap();
    outcome
}

/// The lines of all orders, as their stored answers alone make them.
async fn replayed(test: &TestContext) -> BTreeMap<String, Vec<Option<String>>> {
    let (sync, lease) = test.order_sync(SHOP, Lane::Create).await.unwrap();
    test.app.store.leases().release(&lease).await.unwrap();
    let source = sync.application.platform().source(Record::Orders).unwrap();
    let mut lines = BTreeMap::new();
    for row in test.app.store.replay().raw_batch(SHOP, Kind::Order, None, 10_000).await.unwrap() {
        let mut entity =
            Stored { entity: source.convert(Kind::Order, &row.answers().unwrap()).unwrap(), ..order("A") };
        let items = std::mem::take(&mut of(&mut entity).items);
        lines.insert(row.number, items.into_iter().map(|item| item.item_number).collect());
    }
    lines
}

async fn stored_lines(test: &TestContext) -> BTreeMap<String, Vec<Option<String>>> {
    let mut lines: BTreeMap<String, Vec<Option<String>>> = BTreeMap::new();
    let numbers: Vec<String> = replayed(test).await.into_keys().collect();
    for line in test.app.store.reports().order_items(SHOP, &numbers).await.unwrap() {
        lines.entry(line.order_number).or_default().push(line.item_number);
    }
    lines
}

async fn count(test: &TestContext, table: &str) -> i64 {
    test.database.number(&format!("SELECT COUNT(*) FROM {table}")).await
}

/// An order that may be a part, with these lines.
fn part(lines: &[&str], hash: &str, updated_at: &str) -> Stored {
    let mut stored = Stored { may_be_part: true, ..changed(order("A"), hash, updated_at) };
    let line = |number: &&str| OrderItem { item_number: Some((*number).to_owned()), ..OrderItem::default() };
    of(&mut stored).items = lines.iter().map(line).collect();
    stored
}

fn whole(stored: Stored) -> Stored {
    Stored { may_be_part: false, ..stored }
}

both_databases! {
    async fn an_order_whose_rows_stand_on_different_pages_keeps_all_its_lines(database: TestDatabase) {
        let test = context(database, 40).await;
        split_all(&test);
        // With one row a page, no two rows of an order ever share one.
        run(&test, Lane::Update, 1).await.unwrap();
        run(&test, Lane::Create, 1).await.unwrap();
        test.assert_orders_of(SHOP).await;

        test.sandbox.world().with(|world| {
            for number in world.numbers(Platform::Temu, 0).into_iter().take(20) {
                world.change_lines(Platform::Temu, 0, &number);
            }
        });
        test.settle();
        for page_size in [1, 3, 7] {
            run(&test, Lane::Update, page_size).await.unwrap();
            test.assert_orders_of(SHOP).await;
        }
        test.app.store.cursors().set(SHOP, Record::Orders, test.cursor(SHOP).await.unwrap() - TimeDelta::days(1)).await.unwrap();
        run(&test, Lane::Update, 2).await.unwrap();

        test.assert_orders_of(SHOP).await;
        let mut replayed = replayed(&test).await;
        // An order without lines has no row in their table.
        replayed.retain(|_, lines| !lines.is_empty());
        assert_eq!(replayed, stored_lines(&test).await, "the answers alone make the same lines");
        assert_eq!(count(&test, "quarantine").await, 0);
        assert_eq!(test.database.number("SELECT COUNT(*) FROM sync_windows WHERE state <> 'complete'").await, 0);
    }

    async fn a_pass_that_ends_between_the_rows_of_an_order_loses_no_line(database: TestDatabase) {
        // More rows than one commit takes, so that some are stored when the reading ends.
        let test = context(database, 700).await;
        split_all(&test);
        run(&test, Lane::Update, 100).await.unwrap();
        let mut pages_left = 20;
        test.sandbox.world().with(|world| {
            world.on_request(Box::new(move |world, request| {
                if request.api == TEMU_LIST && !request.parameters.contains_key("parentOrderSnList") {
                    if pages_left == 0 {
                        world.add_fault(Fault::new(FaultKind::InternalError).at(TEMU_LIST));
                    }
                    pages_left -= i32::from(pages_left > 0);
                }
            }));
        });
        run(&test, Lane::Create, 50).await.unwrap_err();
        assert!(count(&test, "orders").await > 100, "some of it was committed");
        test.sandbox.world().with(|world| {
            world.remove_hook();
            world.clear_faults();
        });
        split_all(&test);
        // What the first half of an order left stored is no reason to drop the second.
        run(&test, Lane::Create, 30).await.unwrap();

        test.assert_orders_of(SHOP).await;
    }

    async fn verify_counts_rows_where_the_total_does(database: TestDatabase) {
        let test = context(database, 40).await;
        split_all(&test);
        test.sync(SHOP).await;

        let (sync, lease) = test.order_sync(SHOP, Lane::Create).await.unwrap();
        let verified = verify::recent(&sync, TimeDelta::days(1)).await.unwrap();
        test.app.store.leases().release(&lease).await.unwrap();

        assert_eq!((verified.missing(), verified.doubtful, verified.rows, verified.stored), (0, 0, 40, 40));
    }

    async fn a_row_never_takes_lines_away_that_another_row_may_show(test: TestDatabase) {
        const AT: &str = "2026-11-20 10:05:00";
        let lease = test.lease(Lane::Update).await;
        let in_parts = |refused: Result<_, StoreError>| matches!(refused, Err(StoreError::InParts { numbers }) if numbers == ["A"]);
        test.save(&lease, vec![part(&["1", "2"], "first", AT)]).await;

        // The same time, a later one, an older one with a line that is not stored, and two rows at once.
        for rows in [
            vec![part(&["1"], "same", AT)],
            vec![part(&["3"], "later", "2026-11-20 10:06:00")],
            vec![part(&["3"], "older", "2026-11-20 10:00:00")],
            vec![part(&["1", "2", "3"], "one", AT), part(&["1", "2"], "two", AT)],
        ] {
            assert!(in_parts(test.store.pages().commit(&lease, &page(test.clock.now(), rows)).await));
        }
        assert_eq!(lines_of(&test).await, ["1", "2"], "nothing was written");

        // Only all rows together show which lines are gone.
        test.save(&lease, vec![whole(part(&["2"], "whole", AT))]).await;
        assert_eq!(lines_of(&test).await, ["2"]);
        test.save(&lease, vec![part(&["2", "4"], "more", AT)]).await;
        assert_eq!(lines_of(&test).await, ["2", "4"], "a row with all that is stored needs no other");
    }

    async fn a_row_does_not_stand_for_another_row_of_its_order_that_is_set_aside(test: TestDatabase) {
        const AT: &str = "2026-11-20 10:05:00";
        let lease = test.lease(Lane::Update).await;
        let odd = Quarantined { number: Some("A".to_owned()), reason: "shape".to_owned(), raw: "{".to_owned(), has_own_call: false };
        let with_odd = |things| PageCommit { quarantined: vec![odd.clone()], ..page(test.clock.now(), things) };
        let refused = test.store.pages().commit(&lease, &with_odd(vec![part(&["1"], "first", AT)])).await;
        assert!(matches!(refused, Err(StoreError::InParts { .. })), "{refused:?}");
        test.store.pages().commit(&lease, &with_odd(Vec::new())).await.unwrap();

        let read_at: DateTime<Utc> = test.clock.now();
        let row = Stored { read_at, ..part(&["1"], "first", AT) };
        let refused = test.store.pages().commit(&lease, &page(read_at, vec![row.clone()])).await;
        assert!(matches!(refused, Err(StoreError::InParts { .. })), "{refused:?}");
        assert_eq!(test.number("SELECT COUNT(*) FROM quarantine").await, 1);

        test.save(&lease, vec![whole(row)]).await;
        assert_eq!(test.number("SELECT COUNT(*) FROM quarantine").await, 0);
    }

    async fn an_order_that_cannot_be_read_whole_keeps_what_is_stored_and_comes_back_by_itself(database: TestDatabase) {
        let test = context(database, 12).await;
        test.sync(SHOP).await;
        let before = stored_lines(&test).await;
        let long: Vec<String> =
            before.iter().filter(|(_, lines)| lines.len() > 1).map(|(number, _)| number.clone()).take(2).collect();
        split_all(&test);
        // Of two calls for an order by its number, the second is never answered.
        let mut calls = 0;
        test.sandbox.world().with(|world| {
            for number in &long {
                assert!(world.touch(Platform::Temu, 0, number));
            }
            world.on_request(Box::new(move |world, request| {
                calls += u32::from(request.parameters.contains_key("parentOrderSnList"));
                if calls == 1 {
                    calls += 1;
                    world.add_fault(Fault::new(FaultKind::InternalError).at(TEMU_LIST).next(ATTEMPTS));
                }
            }));
        });
        test.settle();
        run(&test, Lane::Update, 1).await.unwrap();
        assert_eq!(stored_lines(&test).await, before);
        assert_eq!(count(&test, "quarantine").await, 1);

        test.sandbox.world().with(World::remove_hook);
        test.clock.advance(TimeDelta::days(2));
        run(&test, Lane::Update, 1).await.unwrap();

        test.assert_orders_of(SHOP).await;
        assert_eq!(count(&test, "quarantine").await, 0);
    }
}

async fn lines_of(test: &TestDatabase) -> Vec<String> {
    let lines = test.store.reports().order_items("acme", &["A".to_owned()]).await.unwrap();
    lines.into_iter().map(|line| line.item_number.unwrap()).collect()
}
