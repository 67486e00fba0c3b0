//! Tokens are renewed ahead of their end, and the old one is handed out meanwhile without anybody waiting.
//!
//! That the moments of a thousand shops are spread is a rule of `due_at`, tested beside it.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use chrono::TimeDelta;
use shopsync::domain::credential::Condition;

use crate::auth::context::{Authorised, clear, renewals};
use crate::auth::gateway::Fault;
use crate::support::databases::{TestDatabase, both_databases};

/// For how long the platform says nothing, and how often a second somebody asks for the token.
const SLOW_SECONDS: usize = 30;
const ASKED_PER_SECOND: usize = 1_000;

both_databases! {
    async fn no_one_waits_while_the_platform_is_slow(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.before_end(TimeDelta::minutes(20)).await;
        test.gateway.next(&[Fault::Held]);
        test.access().await.unwrap();
        test.gateway.until_refresh_call(1).await;

        for _ in 0..SLOW_SECONDS {
            test.database.clock.advance(TimeDelta::seconds(1));
            // One caller a second looks at the row.
            assert_eq!(test.access().await.unwrap().generation, 1);
            for _ in 1..ASKED_PER_SECOND {
                let answer = pin!(test.access()).poll(&mut Context::from_waker(Waker::noop()));
                assert!(matches!(answer, Poll::Ready(Ok(access)) if access.generation == 1), "from memory, at once");
            }
        }

        test.gateway.release();
        assert_eq!(renewals(&test.settled(1).await), 1);
        assert_eq!(test.gateway.refresh_calls(), 1);
    }

    async fn a_failed_refresh_never_hides_a_valid_token(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.before_end(TimeDelta::minutes(20)).await;
        for (calls, fault, condition) in
            [(1, Fault::Throttled, Condition::Throttled), (2, Fault::NotDone, Condition::Unknown)]
        {
            test.gateway.next(&[fault]);
            let program = test.another_program().await;
            assert_eq!(program.access(&test.shop).await.unwrap().generation, 1);
            test.gateway.until_refresh_call(calls).await;
            program.drain().await;

            assert_eq!(test.row().await.condition, condition);
            for tokens in [program, test.another_program().await] {
                assert_eq!(clear(&tokens.access(&test.shop).await.unwrap()), test.gateway.access());
            }
            test.database.clock.advance(TimeDelta::seconds(6));
        }
        assert_eq!(test.gateway.refresh_calls(), 2);
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

    async fn the_same_tokens_back_are_no_error_and_requested_again_later(test: TestDatabase) {
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
}
