//! The pair of a login is as safe as that of a refresh: in its file before any database, used after a restart, and never
//! in the place of what came later.

use std::path::Path;
use std::sync::Arc;

use secrecy::SecretString;
use shopsync::auth::{AuthError, TokenInput, Tokens};
use tempfile::TempDir;

use super::durable::{STOPPED_WITHIN, assert_lives, files, locked, next_program};
use crate::auth::context::{Authorised, ExitCode as _, clear, renewals};
use crate::auth::gateway::{CANARY, SELLER};
use crate::auth::process::{NOWHERE, Process, Stop};
use crate::auth::survival::eventually;
use crate::support::databases::{TestDatabase, both_databases};

fn code() -> SecretString {
    SecretString::from(format!("code-{SELLER}"))
}

/// A shop, with a program that may leave files.
fn program(test: &Authorised) -> (Tokens, TempDir) {
    let state = tempfile::tempdir().unwrap();
    let tokens = test.over_with_state(Arc::new(test.database.store.clone()), state.path());
    (tokens, state)
}

/// Lets the database take no grant, and all else.
async fn refuse_grants(test: &TestDatabase) {
    let full = if test.store.is_postgres() {
        "ALTER TABLE credentials ADD CONSTRAINT full_disk CHECK (shop = '') NOT VALID"
    } else {
        "CREATE TRIGGER full_disk BEFORE INSERT ON credentials BEGIN SELECT RAISE(ABORT, 'full'); END"
    };
    test.execute(full).await;
}

async fn take_grants(test: &TestDatabase) {
    let room = if test.store.is_postgres() {
        "ALTER TABLE credentials DROP CONSTRAINT full_disk"
    } else {
        "DROP TRIGGER full_disk"
    };
    test.execute(room).await;
}

/// A login that found the database held: in its file, and said to be there.
async fn logged_in_while_held(test: &Authorised, tokens: &Tokens, state: &Path) {
    let lock = locked(&test.database).await;
    let error = tokens.login_code(&test.shop, code()).await.err().unwrap();
    assert!(matches!(error, AuthError::NotStoredYet { .. }), "{error}");
    assert_eq!((error.exit_code(), files(state).len()), (75, 1), "{error}");
    tokio::time::timeout(STOPPED_WITHIN, tokens.drain()).await.expect("an orderly end waits for the lock");
    lock.rollback().await.unwrap();
}

async fn assert_account_is_known(test: &Authorised) {
    let row = test.database.store.shops().get("acme").await.unwrap().unwrap();
    assert_eq!(row.account.id.as_deref(), Some(SELLER));
    assert!(row.authorised_at.is_some());
}

