//! `code_command`: run when only a new code helps, once for each death and once a day, by one of many programs; and no
//! code is sent again that failed.

use chrono::TimeDelta;
use secrecy::SecretString;
use shopsync::auth::AuthError;
use tempfile::TempDir;

use crate::auth::context::ExitCode;
use crate::auth::keeper_context::{Keeping, WEEK, look, look_all};
use crate::support::databases::{TestDatabase, both_databases};

/// A shop whose command runs this script, after noting that it ran.
struct Commanded {
    test: Keeping,
    folder: TempDir,
}

impl Commanded {
    async fn new(database: TestDatabase, script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = format!("echo run >> {}/runs; {script}", folder.path().display());
        let test = Keeping::before_login(database, "xiaohongshu", WEEK, 1, &["sh", "-c", &script]).await;
        Self { test, folder }
    }

    fn runs(&self) -> usize {
        std::fs::read_to_string(self.folder.path().join("runs")).unwrap_or_default().lines().count()
    }

    /// Ends the grant: its refresh token is refused.
    async fn kill(&self) {
        self.test.service.revoke(self.test.name());
        self.test.pass(WEEK - TimeDelta::minutes(24));
        assert!(self.test.tokens.renew_if_due(self.test.shop()).await.is_err());
    }
}

both_databases! {
    async fn one_of_four_programs_runs_it_and_the_shop_goes_on(test: TestDatabase) {
        let shop = Commanded::new(test, "echo code-$SHOPSYNC_SHOP").await;
        let test = &shop.test;
        let mut keepers = Vec::new();
        for _ in 0..4 {
            keepers.push(test.another_keeper().await);
        }
        for expected in 1..=3 {
            look_all(&keepers).await;
            look_all(&keepers).await;
            assert_eq!((shop.runs(), test.told("code_command.finished")), (expected, expected));
            assert!(test.tokens.access(test.shop()).await.is_ok());
            shop.kill().await;
        }
        assert_eq!(test.service.with(|world| world.codes.len()), 3);
        assert_eq!(test.told("code_command.failed"), 0);
    }

    async fn one_that_fails_is_run_again_in_a_day_whatever_restarts(test: TestDatabase) {
        let shop = Commanded::new(test, "echo lost >&2; exit 1").await;
        let test = &shop.test;
        for day in 1..=3 {
            for _ in 0..3 {
                look(&test.another_keeper().await).await;
            }
            assert_eq!((shop.runs(), test.told("code_command.failed")), (day, day));
            test.pass(TimeDelta::days(1));
        }
        assert_eq!(test.service.with(|world| world.codes.len()), 0);
    }

    async fn a_code_that_failed_is_sent_once_however_often_it_is_printed(test: TestDatabase) {
        let shop = Commanded::new(test, "echo stale-code").await;
        let test = &shop.test;
        for _ in 0..3 {
            look(&test.another_keeper().await).await;
            test.pass(TimeDelta::days(1));
        }
        assert_eq!((shop.runs(), test.told("code_command.failed")), (3, 3));
        assert_eq!(test.service.with(|world| world.codes.clone()), ["stale-code"]);

        let by_hand = test.another_program().await.login_code(test.shop(), SecretString::from("stale-code")).await;
        let error = by_hand.err().unwrap();
        assert!(matches!(error, AuthError::CodeTriedBefore { .. }), "{error}");
        assert_eq!(error.exit_code(), 65);
        let dump = format!("{:?}", test.database.query("SELECT id FROM login_attempts").await.len());
        assert_eq!(dump, "2", "a hash and a run");
        let clear = "SELECT count(*) FROM login_attempts WHERE id LIKE '%stale-code%'";
        assert_eq!(test.database.number(clear).await, 0, "no code is kept in clear");
    }

    async fn grants_that_die_at_once_do_not_make_it_run_without_end(test: TestDatabase) {
        let shop = Commanded::new(test, "echo code-$SHOPSYNC_SHOP").await;
        let test = &shop.test;
        look(&test.keeper()).await;
        for _ in 0..5 {
            // The row says so, as if the platform had refused it.
            test.database.execute("UPDATE credentials SET state = 'needs_owner', last_error_class = 'access_refused'").await;
            look(&test.keeper()).await;
            test.pass(TimeDelta::minutes(1));
        }
        assert_eq!(shop.runs(), 1);
        test.pass(TimeDelta::minutes(6));
        look(&test.keeper()).await;
        assert_eq!(shop.runs(), 2);
    }

    async fn a_living_grant_needs_no_code(test: TestDatabase) {
        let shop = Commanded::new(test, "echo code-$SHOPSYNC_SHOP").await;
        let test = &shop.test;
        test.tokens.login_code(test.shop(), SecretString::from(format!("code-{}", test.name()))).await.unwrap();
        look(&test.keeper()).await;
        test.pass(WEEK - TimeDelta::minutes(24));
        look(&test.keeper()).await;
        assert_eq!((shop.runs(), test.service.with(|world| world.refreshes)), (0, 1));
    }
}
