//! Renewing a grant: each refresh token is spent once, and no answer is lost.

use std::sync::atomic::Ordering;

use chrono::TimeDelta;
use shopsync::auth::AuthError;
use shopsync::auth::credential::OwnerReason;
use shopsync::domain::credential::Condition;
use shopsync::platform::PlatformError;
use tokio::task::JoinSet;

use crate::auth_context::ExitCode as _;
use crate::auth_context::{Authorised, clear, refused, renewals};
use crate::auth_flaky::{Flaky, WhenFailing};
use crate::auth_gateway::Fault;
use crate::databases::{TestDatabase, both_databases};

const CALLERS: usize = 100;

both_databases! {
    async fn a_hundred_callers_at_once_cause_one_call(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;

        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let (tokens, shop) = (test.tokens.clone(), test.shop.clone());
            callers.spawn(async move { tokens.access(&shop).await.unwrap() });
        }
        let handed_out = callers.join_all().await;

        assert!(handed_out.iter().all(|access| clear(access) == test.gateway.access()));
        assert_eq!(test.gateway.refresh_calls(), 1);
        assert_eq!(renewals(&test.row().await), 1);
    }

    async fn callers_of_one_program_share_one_flight(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        let counted = Flaky::over(&test.database.store, 0, WhenFailing::Before);
        let tokens = test.over(counted.clone());

        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let (tokens, shop) = (tokens.clone(), test.shop.clone());
            callers.spawn(async move { tokens.access(&shop).await.unwrap() });
        }
        callers.join_all().await;

        assert_eq!(counted.begun.load(Ordering::SeqCst), 1);
    }

    async fn programs_on_one_database_spend_a_refresh_token_once(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;

        let mut callers = JoinSet::new();
        for _ in 0..4 {
            let tokens = test.another_program().await;
            for _ in 0..5 {
                let (tokens, shop) = (tokens.clone(), test.shop.clone());
                callers.spawn(async move { tokens.access(&shop).await.unwrap() });
            }
        }
        let handed_out = callers.join_all().await;

        assert!(handed_out.iter().all(|access| clear(access) == test.gateway.access()));
        assert_eq!((test.gateway.refresh_calls(), test.gateway.spent_calls()), (1, 0));
    }

    async fn a_valid_token_is_handed_out_while_it_is_renewed(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.before_end(TimeDelta::minutes(20)).await;
        test.gateway.next(&[Fault::Held]);

        let first = test.access().await.unwrap();
        test.gateway.until_refresh_call(1).await;
        let meanwhile = test.access().await.unwrap();
        test.gateway.release();

        assert_eq!((first.generation, meanwhile.generation), (1, 1));
        assert_eq!(renewals(&test.settled(1).await), 1);
        let renewed = test.access().await.unwrap();
        assert_eq!(clear(&renewed), test.gateway.access());
        assert_eq!(test.gateway.refresh_calls(), 1);
    }

    async fn a_caller_who_goes_away_does_not_stop_the_flight(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        test.gateway.next(&[Fault::Held]);

        let (tokens, shop) = (test.tokens.clone(), test.shop.clone());
        let caller = tokio::spawn(async move { tokens.access(&shop).await });
        test.gateway.until_refresh_call(1).await;
        caller.abort();
        assert!(caller.await.err().unwrap().is_cancelled());
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

    async fn a_throttled_refresh_keeps_the_tokens_and_its_pause_survives_a_restart(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        test.gateway.next(&[Fault::Throttled]);

        let error = test.access().await.err().unwrap();
        assert_eq!(error.exit_code(), 75, "{error}");
        let row = test.row().await;
        assert_eq!((row.version, row.condition), (1, Condition::Throttled));

        let restarted = test.another_program().await;
        let error = restarted.access(&test.shop).await.err().unwrap();
        assert!(matches!(error, AuthError::Later { .. }), "{error}");
        assert!(restarted.refresh_now(&test.shop).await.is_err(), "not even a person cuts it short");
        assert_eq!(test.gateway.refresh_calls(), 1);
        test.database.clock.set(row.not_before.unwrap());
        assert_eq!(clear(&restarted.access(&test.shop).await.unwrap()), test.gateway.access());
    }

    async fn a_refused_refresh_token_needs_the_owner_and_is_kept(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.before_end(TimeDelta::minutes(20)).await;
        let sealed = test.row().await.tokens;
        test.gateway.next(&[Fault::Refused]);

        assert!(test.access().await.is_ok());
        let row = test.settled(1).await;

        assert_eq!((row.condition, row.tokens), (Condition::NeedsOwner, sealed));
        let program = test.another_program().await;
        assert!(program.access(&test.shop).await.is_ok(), "the access token lives on");
        let error = program.refused(&test.shop, 1, &refused()).await.err().unwrap();
        assert_eq!(error.exit_code(), 77, "{error}");
        let error = program.access(&test.shop).await.err().unwrap();
        assert_eq!(error.exit_code(), 77, "not after the platform refused it: {error}");
        assert_eq!(test.gateway.refresh_calls(), 1);
    }

    async fn the_same_tokens_back_are_no_error_and_asked_again_later(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.before_end(TimeDelta::minutes(25)).await;
        test.gateway.next(&[Fault::SamePair]);
        test.access().await.unwrap();
        test.settled(1).await;

        let program = test.another_program().await;
        test.before_end(TimeDelta::minutes(11)).await;
        program.access(&test.shop).await.unwrap();
        assert_eq!(test.gateway.refresh_calls(), 1);
        test.before_end(TimeDelta::minutes(10)).await;
        program.access(&test.shop).await.unwrap();
        test.gateway.until_refresh_call(2).await;
        program.drain().await;

        assert_eq!((test.gateway.refresh_calls(), renewals(&test.row().await)), (2, 1));
    }

    async fn tokens_of_another_seller_are_kept_but_never_handed_out(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        test.gateway.next(&[Fault::OtherSeller]);

        for _ in 0..2 {
            let error = test.access().await.err().unwrap();
            assert!(
                matches!(error, AuthError::NeedsOwner { reason: OwnerReason::OtherAccount, .. }),
                "{error}"
            );
        }

        let row = test.row().await;
        assert_eq!((row.version, row.condition), (2, Condition::NeedsOwner));
    }

    async fn many_refusals_of_one_token_cause_one_call(test: TestDatabase) {
        let test = Authorised::new(test).await;
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let (tokens, shop) = (test.tokens.clone(), test.shop.clone());
            callers.spawn(async move { tokens.refused(&shop, 1, &refused()).await.unwrap() });
        }
        let handed_out = callers.join_all().await;
        assert!(handed_out.iter().all(|access| access.generation == 2));

        let late = test.tokens.refused(&test.shop, 1, &refused()).await.unwrap();
        assert_eq!((late.generation, test.gateway.refresh_calls()), (2, 1));
        let again = test.tokens.refused(&test.shop, 2, &refused()).await.err().unwrap();
        assert_eq!((again.exit_code(), test.gateway.refresh_calls()), (75, 1), "{again}");
    }

    async fn only_a_refused_token_is_a_reason_to_refresh(test: TestDatabase) {
        let test = Authorised::new(test).await;
        let errors = [
            PlatformError::Unavailable { status: 502 },
            PlatformError::NotGranted { code: "401".to_owned(), message: "无权限".to_owned() },
            PlatformError::Throttled { retry_after: None },
        ];
        for error in errors {
            assert_eq!(test.tokens.refused(&test.shop, 1, &error).await.unwrap().generation, 1);
        }
        assert_eq!(test.gateway.refresh_calls(), 0);
    }

}
