//! The ledger and the cursor: forwards only over what is closed, and anywhere by hand.

use chrono::{DateTime, TimeDelta, Utc};
use shopsync::domain::record::{Lane, Record};
use shopsync::domain::window::Window;
use shopsync::store::StoreError;
use shopsync::store::ledger::cursors::Off;
use shopsync::store::ledger::leases::Lease;
use shopsync::store::ledger::windows::{Close, Closing, WindowState};
use shopsync::store::records::pages::PageCommit;

use crate::store::orders::{order, page};
use crate::support::databases::{TestDatabase, at, both_databases};

/// The cursor all tests begin at.
fn start() -> DateTime<Utc> {
    at("2026-11-20 11:00:00")
}

/// A window in minutes after [`start`].
fn minutes(from: i64, until: i64) -> Window {
    Window::new(start() + TimeDelta::minutes(from), start() + TimeDelta::minutes(until)).unwrap()
}

fn close(id: i64, state: Closing) -> Close {
    Close { id, state, platform_total: 1, rows_seen: 1 }
}

impl TestDatabase {
    /// A lease of the update lane with the cursor at [`start`].
    async fn started(&self) -> Lease {
        let lease = self.lease(Lane::Update).await;
        self.store.cursors().begin(&lease, start(), &[]).await.unwrap();
        lease
    }

    /// Reads a window to its end without any order, and tells where the cursor was moved to.
    async fn read(&self, lease: &Lease, epoch: i64, window: Window, state: Closing) -> Option<DateTime<Utc>> {
        let id = self.store.windows().open(lease, epoch, window, 7).await.unwrap();
        let page = PageCommit { close: Some(close(id, state)), ..page(self.clock.now(), Vec::new()) };
        self.store.pages().commit(lease, &page).await.unwrap().cursor
    }

    async fn cursor_at(&self) -> DateTime<Utc> {
        self.store.cursors().get("acme", Record::Orders).await.unwrap().unwrap().last_sync_at.unwrap()
    }

    async fn planned(&self) -> Vec<Window> {
        let open = self.store.windows().all_open("acme", Record::Orders, Lane::Create, 0).await.unwrap();
        open.into_iter().map(|window| window.window).collect()
    }
}

