//! A fault at each write of a refresh, before it, in it and after it; then an orderly end or a kill: the next program has
//! the grant, and no spent token was sent.

use std::sync::Arc;

use chrono::TimeDelta;

use super::durable::{assert_lives, files, next_program};
use crate::auth::context::{Authorised, clear};
use crate::auth::gateway::Fault;
use crate::auth::process::{Moment, NOWHERE, Process, Step, Stop};
use crate::support::databases::{TestDatabase, both_databases};

/// How a program ends whose database has this fault.
#[derive(Clone, Copy, Debug)]
enum End {
    InOrder,
    Killed,
}

async fn plays(test: TestDatabase, step: Step) {
    let test = Authorised::new(test).await;
    for moment in Moment::ALL {
        for end in [End::InOrder, End::Killed] {
            let what = format!("{step:?}, {moment:?}, {end:?}");
            test.after_end().await;
            if step == Step::Settlement {
                test.gateway.next(&[Fault::Throttled]);
            }
            let (calls, state) = (test.gateway.refresh_calls(), tempfile::tempdir().unwrap());
            let mut process = Process::start(&test, Stop::At(step, moment), 1, state.path()).await;
            process.go_until_it_stops().await;
            match end {
                End::InOrder => process.end().await,
                End::Killed => process.kill(),
            }
            let is_sent = test.gateway.refresh_calls() > calls;
            assert_eq!(
                is_sent,
                matches!(step, Step::Commit | Step::CommitReadBack | Step::Settlement),
                "{what}"
            );
            // Longer than any lease and any pause after one failure.
            test.database.clock.advance(TimeDelta::minutes(2));

            let next = next_program(&test, state.path()).await;
            let access = next.access(&test.shop).await.unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(clear(&access), test.gateway.access(), "{what}");
            assert_lives(&test, &next, state.path()).await;
            next.drain().await;
        }
    }
}

both_databases! {
    async fn a_fault_at_the_write_of_the_intent_costs_no_grant(test: TestDatabase) {
        plays(test, Step::Intent).await;
    }

    async fn a_fault_at_the_read_back_of_the_intent_costs_no_grant(test: TestDatabase) {
        plays(test, Step::IntentReadBack).await;
    }

    async fn a_fault_at_the_commit_of_the_pair_costs_no_grant(test: TestDatabase) {
        plays(test, Step::Commit).await;
    }

    async fn a_fault_at_the_read_back_of_the_pair_costs_no_grant(test: TestDatabase) {
        plays(test, Step::CommitReadBack).await;
    }

    async fn a_fault_at_the_settlement_of_the_intent_costs_no_grant(test: TestDatabase) {
        plays(test, Step::Settlement).await;
    }

    async fn a_file_that_cannot_be_written_costs_no_grant(test: TestDatabase) {
        let test = Authorised::new(test).await;
        for stop in [Stop::AfterCommit, Stop::Nowhere] {
            test.after_end().await;
            let mut process = Process::start(&test, stop, 1, NOWHERE.as_ref()).await;
            if stop == Stop::Nowhere {
                process.go();
                assert_eq!(process.tokens().await, [test.gateway.access()]);
                process.end().await;
            } else {
                process.go_until_it_stops().await;
                process.kill();
            }
            test.database.clock.advance(TimeDelta::minutes(1));
            let next = next_program(&test, NOWHERE.as_ref()).await;
            assert_lives(&test, &next, NOWHERE.as_ref()).await;
            next.drain().await;
        }
    }

    async fn a_file_that_was_not_removed_changes_nothing(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        let state = tempfile::tempdir().unwrap();
        let process = Process::start(&test, Stop::AfterCommit, 1, state.path()).await;
        process.go_until_it_stops().await;
        let file = files(state.path()).pop().unwrap();
        let text = std::fs::read(&file).unwrap();
        process.go_on();
        process.tokens().await;
        assert!(files(state.path()).is_empty());
        std::fs::write(&file, text).unwrap();
        let before = test.row().await;

        let next = next_program(&test, state.path()).await;
        assert_lives(&test, &next, state.path()).await;
        assert_eq!(test.row().await, before);
    }

    async fn room_for_the_pair_is_taken_before_the_token_is_sent_and_given_back(test: TestDatabase) {
        let test = Authorised::new(test).await;
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join("shopsync-unsaved");
        let tokens = test.over_with_state(Arc::new(test.database.store.clone()), state.path());
        let entries = || std::fs::read_dir(&folder).map_or(0, Iterator::count);
        for fault in [Fault::Held, Fault::HeldRefusal] {
            test.after_end().await;
            test.gateway.next(&[fault]);
            let calls = test.gateway.refresh_calls();
            let (asking, shop) = (tokens.clone(), test.shop.clone());
            let caller = tokio::spawn(async move { asking.access(&shop).await.is_ok() });
            test.gateway.until_refresh_call(calls + 1).await;
            assert_eq!(entries(), 1);
            let room = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
            assert!(room.metadata().unwrap().len() >= 16 * 1024);
            test.gateway.release();
            assert_eq!(caller.await.unwrap(), fault == Fault::Held);
            assert_eq!(entries(), 0, "{fault:?}");
        }
    }
}