both_databases! {
    async fn a_first_login_whose_database_is_held_is_used_after_a_restart(test: TestDatabase) {
        let test = Authorised::before_login(test, "xiaohongshu").await;
        let (tokens, state) = program(&test);
        logged_in_while_held(&test, &tokens, state.path()).await;
        let text = std::fs::read_to_string(&files(state.path())[0]).unwrap();
        assert!(!text.contains(CANARY) && !text.contains(&test.gateway.refresh()), "it is sealed");
        assert_eq!(test.tokens.status(&test.shop).await.unwrap(), None);

        let next = next_program(&test, state.path()).await;
        assert_lives(&test, &next, state.path()).await;
        assert_account_is_known(&test).await;
    }

    async fn a_first_login_in_a_file_is_used_by_who_asks_first(test: TestDatabase) {
        let test = Authorised::before_login(test, "xiaohongshu").await;
        let (tokens, state) = program(&test);
        logged_in_while_held(&test, &tokens, state.path()).await;

        let next = test.over_with_state(Arc::new(test.database.store.clone()), state.path());
        assert_lives(&test, &next, state.path()).await;
    }

    async fn a_login_over_a_grant_whose_database_is_held_takes_its_place_after_a_restart(test: TestDatabase) {
        let test = Authorised::new(test).await;
        let (tokens, state) = program(&test);
        test.database.clock.advance(chrono::TimeDelta::hours(1));
        logged_in_while_held(&test, &tokens, state.path()).await;
        assert_ne!(clear(&test.access().await.unwrap()), test.gateway.access());

        let next = next_program(&test, state.path()).await;
        assert_lives(&test, &next, state.path()).await;
        assert_eq!(test.row().await.version, 2);
        assert_eq!(test.database.store.orphans().of_shop("acme").await.unwrap().len(), 1, "what it replaced is kept");
    }

    async fn a_login_that_waits_is_stored_by_itself(test: TestDatabase) {
        let test = Authorised::before_login(test, "xiaohongshu").await;
        let (tokens, state) = program(&test);
        refuse_grants(&test.database).await;
        let error = tokens.login_code(&test.shop, code()).await.err().unwrap();
        assert!(matches!(error, AuthError::NotStoredYet { .. }), "{error}");

        take_grants(&test.database).await;
        eventually(async || files(state.path()).is_empty()).await;
        assert_lives(&test, &tokens, state.path()).await;
    }

    async fn a_file_that_cannot_be_written_keeps_no_login_from_the_database(test: TestDatabase) {
        let test = Authorised::before_login(test, "xiaohongshu").await;
        let tokens = test.over_with_state(Arc::new(test.database.store.clone()), Path::new(NOWHERE));
        tokens.login_code(&test.shop, code()).await.unwrap();
        assert_lives(&test, &tokens, Path::new(NOWHERE)).await;
    }

    async fn tokens_that_a_person_hands_over_wait_in_a_file_as_well(test: TestDatabase) {
        let test = Authorised::before_login(test, "xiaohongshu").await;
        let (tokens, state) = program(&test);
        let lock = locked(&test.database).await;
        let file = format!(r#"{{"access_token":"{}","seller_id":"{SELLER}"}}"#, test.gateway.access());
        let given = TokenInput::parse(&SecretString::from(file)).unwrap();
        let error = tokens.set(&test.shop, given).await.err().unwrap();
        // On Postgres even the look whether the account is another shop waits for the lock.
        assert!(matches!(error, AuthError::NotStoredYet { .. }), "{error}");
        tokens.drain().await;
        lock.rollback().await.unwrap();

        let next = next_program(&test, state.path()).await;
        assert_lives(&test, &next, state.path()).await;
    }

    async fn killed_at_any_write_of_a_login_a_program_loses_nothing(test: TestDatabase) {
        let test = Authorised::before_login(test, "xiaohongshu").await;
        let state = tempfile::tempdir().unwrap();
        for stop in [Stop::AfterAnswer, Stop::AfterCommit, Stop::AfterAnswer, Stop::AfterCommit] {
            test.database.clock.advance(chrono::TimeDelta::minutes(1));
            let mut process = Process::start_login(&test, stop, state.path()).await;
            process.go_until_it_stops().await;
            process.kill();
            assert_eq!(files(state.path()).len(), 1);

            let next = next_program(&test, state.path()).await;
            assert_lives(&test, &next, state.path()).await;
            next.drain().await;
            assert_account_is_known(&test).await;
        }
        assert_eq!(renewals(&test.row().await), 3, "each took the place of the one before");
    }

    async fn a_file_of_a_login_that_was_stored_and_renewed_since_changes_nothing(test: TestDatabase) {
        let test = Authorised::before_login(test, "xiaohongshu").await;
        let state = tempfile::tempdir().unwrap();
        let mut process = Process::start_login(&test, Stop::AfterCommit, state.path()).await;
        process.go_until_it_stops().await;
        process.kill();
        // Another program, which does not see this folder, renews it.
        test.after_end().await;
        test.access().await.unwrap();
        let before = test.row().await;

        let next = next_program(&test, state.path()).await;
        assert_lives(&test, &next, state.path()).await;
        assert_eq!(test.row().await, before);
    }

    async fn a_file_of_a_login_is_kept_beside_the_grant_of_a_later_one(test: TestDatabase) {
        let test = Authorised::before_login(test, "xiaohongshu").await;
        let (tokens, state) = program(&test);
        logged_in_while_held(&test, &tokens, state.path()).await;
        test.database.clock.advance(chrono::TimeDelta::minutes(1));
        test.tokens.login_code(&test.shop, code()).await.unwrap();
        let before = test.row().await;

        let next = next_program(&test, state.path()).await;
        assert_lives(&test, &next, state.path()).await;
        assert_eq!(test.row().await, before);
        assert_eq!(test.database.store.orphans().of_shop("acme").await.unwrap().len(), 1);
    }

    async fn tokens_of_another_account_leave_no_file_and_take_no_place(test: TestDatabase) {
        let mut test = Authorised::before_login(test, "xiaohongshu").await;
        let (tokens, state) = program(&test);
        logged_in_while_held(&test, &tokens, state.path()).await;
        test.shop.account = Some("somebody".to_owned());

        let next = next_program(&test, state.path()).await;
        assert_eq!((files(state.path()).len(), next.status(&test.shop).await.unwrap()), (0, None));
        let error = next.login_code(&test.shop, code()).await.err().unwrap();
        assert!(matches!(error, AuthError::OtherAccount { .. }), "{error}");
        assert_eq!(files(state.path()).len(), 0);
    }

    async fn a_grant_that_is_forgotten_does_not_come_back_from_a_file(test: TestDatabase) {
        let test = Authorised::new(test).await;
        let (tokens, state) = program(&test);
        test.database.clock.advance(chrono::TimeDelta::hours(1));
        logged_in_while_held(&test, &tokens, state.path()).await;

        let next = test.over_with_state(Arc::new(test.database.store.clone()), state.path());
        assert!(next.clear(&test.shop).await.unwrap());
        next.recover(std::slice::from_ref(&test.shop)).await;
        assert_eq!((files(state.path()).len(), next.status(&test.shop).await.unwrap()), (0, None));
    }
}
