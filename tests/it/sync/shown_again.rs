//! A row of a list that could not be read comes back by itself once the platform shows it as it should, though its window was
//! closed long ago.

use chrono::TimeDelta;
use shopsync::domain::record::Lane;
use shopsync::sandbox::{SandboxSettings, World};

use crate::support::context::{ContextSettings, SHOPS, TestContext};
use crate::support::databases::{TestDatabase, both_databases};

async fn context(database: TestDatabase) -> TestContext {
    let sandbox = SandboxSettings { orders: 24, history: TimeDelta::hours(20), ..SandboxSettings::default() };
    TestContext::new(database, ContextSettings { sandbox, ..ContextSettings::default() }).await
}

/// One order of each shop suffers a fault from now on.
fn strike(test: &TestContext, fault: &str) {
    test.sandbox.world().with(|world| {
        for (_, platform, index) in SHOPS {
            let number = world.numbers(platform, index)[5].clone();
            let fault: shopsync::sandbox::Fault = fault.parse().unwrap();
            world.add_fault(fault.on(platform).about(&number));
        }
    });
}

async fn count(test: &TestContext, what: &str) -> i64 {
    test.database.number(&format!("SELECT COUNT(*) FROM quarantine WHERE {what}")).await
}

async fn sync_all(test: &TestContext) {
    for (name, ..) in SHOPS {
        test.sync(name).await;
    }
}

both_databases! {
    async fn a_row_without_a_number_is_read_again_with_its_window(database: TestDatabase) {
        let test = context(database).await;
        strike(&test, "null-number");
        sync_all(&test).await;
        assert!(count(&test, "number LIKE '#%' AND shown_lane = 'create'").await >= 1);
        assert!(!test.differences("temu-shop").await.is_empty(), "the fault strikes");

        test.sandbox.world().with(World::clear_faults);
        test.clock.advance(TimeDelta::days(3));
        sync_all(&test).await;

        test.assert_equals_truth().await;
        assert_eq!(count(&test, "1 = 1").await, 0, "what could be read is in quarantine no more");
    }

    async fn a_row_that_stays_unreadable_is_requested_less_and_less_often(database: TestDatabase) {
        let test = context(database).await;
        strike(&test, "null-number");
        sync_all(&test).await;
        let lists = |world: &mut World| {
            let calls = world.calls("bg.order.list.v2.get");
            world.reset_counters();
            calls
        };
        let mut asked = Vec::new();
        for minutes in [1, 1, 11, 1, 61, 1, 1] {
            test.clock.advance(TimeDelta::minutes(minutes));
            test.sandbox.world().with(lists);
            test.run("temu-shop", Lane::Update).await.unwrap();
            asked.push(test.sandbox.world().with(lists) > 1);
        }
        assert_eq!(asked, [true, false, true, false, true, false, false]);
        assert!(count(&test, "shop = 'temu-shop'").await == 1);
    }

    async fn an_order_with_a_number_comes_back_by_itself_too(database: TestDatabase) {
        let test = context(database).await;
        test.sandbox.world().with(|world| world.add_fault("many-lines:6000=0.1".parse().unwrap()));
        sync_all(&test).await;
        assert!(count(&test, "next_try_at IS NOT NULL").await >= 1);

        test.sandbox.world().with(World::clear_faults);
        test.clock.advance(TimeDelta::days(3));
        sync_all(&test).await;

        test.assert_equals_truth().await;
        assert_eq!(count(&test, "1 = 1").await, 0);
    }
}
