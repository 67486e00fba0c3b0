//! A holder that was frozen for longer than its lease changes nothing that its successor wrote.

use std::path::Path;

use chrono::TimeDelta;
use shopsync::auth::AuthError;
use shopsync::domain::credential::Condition;

use crate::auth::context::{Authorised, clear, refused, renewals};
use crate::auth::gateway::Fault;
use crate::auth::process::{NOWHERE, Process, Stop};
use crate::support::databases::{TestDatabase, both_databases};

both_databases! {
    async fn a_holder_frozen_before_its_call_sends_nothing_when_it_thaws(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        let frozen = Process::start(&test, Stop::AfterIntent, 1, Path::new(NOWHERE)).await;
        frozen.go_until_it_stops().await;
        frozen.freeze();
        test.end_leases().await;
        test.access().await.unwrap();
        let row = test.row().await;

        frozen.go_on();
        frozen.thaw();

        assert_eq!(frozen.tokens().await, [test.gateway.access()], "the winner's");
        assert_eq!(test.row().await, row);
        assert_eq!((test.gateway.refresh_calls(), test.gateway.spent_calls()), (1, 0));
    }

    async fn a_holder_held_up_before_its_call_begins_again(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        let held_up = Process::start(&test, Stop::AfterIntent, 1, Path::new(NOWHERE)).await;
        held_up.go_until_it_stops().await;

        held_up.go_on();

        assert_eq!(held_up.tokens().await.len(), 1);
        let row = test.row().await;
        assert_eq!((row.version, row.condition, row.fence), (2, Condition::Active, 5), "two intents, one call");
        assert_eq!((test.gateway.refresh_calls(), test.gateway.spent_calls()), (1, 0));
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
}
