//! Cursors moved by hand, what a status tells, what a plan reckons, what a spreadsheet gets: the real binary.

use chrono::{DateTime, TimeDelta, Utc};
use shopsync::clock::Clock;
use shopsync::domain::record::Record;
use shopsync::sandbox::Platform;

use crate::support::databases::{TestDatabase, both_databases};
use crate::support::program::Program;
use crate::support::small_sandbox::small_sandbox;
use crate::support::truth;

/// The cursor and the epoch of the Temu shop's orders.
async fn cursor(database: &TestDatabase) -> (DateTime<Utc>, i64) {
    let cursor = database.store.cursors().get("temu-shop", Record::Orders).await.unwrap().unwrap();
    (cursor.last_sync_at.unwrap(), cursor.epoch)
}

/// What a replay must not touch, order by order.
async fn stamps(database: &TestDatabase) -> Vec<String> {
    let sql = "SELECT shop || number || list_hash || content_hash || synced_at || first_seen_at || run_id || raw \
               FROM orders ORDER BY shop, number";
    database.query(sql).await.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

both_databases! {
    async fn a_cursor_moves_only_with_consent_and_the_log_of_runs_remembers_it(database: TestDatabase) {
        let sandbox = small_sandbox().await;
        let program = Program::new(&sandbox, &database);
        program.authorise_all(&sandbox).await;
        program.finish(&["sync"]).await;
        let (before, epoch) = cursor(&database).await;

        let said = program.fail(&["cursor", "rewind", "temu-shop", "orders", "3h"], 2).await;
        assert!(said.contains("--yes") && said.contains("3h 0m"), "{said}");
        assert_eq!(cursor(&database).await, (before, epoch));
        let moved = program
            .json(&["cursor", "rewind", "temu-shop", "orders", "3h", "--yes", "--why", "a hole", "--json"])
            .await;

        let (after, epoch_after) = cursor(&database).await;
        assert_eq!((before - after, epoch_after), (TimeDelta::hours(3), epoch + 1));
        assert_eq!(moved["why"], "a hole", "{moved}");
        let runs = program.json(&["runs", "--shop", "temu-shop", "--json", "-n", "1"]).await;
        assert_eq!((&runs[0]["job"], &runs[0]["outcome"]), (&"cursor".into(), &"ok".into()), "{runs}");
        let note = runs[0]["note"].as_str().unwrap();
        assert!(note.ends_with(": a hole") && note.contains(moved["who"].as_str().unwrap()), "{note}");
        assert!(note.contains(&before.format("%H:%M:%S").to_string()), "{note}");
        let told = program.json(&["cursor", "get", "temu-shop", "orders", "--json"]).await;
        assert_eq!(told[0]["epoch"], epoch + 1, "{told}");
        program.finish(&["sync"]).await;
        assert!(cursor(&database).await.0 >= before, "the next run comes back to the present");
    }

    async fn a_cursor_that_makes_no_sense_is_refused(database: TestDatabase) {
        let sandbox = small_sandbox().await;
        let program = Program::new(&sandbox, &database);
        let future = (Clock::system().now() + TimeDelta::hours(1)).to_rfc3339();

        let said = program.fail(&["cursor", "set", "temu-shop", "orders", &future, "--yes"], 65).await;
        assert!(said.contains("in the future") && said.lines().count() == 1, "{said}");
        let said = program.fail(&["cursor", "rewind", "temu-shop", "orders", "1h", "--yes"], 65).await;
        assert!(said.contains("no cursor yet"), "{said}");
        program.fail(&["cursor", "set", "temu-shop", "activities", "1d", "--yes"], 2).await;
        program.fail(&["cursor", "set", "temu-shp", "orders", "1d", "--yes"], 2).await;
        assert_eq!(database.number("SELECT COUNT(*) FROM sync_cursors").await, 0);
        assert_eq!(database.number("SELECT COUNT(*) FROM job_runs").await, 0);
    }

    async fn a_status_shows_the_gaps_of_each_record_and_fits_a_terminal(database: TestDatabase) {
        let sandbox = small_sandbox().await;
        let program = Program::new(&sandbox, &database);
        program.authorise_all(&sandbox).await;
        program.finish(&["sync"]).await;
        assert_eq!(program.json(&["status", "--json"]).await[0]["gaps"].as_array().unwrap().len(), 0);
        for line in program.finish(&["status"]).await.lines() {
            assert!(line.trim_end().chars().count() <= 120, "{line}");
        }
        for (state, day) in [("planned", 1), ("planned", 3), ("short", 2)] {
            database.execute(&format!(
                "INSERT INTO sync_windows (shop, record, lane, epoch, from_at, until_at, state, attempts) VALUES \
                 ('temu-shop', 'orders', 'create', 0, '2026-10-0{day} 00:00:00.000', '2026-10-0{day} 12:00:00.000', '{state}', 0)"
            )).await;
        }

        let status = program.json(&["status", "--json"]).await;
        let shop = status.as_array().unwrap().iter().find(|line| line["shop"] == "temu-shop").unwrap();
        let planned = shop["gaps"].as_array().unwrap().iter().find(|gap| gap["state"] == "planned").unwrap();
        assert_eq!((&planned["windows"], &planned["lane"]), (&2.into(), &"create".into()), "{shop}");
        assert_eq!(planned["oldest"], "2026-10-01T00:00:00.000Z");
        assert_eq!((&shop["windows_planned"], &shop["windows_short"]), (&2.into(), &1.into()), "{shop}");
        assert!(shop["token_seconds_left"].as_i64().unwrap() > 0, "{shop}");
        let table = program.finish(&["status"]).await;
        assert!(table.contains("2 unread from 10-01 00:00, 1 short from 10-02 00:00"), "{table}");
    }

    async fn a_plan_reckons_without_a_call(database: TestDatabase) {
        let sandbox = small_sandbox().await;
        let program = Program::new(&sandbox, &database);
        program.authorise_all(&sandbox).await;
        let of_new_shop = program.json(&["plan", "--json"]).await;
        program.finish(&["sync"]).await;
        let calls = sandbox.world().with(|world| world.calls_total());

        let plan = program.json(&["plan", "orders", "--json"]).await;
        program.finish(&["plan"]).await;

        assert_eq!(sandbox.world().with(|world| world.calls_total()), calls, "a plan asks nobody");
        for shop in of_new_shop.as_array().unwrap() {
            assert!(shop["history"]["windows"].as_u64().unwrap() >= 1, "{shop}");
        }
        for shop in plan.as_array().unwrap() {
            assert_eq!(shop["history"]["windows"], 0, "{shop}");
            assert!(shop["next"]["windows"].as_u64().unwrap() >= 1, "{shop}");
            assert!(shop["next"]["calls"].as_u64().unwrap() >= 1, "{shop}");
            assert!(shop["next_run"].is_string() && shop["rate_share"].as_f64().unwrap() > 0.0, "{shop}");
        }
        let said = program.fail(&["plan", "orderz"], 2).await;
        assert!(said.contains("did you mean `orders`?"), "{said}");
    }

    async fn a_spreadsheet_gets_every_order_once_and_runs_no_formula(database: TestDatabase) {
        let sandbox = small_sandbox().await;
        let program = Program::new(&sandbox, &database);
        program.authorise_all(&sandbox).await;
        program.finish(&["sync"]).await;
        // More than the program holds at once: 30 orders of one shop, doubled seven times.
        for round in 0..7 {
            database.execute(&format!(
                "INSERT INTO orders (shop, number, platform, status, platform_status, raw, list_hash, content_hash, \
                 first_seen_at, synced_at, run_id) SELECT shop, number || '{round}', platform, status, platform_status, raw, \
                 list_hash, content_hash, first_seen_at, synced_at, run_id FROM orders WHERE shop = 'temu-shop'"
            )).await;
        }
        database.execute("UPDATE orders SET seller_note = NULL, buyer_note = NULL").await;
        database.execute("UPDATE orders SET buyer_note = '=1+1,\"x\"' WHERE shop = 'xhs-shop'").await;

        program.finish(&["orders", "--csv", "all.csv"]).await;

        let csv = std::fs::read_to_string(program.folder.path().join("all.csv")).unwrap();
        assert!(csv.starts_with("\u{feff}shop,number,"), "{}", csv.lines().next().unwrap());
        assert_eq!(csv.matches("\r\n").count(), 1 + 30 * 128 + 30);
        let mut numbers: Vec<&str> = csv.lines().skip(1).map(|line| line.split(',').nth(1).unwrap()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 30 * 128 + 30, "an order is there twice");
        assert_eq!(csv.matches(",\"'=1+1,\"\"x\"\"\",").count(), 30);
        let piped = program.finish(&["orders", "--csv", "-"]).await;
        assert_eq!(piped, csv);
        let some = program.finish(&["orders", "--csv", "-", "-n", "5", "--shop", "xhs-shop"]).await;
        assert_eq!(some.matches("\r\n").count(), 6);
        assert!(some.contains("xhs-shop") && !some.contains("temu-shop"));
    }

    async fn a_replay_rebuilds_the_columns_and_touches_nothing_else(database: TestDatabase) {
        let sandbox = small_sandbox().await;
        let program = Program::new(&sandbox, &database);
        program.authorise_all(&sandbox).await;
        let mut with_money = program.command(&["sync"]);
        let synced = with_money.env("SHOPSYNC_SHOPS__TEMU_SHOP__AMOUNTS", "true").output().await.unwrap();
        assert!(synced.status.success(), "{}", String::from_utf8_lossy(&synced.stderr));
        let before = stamps(&database).await;
        let events = database.number("SELECT COUNT(*) FROM order_events").await;
        let calls = sandbox.world().with(|world| world.calls_total());
        database.execute("UPDATE orders SET status = 'unknown', total_minor = 1, created_at = NULL").await;
        database.execute("UPDATE order_items SET quantity = 0, total_minor = 1").await;

        let told = program.json(&["replay", "--json"]).await;

        for kind in told.as_array().unwrap() {
            assert_eq!((&kind["rewritten"], &kind["unreadable"]), (&30.into(), &0.into()), "{kind}");
        }
        for (shop, platform) in [("temu-shop", Platform::Temu), ("xhs-shop", Platform::Xiaohongshu)] {
            let expected = sandbox.world().with(|world| world.truth(platform, 0));
            let differences = truth::differences(&database.store, shop, &expected, true).await;
            assert!(differences.is_empty(), "{shop}: {:?}", differences.first());
        }
        assert_eq!(stamps(&database).await, before);
        assert_eq!(database.number("SELECT COUNT(*) FROM order_events").await, events);
        assert_eq!(sandbox.world().with(|world| world.calls_total()), calls, "a replay asks nobody");
    }

    async fn a_replay_says_what_it_could_not_read_and_goes_on_where_it_was_stopped(database: TestDatabase) {
        let sandbox = small_sandbox().await;
        let program = Program::new(&sandbox, &database);
        program.authorise_all(&sandbox).await;
        program.finish(&["sync"]).await;
        let numbers = sandbox.world().with(|world| {
            let mut numbers = world.numbers(Platform::Temu, 0);
            numbers.sort_unstable();
            numbers
        });
        database.execute(&format!("UPDATE orders SET raw = '{{}}' WHERE number = '{}'", numbers[0])).await;
        database.execute(&format!("UPDATE orders SET raw = '{{\"list\":{{}}}}', status = 'odd' WHERE number = '{}'", numbers[1])).await;

        let output = program.output(&["replay", "--shop", "temu-shop", "--json"]).await;

        assert_eq!(output.status.code(), Some(3));
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&told[0]["rewritten"], &told[0]["pruned"], &told[0]["unreadable"]), (&28.into(), &1.into(), &1.into()), "{told}");
        assert_eq!(told[0]["examples"][0]["number"], numbers[1].as_str(), "{told}");
        assert_eq!(database.number("SELECT COUNT(*) FROM orders WHERE status = 'odd'").await, 1);
        let after = format!("temu-shop/order/{}", numbers[9]);
        let rest = program.json(&["replay", "--after", &after, "--json"]).await;
        assert_eq!((&rest[0]["rewritten"], &rest[1]["rewritten"]), (&20.into(), &30.into()), "{rest}");
        program.fail(&["replay", "--after", "nowhere/order/1"], 2).await;
        program.fail(&["replay", "--after", "temu-shop"], 2).await;
    }
}
