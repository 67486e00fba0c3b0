//! A database that was copied: its tokens are used, and nothing is spent that belongs to the original.

use chrono::TimeDelta;
use secrecy::SecretString;
use shopsync::auth::status::Standing;
use shopsync::auth::{AuthError, Tokens};
use shopsync::platform::PlatformError;
use tokio::task::JoinSet;

use crate::auth::context::{Authorised, ExitCode as _, clear, refused};
use crate::auth::gateway::SELLER;
use crate::support::databases::{TestDatabase, both_databases};

/// Neither renewed nor replayed, and said so, whatever is asked for.
async fn assert_frozen(test: &Authorised, copy: &Tokens) {
    for error in [
        copy.access(&test.shop).await.err().unwrap(),
        copy.refresh_now(&test.shop).await.err().unwrap(),
        copy.refused(&test.shop, 1, &refused()).await.err().unwrap(),
    ] {
        assert!(matches!(error, AuthError::Copied { .. }), "{error}");
        assert!(error.to_string().contains("shopsync auth take-over acme"), "{error}");
        assert_eq!(error.exit_code(), 77);
    }
}

both_databases! {
    async fn a_copied_database_renews_nothing_until_it_is_taken_over(test: TestDatabase) {
        let test = Authorised::new(test).await;
        let (_database, copy) = test.copied().await;

        test.before_end(TimeDelta::minutes(5)).await;
        assert_eq!(clear(&copy.access(&test.shop).await.unwrap()), test.gateway.access(), "it is still used");
        let status = copy.status(&test.shop).await.unwrap().unwrap();
        assert_eq!((status.standing, status.usable), (Standing::Copied, true));
        copy.refused(&test.shop, 1, &PlatformError::Throttled { retry_after: None }).await.unwrap();
        test.after_end().await;
        assert_frozen(&test, &copy).await;
        assert_eq!(test.gateway.refresh_calls(), 0);

        assert!(copy.take_over(&test.shop).await.unwrap());
        assert!(!copy.take_over(&test.shop).await.unwrap(), "it is at home now");
        assert_eq!(clear(&copy.access(&test.shop).await.unwrap()), test.gateway.access());
        assert_eq!((test.gateway.refresh_calls(), test.gateway.spent_calls()), (1, 0));
    }

    async fn the_original_goes_on_renewing_beside_its_copy_in_four_programs(test: TestDatabase) {
        let test = Authorised::new(test).await;
        let (_database, copy) = test.copied().await;
        test.after_end().await;

        let mut callers = JoinSet::new();
        for _ in 0..4 {
            let (tokens, shop) = (test.another_program().await, test.shop.clone());
            callers.spawn(async move { tokens.access(&shop).await.unwrap() });
        }
        let handed_out = callers.join_all().await;

        assert!(handed_out.iter().all(|access| clear(access) == test.gateway.access()));
        assert_frozen(&test, &copy).await;
        assert_eq!((test.gateway.refresh_calls(), test.gateway.spent_calls()), (1, 0));
    }

    async fn a_new_login_makes_a_copy_at_home(test: TestDatabase) {
        let test = Authorised::new(test).await;
        let (_database, copy) = test.copied().await;

        copy.login_code(&test.shop, SecretString::from(format!("code-{SELLER}"))).await.unwrap();
        let status = copy.refresh_now(&test.shop).await.unwrap();

        assert_eq!((status.standing, test.gateway.refresh_calls()), (Standing::Good, 1));
    }

    async fn a_row_from_before_places_had_names_is_at_home_where_it_is_written_next(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.database.execute("UPDATE credentials SET instance_id = NULL").await;
        let (_database, copy) = test.copied().await;

        test.tokens.refresh_now(&test.shop).await.unwrap();
        copy.refresh_now(&test.shop).await.err().unwrap();

        let home = test.database.store.home().await.unwrap();
        assert!(home.is_some() && test.row().await.place == home);
    }
}
