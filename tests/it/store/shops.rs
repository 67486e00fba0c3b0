//! The shops table follows the config and keeps what grants told.

use chrono::TimeDelta;
use shopsync::domain::grant::Account;
use shopsync::domain::record::Record;
use shopsync::domain::shop::{Shop, ShopOptions};
use shopsync::store::StoreError;
use shopsync::store::shops::Pause;

use crate::support::databases::{TestDatabase, at, both_databases};

pub(crate) fn shop(name: &str) -> Shop {
    Shop {
        name: name.to_owned(),
        app: "app".to_owned(),
        platform: "temu",
        zone: "us".to_owned(),
        account: None,
        records: vec![Record::Orders],
        options: ShopOptions { amounts: true, detail: false, stock_detail: false },
        code_command: Vec::new(),
    }
}

both_databases! {
    async fn a_shop_keeps_its_id_through_removal_and_return(test: TestDatabase) {
        let store = &test.store;
        store.shops().register(&[shop("acme"), shop("bolt")]).await.unwrap();
        let id = store.shops().get("acme").await.unwrap().unwrap().id;

        store.shops().register(&[shop("bolt")]).await.unwrap();
        let removed = store.shops().get("acme").await.unwrap().unwrap();
        assert_eq!(removed.removed_at, Some(test.clock.now()));
        test.clock.advance(TimeDelta::hours(1));
        store.shops().register(&[shop("bolt")]).await.unwrap();
        let removed_at = store.shops().get("acme").await.unwrap().unwrap().removed_at;
        assert_eq!(removed_at, Some(at("2026-11-20 12:00:00")), "the first removal counts");

        store.shops().register(&[shop("acme"), shop("bolt")]).await.unwrap();
        let back = store.shops().get("acme").await.unwrap().unwrap();
        assert_eq!((back.id, back.removed_at), (id, None));
        assert_eq!(store.shops().all().await.unwrap().len(), 2);
    }

    async fn a_config_without_shops_removes_all(test: TestDatabase) {
        test.store.shops().register(&[shop("acme")]).await.unwrap();
        test.store.shops().register(&[]).await.unwrap();
        assert!(test.store.shops().get("acme").await.unwrap().unwrap().removed_at.is_some());
    }

    async fn what_a_grant_does_not_give_of_its_account_stays(test: TestDatabase) {
        test.store.shops().register(&[shop("acme")]).await.unwrap();
        let first = Account {
            id: Some("42".to_owned()),
            name: Some("Acme 🛒".to_owned()),
            region: None,
            scopes: Some(vec!["order.list".to_owned(), "order.detail".to_owned()]),
        };
        test.store.shops().set_account("acme", &first, at("2026-11-20 12:00:00")).await.unwrap();

        let second = Account { region: Some("211".to_owned()), ..Account::default() };
        test.store.shops().set_account("acme", &second, at("2026-11-21 12:00:00")).await.unwrap();

        let row = test.store.shops().get("acme").await.unwrap().unwrap();
        assert_eq!(row.account, Account { region: second.region, ..first });
        assert_eq!(row.authorised_at, Some(at("2026-11-21 12:00:00")));
    }

    async fn a_pause_ends_by_hand_once(test: TestDatabase) {
        test.store.shops().register(&[shop("acme")]).await.unwrap();
        test.store.shops().pause("acme", "refused", None).await.unwrap();
        let pause = test.store.shops().get("acme").await.unwrap().unwrap().pause;
        assert_eq!(pause, Some(Pause { reason: "refused".to_owned(), until: None }));

        assert!(test.store.shops().resume("acme").await.unwrap());
        assert!(!test.store.shops().resume("acme").await.unwrap());
        assert_eq!(test.store.shops().get("acme").await.unwrap().unwrap().pause, None);
    }

    async fn an_unknown_shop_is_an_error_with_its_name(test: TestDatabase) {
        let error = test.store.shops().pause("ghost", "why", None).await.err().unwrap();
        assert!(matches!(&error, StoreError::UnknownShop { shop } if shop == "ghost"), "{error}");
    }
}
