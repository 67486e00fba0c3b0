//! Programs killed at every step of a refresh, and stores that fail at one: nothing is lost in silence, and nothing is
//! lost at all but an answer that was in no store yet.

use std::path::Path;
use std::time::Duration;

use chrono::TimeDelta;
use secrecy::SecretString;
use shopsync::auth::AuthError;
use shopsync::auth::policy::OwnerReason;
use shopsync::domain::credential::{Attempt, Condition, Intent};

use crate::auth::context::{Authorised, ExitCode as _, clear, renewals};
use crate::auth::flaky::{Flaky, WhenFailing};
use crate::auth::gateway::{Fault, SELLER};
use crate::auth::process::{NOWHERE, Process, Stop};
use crate::support::databases::{TestDatabase, both_databases};

/// Programs killed at a random moment; as many as `SHOPSYNC_TEST_CRASHES` says, for a long night.
const CRASHES: u32 = 8;
/// Longer than a refresh takes once it is asked for.
const CRASH_WITHIN_MICROSECONDS: u64 = 120_000;

/// Killed there, with no valid token left; some time later the next program asks.
async fn killed_at(test: &Authorised, stop: Stop) {
    test.after_end().await;
    let mut process = Process::start(test, stop, 1, Path::new(NOWHERE)).await;
    process.go_until_it_stops().await;
    process.kill();
    test.database.clock.advance(TimeDelta::minutes(1));
}

