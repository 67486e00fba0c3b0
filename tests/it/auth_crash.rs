//! Programs killed and frozen at every step of a refresh: each a real process, stopped where it hurts.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use chrono::TimeDelta;
use shopsync::auth::AuthError;
use shopsync::auth::credential::OwnerReason;
use shopsync::clock::Clock;
use shopsync::domain::credential::Condition;
use shopsync::sandbox::{Fault as Failure, FaultKind, Platform, Sandbox, SandboxSettings};

use crate::auth_context::{Authorised, clear, refused, renewals};
use crate::auth_gateway::Fault;
use crate::auth_process::{Process, Stop};
use crate::context::{authorise, open_app};
use crate::databases::{TestDatabase, both_databases};
use crate::program::Program;

const PROCESSES: usize = 4;
const TASKS: usize = 100;
const POLL: Duration = Duration::from_millis(20);
const POLLS_MAX: u32 = 3_000;
const NOWHERE: &str = "/nonexistent/state";

/// Killed there, with no valid token left; some time later the next program asks.
async fn killed_at(test: &Authorised, stop: Stop) {
    test.after_end().await;
    let mut process = Process::start(test, stop, 1, Path::new(NOWHERE)).await;
    process.go_until_it_stops().await;
    process.kill();
    test.database.clock.advance(TimeDelta::minutes(1));
}

both_databases! {
    async fn one_spend_for_a_hundred_tasks_in_four_processes(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        let mut processes = Vec::new();
        for _ in 0..PROCESSES {
            processes.push(Process::start(&test, Stop::Nowhere, TASKS, Path::new(NOWHERE)).await);
        }

        for process in &processes {
            process.go();
        }
        for process in &processes {
            let tokens = process.tokens().await;
            assert_eq!(tokens.len(), TASKS);
            assert!(tokens.iter().all(|token| *token == test.gateway.access()), "{}", tokens[0]);
        }

        assert_eq!((test.gateway.refresh_calls(), test.gateway.spent_calls()), (1, 0));
        assert_eq!(renewals(&test.row().await), 1);
    }

    async fn killed_before_its_intent_a_program_has_done_nothing(test: TestDatabase) {
        let test = Authorised::new(test).await;
        killed_at(&test, Stop::BeforeIntent).await;
        assert_eq!((test.row().await.condition, test.gateway.refresh_calls()), (Condition::Active, 0));

        let access = test.access().await.unwrap();

        assert_eq!(clear(&access), test.gateway.access());
        assert_eq!((test.gateway.refresh_calls(), test.gateway.spent_calls()), (1, 0));
    }

    async fn killed_before_its_call_a_program_leaves_a_token_that_still_works(test: TestDatabase) {
        let test = Authorised::new(test).await;
        killed_at(&test, Stop::AfterIntent).await;
        assert_eq!((test.row().await.condition, test.gateway.refresh_calls()), (Condition::Refreshing, 0));

        let access = test.access().await.unwrap();

        assert_eq!(clear(&access), test.gateway.access());
        assert_eq!((test.gateway.refresh_calls(), test.gateway.spent_calls()), (1, 0));
    }

    async fn killed_with_the_answer_in_hand_a_program_loses_the_grant_and_it_is_told(test: TestDatabase) {
        let test = Authorised::new(test).await;
        killed_at(&test, Stop::AfterAnswer).await;

        let error = test.access().await.err().unwrap();

        assert!(matches!(error, AuthError::NeedsOwner { .. }), "{error}");
        let row = test.row().await;
        assert_eq!((row.condition, row.version), (Condition::NeedsOwner, 1));
        assert!(row.tokens.refresh_sealed.is_some(), "tokens are never deleted");
        assert_eq!(test.gateway.refresh_calls(), 2, "one replay, as the platform allows");
    }

    async fn killed_with_the_answer_in_hand_a_program_loses_nothing_where_the_platform_answers_twice(test: TestDatabase) {
        let test = Authorised::new(test).await;
        killed_at(&test, Stop::AfterAnswer).await;
        test.gateway.next(&[Fault::Honoured]);

        let access = test.access().await.unwrap();

        assert_eq!(clear(&access), test.gateway.access());
        assert_eq!((test.gateway.refresh_calls(), renewals(&test.row().await)), (2, 1));
    }

    async fn killed_after_its_commit_a_program_has_lost_nothing(test: TestDatabase) {
        let test = Authorised::new(test).await;
        killed_at(&test, Stop::AfterCommit).await;

        let access = test.access().await.unwrap();

        assert_eq!(clear(&access), test.gateway.access());
        assert_eq!((test.gateway.refresh_calls(), test.gateway.spent_calls()), (1, 0));
    }

    async fn killed_during_its_call_a_program_leaves_an_answer_that_is_told_lost(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.before_end(TimeDelta::minutes(5)).await;
        test.gateway.next(&[Fault::Held]);
        let mut process = Process::start(&test, Stop::Nowhere, 1, Path::new(NOWHERE)).await;
        process.go();
        test.gateway.until_refresh_call(1).await;
        process.kill();
        test.gateway.release();

        assert!(test.access().await.is_ok(), "the old token is still valid");
        let status = test.tokens.status(&test.shop).await.unwrap().unwrap();
        assert_eq!(status.standing.as_str(), "answer_lost");
        test.after_end().await;
        let error = test.access().await.err().unwrap();
        assert!(matches!(error, AuthError::NeedsOwner { reason: OwnerReason::RefreshRefused, .. }), "{error}");
        assert_eq!(test.gateway.refresh_calls(), 2);
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

        let row = database.store.credential("xhs-shop").await.unwrap().unwrap();
        assert_eq!((row.version, row.condition), (2, Condition::Active));
        sandbox.stop().await;
    }

    async fn a_frozen_holder_that_thaws_can_neither_commit_nor_release_and_its_pair_is_tried_at_last(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        test.gateway.next(&[Fault::Held, Fault::Stillborn]);
        let frozen = Process::start(&test, Stop::Nowhere, 1, Path::new(NOWHERE)).await;
        frozen.go();
        test.gateway.until_refresh_call(1).await;
        frozen.freeze();
        test.end_leases().await;
        let others = test.access().await.unwrap();
        let row = test.row().await;

        test.gateway.release();
        frozen.thaw();
        frozen.tokens().await;

        assert_eq!(test.row().await, row, "the winner's row");
        assert_eq!(test.database.number("SELECT count(*) FROM credential_orphans").await, 1);
        assert_ne!(clear(&others), test.gateway.access(), "the platform forgot what it gave the winner");

        test.database.clock.advance(TimeDelta::minutes(6));
        let access = test.tokens.refused(&test.shop, others.generation, &refused()).await.unwrap();
        assert_eq!(clear(&access), test.gateway.access(), "the orphan's");
        assert_eq!(test.database.number("SELECT count(*) FROM credential_orphans").await, 0);
        assert_eq!(test.gateway.refresh_calls(), 3);
        test.tokens.refresh_now(&test.shop).await.unwrap();
        assert_eq!(renewals(&test.row().await), 3, "the adopted pair can be renewed");
    }
}
