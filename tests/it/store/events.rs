//! Every state an order was ever seen in.

use chrono::TimeDelta;
use shopsync::domain::order::OrderStatus;
use shopsync::domain::record::Lane;
use shopsync::store::records::pages::PageCommit;
use shopsync::store::records::quarantine::Quarantined;
use shopsync::store::records::things::Stored;

use crate::store::orders::{changed, of, order, page};
use crate::support::databases::{TestDatabase, at, both_databases};

fn shipped(hash: &str, updated_at: &str) -> Stored {
    let mut stored = changed(order("A"), hash, updated_at);
    of(&mut stored).status = OrderStatus::Shipped;
    "4".clone_into(&mut of(&mut stored).platform_status);
    stored
}

impl TestDatabase {
    /// The states of an order, as the platform put it into them.
    async fn history(&self, number: &str) -> Vec<String> {
        let moment = |column| {
            if self.store.is_postgres() {
                format!("to_char({column} AT TIME ZONE 'UTC', 'HH24:MI')")
            } else {
                format!("substr({column}, 12, 5)")
            }
        };
        let sql = format!(
            "SELECT {} || ' ' || platform_status || ' ' || status || ' seen ' || {} FROM order_events
             WHERE shop = 'acme' AND number = '{number}' ORDER BY updated_at, id",
            moment("updated_at"),
            moment("seen_at"),
        );
        self.query(&sql).await.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }
}

both_databases! {
    async fn each_state_is_noted_once_when_it_is_first_seen(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        test.save(&lease, vec![order("A")]).await;
        test.clock.advance(TimeDelta::minutes(5));
        test.save(&lease, vec![order("A")]).await;
        test.save(&lease, vec![shipped("second", "2026-11-20 11:30:00")]).await;
        test.clock.advance(TimeDelta::minutes(5));
        test.save(&lease, vec![shipped("third", "2026-11-20 11:30:00")]).await;

        assert_eq!(test.history("A").await, ["10:05 2 to_ship seen 12:00", "11:30 4 shipped seen 12:05"]);
    }

    async fn a_copy_that_is_not_stored_is_no_event(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        test.save(&lease, vec![shipped("second", "2026-11-20 11:30:00")]).await;
        test.save(&lease, vec![order("A")]).await;
        assert_eq!(test.history("A").await, ["11:30 4 shipped seen 12:00"]);
    }

    async fn an_order_without_update_time_is_noted_at_the_moment_it_was_read(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        let mut bare = order("A");
        of(&mut bare).updated_at = None;
        bare.read_at = at("2026-11-20 11:59:00");
        test.save(&lease, vec![bare.clone()]).await;
        test.execute("UPDATE orders SET content_hash = 'touched'").await;
        test.save(&lease, vec![bare]).await;
        assert_eq!(test.history("A").await, ["11:59 2 to_ship seen 12:00"]);
    }

    async fn what_comes_out_of_quarantine_is_noted(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        let unreadable = Quarantined { number: Some("A".to_owned()), reason: "shape".to_owned(), raw: "{".to_owned(), has_own_call: false };
        let odd = PageCommit { quarantined: vec![unreadable], ..page(test.clock.now(), vec![]) };
        test.store.pages().commit(&lease, &odd).await.unwrap();
        assert!(test.history("A").await.is_empty());

        test.save(&lease, vec![order("A")]).await;

        assert!(test.store.quarantine().list(None).await.unwrap().is_empty());
        assert_eq!(test.history("A").await, ["10:05 2 to_ship seen 12:00"]);
    }

    async fn an_event_is_written_with_its_order_or_not_at_all(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        test.execute("DROP TABLE quarantine").await;
        test.store.pages().commit(&lease, &page(test.clock.now(), vec![order("A")])).await.unwrap_err();
        assert!(test.history("A").await.is_empty());
    }
}
