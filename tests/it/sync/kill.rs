//! The real binary, killed in the middle of its work again and again: nothing is lost, nothing doubled.

use std::time::Duration;

use chrono::TimeDelta;
use shopsync::clock::Clock;
use shopsync::sandbox::{Platform, Sandbox, SandboxSettings};

use crate::support::context::SHOPS;
use crate::support::databases::{TestDatabase, both_databases};
use crate::support::program::Program;
use crate::support::truth;

mod by_hand;
mod held;

/// Kills before the program may finish. Enough for kills at every kind of moment, few enough for CI.
const KILLS: u32 = 12;

both_databases! {
    async fn a_program_killed_in_mid_load_loses_and_doubles_nothing(database: TestDatabase) {
        let sandbox = Sandbox::start(SandboxSettings {
            clock: Clock::system(),
            orders: 1_500,
            history: TimeDelta::hours(30),
            ..SandboxSettings::default()
        }).await.unwrap();
        let program = Program::new(&sandbox, &database);
        program.authorise_all(&sandbox).await;

        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..KILLS {
            let mut child = program.start(&["sync"]);
            tokio::time::sleep(Duration::from_millis(random.u64(60..900))).await;
            child.kill().await.unwrap();
            for (_, platform, index) in SHOPS {
                sandbox.world().with(|world| {
                    world.create_order(platform, index);
                });
            }
        }
        // The last order must be older than the settle time to be read.
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        program.finish(&["sync"]).await;

        for (name, platform, index) in SHOPS {
            let expected = sandbox.world().with(|world| world.truth(platform, index));
            let differences = truth::differences(&database.store, name, &expected, platform == Platform::Xiaohongshu).await;
            assert!(differences.is_empty(), "{name}: {} differences, the first: {:?}", differences.len(), differences.first());
        }
        let violations = sandbox.world().with(|world| world.violations());
        assert!(violations.is_empty(), "{violations:?}");
        sandbox.stop().await;
    }
}
