//! The commit of a page: what is written, what is not, and that nothing is ever lost or doubled.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use shopsync::domain::entity::{Answers, Entity, FUTURE_MAX, Kind};
use shopsync::domain::money::Currency;
use shopsync::domain::order::{Amounts, ItemAmounts, Order, OrderItem, OrderStatus};
use shopsync::domain::record::{Lane, Record};
use shopsync::store::db::owner::Owner;
use shopsync::store::ledger::leases::{Acquired, LaneKey, Lease};
use shopsync::store::records::pages::{Committed, PageCommit};
use shopsync::store::records::quarantine::Changes;
use shopsync::store::records::things::Stored;
use shopsync::store::reports::overview::{OrderItemView, OrderView, OrdersFilter};
use shopsync::store::{Store, StoreError};

use crate::store::shops::shop;
use crate::support::databases::{TestDatabase, at, both_databases};

/// An order as a platform without money in its list would bring it.
pub(crate) fn order(number: &str) -> Stored {
    Stored {
        entity: Entity::Order(Order {
            number: number.to_owned(),
            status: OrderStatus::ToShip,
            platform_status: "2".to_owned(),
            after_sales_status: None,
            created_at: Some(at("2026-11-20 10:00:00")),
            updated_at: Some(at("2026-11-20 10:05:00")),
            paid_at: None,
            shipped_at: None,
            completed_at: None,
            canceled_at: None,
            ship_by: None,
            amounts: None,
            country: None,
            province: None,
            city: None,
            district: None,
            buyer_note: None,
            seller_note: None,
            tracking_number: None,
            carrier: None,
            items: vec![line("L1"), line("L2")],
            content_hash: "first".to_owned(),
        }),
        answers: Answers { list: Some(r#"{"v":1}"#.to_owned()), ..Answers::default() },
        read_at: at("2026-11-20 12:00:00"),
        list_hash: "list-first".to_owned(),
        may_be_part: false,
    }
}

fn line(item_number: &str) -> OrderItem {
    OrderItem { item_number: Some(item_number.to_owned()), quantity: Some(1), ..OrderItem::default() }
}

/// The order in what is to be stored.
pub(crate) fn of(stored: &mut Stored) -> &mut Order {
    match &mut stored.entity {
        Entity::Order(order) => order,
        other => panic!("{} is no order", other.number()),
    }
}

/// A later version of an order.
pub(crate) fn changed(mut stored: Stored, hash: &str, updated_at: &str) -> Stored {
    hash.clone_into(&mut of(&mut stored).content_hash);
    of(&mut stored).updated_at = Some(at(updated_at));
    stored.answers.list = Some(format!(r#"{{"v":"{hash}"}}"#));
    stored.list_hash = format!("list-{hash}");
    stored
}

pub(crate) fn money(total_minor: i64) -> Amounts {
    Amounts {
        total_minor: Some(total_minor),
        currency: Some(Currency::USD),
        items: vec![ItemAmounts {
            item_number: "L2".to_owned(),
            unit_minor: Some(700),
            total_minor: Some(1_400),
            currency: Some(Currency::USD),
        }],
        ..Amounts::default()
    }
}

pub(crate) fn with_money(mut stored: Stored, amounts: Amounts) -> Stored {
    of(&mut stored).amounts = Some(amounts);
    stored.answers.amounts = Some(r#"{"paid":1}"#.to_owned());
    stored
}

pub(crate) fn page(synced_at: DateTime<Utc>, orders: Vec<Stored>) -> PageCommit {
    PageCommit {
        run_id: 7,
        synced_at,
        believed_until: synced_at + FUTURE_MAX,
        things: orders,
        amounts_due: false,
        quarantined: Vec::new(),
        shown_in: None,
        close: None,
    }
}

impl TestDatabase {
    /// The lease of a lane of the orders of the registered shop `acme`.
    pub(crate) async fn lease(&self, lane: Lane) -> Lease {
        self.lease_of(Record::Orders, lane).await
    }

    pub(crate) async fn lease_of(&self, record: Record, lane: Lane) -> Lease {
        self.store.shops().register(&[shop("acme")]).await.unwrap();
        let key = LaneKey { shop: "acme".to_owned(), record, lane };
        match self.store.leases().acquire(&key, &Owner::this_process()).await.unwrap() {
            Acquired::Granted(lease) => lease,
            held @ Acquired::Held { .. } => panic!("{held:?}"),
        }
    }

    pub(crate) async fn save(&self, lease: &Lease, orders: Vec<Stored>) -> Committed {
        let page = page(self.clock.now(), orders);
        self.store.pages().commit(lease, &page).await.unwrap()
    }

    pub(crate) async fn stored(&self, number: &str) -> OrderView {
        let orders = self.store.reports().orders(&OrdersFilter::default()).await.unwrap();
        orders.into_iter().find(|order| order.number == number).unwrap()
    }

    pub(crate) async fn lines(&self, number: &str) -> Vec<OrderItemView> {
        self.store.reports().order_items("acme", &[number.to_owned()]).await.unwrap()
    }

    async fn raw(&self, number: &str) -> String {
        let rows = self.query(&format!("SELECT raw FROM orders WHERE number = '{number}'")).await;
        rows[0].try_get_by_index(0).unwrap()
    }
}

const NO_CHANGES: Changes = Changes { new: BTreeSet::new(), released: Vec::new() };

pub(crate) const WRITTEN: Committed =
    Committed { written: 1, unchanged: 0, cursor: None, quarantine: NO_CHANGES };
pub(crate) const UNCHANGED: Committed =
    Committed { written: 0, unchanged: 1, cursor: None, quarantine: NO_CHANGES };

both_databases! {
    async fn an_older_copy_never_replaces_a_newer_order(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        let mut newer = changed(order("A"), "second", "2026-11-20 10:10:00");
        of(&mut newer).status = OrderStatus::Shipped;
        of(&mut newer).items.truncate(1);
        assert_eq!(test.save(&lease, vec![newer]).await, WRITTEN);

        assert_eq!(test.save(&lease, vec![order("A")]).await, UNCHANGED);

        assert_eq!(test.stored("A").await.status, "shipped");
        assert_eq!(test.lines("A").await.len(), 1, "the lines stay those of the newer copy");
        assert_eq!(test.raw("A").await, r#"{"list":{"v":"second"}}"#);
    }

    async fn a_copy_of_the_same_moment_with_other_content_is_written(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        test.save(&lease, vec![order("A")]).await;
        let other = changed(order("A"), "second", "2026-11-20 10:05:00");
        assert_eq!(test.save(&lease, vec![other]).await, WRITTEN);
    }

    async fn a_copy_without_update_time_is_written(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        test.save(&lease, vec![order("A")]).await;
        let mut other = changed(order("A"), "second", "2026-11-20 10:05:00");
        of(&mut other).updated_at = None;
        assert_eq!(test.save(&lease, vec![other]).await, WRITTEN);
        let third = changed(order("A"), "third", "2020-01-01 00:00:00");
        assert_eq!(test.save(&lease, vec![third]).await, WRITTEN, "nothing to compare with");
    }

    async fn an_equal_copy_writes_nothing(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        test.save(&lease, vec![order("A")]).await;
        let before = test.stored("A").await;
        test.clock.advance(TimeDelta::minutes(5));

        assert_eq!(test.save(&lease, vec![order("A")]).await, UNCHANGED);

        assert_eq!(test.stored("A").await, before);
    }

    async fn first_seen_at_never_moves(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        test.save(&lease, vec![order("A")]).await;
        let first = test.clock.now();
        test.clock.advance(TimeDelta::minutes(5));
        test.save(&lease, vec![changed(order("A"), "second", "2026-11-20 10:10:00")]).await;

        let stored = test.stored("A").await;
        assert_eq!((stored.first_seen_at, stored.synced_at), (first, test.clock.now()));
    }

    async fn of_an_order_that_comes_twice_in_a_page_the_newest_copy_is_kept(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        let newer = changed(order("A"), "second", "2026-11-20 10:10:00");

        assert_eq!(test.save(&lease, vec![newer, order("A")]).await, WRITTEN);

        assert_eq!(test.raw("A").await, r#"{"list":{"v":"second"}}"#);
        assert_eq!(test.lines("A").await.len(), 2);
    }

    async fn a_page_beyond_the_bind_limits_is_stored(test: TestDatabase) {
        let lease = test.lease(Lane::Create).await;
        // 36 columns: more than 70,000 binds, beyond the limits of both databases.
        let orders: Vec<Stored> = (0..2_000).map(|number| order(&format!("N{number}"))).collect();
        let numbers: Vec<String> = orders.iter().map(|stored| stored.entity.number().to_owned()).collect();

        let committed = test.save(&lease, orders).await;

        assert_eq!(committed.written, 2_000);
        assert_eq!(test.number("SELECT count(*) FROM order_items").await, 4_000);
        let hashes = test.store.pages().list_hashes("acme", Kind::Order, &numbers).await.unwrap();
        assert_eq!(hashes.len(), 2_000);
    }

    async fn list_hashes_are_those_of_the_shop_and_of_what_is_stored(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        test.save(&lease, vec![order("A")]).await;

        let asked = ["A".to_owned(), "B".to_owned()];
        let known = test.store.pages().list_hashes("acme", Kind::Order, &asked).await.unwrap();
        assert_eq!(known.into_iter().collect::<Vec<_>>(), [("A".to_owned(), "list-first".to_owned())]);
        assert!(test.store.pages().list_hashes("bolt", Kind::Order, &asked).await.unwrap().is_empty());
    }

    async fn a_line_list_shrinks_and_grows_with_its_order(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        test.save(&lease, vec![order("A"), order("B")]).await;

        let mut shorter = changed(order("A"), "second", "2026-11-20 10:10:00");
        of(&mut shorter).items = vec![line("L2")];
        test.save(&lease, vec![shorter]).await;
        let lines = test.lines("A").await;
        assert_eq!((lines.len(), lines[0].line, lines[0].item_number.as_deref()), (1, 0, Some("L2")));

        let mut longer = changed(order("A"), "third", "2026-11-20 10:15:00");
        of(&mut longer).items = vec![line("L1"), line("L1"), line("L3")];
        test.save(&lease, vec![longer]).await;
        assert_eq!(test.lines("A").await.len(), 3, "the same article may come twice");
        assert_eq!(test.lines("B").await.len(), 2);
    }

    async fn an_order_without_lines_is_stored(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        let mut bare = order("A");
        of(&mut bare).items.clear();
        assert_eq!(test.save(&lease, vec![bare]).await, WRITTEN);
        assert!(test.lines("A").await.is_empty());
    }

    async fn text_and_numbers_come_back_as_they_were(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        let mut odd = with_money(order("A'\"; --"), money(i64::MAX));
        of(&mut odd).buyer_note = Some("🎁 ''\"\\ 你好 $1 ? \u{202e}".to_owned());
        of(&mut odd).seller_note = Some("cut\0here".to_owned());
        of(&mut odd).items[0].gift = Some(true);
        of(&mut odd).items[0].quantity = Some(i64::MIN);
        test.save(&lease, vec![odd]).await;

        let stored = test.stored("A'\"; --").await;
        assert_eq!(stored.buyer_note.as_deref(), Some("🎁 ''\"\\ 你好 $1 ? \u{202e}"));
        assert_eq!(stored.seller_note.as_deref(), Some("cuthere"));
        assert_eq!(stored.total_minor, Some(i64::MAX));
        assert_eq!((stored.shipping_minor, stored.currency.as_deref()), (None, Some("USD")));
        let lines = test.lines("A'\"; --").await;
        assert_eq!((lines[0].gift, lines[0].quantity, lines[1].gift), (Some(true), Some(i64::MIN), None));
    }

    async fn an_order_that_brings_its_money_replaces_it(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        test.save(&lease, vec![with_money(order("A"), money(100))]).await;
        assert_eq!(test.lines("A").await[1].total_minor, Some(1_400));

        let second = with_money(changed(order("A"), "second", "2026-11-20 10:10:00"), money(200));
        let third = changed(order("B"), "second", "2026-11-20 10:10:00");
        let committed = test.save(&lease, vec![second, third]).await;

        assert_eq!(committed.written, 2, "orders with and without money may share a page");
        assert_eq!(test.stored("A").await.total_minor, Some(200));
        assert_eq!(test.stored("B").await.amounts_at, None);
    }

    async fn a_page_without_money_leaves_what_is_stored_of_it(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        test.save(&lease, vec![with_money(order("A"), money(100))]).await;
        let before = test.stored("A").await;
        test.clock.advance(TimeDelta::minutes(5));

        let mut second = changed(order("A"), "second", "2026-11-20 10:10:00");
        of(&mut second).items = vec![line("L3"), line("L2")];
        test.save(&lease, vec![second]).await;

        let after = test.stored("A").await;
        assert_eq!((after.total_minor, after.currency, after.amounts_at), (Some(100), before.currency, before.amounts_at));
        assert_eq!(test.raw("A").await, r#"{"list":{"v":"second"},"amounts":{"paid":1}}"#);
        let money: Vec<Option<i64>> = test.lines("A").await.iter().map(|line| line.unit_minor).collect();
        assert_eq!(money, [None, Some(700)], "found again by its number on another line");
    }

    async fn a_shop_that_is_not_registered_stores_nothing(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        test.execute("DELETE FROM shops").await;
        let refused = test.store.pages().commit(&lease, &page(test.clock.now(), vec![order("A")])).await;
        assert!(matches!(refused, Err(StoreError::UnknownShop { .. })), "{refused:?}");
    }

    async fn a_commit_that_fails_late_leaves_nothing(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        test.execute("DROP TABLE quarantine").await;

        let failed = test.store.pages().commit(&lease, &page(test.clock.now(), vec![order("A")])).await;

        assert!(matches!(failed, Err(StoreError::Refused { .. })), "{failed:?}");
        assert_eq!(test.number("SELECT count(*) FROM orders").await, 0);
        assert_eq!(test.number("SELECT count(*) FROM order_items").await, 0);
    }

    async fn a_commit_that_is_cut_off_leaves_nothing_and_blocks_no_one(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        for polls in 1..40 {
            let orders = (0..20).map(|number| order(&format!("P{polls}-{number}"))).collect();
            let page = page(test.clock.now(), orders);
            let commit = test.store.pages().commit(&lease, &page);
            cut_off_after(polls, commit).await;
            let (orders, lines) = (
                test.number("SELECT count(*) FROM orders").await,
                test.number("SELECT count(*) FROM order_items").await,
            );
            assert_eq!((orders % 20, lines), (0, orders * 2), "after {polls} polls");
        }
        assert_eq!(test.save(&lease, vec![order("last")]).await, WRITTEN);
    }

    async fn many_writers_of_the_same_orders_all_succeed(test: TestDatabase) {
        let update = test.lease(Lane::Update).await;
        let create = test.lease(Lane::Create).await;
        let mut writers = tokio::task::JoinSet::new();
        for (lane, lease) in [update, create].into_iter().enumerate() {
            for round in 0..6 {
                let (store, lease, now) = (test.another_store().await, lease.clone(), test.clock.now());
                writers.spawn(async move { write_round(&store, &lease, now, lane, round).await });
            }
        }
        writers.join_all().await;

        assert_eq!(test.number("SELECT count(*) FROM orders").await, 50);
        assert_eq!(test.number("SELECT count(*) FROM order_items").await, 100);
    }
}

async fn write_round(store: &Store, lease: &Lease, now: DateTime<Utc>, lane: usize, round: usize) {
    let mut orders: Vec<Stored> = (0..50)
        .map(|number| {
            changed(order(&format!("N{number}")), &format!("{lane}-{round}"), "2026-11-20 10:10:00")
        })
        .collect();
    if lane == 1 {
        orders.reverse();
    }
    store.pages().commit(lease, &page(now, orders)).await.unwrap();
}

/// Drops a future after it was polled so many times, as a shutdown or a lost race would.
async fn cut_off_after<F: Future>(polls: u32, future: F) {
    let mut future = std::pin::pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return std::task::Poll::Ready(());
        }
        left -= 1;
        future.as_mut().poll(context).map(|_| ())
    })
    .await;
}
