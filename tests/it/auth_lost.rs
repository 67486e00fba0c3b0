//! Answers, programs and commits that get lost on the way: no refresh token is sent twice for it, and no pair is lost.

use chrono::TimeDelta;
use shopsync::auth::AuthError;
use shopsync::auth::credential::OwnerReason;
use shopsync::domain::credential::{Attempt, Condition, Intent};

use crate::auth_context::ExitCode as _;
use crate::auth_context::{Authorised, clear, renewals};
use crate::auth_flaky::{Flaky, WhenFailing};
use crate::auth_gateway::Fault;
use crate::databases::{TestDatabase, both_databases};

both_databases! {
    async fn a_lost_answer_is_asked_for_once_more_and_only_when_nothing_valid_is_left(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.before_end(TimeDelta::minutes(20)).await;
        test.gateway.next(&[Fault::AnswerLost]);

        assert!(test.access().await.is_ok(), "the old token is still valid");
        let row = test.settled(1).await;
        assert_eq!((row.version, row.condition), (1, Condition::Unknown));

        let program = test.another_program().await;
        test.before_end(TimeDelta::minutes(5)).await;
        assert!(program.access(&test.shop).await.is_ok());
        let error = program.refresh_now(&test.shop).await.err().unwrap();
        assert!(matches!(error, AuthError::Later { .. }), "not even for a person: {error}");
        assert_eq!(test.gateway.refresh_calls(), 1, "not while a valid token is left");

        test.after_end().await;
        for _ in 0..3 {
            let error = program.access(&test.shop).await.err().unwrap();
            assert!(
                matches!(error, AuthError::NeedsOwner { reason: OwnerReason::RefreshRefused, .. }),
                "{error}"
            );
        }
        assert_eq!((test.gateway.refresh_calls(), test.gateway.spent_calls()), (2, 1));
    }

    async fn a_lost_call_that_the_platform_never_did_is_made_good(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.before_end(TimeDelta::minutes(20)).await;
        test.gateway.next(&[Fault::NotDone]);
        test.access().await.unwrap();
        test.settled(1).await;

        test.after_end().await;
        let program = test.another_program().await;
        let access = program.access(&test.shop).await.unwrap();

        assert_eq!(clear(&access), test.gateway.access());
        assert_eq!((renewals(&test.row().await), test.gateway.spent_calls()), (1, 0));
    }

    async fn an_answer_lost_twice_is_not_asked_for_again(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        test.gateway.next(&[Fault::NotDone, Fault::NotDone]);

        let first = test.access().await.err().unwrap();
        assert_eq!(first.exit_code(), 75, "{first}");
        test.database.clock.advance(TimeDelta::seconds(5));
        for _ in 0..3 {
            let error = test.access().await.err().unwrap();
            assert!(
                matches!(error, AuthError::NeedsOwner { reason: OwnerReason::AnswerLost, .. }),
                "{error}"
            );
        }

        assert_eq!(test.gateway.refresh_calls(), 2);
        assert!(test.row().await.tokens.refresh_sealed.is_some(), "tokens are never deleted");
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

    async fn a_holder_that_was_taken_for_dead_still_brings_its_tokens_home(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        test.gateway.next(&[Fault::Held]);
        let (frozen, shop) = (test.tokens.clone(), test.shop.clone());
        let thawed = tokio::spawn(async move { frozen.access(&shop).await });
        test.gateway.until_refresh_call(1).await;
        test.end_leases().await;

        let winner = test.another_program().await;
        let error = winner.access(&test.shop).await.err().unwrap();
        assert!(matches!(error, AuthError::NeedsOwner { .. }), "it had only the spent token: {error}");
        test.gateway.release();
        let access = thawed.await.unwrap().unwrap();

        assert_eq!(clear(&access), test.gateway.access());
        assert_eq!(renewals(&test.row().await), 1);
        assert_eq!(clear(&winner.access(&test.shop).await.unwrap()), test.gateway.access());
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

    async fn nothing_is_spent_while_the_store_takes_no_intent(test: TestDatabase) {
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
