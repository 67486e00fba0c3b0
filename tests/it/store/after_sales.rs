//! After-sales cases and activities: rows with parts of their own.

use chrono::TimeDelta;
use shopsync::domain::activity::{Activity, ActivitySku};
use shopsync::domain::after_sale::{AfterSale, AfterSaleItem, AfterSaleKind, AfterSaleStatus};
use shopsync::domain::entity::Entity;
use shopsync::domain::money::Currency;
use shopsync::domain::record::{Lane, Record};
use shopsync::store::records::pages::PageCommit;
use shopsync::store::records::things::Stored;

use crate::store::orders::{UNCHANGED, WRITTEN, order, page};
use crate::store::products::stored;
use crate::support::databases::{TestDatabase, at, both_databases};

pub(crate) fn case(number: &str, items: &[(&str, i64)], updated_at: &str) -> Stored {
    stored(Entity::AfterSale(AfterSale {
        number: number.to_owned(),
        order_number: Some("A".to_owned()),
        kind: AfterSaleKind::RefundOnly,
        status: AfterSaleStatus::Refunded,
        platform_status: "7".to_owned(),
        reason: None,
        refund_minor: Some(items.iter().map(|item| item.1).sum()),
        currency: Some(Currency::USD),
        created_at: Some(at("2026-11-20 09:00:00")),
        updated_at: Some(at(updated_at)),
        items: items
            .iter()
            .map(|(sku, refund)| AfterSaleItem {
                sku_id: Some((*sku).to_owned()),
                refund_minor: Some(*refund),
                currency: Some(Currency::USD),
                quantity: Some(1),
                ..AfterSaleItem::default()
            })
            .collect(),
        content_hash: format!("{items:?}"),
    }))
}

pub(crate) fn activity(id: &str, skus: &[(&str, i64)]) -> Stored {
    activity_in("ongoing", id, Some(skus))
}

fn activity_in(status: &str, id: &str, skus: Option<&[(&str, i64)]>) -> Stored {
    stored(Entity::Activity(Activity {
        id: id.to_owned(),
        kind: "flash_sale".to_owned(),
        name: None,
        status: status.to_owned(),
        starts_at: Some(at("2026-11-20 00:00:00")),
        ends_at: None,
        joined: Some(true),
        updated_at: Some(at("2026-11-20 12:00:00")),
        skus: skus.map(|skus| {
            let row = |(sku, left): &(&str, i64)| ActivitySku {
                sku_id: (*sku).to_owned(),
                remaining: Some(*left),
                ..ActivitySku::default()
            };
            skus.iter().map(row).collect()
        }),
        content_hash: format!("{status} {skus:?}"),
    }))
}

impl TestDatabase {
    async fn refunds(&self) -> Vec<String> {
        let sql = "SELECT number || ' ' || line || ' ' || sku_id || ' ' || refund_minor FROM after_sale_items ORDER BY number, line";
        self.query(sql).await.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }
}

both_databases! {
    async fn the_lines_of_a_case_are_those_of_its_newest_copy(test: TestDatabase) {
        let lease = test.lease_of(Record::AfterSales, Lane::Update).await;
        test.save(&lease, vec![case("C", &[("s1", 5), ("s1", 6)], "2026-11-20 10:00:00"), case("D", &[], "2026-11-20 10:00:00")]).await;
        assert_eq!(test.refunds().await, ["C 0 s1 5", "C 1 s1 6"], "the same SKU may come twice");

        let newer = case("C", &[("s2", 9)], "2026-11-20 10:05:00");
        assert_eq!(test.save(&lease, vec![newer.clone()]).await, WRITTEN);
        assert_eq!(test.refunds().await, ["C 0 s2 9"]);

        let older = case("C", &[("s3", 1), ("s4", 1)], "2026-11-20 10:01:00");
        assert_eq!(test.save(&lease, vec![older]).await, UNCHANGED);
        assert_eq!(test.save(&lease, vec![newer]).await, UNCHANGED);
        assert_eq!(test.refunds().await, ["C 0 s2 9"]);
        assert_eq!(test.number("SELECT refund_minor FROM after_sales WHERE number = 'C' AND kind = 'refund_only'").await, 9);
    }

    async fn a_changed_case_makes_the_money_of_its_order_due_and_nothing_else_of_it(test: TestDatabase) {
        let orders = test.lease(Lane::Update).await;
        test.save(&orders, vec![order("A"), order("B")]).await;
        let before = test.stored("A").await;
        let lease = test.lease_of(Record::AfterSales, Lane::Update).await;
        test.clock.advance(TimeDelta::minutes(1));
        let due = |case| PageCommit { amounts_due: true, ..page(test.clock.now(), vec![case]) };
        let changed = case("C", &[("s1", 5)], "2026-11-20 10:00:00");

        test.store.pages().commit(&lease, &due(changed.clone())).await.unwrap();

        let after = test.stored("A").await;
        assert_eq!(after.amounts_due_at, Some(test.clock.now()));
        assert_eq!((after.synced_at, after.run_id), (before.synced_at, before.run_id));
        assert_eq!(test.stored("B").await.amounts_due_at, None);

        test.execute("UPDATE orders SET amounts_due_at = NULL").await;
        test.store.pages().commit(&lease, &due(changed)).await.unwrap();
        assert_eq!(test.stored("A").await.amounts_due_at, None, "the case is as it was");
    }

    async fn an_activity_holds_a_sku_once_and_only_those_given_last(test: TestDatabase) {
        let lease = test.lease_of(Record::Activities, Lane::Update).await;
        test.save(&lease, vec![activity("V", &[("s1", 5), ("s2", 6), ("s1", 4)])]).await;
        assert_eq!(test.number("SELECT CAST(sum(remaining) AS bigint) FROM activity_skus WHERE activity_id = 'V'").await, 10);
        test.save(&lease, vec![activity("V", &[("s2", 6)])]).await;
        assert_eq!(test.number("SELECT count(*) FROM activity_skus WHERE sku_id = 's2'").await, 1);
        assert_eq!(test.number("SELECT count(*) FROM activity_skus").await, 1);
        assert_eq!(test.number("SELECT count(*) FROM activities WHERE joined AND status = 'ongoing'").await, 1);
    }

    async fn an_activity_that_gives_no_goods_keeps_those_given_last_and_an_empty_one_loses_them(test: TestDatabase) {
        let lease = test.lease_of(Record::Activities, Lane::Update).await;
        let goods: &[(&str, i64)] = &[("s1", 5), ("s2", 6)];
        test.save(&lease, vec![activity("over", goods), activity("emptied", goods)]).await;

        let over = activity_in("ended", "over", None);
        test.save(&lease, vec![over.clone(), activity("emptied", &[])]).await;

        assert_eq!(test.number("SELECT count(*) FROM activity_skus WHERE activity_id = 'over'").await, 2);
        assert_eq!(test.number("SELECT count(*) FROM activity_skus WHERE activity_id = 'emptied'").await, 0);
        assert_eq!(test.number("SELECT count(*) FROM activities WHERE status = 'ended'").await, 1);
        assert_eq!(test.save(&lease, vec![over]).await, UNCHANGED);
    }
}
