//! What an owner brings, and what becomes of grants that lie in the database.

use chrono::TimeDelta;
use secrecy::SecretString;
use shopsync::auth::policy::OwnerReason;
use shopsync::auth::status::Standing;
use shopsync::auth::{AuthError, TokenInput};
use shopsync::domain::credential::Condition;

use crate::auth::context::{Authorised, ExitCode as _, clear, refused, renewals};
use crate::auth::gateway::{ACCESS_LIFE, Fault, SELLER};
use crate::support::databases::{TestDatabase, both_databases};

fn code(seller: &str) -> SecretString {
    SecretString::from(format!("code-{seller}"))
}

fn given(text: &str) -> TokenInput {
    TokenInput::parse(&SecretString::from(text)).unwrap()
}

both_databases! {
    async fn a_shop_that_was_never_authorised_says_so(test: TestDatabase) {
        let test = Authorised::before_login(test, "xiaohongshu").await;
        let error = test.access().await.err().unwrap();
        assert!(matches!(error, AuthError::NeverAuthorised { .. }), "{error}");
        assert_eq!(error.exit_code(), 77);
        assert_eq!(test.tokens.status(&test.shop).await.unwrap(), None);
    }

    async fn a_login_stores_the_grant_and_its_account(test: TestDatabase) {
        let test = Authorised::new(test).await;
        assert_eq!(clear(&test.access().await.unwrap()), test.gateway.access());
        let row = test.database.store.shops().get("acme").await.unwrap().unwrap();
        assert_eq!(row.account.id.as_deref(), Some(SELLER));
        assert_eq!(row.authorised_at, Some(test.database.clock.now()));
        let status = test.tokens.status(&test.shop).await.unwrap().unwrap();
        assert_eq!((status.standing, status.version), (Standing::Good, 1));
    }

    async fn the_tokens_of_another_account_replace_nothing(test: TestDatabase) {
        let test = Authorised::new(test).await;
        let before = test.row().await;

        let by_code = test.tokens.login_code(&test.shop, code("stranger")).await.err().unwrap();
        let file = r#"{"access_token":"a","refresh_token":"r","seller_id":"stranger"}"#;
        let by_file = test.tokens.set(&test.shop, given(file)).await.err().unwrap();

        for error in [by_code, by_file] {
            assert!(matches!(error, AuthError::OtherAccount { .. }), "{error}");
            assert_eq!(error.exit_code(), 77);
        }
        assert_eq!(test.row().await, before);
    }

    async fn the_account_of_the_config_counts_before_the_first_login(test: TestDatabase) {
        let mut test = Authorised::before_login(test, "xiaohongshu").await;
        test.shop.account = Some("somebody".to_owned());
        let error = test.tokens.login_code(&test.shop, code(SELLER)).await.err().unwrap();
        assert!(matches!(error, AuthError::OtherAccount { .. }), "{error}");
        assert_eq!(test.database.number("SELECT count(*) FROM credentials").await, 0);
    }

    async fn a_new_login_ends_all_trouble(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        test.gateway.next(&[Fault::Refused]);
        assert_eq!(test.access().await.err().unwrap().exit_code(), 77);

        test.tokens.login_code(&test.shop, code(SELLER)).await.unwrap();

        let access = test.access().await.unwrap();
        assert_eq!((clear(&access), access.generation), (test.gateway.access().as_str(), 2));
        assert_eq!(test.row().await.trouble, None);
    }

    async fn a_login_wins_over_a_refresh_under_way(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.before_end(TimeDelta::minutes(20)).await;
        test.gateway.next(&[Fault::Held]);
        test.access().await.unwrap();
        test.gateway.until_refresh_call(1).await;

        let other = test.another_program().await;
        other.login_code(&test.shop, code(SELLER)).await.unwrap();
        test.gateway.release();

        assert_eq!(test.settled(1).await.version, 2);
        assert_eq!(clear(&test.access().await.unwrap()), test.gateway.access());
    }

    async fn tokens_another_program_kept_are_taken_over_and_renewed_if_they_ended(test: TestDatabase) {
        let test = Authorised::new(test).await;
        let refresh = test.gateway.refresh();
        test.tokens.clear(&test.shop).await.unwrap();
        let file = format!(
            r#"{{"access_token":"old","access_token_expires_at":1,"refresh_token":"{refresh}","seller_id":"{SELLER}"}}"#
        );

        let status = test.tokens.set(&test.shop, given(&file)).await.unwrap();

        assert_eq!((status.standing, status.version), (Standing::Good, 2));
        assert_eq!(clear(&test.access().await.unwrap()), test.gateway.access());
        assert_eq!(test.gateway.refresh_calls(), 1);
        assert_eq!(renewals(&test.row().await), 1);
    }

    async fn a_wrong_paste_replaces_nothing(test: TestDatabase) {
        let test = Authorised::new(test).await;
        let before = test.row().await;
        let error = test.tokens.set(&test.shop, given("mistaken")).await.err().unwrap();
        assert_eq!(error.exit_code(), 77, "{error}");
        assert_eq!(test.row().await, before);
    }

    async fn a_bare_token_lives_as_long_as_its_platform_says_and_no_longer(test: TestDatabase) {
        let test = Authorised::before_login(test, "temu").await;
        let token = test.gateway.access();
        test.tokens.set(&test.shop, given(&token)).await.unwrap();
        assert_eq!(clear(&test.access().await.unwrap()), token);
        let ends_at = test.row().await.tokens.access_ends_at;
        assert_eq!(ends_at, test.database.clock.now() + ACCESS_LIFE, "what the platform told");

        test.after_end().await;
        let error = test.access().await.err().unwrap();

        assert!(
            matches!(error, AuthError::NeedsOwner { reason: OwnerReason::AccessEnded, .. }),
            "{error}"
        );
        assert_eq!(test.row().await.condition, Condition::NeedsOwner);
        assert_eq!(test.gateway.refresh_calls(), 0);
    }

    async fn an_inspection_keeps_what_the_platform_says_of_the_grant(test: TestDatabase) {
        let mut test = Authorised::new(test).await;
        test.database.execute("UPDATE credentials SET expires_at = '2026-11-25 12:00:00.000'").await;
        test.database.execute("UPDATE shops SET account_id = NULL").await;
        let ends_at = test.database.clock.now() + ACCESS_LIFE;

        let told = test.tokens.inspect(&test.shop).await.unwrap();

        assert_eq!((told.account.id.as_deref(), told.access_ends_at), (Some(SELLER), Some(ends_at)));
        assert_eq!((test.row().await.tokens.access_ends_at, test.gateway.refresh_calls()), (ends_at, 0));
        let row = test.database.store.shops().get("acme").await.unwrap().unwrap();
        assert_eq!(row.account.id.as_deref(), Some(SELLER));
        test.shop.account = Some("somebody".to_owned());
        let error = test.tokens.inspect(&test.shop).await.err().unwrap();
        assert!(matches!(error, AuthError::OtherAccount { .. }), "{error}");
    }

    async fn a_refused_token_without_a_refresh_token_needs_the_owner_at_once(test: TestDatabase) {
        let test = Authorised::before_login(test, "temu").await;
        test.tokens.set(&test.shop, given(&test.gateway.access())).await.unwrap();

        let error = test.tokens.refused(&test.shop, 1, &refused()).await.err().unwrap();
        assert_eq!(error.exit_code(), 77, "{error}");
        assert_eq!(test.access().await.err().unwrap().exit_code(), 77, "it is not handed out again");
        let other = test.another_program().await;
        assert_eq!(other.access(&test.shop).await.err().unwrap().exit_code(), 77);
        assert_eq!(test.gateway.refresh_calls(), 0);
    }

    async fn a_person_is_notified_when_nothing_can_be_renewed_and_the_token_stays(test: TestDatabase) {
        let test = Authorised::before_login(test, "temu").await;
        test.tokens.set(&test.shop, given(&test.gateway.access())).await.unwrap();
        let error = test.tokens.refresh_now(&test.shop).await.err().unwrap();
        assert!(
            matches!(error, AuthError::NeedsOwner { reason: OwnerReason::NoRefreshToken, .. }),
            "{error}"
        );
        assert_eq!(test.row().await.condition, Condition::Active);
        assert!(test.access().await.is_ok());
    }

    async fn a_cleared_grant_is_gone_for_every_program(test: TestDatabase) {
        let test = Authorised::new(test).await;
        let other = test.another_program().await;
        other.access(&test.shop).await.unwrap();
        assert!(test.tokens.clear(&test.shop).await.unwrap());
        assert!(test.access().await.err().unwrap().needs_owner());
        test.database.clock.advance(TimeDelta::minutes(1));
        assert!(other.access(&test.shop).await.err().unwrap().needs_owner());
    }
}

