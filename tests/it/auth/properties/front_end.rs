//! What answers in a platform's place costs no grant: it is asked past, for as long as it takes.

use chrono::TimeDelta;
use secrecy::SecretString;
use shopsync::auth::AuthError;
use shopsync::auth::policy::OwnerReason;
use shopsync::domain::credential::Condition;

use crate::auth::context::{Authorised, ExitCode as _, clear, renewals};
use crate::auth::gateway::{Fault, SELLER};
use crate::support::databases::{TestDatabase, both_databases};

/// More than any rule of replays allows.
const PAGES: usize = 12;
/// Longer than any platform's spacing of token calls.
const SPACING_MAX: TimeDelta = TimeDelta::seconds(60);

async fn asks_past_pages(database: TestDatabase, platform: &'static str) {
    let test = Authorised::before_login(database, platform).await;
    test.tokens.login_code(&test.shop, SecretString::from(format!("code-{SELLER}"))).await.unwrap();
    test.after_end().await;
    test.gateway.next(&[Fault::Page; PAGES]);
    let mut last = TimeDelta::zero();
    for page in 1..=PAGES {
        // Each time another program, that knows what the row says.
        let program = test.another_program().await;
        let error = program.access(&test.shop).await.err().unwrap();
        assert_eq!((error.exit_code(), test.gateway.refresh_calls()), (75, page), "{platform}: {error}");
        let row = test.row().await;
        assert_eq!(row.condition, Condition::Active, "{platform}");
        let pause = row.not_before.unwrap() - test.database.clock.now();
        assert!(pause >= last && pause <= TimeDelta::minutes(10), "{platform}: {pause} after {last}");
        last = pause;
        test.database.clock.advance(pause.max(SPACING_MAX));
    }
    assert!(last > TimeDelta::minutes(1), "the pauses grow: {last}");

    assert_eq!(clear(&test.access().await.unwrap()), test.gateway.access());
    assert_eq!((renewals(&test.row().await), test.gateway.spent_calls()), (1, 0));
}

both_databases! {
    async fn pages_in_front_of_xiaohongshu_cost_no_grant(test: TestDatabase) {
        asks_past_pages(test, "xiaohongshu").await;
    }

    async fn pages_in_front_of_temu_cost_no_grant(test: TestDatabase) {
        asks_past_pages(test, "temu").await;
    }

    async fn pages_in_front_of_115_cost_no_grant(test: TestDatabase) {
        asks_past_pages(test, "115").await;
    }

    async fn pages_between_two_lost_answers_use_up_no_replay(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        test.gateway.next(&[Fault::NotDone, Fault::Page, Fault::Page, Fault::Page]);
        for _ in 0..4 {
            let error = test.access().await.err().unwrap();
            assert_eq!(error.exit_code(), 75, "{error}");
            test.database.clock.advance(TimeDelta::minutes(1));
        }

        assert_eq!(clear(&test.access().await.unwrap()), test.gateway.access());
        assert_eq!((renewals(&test.row().await), test.gateway.refresh_calls()), (1, 5));
    }

    async fn a_person_who_insists_has_a_grant_that_was_given_up_tried_again(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        test.gateway.next(&[Fault::PageAfter]);
        assert_eq!(test.access().await.err().unwrap().exit_code(), 75);
        test.database.clock.advance(TimeDelta::minutes(1));
        for _ in 0..2 {
            let error = test.tokens.refresh_now(&test.shop).await.err().unwrap();
            assert!(matches!(error, AuthError::NeedsOwner { reason: OwnerReason::RefreshRefused, .. }), "{error}");
        }
        assert_eq!(test.gateway.refresh_calls(), 2, "what is given up is not sent without being told to");

        test.gateway.next(&[Fault::Page]);
        let error = test.tokens.refresh_by_force(&test.shop).await.err().unwrap();
        assert_eq!((error.exit_code(), test.gateway.refresh_calls()), (77, 3), "it stays given up: {error}");
        test.gateway.next(&[Fault::Honoured]);
        test.tokens.refresh_by_force(&test.shop).await.unwrap();

        assert_eq!(clear(&test.access().await.unwrap()), test.gateway.access());
        assert_eq!(renewals(&test.row().await), 1);
    }
}