both_databases! {
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

    async fn killed_with_the_answer_in_hand_a_program_loses_the_grant_and_it_is_reported(test: TestDatabase) {
        let test = Authorised::new(test).await;
        killed_at(&test, Stop::AfterAnswer).await;

        let error = test.access().await.err().unwrap();

        assert!(matches!(error, AuthError::NeedsOwner { reason: OwnerReason::AnswerLost, .. }), "{error}");
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

    async fn killed_while_it_asks_once_more_a_program_leaves_the_platforms_word_to_the_next(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        test.gateway.next(&[Fault::AnswerLost]);
        test.access().await.err().unwrap();
        test.database.clock.advance(TimeDelta::seconds(6));
        let mut process = Process::start(&test, Stop::AfterIntent, 1, Path::new(NOWHERE)).await;
        process.go_until_it_stops().await;
        assert_eq!(test.row().await.condition, Condition::Replaying);
        process.kill();
        test.database.clock.advance(TimeDelta::minutes(1));

        for _ in 0..2 {
            let error = test.access().await.err().unwrap();
            assert!(matches!(error, AuthError::NeedsOwner { reason: OwnerReason::AnswerLost, .. }), "{error}");
        }
        assert_eq!(test.gateway.refresh_calls(), 2, "nobody knows that the second call was made");
    }

    async fn killed_after_its_commit_a_program_has_lost_nothing(test: TestDatabase) {
        let test = Authorised::new(test).await;
        killed_at(&test, Stop::AfterCommit).await;

        let access = test.access().await.unwrap();

        assert_eq!(clear(&access), test.gateway.access());
        assert_eq!((test.gateway.refresh_calls(), test.gateway.spent_calls()), (1, 0));
    }

    async fn killed_during_its_call_a_program_leaves_an_answer_that_is_reported_lost(test: TestDatabase) {
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
        assert!(matches!(error, AuthError::NeedsOwner { reason: OwnerReason::AnswerLost, .. }), "{error}");
        assert_eq!(test.gateway.refresh_calls(), 2);
    }

    async fn killed_at_any_moment_a_program_loses_a_grant_only_with_an_answer_and_it_is_reported(test: TestDatabase) {
        let test = Authorised::new(test).await;
        let crashes = std::env::var("SHOPSYNC_TEST_CRASHES").map_or(CRASHES, |number| number.parse().unwrap());
        for _ in 0..crashes {
            test.after_end().await;
            let mut process = Process::start(&test, Stop::Nowhere, 1, Path::new(NOWHERE)).await;
            process.go();
            tokio::time::sleep(Duration::from_micros(fastrand::u64(..CRASH_WITHIN_MICROSECONDS))).await;
            process.kill();
            test.database.clock.advance(TimeDelta::minutes(1));

            let spent = test.gateway.spent_calls();
            match test.access().await {
                Ok(access) => assert_eq!(clear(&access), test.gateway.access()),
                Err(error) => {
                    let is_told = matches!(error, AuthError::NeedsOwner { reason: OwnerReason::AnswerLost, .. });
                    assert!(is_told, "{error}");
                    assert_eq!(test.gateway.spent_calls(), spent + 1, "the answer had been given");
                    let code = SecretString::from(format!("code-{SELLER}"));
                    test.tokens.login_code(&test.shop, code).await.unwrap();
                }
            }
        }
    }

    async fn a_refresh_that_died_with_its_program_is_a_lost_answer(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.before_end(TimeDelta::minutes(20)).await;
        let intent = Intent {
            attempt: Attempt {
                id: "of the dead".to_owned(),
                refresh_hash: "hash".to_owned(),
                at: test.database.clock.now(),
            },
            condition: Condition::Refreshing,
            owner: "there:1:1:there".to_owned(),
            lease: TimeDelta::seconds(30),
            pauses_until: test.database.clock.now(),
        };
        let claim = test.row().await.claim();
        assert!(test.grants().begin(&claim, &intent).await.unwrap().is_some());
        test.end_leases().await;

        assert!(test.access().await.is_ok(), "the old token is still valid");
        test.tokens.drain().await;
        assert_eq!(test.gateway.refresh_calls(), 0);
        test.after_end().await;
        let access = test.another_program().await.access(&test.shop).await.unwrap();
        assert_eq!((clear(&access), test.gateway.refresh_calls()), (test.gateway.access().as_str(), 1));
    }

    async fn a_store_that_fails_after_the_call_gets_the_pair_all_the_same(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        let flaky = Flaky::over(&test.database.store, 2, WhenFailing::Before);

        let access = test.over(flaky).access(&test.shop).await.unwrap();

        assert_eq!(clear(&access), test.gateway.access());
        assert_eq!((test.gateway.refresh_calls(), renewals(&test.row().await)), (1, 1));
    }

    async fn a_commit_whose_answer_was_lost_is_recognised(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        let flaky = Flaky::over(&test.database.store, 1, WhenFailing::After);

        let access = test.over(flaky).access(&test.shop).await.unwrap();

        assert_eq!(clear(&access), test.gateway.access());
        assert_eq!(renewals(&test.row().await), 1);
    }

    async fn an_intent_and_a_pair_outlive_a_power_cut(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        // How each write was made is written down beside it.
        let (watched, expected) = if test.database.store.is_postgres() {
            let watched = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$; \
                CREATE TABLE watched (way text); \
                CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                INSERT INTO watched VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$; \
                CREATE TRIGGER watch AFTER UPDATE ON credentials FOR EACH ROW EXECUTE FUNCTION watch()";
            (watched, "on")
        } else {
            let watched = "CREATE TABLE watched (way text); \
                CREATE TRIGGER watch AFTER UPDATE ON credentials BEGIN \
                INSERT INTO watched SELECT synchronous FROM pragma_synchronous; END";
            (watched, "2")
        };
        test.database.execute(watched).await;

        test.another_program().await.access(&test.shop).await.unwrap();

        let writes = format!("SELECT count(*) FROM watched WHERE way = '{expected}'");
        assert_eq!(test.database.number(&writes).await, 2, "the intent and the pair");
        assert_eq!(test.database.number("SELECT count(*) FROM watched").await, 2);
    }

    async fn nothing_is_used_up_while_the_store_takes_no_intent(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        let full = if test.database.store.is_postgres() {
            "ALTER TABLE credentials ADD CONSTRAINT full_disk CHECK (state <> 'refreshing')"
        } else {
            "CREATE TRIGGER full_disk BEFORE UPDATE ON credentials BEGIN SELECT RAISE(ABORT, 'full'); END"
        };
        test.database.execute(full).await;

        let error = test.access().await.err().unwrap();

        assert_eq!((error.exit_code(), test.gateway.refresh_calls()), (69, 0), "{error}");
    }
}
