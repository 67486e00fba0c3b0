//! The answers behind the rows: the typed columns come back from them, and nothing else moves; old ones are let go.

use chrono::TimeDelta;
use shopsync::domain::entity::{Entity, Kind};
use shopsync::domain::record::{Lane, Record};
use shopsync::store::records::replay::{RawRow, Retyped};

use crate::store::after_sales::case;
use crate::store::orders::{UNCHANGED, changed, money, of, order, with_money};
use crate::store::products::{product, sku};
use crate::support::databases::{TestDatabase, at, both_databases};

/// What a new version makes of the same answers: a note it did not read before, and one line less.
fn retyped(row: &RawRow) -> Retyped {
    let mut stored = order(&row.number);
    of(&mut stored).buyer_note = Some("read at last".to_owned());
    of(&mut stored).items.truncate(1);
    "not to be kept".clone_into(&mut of(&mut stored).content_hash);
    Retyped { entity: stored.entity, raw: row.raw.clone() }
}

impl TestDatabase {
    async fn raws(&self, kind: Kind) -> Vec<RawRow> {
        self.store.replay().raw_batch("acme", kind, None, 100).await.unwrap()
    }

    async fn text(&self, sql: &str) -> String {
        self.query(sql).await[0].try_get_by_index(0).unwrap()
    }
}

