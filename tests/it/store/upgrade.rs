//! A filled database of the version before is brought up to date, and everything in it is still there.

use migrations::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, Database};
use secrecy::ExposeSecret;
use shopsync::domain::entity::Kind;
use shopsync::domain::record::{Lane, Record};
use shopsync::store::StoreSettings;
use shopsync::store::ledger::windows::CREATE_EPOCH;
use shopsync::store::records::quarantine::Untried;
use shopsync::store::reports::overview::OrdersFilter;
use shopsync::store::reports::runs::RunsFilter;

use crate::store::orders::{WRITTEN, changed, order, page};
use crate::support::databases::{TestDatabase, at, sqlite_settings};
use crate::support::postgres;

/// The changes of the version that copied orders only.
const BEFORE: u32 = 7;

/// What that version left in its tables.
const FILLED: &str = "
    INSERT INTO shops (shop, id, platform, app, zone) VALUES ('acme', 'c0ffee', 'temu', 'app', 'us');
    INSERT INTO orders (shop, number, platform, status, platform_status, updated_at, total_minor, currency, raw, list_hash,
        content_hash, first_seen_at, synced_at, run_id)
        VALUES ('acme', 'A', 'temu', 'to_ship', '2', '2026-11-19 10:00:00.000', 1250, 'USD', '{\"list\":{\"v\":0}}', 'l', 'c',
            '2026-11-19 10:01:00.000', '2026-11-19 10:01:00.000', 3),
        ('acme', 'B', 'temu', 'shipped', '4', NULL, NULL, NULL, '{}', 'm', 'd',
            '2026-11-19 10:01:00.000', '2026-11-19 10:01:00.000', 3);
    INSERT INTO order_items (shop, order_number, line, sku_id, quantity) VALUES ('acme', 'A', 0, 's1', 2);
    INSERT INTO sync_cursors (shop, record, last_sync_at, epoch) VALUES ('acme', 'orders', '2026-11-19 12:00:00.000', 3);
    INSERT INTO sync_windows (shop, record, lane, epoch, from_at, until_at, state, attempts) VALUES
        ('acme', 'orders', 'create', 0, '2026-11-01 00:00:00.000', '2026-11-08 00:00:00.000', 'planned', 0),
        ('acme', 'orders', 'update', 3, '2026-11-19 12:00:00.000', '2026-11-19 13:00:00.000', 'complete', 1);
    INSERT INTO job_runs (job, shop, record, \"trigger\", started_at, outcome, calls, rows_seen, rows_written, rows_unchanged,
        rows_quarantined) VALUES ('orders', 'acme', 'orders', 'slot', '2026-11-19 10:00:00.000', 'ok', 1, 2, 2, 0, 0);
    INSERT INTO quarantine VALUES ('acme', 'orders', 'Q', 'shape', '{', 1, '2026-11-19 10:00:00.000',
        '2026-11-19 10:00:00.000');
    INSERT INTO leases (shop, record, lane, fence) VALUES ('acme', 'orders', 'update', 41);";

/// Makes the database of an older version, with what that version wrote.
async fn filled(settings: &StoreSettings, migrations: u32, rows: &str) {
    let url = settings.url.expose_secret().to_owned();
    let mode = if url.starts_with("sqlite") { "?mode=rwc" } else { "" };
    let before = Database::connect(format!("{url}{mode}")).await.unwrap();
    Migrator::up(&before, Some(migrations)).await.unwrap();
    before.execute_unprepared(rows).await.unwrap();
    before.close().await.unwrap();
}

async fn an_upgrade_loses_nothing(settings: StoreSettings) {
    filled(&settings, BEFORE, FILLED).await;

    let test = TestDatabase::over(settings, "SELECT 1").await;

    let store = &test.store;
    let status = store.schema().status().await.unwrap();
    assert!(status.len() > BEFORE as usize && status.iter().all(|migration| migration.is_applied));
    let orders = store.reports().orders(&OrdersFilter::default()).await.unwrap();
    assert_eq!(orders.iter().map(|order| order.number.as_str()).collect::<Vec<_>>(), ["A", "B"]);
    assert_eq!((orders[0].total_minor, orders[0].run_id), (Some(1_250), 3));
    assert_eq!(test.lines("A").await[0].quantity, Some(2));
    let cursor = store.cursors().get("acme", Record::Orders).await.unwrap().unwrap();
    assert_eq!((cursor.last_sync_at, cursor.epoch), (Some(at("2026-11-19 12:00:00")), 3));
    assert_eq!((cursor.last_full_at, cursor.last_full_rows), (None, None));
    let ahead =
        store.windows().closed_after("acme", Record::Orders, 3, at("2026-11-19 12:00:00")).await.unwrap();
    assert_eq!(ahead.len(), 1);
    let open = store.windows().all_open("acme", Record::Orders, Lane::Create, CREATE_EPOCH).await.unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!(store.runs().list(&RunsFilter::default()).await.unwrap().len(), 1);
    assert_eq!(store.quarantine().list(Some("acme")).await.unwrap().len(), 1);
    assert!(store.alarms().all().await.unwrap().is_empty());
    let overview = store.reports().overview("acme", Record::Products).await.unwrap();
    assert_eq!((overview.rows, overview.cursor), (0, None));

    // And the new version goes on where the old one stopped.
    let lease = test.lease(Lane::Update).await;
    assert_eq!(lease.fence, 42);
    let numbers = ["A".to_owned()];
    assert_eq!(store.pages().list_hashes("acme", Kind::Order, &numbers).await.unwrap()["A"], "l");
    let newer = changed(order("A"), "second", "2026-11-20 10:10:00");
    assert_eq!(store.pages().commit(&lease, &page(test.clock.now(), vec![newer])).await.unwrap(), WRITTEN);
    let stored = test.stored("A").await;
    assert_eq!((stored.first_seen_at, stored.synced_at), (at("2026-11-19 10:01:00"), test.clock.now()));
    assert_eq!(test.number("SELECT count(*) FROM order_events WHERE number = 'A'").await, 1);
}

