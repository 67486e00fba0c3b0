//! Products, SKUs and stock: what is written, what is not, and what comes back.

use chrono::TimeDelta;
use shopsync::domain::entity::{Answers, Entity, Kind};
use shopsync::domain::money::Currency;
use shopsync::domain::product::{Product, Sku, WarehouseStock};
use shopsync::domain::record::{Lane, Record};
use shopsync::store::StoreError;
use shopsync::store::records::pages::Committed;
use shopsync::store::records::things::Stored;

use crate::store::orders::{UNCHANGED, WRITTEN, page};
use crate::support::databases::{TestDatabase, at, both_databases};

pub(crate) fn product(id: &str) -> Stored {
    stored(Entity::Product(Product {
        id: id.to_owned(),
        name: Some("Mug".to_owned()),
        status: Some("1".to_owned()),
        category_id: Some("77".to_owned()),
        image_url: None,
        created_at: Some(at("2026-11-01 00:00:00")),
        updated_at: Some(at("2026-11-20 10:00:00")),
        content_hash: "first".to_owned(),
    }))
}

pub(crate) fn sku(id: &str, stock: i64) -> Stored {
    stored(Entity::Sku(Sku {
        id: id.to_owned(),
        product_id: Some("P".to_owned()),
        sku_code: Some(format!("code-{id}")),
        barcode: None,
        name: Some("Mug, blue".to_owned()),
        price_minor: Some(1_990),
        list_price_minor: None,
        currency: Some(Currency::CNY),
        stock: Some(stock),
        on_sale: Some(true),
        created_at: None,
        updated_at: Some(at("2026-11-20 10:00:00")),
        content_hash: format!("stock {stock}"),
    }))
}

pub(crate) fn stored(entity: Entity) -> Stored {
    Stored {
        entity,
        answers: Answers { list: Some(r#"{"v":1}"#.to_owned()), ..Answers::default() },
        read_at: at("2026-11-20 12:00:00"),
        list_hash: "list".to_owned(),
        may_be_part: false,
    }
}

fn updated(mut thing: Stored, moment: &str) -> Stored {
    thing.entity.set_updated_at(at(moment));
    thing
}

fn warehouse(name: &str, available: i64) -> WarehouseStock {
    WarehouseStock { warehouse: name.to_owned(), available: Some(available), occupied: Some(0), total: None }
}

both_databases! {
    async fn products_and_skus_share_a_page_and_come_back_as_they_were(test: TestDatabase) {
        let lease = test.lease_of(Record::Products, Lane::Update).await;

        let committed = test.save(&lease, vec![product("P"), sku("S", 4), sku("T", 0)]).await;

        assert_eq!(committed, Committed { written: 3, ..Committed::default() });
        assert_eq!(test.number("SELECT stock FROM skus WHERE sku_id = 'S' AND price_minor = 1990 AND on_sale").await, 4);
        assert_eq!(test.number("SELECT count(*) FROM products WHERE name = 'Mug' AND run_id = 7 AND gone_at IS NULL").await, 1);
        let ids = ["S".to_owned(), "U".to_owned()];
        let known = test.store.pages().list_hashes("acme", Kind::Sku, &ids).await.unwrap();
        assert_eq!(known.into_iter().collect::<Vec<_>>(), [("S".to_owned(), "list".to_owned())]);
        assert!(test.store.pages().list_hashes("acme", Kind::Product, &ids).await.unwrap().is_empty(), "kinds are told apart");
    }

    async fn an_older_copy_never_replaces_a_newer_sku_and_an_equal_one_writes_nothing(test: TestDatabase) {
        let lease = test.lease_of(Record::Products, Lane::Update).await;
        test.save(&lease, vec![updated(sku("S", 4), "2026-11-20 11:00:00")]).await;
        let first = test.clock.now();
        test.clock.advance(TimeDelta::minutes(5));

        assert_eq!(test.save(&lease, vec![sku("S", 9)]).await, UNCHANGED);
        assert_eq!(test.save(&lease, vec![updated(sku("S", 4), "2026-11-20 11:30:00")]).await, UNCHANGED);
        assert_eq!(test.number("SELECT stock FROM skus").await, 4);

        assert_eq!(test.save(&lease, vec![updated(sku("S", 3), "2026-11-20 11:30:00")]).await, WRITTEN);
        let row = &test.query("SELECT first_seen_at, synced_at, stock FROM skus").await[0];
        let (first_seen_at, synced_at): (chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::Utc>) =
            (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap());
        assert_eq!((first_seen_at, synced_at), (first, test.clock.now()));
        assert_eq!(row.try_get_by_index::<i64>(2).unwrap(), 3);
    }

    async fn of_a_product_that_comes_twice_in_a_page_the_newest_copy_is_kept(test: TestDatabase) {
        let lease = test.lease_of(Record::Products, Lane::Update).await;
        let committed = test.save(&lease, vec![updated(sku("S", 1), "2026-11-20 11:00:00"), sku("S", 2)]).await;
        assert_eq!(committed, WRITTEN);
        assert_eq!(test.number("SELECT stock FROM skus").await, 1);
    }

    async fn a_lost_lease_stores_no_product(test: TestDatabase) {
        let lease = test.lease_of(Record::Products, Lane::Update).await;
        test.store.cursors().set("acme", Record::Products, test.clock.now()).await.unwrap();

        let refused = test.store.pages().commit(&lease, &page(test.clock.now(), vec![product("P")])).await;

        assert!(matches!(refused, Err(StoreError::LeaseLost { .. })), "{refused:?}");
        assert_eq!(test.number("SELECT count(*) FROM products").await, 0);
    }

    async fn a_page_of_skus_beyond_the_bind_limits_is_stored(test: TestDatabase) {
        let lease = test.lease_of(Record::Products, Lane::Update).await;
        let skus = (0..4_000).map(|number| sku(&format!("S{number}"), number)).collect();
        assert_eq!(test.save(&lease, skus).await.written, 4_000);
    }

    async fn stock_is_replaced_as_a_whole_and_never_by_what_was_read_before(test: TestDatabase) {
        let first = [warehouse("", 7), warehouse("north", 5), warehouse("south", 2)];
        test.store.stock().set("acme", "S", &first, at("2026-11-20 12:00:00")).await.unwrap();
        test.store.stock().set("acme", "T", &first[..1], at("2026-11-20 12:00:00")).await.unwrap();

        let later = [warehouse("", 4), warehouse("north", 4), warehouse("north", 3)];
        test.store.stock().set("acme", "S", &later, at("2026-11-20 12:05:00")).await.unwrap();
        test.store.stock().set("acme", "S", &first, at("2026-11-20 12:01:00")).await.unwrap();

        let rows = test.query("SELECT sku_id || ' ' || warehouse || ' ' || available FROM sku_stock ORDER BY sku_id, warehouse").await;
        let told: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
        assert_eq!(told, ["S  4", "S north 3", "T  7"]);
    }
}
