//! The daemon keeps its tables small, again and again, until it stops.

use std::time::Duration;

use chrono::TimeDelta;
use shopsync::app::live::Live;
use shopsync::domain::record::Lane;
use shopsync::jobs::daemon::background::{BackgroundTask, Rhythm, TaskFn, log_panic, run};
use shopsync::jobs::pruning::prune;
use shopsync::sandbox::SandboxSettings;
use tokio_util::sync::CancellationToken;

use crate::daemon::process::PATIENCE;
use crate::support::context::{ContextSettings, TestContext};
use crate::support::databases::{TestDatabase, both_databases};

const SHOP: &str = "temu-shop";
const RUNS: &str = "SELECT COUNT(*) FROM job_runs";
const ANSWERS: &str = "SELECT COUNT(*) FROM orders WHERE raw <> '{}'";
const ORDERS: &str = "SELECT COUNT(*) FROM orders";
const EVERY: Duration = Duration::from_millis(50);

both_databases! {
    async fn old_runs_and_raw_answers_are_deleted_again_and_again_until_the_stop(database: TestDatabase) {
        let sandbox = SandboxSettings { orders: 30, history: TimeDelta::hours(20), ..SandboxSettings::default() };
        let sync = "history = \"2d\"\noverlap = \"10m\"\nsettle = \"5s\"\nkeep_raw = \"60d\"\nkeep_runs = \"90d\"\n".to_owned();
        let test = TestContext::new(database, ContextSettings { sandbox, sync, ..ContextSettings::default() }).await;
        test.sync(SHOP).await;
        let (live, cancel) = (Live::new(test.app.clone()), CancellationToken::new());
        let rhythm = Rhythm::Every { first_after: Duration::from_millis(1), every: EVERY };
        let task = BackgroundTask { name: "pruning", rhythm, log_panic, work: |_| None };
        let work: TaskFn = Box::new(move || {
            let app = live.app();
            Box::pin(async move { prune(&app).await })
        });
        let pruning = tokio::spawn(run(task, work, cancel.clone()));

        for _ in 0..2 {
            for _ in 0..3 {
                test.settle();
                test.run(SHOP, Lane::Update).await.unwrap();
            }
            test.sandbox.world().with(|world| world.create_order(shopsync::sandbox::Platform::Temu, 0));
            test.settle();
            test.run(SHOP, Lane::Update).await.unwrap();
            // Nothing is old yet, however often it is pruned.
            tokio::time::sleep(EVERY * 3).await;
            assert!(test.database.number(RUNS).await >= 4);
            assert!(test.database.number(ANSWERS).await >= 1);

            test.clock.advance(TimeDelta::days(61));
            until_it_is(&test, ANSWERS, 0).await;
            assert!(test.database.number(RUNS).await >= 4, "runs are kept for longer");
            test.clock.advance(TimeDelta::days(30));
            // The newest run stays: it shows when the shop was last read.
            until_it_is(&test, RUNS, 1).await;
        }
        assert_eq!(test.database.number(ORDERS).await, 32, "orders are never pruned");

        cancel.cancel();
        tokio::time::timeout(PATIENCE, pruning).await.unwrap().unwrap();
        test.assert_orders_of(SHOP).await;
    }
}

async fn until_it_is(test: &TestContext, sql: &str, expected: i64) {
    let holds = async {
        while test.database.number(sql).await != expected {
            tokio::time::sleep(EVERY).await;
        }
    };
    tokio::time::timeout(PATIENCE, holds).await.unwrap_or_else(|_| panic!("{sql} is never {expected}"));
}
