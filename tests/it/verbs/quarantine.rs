//! What could not be read is shown and tried again, one order is fetched, and where it came from is told: the real binary.

use shopsync::clock::Clock;
use shopsync::sandbox::{Fault, FaultKind, Platform, Spoiled, World};

use crate::support::context::SHOPS;
use crate::support::databases::{TestDatabase, both_databases};
use crate::support::program::Program;
use crate::support::small_sandbox::small_sandbox;
use crate::support::truth;

/// The shop's `count` orders that changed longest ago.
async fn oldest(database: &TestDatabase, shop: &str, count: usize) -> Vec<(String, String)> {
    let sql =
        format!("SELECT number, raw FROM orders WHERE shop = '{shop}' ORDER BY updated_at LIMIT {count}");
    let rows = database.query(&sql).await;
    rows.iter().map(|row| (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap())).collect()
}

/// As if `version` of the program had not been able to read it.
async fn set_aside(database: &TestDatabase, shop: &str, number: &str, raw: &str, version: &str) {
    database
        .execute(&format!("DELETE FROM order_items WHERE shop = '{shop}' AND order_number = '{number}'"))
        .await;
    database.execute(&format!("DELETE FROM orders WHERE shop = '{shop}' AND number = '{number}'")).await;
    database
        .execute(&format!(
            "INSERT INTO quarantine (shop, record, number, reason, raw, attempts, first_seen_at, last_seen_at, version) \
             VALUES ('{shop}', 'orders', '{number}', 'not understood', '{}', 1, '{now}', '{now}', '{version}')",
            raw.replace('\'', "''"),
            now = Clock::system().now().format("%Y-%m-%d %H:%M:%S%.3f"),
        ))
        .await;
}

/// The row of the list alone, as a version keeps it that cannot even read that.
fn list_of(raw: &str) -> String {
    serde_json::from_str::<serde_json::Value>(raw).unwrap()["list"].to_string()
}

/// The program's version, as quarantine names it.
const VERSION: &str = env!("CARGO_PKG_VERSION");