both_databases! {
    async fn a_new_shop_gets_cursor_and_planned_history_at_once(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        assert_eq!(test.store.cursors().get("acme", Record::Orders).await.unwrap(), None);

        let history = [minutes(-20, -10), minutes(-10, 0)];
        let cursor = test.store.cursors().begin(&lease, start(), &history).await.unwrap();

        assert_eq!((cursor.last_sync_at, cursor.epoch), (Some(start()), 1));
        assert_eq!(test.store.cursors().get("acme", Record::Orders).await.unwrap(), Some(cursor));
        assert_eq!(test.planned().await, [history[1], history[0]], "newest first");
    }

    async fn a_shop_is_set_on_its_way_once(test: TestDatabase) {
        let lease = test.started().await;
        let again = test.store.cursors().begin(&lease, start() + TimeDelta::hours(1), &[minutes(-10, 0)]).await.unwrap();
        assert_eq!(again.last_sync_at, Some(start()));
        assert!(test.planned().await.is_empty());
    }

    async fn a_shop_is_set_on_its_way_wholly_or_not_at_all(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        test.execute("DROP TABLE sync_windows").await;
        let failed = test.store.cursors().begin(&lease, start(), &[minutes(-10, 0)]).await;
        assert!(failed.is_err());
        assert_eq!(test.store.cursors().get("acme", Record::Orders).await.unwrap(), None);
    }

    async fn the_cursor_stops_at_the_first_gap_and_jumps_when_it_is_filled(test: TestDatabase) {
        let lease = test.started().await;
        assert_eq!(test.read(&lease, 1, minutes(10, 20), Closing::Complete).await, None);
        assert_eq!(test.read(&lease, 1, minutes(30, 40), Closing::Complete).await, None);

        let moved = test.read(&lease, 1, minutes(-10, 10), Closing::Complete).await;

        assert_eq!(moved, Some(start() + TimeDelta::minutes(20)));
        assert_eq!(test.cursor_at().await, start() + TimeDelta::minutes(20));
    }

    async fn the_cursor_never_goes_back_by_itself(test: TestDatabase) {
        let lease = test.started().await;
        test.read(&lease, 1, minutes(0, 20), Closing::Complete).await;
        assert_eq!(test.read(&lease, 1, minutes(-10, 5), Closing::Complete).await, None);
        assert_eq!(test.cursor_at().await, start() + TimeDelta::minutes(20));
    }

    async fn a_short_window_counts_as_closed_and_stays_known(test: TestDatabase) {
        let lease = test.started().await;
        assert!(test.read(&lease, 1, minutes(0, 20), Closing::Short).await.is_some());

        // A later run begins to read it again and is cut off.
        test.store.windows().open(&lease, 1, minutes(0, 20), 8).await.unwrap();
        test.store.windows().sweep(&lease).await.unwrap();
        let short = test.store.windows().all_short("acme", Record::Orders, Lane::Update, 1).await.unwrap();
        assert_eq!((short.len(), short[0].window, short[0].attempts), (1, minutes(0, 20), 2));

        test.read(&lease, 1, minutes(0, 20), Closing::Complete).await;
        assert!(test.store.windows().all_short("acme", Record::Orders, Lane::Update, 1).await.unwrap().is_empty());
    }

    async fn the_halves_of_a_short_update_window_are_short_until_read(test: TestDatabase) {
        let lease = test.started().await;
        test.read(&lease, 1, minutes(0, 20), Closing::Short).await;
        let id = test.store.windows().open(&lease, 1, minutes(0, 20), 8).await.unwrap();
        let (first, second) = minutes(0, 20).halves().unwrap();
        test.store.windows().split(&lease, id, [first, second]).await.unwrap();
        test.store.windows().sweep(&lease).await.unwrap();

        let short = test.store.windows().all_short("acme", Record::Orders, Lane::Update, 1).await.unwrap();
        assert_eq!(short.iter().map(|window| window.window).collect::<Vec<_>>(), [second, first]);
    }

    async fn a_window_that_failed_or_is_being_read_does_not_count(test: TestDatabase) {
        let lease = test.started().await;
        let failed = test.store.windows().open(&lease, 1, minutes(0, 10), 7).await.unwrap();
        test.store.windows().fail(&lease, failed).await.unwrap();
        test.store.windows().open(&lease, 1, minutes(10, 20), 7).await.unwrap();

        assert_eq!(test.read(&lease, 1, minutes(20, 30), Closing::Complete).await, None);

        test.store.windows().sweep(&lease).await.unwrap();
        let left = test.store.windows().closed_after("acme", Record::Orders, 1, start()).await.unwrap();
        assert_eq!(left.iter().map(|window| window.window).collect::<Vec<_>>(), [minutes(20, 30)]);
        assert_eq!(test.number("SELECT count(*) FROM sync_windows").await, 1);
    }

    async fn a_closed_window_gives_when_it_was_opened_and_what_it_held(test: TestDatabase) {
        let lease = test.started().await;
        let opened_at = test.clock.now();
        let id = test.store.windows().open(&lease, 1, minutes(0, 10), 7).await.unwrap();
        test.clock.advance(TimeDelta::seconds(90));
        let close = Close { id, state: Closing::Complete, platform_total: 12, rows_seen: 13 };
        let page = PageCommit { close: Some(close), ..page(test.clock.now(), vec![order("A")]) };
        test.store.pages().commit(&lease, &page).await.unwrap();

        let closed = test.store.windows().closed_after("acme", Record::Orders, 1, start()).await.unwrap().remove(0);
        assert_eq!((closed.opened_at, closed.completed_at), (Some(opened_at), Some(test.clock.now())));
        assert_eq!((closed.platform_total, closed.rows_seen), (Some(12), Some(13)));
        assert_eq!(closed.state, WindowState::Complete);
    }

    async fn a_cursor_set_by_hand_ends_the_run_and_forgets_its_windows(test: TestDatabase) {
        let lease = test.started().await;
        test.read(&lease, 1, minutes(0, 20), Closing::Complete).await;
        let id = test.store.windows().open(&lease, 1, minutes(20, 30), 7).await.unwrap();

        let to = start() - TimeDelta::minutes(5);
        let moved = test.another_store().await.cursors().set("acme", Record::Orders, to).await.unwrap();

        assert_eq!(moved, (Some(start() + TimeDelta::minutes(20)), to));
        let page = PageCommit { close: Some(close(id, Closing::Complete)), ..page(test.clock.now(), vec![order("A")]) };
        let refused = test.store.pages().commit(&lease, &page).await;
        assert!(matches!(refused, Err(StoreError::LeaseLost { .. })), "{refused:?}");
        assert_eq!(test.number("SELECT count(*) FROM orders").await, 0);

        let next = test.lease(Lane::Update).await;
        let cursor = test.store.cursors().get("acme", Record::Orders).await.unwrap().unwrap();
        assert_eq!((cursor.last_sync_at, cursor.epoch), (Some(to), 2));
        let moved = test.read(&next, 2, minutes(-10, 0), Closing::Complete).await;
        assert_eq!(moved, Some(start()), "the window of epoch 1 behind it does not count");
    }

    async fn a_cursor_whose_row_was_deleted_by_hand_begins_an_epoch_of_its_own(test: TestDatabase) {
        let lease = test.started().await;
        test.read(&lease, 1, minutes(0, 20), Closing::Complete).await;
        test.execute("DELETE FROM sync_cursors").await;

        test.store.cursors().set("acme", Record::Orders, start()).await.unwrap();

        let cursor = test.store.cursors().get("acme", Record::Orders).await.unwrap().unwrap();
        let next = test.lease(Lane::Update).await;
        let moved = test.read(&next, cursor.epoch, minutes(-10, 1), Closing::Complete).await;
        assert_eq!(moved, Some(start() + TimeDelta::minutes(1)), "what was read in another life does not count");
    }

    async fn a_window_of_history_that_came_out_short_is_read_again_and_then_daily(test: TestDatabase) {
        let lease = test.lease(Lane::Create).await;
        let left = || async { test.store.windows().history_left("acme", Record::Orders, test.clock.now()).await.unwrap() };
        test.store.windows().plan(&lease, &[minutes(0, 10)]).await.unwrap();
        test.read(&lease, 0, minutes(0, 10), Closing::Short).await;
        assert_eq!(left().await, [minutes(0, 10)]);

        test.read(&lease, 0, minutes(0, 10), Closing::Short).await;
        assert!(left().await.is_empty());
        test.clock.advance(TimeDelta::hours(21));
        assert_eq!(left().await, [minutes(0, 10)]);

        test.read(&lease, 0, minutes(0, 10), Closing::Complete).await;
        test.clock.advance(TimeDelta::hours(21));
        assert!(left().await.is_empty());
    }

    async fn a_writer_that_was_overtaken_writes_nothing(test: TestDatabase) {
        let old = test.started().await;
        test.store.leases().release(&old).await.unwrap();
        let new = test.lease(Lane::Update).await;

        let refusals = [
            test.store.pages().commit(&old, &page(test.clock.now(), vec![order("A")])).await.err(),
            test.store.cursors().begin(&old, start(), &[]).await.err(),
            test.store.windows().sweep(&old).await.err(),
            test.store.windows().plan(&old, &[minutes(0, 1)]).await.err(),
            test.store.windows().open(&old, 1, minutes(0, 1), 7).await.err(),
            test.store.amounts().commit(&old, 7, Vec::new()).await.err(),
        ];

        assert!(refusals.iter().all(|error| matches!(error, Some(StoreError::LeaseLost { .. }))), "{refusals:?}");
        assert_eq!(test.number("SELECT count(*) FROM orders").await, 0);
        test.store.leases().renew(&new).await.unwrap();
    }

    async fn a_range_requested_again_is_planned_again(test: TestDatabase) {
        let lease = test.lease(Lane::Create).await;
        let range = [minutes(0, 10), minutes(10, 20)];
        test.store.windows().plan(&lease, &range).await.unwrap();
        assert_eq!(test.read(&lease, 0, range[0], Closing::Complete).await, None);
        assert_eq!(test.planned().await, [range[1]]);

        test.store.windows().plan(&lease, &range).await.unwrap();

        assert_eq!(test.planned().await, [range[1], range[0]]);
        assert_eq!(test.number("SELECT count(*) FROM sync_windows WHERE completed_at IS NOT NULL").await, 0);
    }

    async fn the_create_lane_never_moves_the_cursor_and_is_never_swept(test: TestDatabase) {
        test.started().await;
        let create = test.lease(Lane::Create).await;
        test.store.windows().plan(&create, &[minutes(10, 20)]).await.unwrap();

        assert_eq!(test.read(&create, 0, minutes(0, 10), Closing::Complete).await, None);
        test.store.windows().sweep(&create).await.unwrap();

        assert_eq!(test.cursor_at().await, start());
        assert_eq!(test.planned().await, [minutes(10, 20)]);
    }

    async fn a_split_window_of_history_plans_its_halves(test: TestDatabase) {
        let lease = test.lease(Lane::Create).await;
        let (first, second) = minutes(0, 10).halves().unwrap();
        test.store.windows().plan(&lease, &[minutes(0, 10)]).await.unwrap();
        let id = test.store.windows().open(&lease, 0, minutes(0, 10), 7).await.unwrap();

        test.store.windows().split(&lease, id, [first, second]).await.unwrap();

        assert_eq!(test.planned().await, [second, first]);
    }

    async fn closing_a_window_that_is_not_there_stores_nothing(test: TestDatabase) {
        let lease = test.started().await;
        let page = PageCommit { close: Some(close(999, Closing::Complete)), ..page(test.clock.now(), vec![order("A")]) };
        let refused = test.store.pages().commit(&lease, &page).await;
        assert!(matches!(refused, Err(StoreError::NoSuchWindow { id: 999 })), "{refused:?}");
        assert_eq!(test.number("SELECT count(*) FROM orders").await, 0);
    }

    async fn a_subject_is_switched_off_and_on_without_touching_the_cursor(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        let until = Some(at("2026-11-21 00:00:00"));
        test.store.cursors().switch_off("acme", "amounts", "not granted", until).await.unwrap();
        test.store.cursors().switch_off("acme", "orders", "not granted", None).await.unwrap();
        let off = test.store.cursors().off("acme", "amounts").await.unwrap();
        assert_eq!(off, Some(Off { reason: "not granted".to_owned(), until }));

        let cursor = test.store.cursors().begin(&lease, start(), &[]).await.unwrap();
        assert_eq!((cursor.last_sync_at, cursor.off_reason.as_deref()), (Some(start()), Some("not granted")));
        assert!(test.store.cursors().switch_on("acme", "orders").await.unwrap());
        assert!(!test.store.cursors().switch_on("acme", "orders").await.unwrap());
        assert_eq!(test.store.cursors().off("acme", "orders").await.unwrap(), None);
        assert_eq!(test.cursor_at().await, start());
    }
}
