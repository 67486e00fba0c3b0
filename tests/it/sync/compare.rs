//! What the platform says it has against what is here: verify, reconcile, backfill, on both databases.

use std::time::Duration;

use chrono::TimeDelta;
use secrecy::ExposeSecret;
use shopsync::app::live::Live;
use shopsync::clock::Clock;
use shopsync::config::Work;
use shopsync::domain::record::{Lane, Record};
use shopsync::jobs::daemon::Daemon;
use shopsync::jobs::daemon::run::Task;
use shopsync::jobs::scheduler::job::Trigger;
use shopsync::sandbox::{Drift, Platform, Sandbox, SandboxSettings, World};
use shopsync::store::reports::runs::{Outcome, RunsFilter};
use tokio_util::sync::CancellationToken;

use crate::daemon::process::{sandbox, until};
use crate::support::context::{ContextSettings, SHOPS, TestContext};
use crate::support::databases::{TestDatabase, both_databases};
use crate::support::program::Program;
use crate::support::shops_of_all_kinds::ALL_SHOPS;
use crate::support::{truth, truth_records};

both_databases! {
    async fn twenty_five_rows_deleted_by_hand_are_named_and_read_again(database: TestDatabase) {
        let sandbox = sandbox(200).await;
        let program = Program::new(&sandbox, &database);
        program.authorise_all(&sandbox).await;
        program.finish(&["sync"]).await;
        assert_eq!(program.json(&["verify", "--json"]).await[0]["missing"], 0);
        for shop in ["temu-shop", "xhs-shop"] {
            // The hash of a row is as good as a throw of dice.
            database.execute(&format!("DELETE FROM orders WHERE shop = '{shop}' AND number IN (SELECT number FROM orders WHERE shop = '{shop}' ORDER BY list_hash LIMIT 25)")).await;
        }

        let output = program.output(&["verify", "--json"]).await;
        assert_eq!(output.status.code(), Some(3));
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        for shop in told.as_array().unwrap() {
            let differences = shop["differences"].as_array().unwrap();
            let named: usize = differences.iter().map(|window| window["numbers"].as_array().unwrap().len()).sum();
            assert_eq!((&shop["missing"], named), (&25.into(), 25), "{shop}");
            assert!(differences.iter().all(|window| window["from"].is_string()), "{shop}");
        }
        assert_eq!(database.number("SELECT COUNT(*) FROM orders").await, 350, "verify alone writes nothing");
        program.finish(&["verify", "--repair"]).await;

        program.finish(&["verify"]).await;
        for (name, platform, index) in SHOPS {
            let expected = sandbox.world().with(|world| world.truth(platform, index));
            let differences = truth::differences(&database.store, name, &expected, platform == Platform::Xiaohongshu).await;
            assert!(differences.is_empty(), "{name}: {:?}", differences.first());
        }
    }

    async fn cases_deleted_by_hand_are_named_and_read_again_too(database: TestDatabase) {
        let sandbox = Sandbox::start(SandboxSettings {
            clock: Clock::system(), orders: 60, after_sales: 80, history: TimeDelta::hours(30),
            ..SandboxSettings::default()
        }).await.unwrap();
        let program = Program::new(&sandbox, &database).reading_everything();
        program.authorise_all(&sandbox).await;
        program.finish(&["sync"]).await;
        for (shop, ..) in SHOPS {
            database.execute(&format!("DELETE FROM after_sales WHERE shop = '{shop}' AND number IN (SELECT number FROM after_sales WHERE shop = '{shop}' ORDER BY list_hash LIMIT 25)")).await;
            database.execute(&format!("DELETE FROM after_sale_items WHERE shop = '{shop}' AND number NOT IN (SELECT number FROM after_sales WHERE shop = '{shop}')")).await;
        }

        let output = program.output(&["verify", "--json"]).await;
        assert_eq!(output.status.code(), Some(3));
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        for one in told.as_array().unwrap() {
            let missing = if one["record"] == "after_sales" { 25 } else { 0 };
            assert_eq!(one["missing"], missing, "{one}");
            let numbers = one["differences"].as_array().unwrap().iter().map(|window| window["numbers"].as_array().unwrap().len());
            assert_eq!(numbers.sum::<usize>(), missing, "{one}");
        }
        program.finish(&["verify", "--record", "after_sales", "--repair"]).await;

        program.finish(&["verify"]).await;
        // A case that was written has the money of its order read again.
        program.finish(&["sync"]).await;
        for shop in [&ALL_SHOPS[0], &ALL_SHOPS[4]] {
            let differences = truth_records::differences(&database, &sandbox, shop, false).await;
            assert!(differences.is_empty(), "{}: {:#?}", shop.name, differences.first());
        }
    }

    async fn cases_of_a_busy_shop_are_reconciled_in_silence(database: TestDatabase) {
        let sandbox = SandboxSettings { orders: 80, after_sales: 150, history: TimeDelta::hours(40), ..SandboxSettings::default() };
        let test = TestContext::new(database, ContextSettings { sandbox, all_records: true, ..ContextSettings::default() }).await;
        for (name, ..) in SHOPS {
            for lane in [Lane::Update, Lane::Create] {
                test.run_task(name, Record::AfterSales, lane, Task::Incremental).await.unwrap();
            }
        }
        let clock = test.clock.clone();
        test.sandbox.world().with(|world| {
            for (_, platform, index) in SHOPS {
                for number in world.case_numbers(platform, index).into_iter().take(40) {
                    world.advance_case(platform, index, &number);
                }
            }
            world.set_drift(Drift { per_list_request: 2, ..Drift::default() });
            world.on_request(Box::new(move |_, _| clock.advance(TimeDelta::milliseconds(50))));
        });
        test.clock.advance(TimeDelta::hours(1));

        for (name, ..) in SHOPS {
            let task = Task::Reconcile { length: TimeDelta::days(3) };
            let counts = test.run_task(name, Record::AfterSales, Lane::Create, task).await.unwrap();
            assert!(counts.rows_written > 0, "{name}: {counts:?}");
        }
        assert_eq!(test.database.number("SELECT COUNT(*) FROM job_runs WHERE outcome <> 'ok'").await, 0);
    }

    async fn a_busy_shop_that_missed_nothing_is_reconciled_in_silence(database: TestDatabase) {
        let test = context(database, 300).await;
        for (name, ..) in SHOPS {
            test.sync(name).await;
        }
        // An hour of changes that no run has read yet, and more while the night's run reads.
        let clock = test.clock.clone();
        test.sandbox.world().with(|world| {
            for (_, platform, index) in SHOPS {
                for number in world.numbers(platform, index).into_iter().take(40) {
                    world.advance_status(platform, index, &number);
                }
                world.create_order(platform, index);
            }
            world.set_drift(Drift { per_list_request: 3, ..Drift::default() });
            world.on_request(Box::new(move |_, _| clock.advance(TimeDelta::milliseconds(50))));
        });
        test.clock.advance(TimeDelta::hours(1));

        for (name, ..) in SHOPS {
            let counts = reconcile(&test, name).await.unwrap();
            assert!(counts.rows_written > 0, "{name}: {counts:?}");
        }
        assert_eq!(test.database.number("SELECT COUNT(*) FROM job_runs WHERE outcome <> 'ok'").await, 0);
    }

    async fn what_was_missed_is_reported_by_number_and_stored(database: TestDatabase) {
        let test = context(database, 200).await;
        for (name, ..) in SHOPS {
            test.sync(name).await;
        }
        test.clock.advance(TimeDelta::hours(2));
        for (name, ..) in SHOPS {
            test.sync(name).await;
        }
        for (name, platform, index) in SHOPS {
            let of_shop = |tail: &str| format!("SELECT number FROM orders WHERE shop = '{name}' {tail}");
            let lost = numbers(&test, &of_shop("ORDER BY list_hash LIMIT 3")).await;
            let aged = numbers(&test, &of_shop("AND updated_at > created_at ORDER BY list_hash DESC LIMIT 2")).await;
            assert_eq!((lost.len(), aged.len()), (3, 2));
            test.database.execute(&format!("DELETE FROM orders WHERE number IN ({})", listed(&lost))).await;
            test.database.execute(&format!("UPDATE orders SET updated_at = created_at, list_hash = 'x', content_hash = 'x' WHERE number IN ({})", listed(&aged))).await;
            // What changed a moment ago was not missed: no run has come to it.
            test.sandbox.world().with(|world| {
                let number = world.numbers(platform, index)[0].clone();
                world.edit_note(platform, index, &number);
                world.create_order(platform, index);
            });
            test.settle();

            let told = reconcile(&test, name).await.unwrap_err();

            assert!(told.contains("5 orders had been missed"), "{told}");
            for number in lost.iter().chain(&aged) {
                assert!(told.contains(number.as_str()), "{number} is not in: {told}");
            }
            reconcile(&test, name).await.unwrap();
            let mended = format!("SELECT COUNT(*) FROM job_runs WHERE shop = '{name}' AND outcome = 'mended'");
            assert_eq!(test.database.number(&mended).await, 1);
            test.sync(name).await;
            test.assert_orders_of(name).await;
        }
    }

    async fn the_nightly_job_mends_and_says_so_in_the_log_of_runs(database: TestDatabase) {
        let test = context(database, 60).await;
        test.sync("temu-shop").await;
        test.clock.advance(TimeDelta::hours(2));
        test.sync("temu-shop").await;
        let lost = numbers(&test, "SELECT number FROM orders ORDER BY list_hash LIMIT 1").await;
        test.database.execute(&format!("DELETE FROM orders WHERE number IN ({})", listed(&lost))).await;

        for _ in 0..2 {
            let daemon = Daemon::new(Live::new(test.app.clone()), CancellationToken::new());
            let work = Work::Reconcile { record: Record::Orders, days: 3 };
            daemon.start("nightly", work, &[test.shop("temu-shop")], Trigger::Schedule);
            assert!(daemon.drain(Duration::from_mins(1)).await);
        }

        let runs = test.app.store.runs().list(&RunsFilter::default()).await.unwrap();
        let told: Vec<_> = runs.iter().filter(|run| run.job == "nightly").map(|run| (run.outcome.unwrap(), run.rows_written)).collect();
        assert_eq!(told, [(Outcome::Ok, 0), (Outcome::Mended, 1)]);
        assert!(runs.iter().any(|run| run.error.as_ref().is_some_and(|error| error.contains(&lost[0]))));
        test.assert_orders_of("temu-shop").await;
    }

    async fn a_backfill_that_was_killed_goes_on_and_leaves_the_cursor_alone(database: TestDatabase) {
        let sandbox = sandbox(300).await;
        let program = Program::with(&sandbox, database.settings.url.expose_secret(), "");
        program.authorise_all(&sandbox).await;
        let words = ["backfill", "--shop", "xhs-shop", "--record", "orders", "--from", "4d", "--until", "0s", "--json"];
        sandbox.world().with(World::reset_counters);
        let mut child = program.start(&words);
        until(|| sandbox.world().with(|world| world.calls_total()) >= 60).await;
        child.kill().await.unwrap();
        let left = "SELECT COUNT(*) FROM sync_windows WHERE lane = 'create' AND state <> 'complete'";
        assert!(database.number(left).await > 0, "it was killed too late to tell anything");
        tokio::time::sleep(Duration::from_secs(2)).await;

        program.finish(&words).await;

        assert_eq!(database.number(left).await, 0);
        assert_eq!(database.number("SELECT COUNT(*) FROM orders").await, 300);
        assert_eq!(database.number("SELECT COUNT(*) FROM sync_cursors WHERE last_sync_at IS NOT NULL").await, 0);
        let said = program.fail(&["backfill", "--shop", "xhs-shop", "--record", "products", "--from", "2d", "--until", "1d"], 2).await;
        assert!(said.contains("products"), "{said}");
        program.fail(&["backfill", "--shop", "xhs-shop", "--record", "orders", "--from", "1d", "--until", "2d"], 65).await;
    }
}

async fn context(database: TestDatabase, orders: usize) -> TestContext {
    let sandbox = SandboxSettings { orders, history: TimeDelta::hours(40), ..SandboxSettings::default() };
    TestContext::new(database, ContextSettings { sandbox, ..ContextSettings::default() }).await
}

async fn reconcile(test: &TestContext, name: &str) -> Result<shopsync::sync::progress::Counts, String> {
    let task = Task::Reconcile { length: TimeDelta::days(3) };
    test.run_task(name, Record::Orders, Lane::Create, task).await
}

async fn numbers(test: &TestContext, sql: &str) -> Vec<String> {
    let rows = test.database.query(sql).await;
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

fn listed(numbers: &[String]) -> String {
    numbers.iter().map(|number| format!("'{number}'")).collect::<Vec<_>>().join(", ")
}
