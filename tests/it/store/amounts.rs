//! Money from calls of its own: nothing but money is touched, and nothing due is forgotten.

use chrono::{DateTime, TimeDelta, Utc};
use shopsync::domain::money::Currency;
use shopsync::domain::order::{Amounts, ItemAmounts, OrderStatus};
use shopsync::domain::record::Lane;
use shopsync::store::ledger::leases::Lease;
use shopsync::store::records::amounts::{AmountsResult, AmountsRow, DueOrder};
use shopsync::store::records::pages::PageCommit;
use shopsync::store::records::things::Stored;
use shopsync::store::reports::overview::{OrderView, OrdersFilter};

use crate::store::orders::{of, order, page};
use crate::support::databases::{TestDatabase, at, both_databases};

fn read(due: &DueOrder, total_minor: i64, next_due: Option<DateTime<Utc>>) -> AmountsRow {
    let line = ItemAmounts {
        item_number: "L1".to_owned(),
        unit_minor: Some(5),
        total_minor: None,
        currency: Some(Currency::USD),
    };
    let amounts = Amounts {
        total_minor: Some(total_minor),
        currency: Some(Currency::USD),
        items: vec![line],
        ..Amounts::default()
    };
    AmountsRow {
        number: due.number.clone(),
        taken_due_at: due.due_at,
        result: AmountsResult::Read { amounts, raw: format!(r#"{{"paid":{total_minor}}}"#), next_due },
    }
}

fn changed(hash: &str) -> Stored {
    let mut stored = order("A");
    hash.clone_into(&mut of(&mut stored).content_hash);
    of(&mut stored).updated_at = Some(at("2026-11-20 11:00:00"));
    stored
}

impl TestDatabase {
    async fn save_due(&self, lease: &Lease, orders: Vec<Stored>) {
        let page = PageCommit { amounts_due: true, ..page(self.clock.now(), orders) };
        self.store.pages().commit(lease, &page).await.unwrap();
    }

    async fn due(&self) -> Vec<DueOrder> {
        self.store.amounts().due("acme", self.clock.now(), self.clock.now(), None, 100).await.unwrap()
    }

    async fn only_order(&self) -> OrderView {
        self.store.reports().orders(&OrdersFilter::default()).await.unwrap().remove(0)
    }
}

both_databases! {
    async fn what_a_page_writes_is_due_and_what_it_does_not_write_is_not(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        test.save_due(&lease, vec![order("A")]).await;
        let due = test.due().await;
        assert_eq!(due.len(), 1);
        assert_eq!((due[0].due_at, due[0].status), (test.clock.now(), OrderStatus::ToShip));

        let amounts = test.lease(Lane::Amounts).await;
        test.store.amounts().commit(&amounts, 8, vec![read(&due[0], 100, None)]).await.unwrap();
        test.clock.advance(TimeDelta::minutes(1));
        test.save_due(&lease, vec![order("A")]).await;

        assert!(test.due().await.is_empty());
    }

    async fn money_touches_money_alone_whatever_the_update_time(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        test.save_due(&lease, vec![order("A")]).await;
        let before = test.only_order().await;
        test.clock.advance(TimeDelta::minutes(1));
        let amounts = test.lease(Lane::Amounts).await;

        let next_due = Some(at("2026-11-27 00:00:00"));
        let due = test.due().await;
        test.store.amounts().commit(&amounts, 8, vec![read(&due[0], 100, next_due)]).await.unwrap();

        let after = test.only_order().await;
        assert_eq!(after, OrderView {
            total_minor: Some(100),
            currency: Some("USD".to_owned()),
            amounts_at: Some(test.clock.now()),
            amounts_due_at: next_due,
            run_id: 8,
            ..before
        });
        let lines = test.store.reports().order_items("acme", &["A".to_owned()]).await.unwrap();
        assert_eq!((lines[0].unit_minor, lines[1].unit_minor), (Some(5), None));
        let raw: String = test.query("SELECT raw FROM orders").await[0].try_get_by_index(0).unwrap();
        assert_eq!(raw, r#"{"list":{"v":1},"amounts":{"paid":100}}"#);
    }

    async fn an_order_changed_while_it_was_requested_stays_due(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        let amounts = test.lease(Lane::Amounts).await;
        test.save_due(&lease, vec![order("A")]).await;
        let taken = test.due().await;

        test.clock.advance(TimeDelta::milliseconds(1));
        test.save_due(&lease, vec![changed("second")]).await;
        test.store.amounts().commit(&amounts, 8, vec![read(&taken[0], 100, None)]).await.unwrap();

        assert_eq!(test.due().await.len(), 1);
        assert_eq!(test.only_order().await.total_minor, Some(100), "what came is kept all the same");
    }

    async fn a_change_within_the_same_millisecond_is_not_forgotten_either(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        let amounts = test.lease(Lane::Amounts).await;
        test.save_due(&lease, vec![order("A")]).await;
        let taken = test.due().await;

        test.save_due(&lease, vec![changed("second")]).await;
        test.store.amounts().commit(&amounts, 8, vec![read(&taken[0], 100, None)]).await.unwrap();

        assert_eq!(test.due().await.len(), 1);
    }

    async fn a_later_date_touches_nothing_else(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        let amounts = test.lease(Lane::Amounts).await;
        test.save_due(&lease, vec![order("A")]).await;
        let due = test.due().await;

        let later = AmountsRow {
            number: "A".to_owned(),
            taken_due_at: due[0].due_at,
            result: AmountsResult::Later { due: test.clock.now() + TimeDelta::hours(1) },
        };
        test.store.amounts().commit(&amounts, 8, vec![later]).await.unwrap();

        assert!(test.due().await.is_empty());
        assert_eq!(test.only_order().await.amounts_at, None);
        test.clock.advance(TimeDelta::hours(1));
        assert_eq!(test.store.amounts().count_due("acme", test.clock.now()).await.unwrap(), 1);
    }

    async fn the_longest_due_comes_first_and_only_so_many(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        for number in ["C", "A", "B"] {
            test.save_due(&lease, vec![order(number)]).await;
            test.clock.advance(TimeDelta::seconds(1));
        }
        let due = test.store.amounts().due("acme", test.clock.now(), test.clock.now(), None, 2).await.unwrap();
        assert_eq!(due.iter().map(|due| due.number.as_str()).collect::<Vec<_>>(), ["C", "A"]);
    }

    async fn money_for_an_order_that_is_gone_is_no_error(test: TestDatabase) {
        let amounts = test.lease(Lane::Amounts).await;
        let due = DueOrder { number: "gone".to_owned(), status: OrderStatus::Shipped, updated_at: None, due_at: test.clock.now(), attempts: 0 };
        test.store.amounts().commit(&amounts, 8, vec![read(&due, 1, None)]).await.unwrap();
        assert_eq!(test.number("SELECT count(*) FROM orders").await, 0);
    }
}
