//! Whoever goes away while a refresh token is being spent, its answer comes home.

use std::process::Command;
use std::time::Duration;

use chrono::TimeDelta;
use shopsync::auth::AuthError;
use shopsync::clock::Clock;
use shopsync::domain::credential::Condition;
use shopsync::sandbox::{Fault as Failure, FaultKind, Platform, Sandbox, SandboxSettings};
use tokio::task::JoinSet;

use crate::auth::context::{Authorised, clear, renewals};
use crate::auth::gateway::Fault;
use crate::support::context::{authorise, open_app};
use crate::support::databases::{TestDatabase, both_databases};
use crate::support::program::Program;

const CALLERS: usize = 100;
const POLL: Duration = Duration::from_millis(20);
const POLLS_MAX: u32 = 3_000;

both_databases! {
    async fn callers_who_all_go_away_do_not_stop_the_refresh_task(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        test.gateway.next(&[Fault::Held]);

        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let (tokens, shop) = (test.tokens.clone(), test.shop.clone());
            callers.spawn(async move { tokens.access(&shop).await });
        }
        test.gateway.until_refresh_call(1).await;
        callers.shutdown().await;
        test.gateway.release();

        assert_eq!(renewals(&test.settled(1).await), 1);
        assert_eq!(clear(&test.access().await.unwrap()), test.gateway.access());
        assert_eq!(test.gateway.refresh_calls(), 1);
    }

    async fn the_end_of_the_program_waits_for_an_answer_and_begins_nothing_new(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.before_end(TimeDelta::minutes(20)).await;
        test.gateway.next(&[Fault::Held]);
        test.access().await.unwrap();
        test.gateway.until_refresh_call(1).await;

        let tokens = test.tokens.clone();
        let end = tokio::spawn(async move { tokens.drain().await });
        test.gateway.release();
        end.await.unwrap();

        assert_eq!(renewals(&test.row().await), 1);
        test.after_end().await;
        let error = test.access().await.err().unwrap();
        assert!(matches!(error, AuthError::Later { .. }), "{error}");
        assert_eq!(test.gateway.refresh_calls(), 1);
    }

    async fn sigterm_never_interrupts_between_answer_and_save(database: TestDatabase) {
        // Authorised seven days ago, so that the token has twenty minutes left.
        let now = Clock::system().now();
        let clock = database.clock.clone();
        clock.set(now - TimeDelta::days(7) + TimeDelta::minutes(20));
        let sandbox = Sandbox::start(SandboxSettings { clock: clock.clone(), orders: 1, ..SandboxSettings::default() });
        let sandbox = sandbox.await.unwrap();
        let program = Program::new(&sandbox, &database);
        let app = open_app(&program.folder, &database, &clock).await;
        authorise(&app, &sandbox, "xhs-shop", Platform::Xiaohongshu, 0).await;
        clock.set(now);
        let slow = Failure::new(FaultKind::Stall { milliseconds: 2_000 }).on(Platform::Xiaohongshu);
        sandbox.world().with(|world| world.add_fault(slow.at("oauth.refreshToken")));

        let mut child = program.start(&["auth", "refresh", "xhs-shop"]);
        let begun = "SELECT count(*) FROM credentials WHERE state = 'refreshing'";
        for _ in 0..POLLS_MAX {
            if database.number(begun).await == 1 {
                break;
            }
            tokio::time::sleep(POLL).await;
        }
        Command::new("kill").arg("-TERM").arg(child.id().unwrap().to_string()).status().unwrap();
        child.wait().await.unwrap();

        let row = database.store.grants().get("xhs-shop").await.unwrap().unwrap();
        assert_eq!((row.version, row.condition), (2, Condition::Active));
        sandbox.stop().await;
    }
}