/// The changes of the version that did not ask again by itself for what it could not read.
const BEFORE_NEXT_TRY: u32 = 16;

/// What that version could not read: two things in quarantine, one without a readable number, and the money of an order.
const WAITING: &str = "
    INSERT INTO quarantine (shop, record, number, reason, raw, attempts, first_seen_at, last_seen_at, version) VALUES
        ('acme', 'orders', 'Q', 'shape', '{', 9, '2026-10-01 10:00:00.000', '2026-11-19 10:00:00.000', '0.0.1'),
        ('acme', 'after_sales', '#1a', 'shape', '{', 1, '2026-11-19 10:00:00.000', '2026-11-19 10:00:00.000', NULL);
    INSERT INTO orders (shop, number, platform, status, platform_status, raw, list_hash, content_hash, first_seen_at,
        synced_at, run_id, amounts_due_at)
        VALUES ('acme', 'A', 'temu', 'to_ship', '2', '{}', 'l', 'c', '2026-11-19 10:01:00.000', '2026-11-19 10:01:00.000', 3,
            '2026-11-19 10:01:00.000');
    INSERT INTO skus (shop, sku_id, product_id, raw, list_hash, content_hash, first_seen_at, synced_at, run_id)
        VALUES ('acme', 's1', 'p1', '{}', 'l', 'c', '2026-11-19 10:01:00.000', '2026-11-19 10:01:00.000', 3);";

async fn what_could_not_be_read_before_an_upgrade_is_due_at_once(settings: StoreSettings) {
    let names: Vec<String> =
        Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    assert!(names[BEFORE_NEXT_TRY as usize].starts_with("m20261201_000001"), "{names:?}");
    filled(&settings, BEFORE_NEXT_TRY, WAITING).await;

    let test = TestDatabase::over(settings, "SELECT 1").await;

    for (record, number) in [(Record::Orders, "Q"), (Record::AfterSales, "#1a")] {
        let due = Untried { shop: "acme", record, number: None, due_before: Some(test.clock.now()) };
        let rows = test.store.quarantine().untried(due, None, 10).await.unwrap();
        assert_eq!(rows.len(), 1, "{record}");
        assert_eq!((rows[0].number.as_str(), rows[0].next_try_at), (number, Some(rows[0].last_seen_at)));
        let requested_again =
            test.store.quarantine().requested_again("acme", record, &[number]).await.unwrap();
        assert!(requested_again.contains_key(number), "also when it was tried by this very version");
    }
    let (store, now) = (&test.store, test.clock.now());
    let due = store.amounts().due("acme", now, now, None, 10).await.unwrap();
    assert_eq!(
        due.iter().map(|order| (order.number.as_str(), order.attempts)).collect::<Vec<_>>(),
        [("A", 0)]
    );
    assert_eq!(test.store.amounts().count_unreadable("acme").await.unwrap(), 0);
    assert_eq!(
        test.number("SELECT COUNT(*) FROM skus WHERE stock_attempts = 0 AND stock_due_at IS NULL").await,
        1
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_sqlite_file_held_unread_before_an_upgrade_is_due_at_once() {
    let (settings, _folder) = sqlite_settings();
    what_could_not_be_read_before_an_upgrade_is_due_at_once(settings).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_postgres_database_held_unread_before_an_upgrade_is_due_at_once() {
    if let Some(settings) = postgres::empty_database().await {
        what_could_not_be_read_before_an_upgrade_is_due_at_once(settings).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_of_a_sqlite_file_loses_nothing() {
    let (settings, _folder) = sqlite_settings();
    an_upgrade_loses_nothing(settings).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_of_a_postgres_database_loses_nothing() {
    if let Some(settings) = postgres::empty_database().await {
        an_upgrade_loses_nothing(settings).await;
    }
}
