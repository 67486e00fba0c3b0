//! A shop as a whole: another name, and an end, by the real binary.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use secrecy::ExposeSecret;
use shopsync::clock::Clock;
use shopsync::domain::record::{Lane, Record};
use shopsync::sandbox::{Sandbox, SandboxSettings};
use shopsync::store::Store;
use shopsync::store::db::owner::Owner;
use shopsync::store::ledger::leases::{Acquired, LaneKey};
use shopsync::store::shops::shop_tables::SHOP_TABLES;

use crate::support::databases::{TestDatabase, both_databases};
use crate::support::program::Program;

const ORDERS: i64 = 30;

/// Two shops with all their orders, and the binary.
struct Synced {
    sandbox: Sandbox,
    program: Program,
}

impl Synced {
    async fn new(database: &TestDatabase) -> Self {
        let settings = SandboxSettings {
            clock: Clock::system(),
            orders: 30,
            history: TimeDelta::hours(30),
            ..SandboxSettings::default()
        };
        let sandbox = Sandbox::start(settings).await.unwrap();
        let program = Program::with(&sandbox, database.settings.url.expose_secret(), "");
        program.authorise_all(&sandbox).await;
        program.finish(&["sync"]).await;
        Self { sandbox, program }
    }

    /// Writes the config anew, with `from` replaced.
    fn edit_config(&self, from: &str, to: &str) {
        let path = self.program.folder.path().join("config.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
    }
}

/// How many rows of a shop there are, by table.
async fn rows_of(test: &TestDatabase, shop: &str) -> Vec<(&'static str, i64)> {
    let mut rows = Vec::new();
    for table in SHOP_TABLES {
        let sql = format!("SELECT COUNT(*) FROM {table} WHERE shop = '{shop}'");
        rows.push((table, test.number(&sql).await));
    }
    rows
}

async fn hold_lane(test: &TestDatabase, shop: &str) -> Store {
    let key = LaneKey { shop: shop.to_owned(), record: Record::Orders, lane: Lane::Update };
    let store = Store::connect(&test.settings, Clock::system()).await.unwrap();
    let acquired = store.leases().acquire(&key, &Owner::this_process()).await.unwrap();
    assert!(matches!(acquired, Acquired::Granted(_)), "{acquired:?}");
    store
}

async fn free_lanes(test: &TestDatabase) {
    test.execute("UPDATE leases SET owner = NULL, until = NULL").await;
}

both_databases! {
    async fn every_table_with_a_shop_is_renamed_and_forgotten(test: TestDatabase) {
        let sql = if test.store.is_postgres() {
            "SELECT table_name FROM information_schema.columns WHERE column_name = 'shop' AND table_schema = 'public'"
        } else {
            "SELECT m.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name = 'shop'"
        };
        let rows = test.query(sql).await;
        let found: BTreeSet<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
        assert_eq!(found, SHOP_TABLES.map(str::to_owned).into());
    }

    async fn a_renamed_shop_goes_on_where_it_was(test: TestDatabase) {
        let synced = Synced::new(&test).await;
        let before = rows_of(&test, "temu-shop").await;
        let calls = || synced.sandbox.world().with(|world| world.calls("bg.open.accesstoken.create"));
        let logins = calls();
        synced.edit_config("[shops.temu-shop]", "[shops.acme]");
        // With the new config the new name is registered: that is no reason to refuse it.
        synced.program.finish(&["auth", "status"]).await;

        synced.program.finish(&["shop", "rename", "temu-shop", "acme"]).await;

        assert_eq!(rows_of(&test, "acme").await, before);
        assert!(rows_of(&test, "temu-shop").await.iter().all(|(_, rows)| *rows == 0));
        synced.program.finish(&["sync", "--shop", "acme"]).await;
        assert_eq!(test.number("SELECT COUNT(*) FROM orders").await, 2 * ORDERS);
        assert_eq!(test.number("SELECT COUNT(*) FROM shops WHERE removed_at IS NULL").await, 2);
        assert_eq!(calls(), logins, "its tokens are still readable");
        let status = synced.program.json(&["status", "--json"]).await;
        let acme = status.as_array().unwrap().iter().find(|line| line["shop"] == "acme").unwrap();
        assert_eq!((&acme["rows"], &acme["windows_planned"]), (&ORDERS.into(), &0.into()), "{acme}");
    }

    async fn a_shop_is_not_renamed_before_the_config_is_nor_over_another(test: TestDatabase) {
        let synced = Synced::new(&test).await;
        let before = rows_of(&test, "temu-shop").await;
        let refused = async |new: &str, code: i32, told: &str| {
            let said = synced.program.fail(&["shop", "rename", "temu-shop", new], code).await;
            assert!(said.contains(told) && said.lines().count() == 1, "{said}");
        };

        refused("acme", 78, "rename that section to [shops.acme]").await;
        synced.edit_config("[shops.temu-shop]", "[shops.acme]");
        refused("other", 78, "names no [shops.other]").await;
        refused("xhs-shop", 78, "not the same shop").await;
        synced.edit_config("[shops.acme]\napp = \"temu\"", "[shops.acme]\napp = \"temu\"\naccount = \"9\"");
        refused("acme", 78, "is account `9`").await;
        synced.edit_config("account = \"9\"\n", "");
        let said = synced.program.fail(&["shop", "rename", "temu-shp", "acme"], 2).await;
        assert!(said.contains("did you mean `temu-shop`?"), "{said}");

        let store = hold_lane(&test, "temu-shop").await;
        refused("acme", 75, "is at work for it").await;
        store.close().await.unwrap();
        free_lanes(&test).await;
        let owner = Owner::this_process();
        let in_an_hour = if test.store.is_postgres() { "now() + interval '1 hour'" } else { "'2999-01-01 00:00:00.000'" };
        test.execute(&format!(
            "UPDATE credentials SET lease_owner = '{}', lease_until = {in_an_hour} WHERE shop = 'temu-shop'",
            owner.as_str()
        ))
        .await;
        refused("acme", 75, "is at work for it").await;
        test.execute("UPDATE credentials SET lease_owner = NULL, lease_until = NULL").await;

        test.execute("UPDATE quarantine SET shop = 'acme'").await;
        test.execute("INSERT INTO sync_cursors (shop, record, epoch) VALUES ('acme', 'orders', 1)").await;
        refused("acme", 65, "rows of its own in `sync_cursors`").await;
        assert_eq!(rows_of(&test, "temu-shop").await, before, "nothing was changed");
    }

    async fn a_forgotten_shop_leaves_nothing_and_the_others_stay(test: TestDatabase) {
        let synced = Synced::new(&test).await;
        let others = rows_of(&test, "xhs-shop").await;
        let said = synced.program.fail(&["shop", "forget", "temu-shop", "--yes"], 78).await;
        assert!(said.contains("enabled = false") && said.lines().count() == 1, "{said}");
        synced.edit_config("[shops.temu-shop]", "[shops.temu-shop]\nenabled = false");
        let said = synced.program.fail(&["shop", "forget", "temu-shop"], 2).await;
        assert!(said.contains("30 orders") && said.contains("--yes"), "{said}");
        let store = hold_lane(&test, "temu-shop").await;
        synced.program.fail(&["shop", "forget", "temu-shop", "--yes"], 75).await;
        store.close().await.unwrap();
        free_lanes(&test).await;
        assert_eq!(test.number("SELECT COUNT(*) FROM orders WHERE shop = 'temu-shop'").await, ORDERS);

        synced.program.finish(&["shop", "forget", "temu-shop", "--yes"]).await;

        assert!(rows_of(&test, "temu-shop").await.iter().all(|(_, rows)| *rows == 0));
        assert_eq!(rows_of(&test, "xhs-shop").await.last(), others.last());
        assert_eq!(test.number("SELECT COUNT(*) FROM orders").await, ORDERS);
        synced.program.finish(&["sync"]).await;
        synced.program.fail(&["shop", "forget", "temu-shop", "--yes"], 2).await;
    }

    async fn a_deletion_that_was_cut_off_is_finished_by_the_next(test: TestDatabase) {
        let synced = Synced::new(&test).await;
        synced.edit_config("[shops.temu-shop]", "[shops.temu-shop]\nenabled = false");
        assert_eq!(test.store.shops().forget_grant("temu-shop").await.unwrap(), None);
        assert!(test.store.shops().forget_rows("temu-shop").await.unwrap() > 0);
        assert_eq!(test.number("SELECT COUNT(*) FROM shops WHERE shop = 'temu-shop'").await, 1);

        synced.program.finish(&["shop", "forget", "temu-shop", "--yes"]).await;

        assert!(rows_of(&test, "temu-shop").await.iter().all(|(_, rows)| *rows == 0));
    }
}