/// A second shop of the same platform and app beside `acme`.
async fn beside(test: &Authorised) -> shopsync::domain::shop::Shop {
    let second = crate::store::shops::shop("second");
    test.database.store.shops().register(&[test.shop.clone(), second.clone()]).await.unwrap();
    second
}

both_databases! {
    async fn dead_tokens_cost_no_grant_that_works(test: TestDatabase) {
        let test = Authorised::new(test).await;
        let before = test.row().await;
        for fault in [Fault::Refused, Fault::NotDone] {
            test.gateway.next(&[fault]);
            let file = r#"{"access_token":"dead","refresh_token":"dead","access_token_expires_at":1}"#;
            let error = test.tokens.set(&test.shop, given(file)).await.err().unwrap();
            assert_ne!(error.exit_code(), 70, "{error}");
            assert_eq!(test.row().await, before, "{error}");
            assert_eq!(clear(&test.access().await.unwrap()), test.gateway.access());
        }
    }

    async fn what_is_stored_unproven_and_refused_gives_way_to_what_it_replaced(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.gateway.next(&[Fault::Refused]);
        let file = r#"{"access_token":"dead","refresh_token":"dead","access_token_expires_at":1}"#;
        let unproven = TokenInput { may_be_unproven: true, ..given(file) };
        test.tokens.set(&test.shop, unproven).await.ok();
        assert_eq!(clear(&test.access().await.unwrap()), test.gateway.access());
    }

    async fn one_account_is_one_shop(test: TestDatabase) {
        let test = Authorised::new(test).await;
        let second = beside(&test).await;
        let before = test.row().await;

        let by_code = test.tokens.login_code(&second, code(SELLER)).await.err().unwrap();
        let file = format!(r#"{{"access_token":"a","refresh_token":"r","seller_id":"{SELLER}"}}"#);
        let by_file = test.tokens.set(&second, given(&file)).await.err().unwrap();

        for error in [by_code, by_file] {
            assert!(matches!(&error, AuthError::SharedAccount { other, .. } if other == "acme"), "{error}");
            assert_eq!(error.exit_code(), 77);
        }
        assert_eq!(test.row().await, before);
        assert_eq!(test.tokens.status(&second).await.unwrap(), None);
        assert!(!test.database.store.orphans().of_shop("acme").await.unwrap().is_empty(), "the new pair is kept for its shop");

        test.tokens.clear(&test.shop).await.unwrap();
        let refresh = test.gateway.refresh();
        let freed = format!(r#"{{"refresh_token":"{refresh}","seller_id":"{SELLER}"}}"#);
        test.tokens.set(&second, given(&freed)).await.unwrap();
    }

    async fn a_new_authorisation_switches_on_what_the_old_one_did_not_cover(test: TestDatabase) {
        let test = Authorised::new(test).await;
        let store = &test.database.store;
        store.cursors().switch_off("acme", "orders", "not granted", None).await.unwrap();
        test.tokens.login_code(&test.shop, code(SELLER)).await.unwrap();
        assert!(store.cursors().off("acme", "orders").await.unwrap().is_none());
    }
}