both_databases! {
    async fn what_an_older_version_could_not_read_comes_back_with_the_next_run(database: TestDatabase) {
        let sandbox = small_sandbox().await;
        let program = Program::new(&sandbox, &database);
        program.authorise_all(&sandbox).await;
        program.finish(&["sync"]).await;
        for (shop, ..) in SHOPS {
            let orders = oldest(&database, shop, 3).await;
            set_aside(&database, shop, &orders[0].0, &orders[0].1, "0.0.1").await;
            // Without its detail, and without a number that the older version could read.
            set_aside(&database, shop, &orders[1].0, &list_of(&orders[1].1), "0.0.1").await;
            set_aside(&database, shop, &orders[2].0, &list_of(&orders[2].1), "0.0.1").await;
            database.execute(&format!("UPDATE quarantine SET number = '#{0}' WHERE number = '{0}'", orders[2].0)).await;
        }
        assert_eq!(database.number("SELECT COUNT(*) FROM orders").await, 54);

        program.finish(&["sync"]).await;

        assert_eq!(database.number("SELECT COUNT(*) FROM quarantine").await, 0);
        for (shop, platform, index) in SHOPS {
            let expected = sandbox.world().with(|world| world.truth(platform, index));
            let differences = truth::differences(&database.store, shop, &expected, platform == Platform::Xiaohongshu).await;
            assert!(differences.is_empty(), "{shop}: {:?}", differences.first());
        }
    }

    async fn what_this_version_cannot_read_is_not_tried_at_every_run(database: TestDatabase) {
        let sandbox = small_sandbox().await;
        let program = Program::new(&sandbox, &database);
        program.authorise_all(&sandbox).await;
        program.finish(&["sync"]).await;
        let order = oldest(&database, "xhs-shop", 1).await.remove(0);
        set_aside(&database, "xhs-shop", &order.0, "{\"list\":{}}", "0.0.1").await;
        let set_aside_at = Clock::system().now().format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();

        program.fail(&["sync"], 3).await;
        for _ in 0..2 {
            program.finish(&["sync"]).await;
        }
        assert_eq!(database.number("SELECT attempts FROM quarantine").await, 2, "once by this version");
        let shown = program.json(&["quarantine", "show", "xhs-shop", "orders", &order.0, "--json"]).await;
        assert_eq!(shown["version"], VERSION, "{shown}");
        let seen_at = shown["last_seen_at"].as_str().unwrap();
        assert!(seen_at <= set_aside_at.as_str(), "the platform did not show it since: {seen_at}");
    }

    async fn quarantine_is_listed_shown_and_tried_again_by_hand(database: TestDatabase) {
        let sandbox = small_sandbox().await;
        let program = Program::new(&sandbox, &database);
        program.authorise_all(&sandbox).await;
        program.finish(&["sync"]).await;
        let orders = oldest(&database, "xhs-shop", 2).await;
        set_aside(&database, "xhs-shop", &orders[0].0, &list_of(&orders[0].1), VERSION).await;
        set_aside(&database, "xhs-shop", &orders[1].0, "{\"list\":{\"orderId\":1}}", VERSION).await;

        let listed = program.json(&["quarantine", "list", "--json"]).await;
        assert_eq!(listed.as_array().unwrap().len(), 2, "{listed}");
        assert_eq!(program.json(&["quarantine", "list", "--record", "products", "--json"]).await.as_array().unwrap().len(), 0);
        let shown = program.finish(&["quarantine", "show", "xhs-shop", "orders", &orders[0].0]).await;
        assert!(shown.contains("not understood") && shown.contains("  \"orderId\": "), "{shown}");
        program.fail(&["quarantine", "show", "xhs-shop", "orders", "no-such"], 65).await;
        program.fail(&["quarantine", "retry", "no-such"], 65).await;

        let output = program.output(&["quarantine", "retry", "--json"]).await;
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(3), "{told}");
        assert_eq!((&told[0]["read"], &told[0]["left"]), (&1.into(), &1.into()), "{told}");
        assert_eq!(database.number("SELECT COUNT(*) FROM orders WHERE shop = 'xhs-shop'").await, 29);
        assert_eq!(database.number("SELECT attempts FROM quarantine").await, 2);
        let said = program.fail(&["quarantine", "retry", &orders[1].0], 3).await;
        assert!(said.contains("1 cannot be read still"), "{said}");
        assert_eq!(program.json(&["runs", "--json", "-n", "1"]).await[0]["job"], "quarantine");
    }

    async fn one_order_is_fetched_before_anything_else_of_its_shop(database: TestDatabase) {
        let sandbox = small_sandbox().await;
        let program = Program::new(&sandbox, &database);
        program.authorise_all(&sandbox).await;
        for (shop, platform, index) in SHOPS {
            let number = sandbox.world().with(|world| world.numbers(platform, index)[7].clone());

            let fetched = program.json(&["fetch", shop, &number, "--json"]).await;
            assert_eq!((&fetched["number"], &fetched["shop"]), (&number.as_str().into(), &shop.into()), "{fetched}");
            assert!(fetched["items"].is_array(), "{fetched}");
            assert!(program.finish(&["fetch", shop, &number]).await.contains(&number), "again, unchanged");
            let said = program.fail(&["fetch", shop, "PO-000-00000000000000000"], 65).await;
            assert!(said.contains("shows no PO-000-00000000000000000"), "{said}");
        }
        assert_eq!(database.number("SELECT COUNT(*) FROM orders").await, 2);
        assert_eq!(database.number("SELECT COUNT(*) FROM sync_cursors WHERE last_sync_at IS NOT NULL").await, 0);
        program.finish(&["sync"]).await;
        for (shop, platform, index) in SHOPS {
            let expected = sandbox.world().with(|world| world.truth(platform, index));
            let differences = truth::differences(&database.store, shop, &expected, platform == Platform::Xiaohongshu).await;
            assert!(differences.is_empty(), "{shop}: {:?}", differences.first());
        }
        let violations = sandbox.world().with(|world| world.violations());
        assert!(violations.is_empty(), "{violations:?}");
    }

    async fn an_order_that_comes_unreadable_is_set_aside_and_said_to_be(database: TestDatabase) {
        let sandbox = small_sandbox().await;
        let program = Program::new(&sandbox, &database);
        program.authorise_all(&sandbox).await;
        let number = sandbox.world().with(|world| {
            let number = world.numbers(Platform::Temu, 0)[3].clone();
            assert!(world.spoil(Platform::Temu, 0, &number, Some(Spoiled::Status)));
            number
        });

        let said = program.fail(&["fetch", "temu-shop", &number], 3).await;

        assert!(said.contains("quarantine show temu-shop orders"), "{said}");
        let story = program.json(&["explain", "temu-shop", &number, "--json"]).await;
        assert_eq!(story["here"], false, "{story}");
        assert!(story["quarantine"]["reason"].is_string(), "{story}");
    }

    async fn an_order_is_fetched_without_an_extra_that_is_not_answered_and_says_so(database: TestDatabase) {
        let sandbox = small_sandbox().await;
        let program = Program::new(&sandbox, &database);
        program.edit(|text| text.replace("amounts = false", "amounts = false\ndetail = true"));
        program.authorise_all(&sandbox).await;
        let numbers = sandbox.world().with(|world| {
            let numbers: Vec<String> = [(Platform::Temu, "bg.order.detail.v2.get"), (Platform::Xiaohongshu, "order.getOrderDetail")]
                .map(|(platform, api)| {
                    let number = world.numbers(platform, 0)[3].clone();
                    world.add_fault(Fault::new(FaultKind::InternalError).at(api).about(&number));
                    number
                })
                .into();
            numbers
        });

        let output = program.output(&["fetch", "temu-shop", &numbers[0]]).await;
        let (shown, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(shown.contains(&numbers[0]), "{shown}");
        let last = said.lines().last().unwrap();
        assert!(last.contains("stored without") && last.contains("HTTP 500") && !last.contains("cannot be read"), "{said}");
        // Where the detail is the whole order, there is nothing to store.
        let said = program.fail(&["fetch", "xhs-shop", &numbers[1]], 69).await;
        assert!(said.lines().last().unwrap().contains("HTTP 500") && !said.contains("stored without"), "{said}");
        assert_eq!(database.number("SELECT COUNT(*) FROM orders").await, 1);

        sandbox.world().with(World::clear_faults);
        for (shop, number) in [("temu-shop", &numbers[0]), ("xhs-shop", &numbers[1])] {
            assert!(program.finish(&["fetch", shop, number]).await.contains(number));
        }
        assert_eq!(database.number("SELECT COUNT(*) FROM quarantine").await, 0);
    }

    async fn an_order_shows_where_it_came_from(database: TestDatabase) {
        let sandbox = small_sandbox().await;
        let program = Program::new(&sandbox, &database);
        program.authorise_all(&sandbox).await;
        program.finish(&["sync"]).await;
        for (shop, platform, index) in SHOPS {
            let number = sandbox.world().with(|world| world.numbers(platform, index)[4].clone());
            let story = program.json(&["explain", shop, &number, "--json"]).await;

            assert_eq!((&story["here"], &story["kind"]), (&true.into(), &"order".into()), "{story}");
            let windows = story["windows"].as_array().unwrap();
            assert!(windows.iter().any(|window| window["lane"] == "create" && window["state"] == "complete"), "{story}");
            assert!(windows.iter().all(|window| window["run_id"].is_i64()), "{story}");
            assert_eq!(story["run"]["outcome"], "ok", "{story}");
            assert_eq!(story["events"].as_array().unwrap().len(), 1, "{story}");
            let told = program.finish(&["explain", shop, &number]).await;
            assert!(told.contains("first stored") && told.contains("windows that hold its times"), "{told}");
        }
    }

    async fn an_order_that_is_not_here_shows_what_may_have_held_it_and_what_to_do(database: TestDatabase) {
        let sandbox = small_sandbox().await;
        let program = Program::new(&sandbox, &database);
        program.authorise_all(&sandbox).await;
        let said = program.output(&["explain", "temu-shop", "PO-1"]).await;
        assert!(String::from_utf8_lossy(&said.stdout).contains("were never read"), "{said:?}");
        program.finish(&["sync"]).await;
        database.execute("UPDATE sync_windows SET state = 'failed' WHERE shop = 'temu-shop' AND lane = 'create'").await;

        let output = program.output(&["explain", "temu-shop", "PO-1", "--json"]).await;
        let story: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((output.status.code(), &story["here"]), (Some(65), &false.into()), "{story}");
        assert!(story["windows"].as_array().unwrap().iter().any(|window| window["state"] == "failed"), "{story}");
        let advice = story["advice"].to_string();
        for told in ["shopsync fetch temu-shop PO-1", "shopsync verify --shop temu-shop", "runs --failed"] {
            assert!(advice.contains(told), "{told}: {advice}");
        }
        let output = program.output(&["explain", "temu-shop", "PO-1", "--created", "20d", "--json"]).await;
        let story: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(story["windows"].as_array().unwrap().len(), 0, "{story}");
        assert!(story["advice"].to_string().contains("shopsync backfill --shop temu-shop"), "{story}");
        let output = program.output(&["explain", "temu-shop", "PO-1", "--created", "5h", "--json"]).await;
        let story: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(story["windows"][0]["lane"], "create", "{story}");
    }
}
