//! Each answer to a refresh means one thing, and only what says so ends a grant.
//!
//! The whole table of 115 is gone through in `open115`, the outcomes in a table beside their code.

use chrono::TimeDelta;
use shopsync::auth::AuthError;
use shopsync::auth::policy::OwnerReason;
use shopsync::domain::credential::Condition;
use shopsync::platform::PlatformError;
use tokio::task::JoinSet;

use crate::auth::context::{Authorised, ExitCode as _, clear, refused};
use crate::auth::gateway::Fault;
use crate::support::databases::{TestDatabase, both_databases};

const CALLERS: usize = 1_000;

both_databases! {
    async fn a_refusal_that_came_too_late_ends_nothing(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        test.gateway.next(&[Fault::HeldRefusal]);
        let (late, shop) = (test.another_program().await, test.shop.clone());
        let caller = tokio::spawn(async move { late.access(&shop).await.unwrap() });
        test.gateway.until_refresh_call(1).await;
        test.end_leases().await;
        test.access().await.unwrap();
        let row = test.row().await;

        test.gateway.release();

        assert_eq!(clear(&caller.await.unwrap()), test.gateway.access(), "the winner's");
        assert_eq!((test.row().await, row.condition), (row.clone(), Condition::Active));
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
