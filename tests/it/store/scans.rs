//! The end of a scan: what it did not see is gone, and only that.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use shopsync::domain::entity::Kind;
use shopsync::domain::record::{Lane, Record};
use shopsync::store::StoreError;
use shopsync::store::records::scans::{ScanEnd, ScanRows};

use crate::store::orders::{UNCHANGED, WRITTEN};
use crate::store::products::{product, sku};
use crate::support::databases::{TestDatabase, at, both_databases};

fn scan(started_at: DateTime<Utc>, products: &[&str], skus: &[&str]) -> ScanEnd {
    let numbers = |ids: &[&str]| -> HashSet<String> { ids.iter().map(|id| (*id).to_owned()).collect() };
    ScanEnd {
        record: Record::Products,
        started_at,
        seen: BTreeMap::from([(Kind::Product, numbers(products)), (Kind::Sku, numbers(skus))]),
        marks_gone: true,
        is_whole: true,
    }
}

impl TestDatabase {
    async fn gone(&self) -> Vec<String> {
        let sql = "SELECT product_id FROM products WHERE gone_at IS NOT NULL UNION ALL
                   SELECT sku_id FROM skus WHERE gone_at IS NOT NULL ORDER BY 1";
        self.query(sql).await.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }
}

both_databases! {
    async fn what_a_complete_scan_does_not_see_is_gone_until_it_is_listed_again(test: TestDatabase) {
        let lease = test.lease_of(Record::Products, Lane::Update).await;
        test.save(&lease, vec![product("P"), product("Q"), sku("S", 1), sku("T", 1)]).await;
        test.clock.advance(TimeDelta::hours(1));
        let started_at = test.clock.now();

        let gone = test.store.scans().finish_scan(&lease, scan(started_at, &["P"], &["S"])).await.unwrap();

        assert_eq!((gone, test.gone().await), (2, vec!["Q".to_owned(), "T".to_owned()]));
        let asked = ["S".to_owned(), "T".to_owned()];
        let known = test.store.pages().list_hashes("acme", Kind::Sku, &asked).await.unwrap();
        assert_eq!(known.keys().collect::<Vec<_>>(), ["S"], "what is gone is written again when it is listed");
        assert_eq!(test.store.scans().scan_rows("acme", Record::Products).await.unwrap(), ScanRows { last: Some(2), present: 2 });

        assert_eq!(test.save(&lease, vec![sku("T", 1)]).await, WRITTEN, "also when its content is equal");
        assert_eq!(test.gone().await, ["Q"]);
        assert_eq!(test.save(&lease, vec![sku("T", 1)]).await, UNCHANGED);
    }

    async fn a_row_that_comes_back_in_an_older_copy_keeps_its_newer_content(test: TestDatabase) {
        let lease = test.lease_of(Record::Products, Lane::Update).await;
        let mut newer = sku("S", 9);
        newer.entity.set_updated_at(at("2026-11-20 11:00:00"));
        test.save(&lease, vec![newer]).await;
        test.clock.advance(TimeDelta::hours(1));
        test.store.scans().finish_scan(&lease, scan(test.clock.now(), &[], &[])).await.unwrap();

        assert_eq!(test.save(&lease, vec![sku("S", 1)]).await, WRITTEN);

        assert!(test.gone().await.is_empty());
        assert_eq!(test.number("SELECT stock FROM skus").await, 9);
    }

    async fn what_was_written_since_the_scan_began_is_not_gone(test: TestDatabase) {
        let lease = test.lease_of(Record::Products, Lane::Update).await;
        let started_at = test.clock.now();
        test.clock.advance(TimeDelta::seconds(1));
        test.save(&lease, vec![sku("S", 1)]).await;

        assert_eq!(test.store.scans().finish_scan(&lease, scan(started_at, &[], &[])).await.unwrap(), 0);
        assert!(test.gone().await.is_empty());
    }

    async fn another_shop_and_a_kind_that_was_not_scanned_stay(test: TestDatabase) {
        let lease = test.lease_of(Record::Products, Lane::Update).await;
        test.save(&lease, vec![product("P"), sku("S", 1)]).await;
        test.execute("INSERT INTO skus (shop, sku_id, raw, list_hash, content_hash, first_seen_at, synced_at, run_id)
                      SELECT 'bolt', sku_id, raw, list_hash, content_hash, first_seen_at, synced_at, run_id FROM skus").await;
        test.clock.advance(TimeDelta::hours(1));

        let mut end = scan(test.clock.now(), &[], &[]);
        end.seen.remove(&Kind::Product);
        assert_eq!(test.store.scans().finish_scan(&lease, end).await.unwrap(), 1);
        assert_eq!(test.gone().await, ["S"]);
        assert_eq!(test.number("SELECT count(*) FROM skus WHERE shop = 'bolt' AND gone_at IS NULL").await, 1);
    }

    async fn a_scan_that_marks_nothing_still_moves_the_cursor(test: TestDatabase) {
        let lease = test.lease_of(Record::Products, Lane::Update).await;
        test.save(&lease, vec![sku("S", 1)]).await;
        test.clock.advance(TimeDelta::hours(1));

        let end = ScanEnd { marks_gone: false, ..scan(test.clock.now(), &[], &["T"]) };
        assert_eq!(test.store.scans().finish_scan(&lease, end).await.unwrap(), 0);

        assert!(test.gone().await.is_empty());
        let cursor = test.store.cursors().get("acme", Record::Products).await.unwrap().unwrap();
        assert_eq!((cursor.last_sync_at, cursor.last_full_at), (Some(test.clock.now()), Some(test.clock.now())));
        assert_eq!((cursor.last_full_rows, cursor.epoch), (Some(1), 1));
    }

    async fn the_cursor_is_where_the_last_complete_scan_began_and_never_moves_back(test: TestDatabase) {
        let lease = test.lease_of(Record::Products, Lane::Update).await;
        let first = test.clock.now();
        test.store.scans().finish_scan(&lease, scan(first, &[], &[])).await.unwrap();
        let (_, ahead) = test.store.cursors().set("acme", Record::Products, first + TimeDelta::hours(2)).await.unwrap();
        let lease = test.lease_of(Record::Products, Lane::Update).await;
        let second = first + TimeDelta::hours(1);

        test.store.scans().finish_scan(&lease, scan(second, &[], &[])).await.unwrap();

        let cursor = test.store.cursors().get("acme", Record::Products).await.unwrap().unwrap();
        assert_eq!((cursor.last_sync_at, cursor.last_full_at, cursor.epoch), (Some(ahead), Some(second), 2));
        test.store.scans().finish_scan(&lease, scan(ahead + TimeDelta::hours(1), &[], &[])).await.unwrap();
        let cursor = test.store.cursors().get("acme", Record::Products).await.unwrap().unwrap();
        assert_eq!((cursor.last_sync_at, cursor.epoch), (Some(ahead + TimeDelta::hours(1)), 2));
    }

    async fn a_scan_whose_lease_is_lost_marks_nothing(test: TestDatabase) {
        let lease = test.lease_of(Record::Products, Lane::Update).await;
        test.save(&lease, vec![sku("S", 1)]).await;
        test.store.cursors().set("acme", Record::Products, test.clock.now()).await.unwrap();
        test.clock.advance(TimeDelta::hours(1));

        let refused = test.store.scans().finish_scan(&lease, scan(test.clock.now(), &[], &[])).await;

        assert!(matches!(refused, Err(StoreError::LeaseLost { .. })), "{refused:?}");
        assert!(test.gone().await.is_empty());
        assert_eq!(test.store.cursors().get("acme", Record::Products).await.unwrap().unwrap().last_full_at, None);
    }

    async fn a_scan_of_thousands_is_ended_in_steps(test: TestDatabase) {
        let lease = test.lease_of(Record::Products, Lane::Update).await;
        test.save(&lease, (0..1_700).map(|number| sku(&format!("S{number}"), 1)).collect()).await;
        test.clock.advance(TimeDelta::hours(1));
        let seen: Vec<String> = (0..1_700).filter(|number| number % 17 != 0).map(|number| format!("S{number}")).collect();
        let seen: Vec<&str> = seen.iter().map(String::as_str).collect();

        let gone = test.store.scans().finish_scan(&lease, scan(test.clock.now(), &[], &seen)).await.unwrap();

        assert_eq!(gone, 100);
        assert_eq!(test.number("SELECT count(*) FROM skus WHERE gone_at IS NULL").await, 1_600);
    }
}