both_databases! {
    async fn a_replay_moves_nothing_but_the_typed_columns(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        test.save(&lease, vec![with_money(order("A"), money(100))]).await;
        test.execute("UPDATE orders SET amounts_due_at = synced_at").await;
        let before = test.stored("A").await;
        let stamps = "SELECT raw || list_hash || content_hash FROM orders";
        let stamps_before = test.text(stamps).await;
        test.clock.advance(TimeDelta::hours(1));

        let things: Vec<Retyped> = test.raws(Kind::Order).await.iter().map(retyped).collect();
        assert_eq!(test.store.replay().rewrite_typed("acme", &things).await.unwrap(), 1);

        let mut expected = before;
        expected.buyer_note = Some("read at last".to_owned());
        assert_eq!(test.stored("A").await, expected, "money that is not given stays");
        assert_eq!(test.text(stamps).await, stamps_before);
        assert_eq!(test.lines("A").await.len(), 1);
        assert_eq!(test.number("SELECT count(*) FROM order_events").await, 1);
        assert_eq!(test.save(&lease, vec![order("A")]).await, UNCHANGED, "the hashes still tell it apart");
    }

    async fn a_replay_keeps_the_money_of_lines_and_applies_what_it_brings(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        test.save(&lease, vec![with_money(order("A"), money(100)), with_money(order("B"), money(100))]).await;
        let amounts_at = test.stored("B").await.amounts_at;
        test.clock.advance(TimeDelta::hours(1));

        let rows = test.raws(Kind::Order).await;
        let kept = Retyped { entity: order("A").entity, raw: rows[0].raw.clone() };
        let given = Retyped { entity: with_money(order("B"), money(250)).entity, raw: rows[1].raw.clone() };
        assert_eq!(test.store.replay().rewrite_typed("acme", &[kept, given]).await.unwrap(), 2);

        assert_eq!(test.lines("A").await[1].unit_minor, Some(700));
        assert_eq!((test.stored("A").await.total_minor, test.stored("B").await.total_minor), (Some(100), Some(250)));
        assert_eq!(test.stored("B").await.amounts_at, amounts_at, "when it was read is no news");
    }

    async fn what_changed_since_its_answers_were_read_is_left_alone(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        test.save(&lease, vec![order("A"), order("B")]).await;
        let things: Vec<Retyped> = test.raws(Kind::Order).await.iter().map(retyped).collect();
        test.save(&lease, vec![changed(order("A"), "second", "2026-11-20 10:10:00")]).await;

        assert_eq!(test.store.replay().rewrite_typed("acme", &things).await.unwrap(), 1);

        assert_eq!(test.stored("A").await.buyer_note, None);
        assert_eq!(test.stored("A").await.updated_at, Some(at("2026-11-20 10:10:00")));
        assert_eq!(test.lines("A").await.len(), 2);
        assert_eq!(test.stored("B").await.buyer_note.as_deref(), Some("read at last"));
    }

    async fn an_update_time_that_is_missing_or_cannot_be_true_stays_as_it_was_stored(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        test.save(&lease, vec![order("A"), order("B"), order("C")]).await;
        let told = [None, Some(at("2027-01-01 00:00:00")), Some(at("2026-11-20 10:04:00"))];
        let rows = test.raws(Kind::Order).await;
        let things: Vec<Retyped> = rows
            .iter()
            .zip(told)
            .map(|(row, told)| {
                let mut stored = order(&row.number);
                of(&mut stored).updated_at = told;
                Retyped { entity: stored.entity, raw: row.raw.clone() }
            })
            .collect();

        test.store.replay().rewrite_typed("acme", &things).await.unwrap();

        let known = Some(at("2026-11-20 10:05:00"));
        assert_eq!(test.stored("A").await.updated_at, known);
        assert_eq!(test.stored("B").await.updated_at, known);
        assert_eq!(test.stored("C").await.updated_at, told[2]);
    }

    async fn other_records_are_rebuilt_with_their_parts(test: TestDatabase) {
        let cases = test.lease_of(Record::AfterSales, Lane::Update).await;
        test.save(&cases, vec![case("C", &[("s1", 5), ("s2", 6)], "2026-11-20 10:00:00")]).await;
        let products = test.lease_of(Record::Products, Lane::Update).await;
        test.save(&products, vec![product("P"), sku("S", 4)]).await;
        test.clock.advance(TimeDelta::hours(1));

        let mut things = vec![Retyped {
            entity: case("C", &[("s9", 7)], "2026-11-20 10:00:00").entity,
            raw: test.raws(Kind::AfterSale).await[0].raw.clone(),
        }];
        things.push(Retyped { entity: sku("S", 3).entity, raw: test.raws(Kind::Sku).await[0].raw.clone() });
        assert_eq!(test.store.replay().rewrite_typed("acme", &things).await.unwrap(), 2);

        assert_eq!(test.text("SELECT sku_id FROM after_sale_items").await, "s9");
        assert_eq!(test.number("SELECT refund_minor FROM after_sales").await, 7);
        assert_eq!(test.number("SELECT stock FROM skus").await, 3);
        assert_eq!(test.text("SELECT content_hash FROM skus").await, "stock 4");
    }

    async fn a_thing_that_is_not_stored_is_not_made(test: TestDatabase) {
        test.lease(Lane::Update).await;
        let thing = Retyped { entity: Entity::clone(&order("A").entity), raw: "{}".to_owned() };
        assert_eq!(test.store.replay().rewrite_typed("acme", &[thing]).await.unwrap(), 0);
        assert_eq!(test.number("SELECT count(*) FROM orders").await, 0);
    }

    async fn batches_go_through_everything_once(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        test.save(&lease, (0..25).map(|number| order(&format!("N{number}"))).collect()).await;
        let (mut numbers, mut after) = (Vec::new(), None::<String>);
        loop {
            let batch = test.store.replay().raw_batch("acme", Kind::Order, after.as_deref(), 10).await.unwrap();
            let Some(last) = batch.last() else { break };
            after = Some(last.number.clone());
            numbers.extend(batch.into_iter().map(|row| row.number));
        }
        assert_eq!(numbers.len(), 25);
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 25);
    }

    async fn old_answers_are_let_go_and_nothing_else(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        test.save(&lease, (0..700).map(|number| order(&format!("N{number}"))).collect()).await;
        test.clock.advance(TimeDelta::days(91));
        test.save(&lease, vec![order("young")]).await;
        let before = test.stored("N1").await;
        let older_than = test.clock.now() - TimeDelta::days(90);

        let first = test.store.replay().prune_raw("acme", Kind::Order, older_than, None).await.unwrap();
        assert_eq!((first.rows, first.next.is_some()), (500, true), "a step is small and tells where to go on");
        let second = test.store.replay().prune_raw("acme", Kind::Order, older_than, first.next.as_deref()).await.unwrap();
        assert_eq!((second.rows, second.next), (200, None));
        assert_eq!(test.store.replay().prune_raw("acme", Kind::Order, older_than, None).await.unwrap().rows, 0);

        assert_eq!(test.stored("N1").await, before);
        assert_eq!(test.number("SELECT count(*) FROM orders WHERE raw = '{}'").await, 700);
        assert_eq!(test.number("SELECT count(*) FROM orders WHERE list_hash = 'list-first' AND content_hash = 'first'").await, 701);
        let rows = test.store.replay().raw_batch("acme", Kind::Order, Some("N99"), 100).await.unwrap();
        assert_eq!(rows.iter().filter(|row| row.answers().is_some()).map(|row| row.number.as_str()).collect::<Vec<_>>(), ["young"]);
        assert_eq!(test.save(&lease, vec![order("N1")]).await, UNCHANGED);
    }
}
