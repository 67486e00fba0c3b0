//! A store that is away when it matters: no pair that a platform handed out is lost.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use secrecy::SecretString;
use shopsync::auth::AuthError;
use shopsync::auth::policy::OwnerReason;
use shopsync::domain::credential::{Condition, Orphan};

use crate::auth::context::{Authorised, clear, refused, renewals};
use crate::auth::flaky::{Flaky, WhenFailing};
use crate::auth::gateway::{CANARY, Fault, SELLER};
use crate::auth::process::{Process, Stop};
use crate::support::databases::{TestDatabase, both_databases};

/// More failures than any test waits for.
const FOR_EVER: usize = usize::MAX;
const POLL: Duration = Duration::from_millis(20);
const POLLS_MAX: u32 = 3_000;

/// The files in the folder for pairs that are not stored.
fn files(state: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(state.join("shopsync-unsaved")) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Waits for what a task of the program does by itself, generously.
pub(crate) async fn eventually(is_done: impl AsyncFn() -> bool) {
    for _ in 0..POLLS_MAX {
        if is_done().await {
            return;
        }
        tokio::time::sleep(POLL).await;
    }
    panic!("it never came");
}

/// A pair of the platform that found its place taken.
async fn orphaned(test: &Authorised) -> Orphan {
    test.after_end().await;
    test.gateway.next(&[Fault::Held, Fault::Stillborn]);
    let (late, shop) = (test.another_program().await, test.shop.clone());
    let caller = tokio::spawn(async move { late.access(&shop).await });
    test.gateway.until_refresh_call(1).await;
    test.end_leases().await;
    test.access().await.unwrap();
    test.gateway.release();
    caller.await.unwrap().unwrap();
    test.database.clock.advance(TimeDelta::minutes(6));
    test.database.store.orphans().of_shop("acme").await.unwrap().pop().unwrap()
}

both_databases! {
    async fn a_pair_that_cannot_be_stored_is_used_from_a_file_and_stored_later(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        let state = tempfile::tempdir().unwrap();
        let flaky = Flaky::over(&test.database.store, FOR_EVER, WhenFailing::Before);
        let tokens = test.over_with_state(flaky.clone(), state.path());

        for _ in 0..2 {
            assert_eq!(clear(&tokens.access(&test.shop).await.unwrap()), test.gateway.access());
        }
        assert_eq!((tokens.unsaved(), test.row().await.version), (1, 1));
        // Past the time for which a token is handed out without a look at the row.
        test.database.clock.advance(TimeDelta::minutes(2));
        assert_eq!(clear(&tokens.access(&test.shop).await.unwrap()), test.gateway.access());
        assert_eq!(test.gateway.refresh_calls(), 1);

        flaky.heal();
        eventually(async || tokens.unsaved() == 0 && files(state.path()).is_empty()).await;
        assert_eq!((renewals(&test.row().await), test.gateway.refresh_calls()), (1, 1));
    }

    async fn database_down_after_the_answer_the_pair_survives_a_kill_in_a_sealed_file(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        let state = tempfile::tempdir().unwrap();
        let mut process = Process::start(&test, Stop::NoCommit, 1, state.path()).await;
        process.go();
        assert_eq!(process.tokens().await, [test.gateway.access()], "it is used from the file");
        process.kill();
        let left = files(state.path());
        let text = std::fs::read_to_string(&left[0]).unwrap();
        assert_eq!((left.len(), mode(&left[0]), mode(left[0].parent().unwrap())), (1, 0o600, 0o700));
        assert!(!text.contains(CANARY) && !text.contains(&test.gateway.refresh()), "it is sealed");

        let next = test.over_with_state(Arc::new(test.database.store.clone()), state.path());
        next.recover(std::slice::from_ref(&test.shop)).await;

        assert_eq!((renewals(&test.row().await), files(state.path()).len(), next.unsaved()), (1, 0, 0));
        assert_eq!(clear(&next.access(&test.shop).await.unwrap()), test.gateway.access());
        assert_eq!((test.gateway.refresh_calls(), test.gateway.spent_calls()), (1, 0));
    }

    async fn a_file_is_taken_back_before_a_refresh_by_any_process(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        let state = tempfile::tempdir().unwrap();
        let running = test.over_with_state(Arc::new(test.database.store.clone()), state.path());
        let mut process = Process::start(&test, Stop::NoCommit, 1, state.path()).await;
        process.go();
        process.tokens().await;
        process.kill();

        assert_eq!(clear(&running.access(&test.shop).await.unwrap()), test.gateway.access());

        assert_eq!((files(state.path()).len(), test.gateway.refresh_calls()), (0, 1));
    }

    async fn a_file_that_cannot_be_opened_is_kept_and_counted(test: TestDatabase) {
        let test = Authorised::new(test).await;
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join("shopsync-unsaved");
        let shop_id = test.database.store.shops().get("acme").await.unwrap().unwrap().id;
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(format!("{shop_id}-1.json")), "{\"form\": 7}").unwrap();
        std::fs::write(folder.join("somebody-elses.json"), "{}").unwrap();
        let tokens = test.over_with_state(Arc::new(test.database.store.clone()), state.path());

        tokens.recover(std::slice::from_ref(&test.shop)).await;
        tokens.refresh_now(&test.shop).await.unwrap();

        assert_eq!((files(state.path()).len(), tokens.unsaved()), (2, 1));
    }

    async fn without_a_folder_a_pair_waits_in_memory_and_goes_in_with_the_last_offer(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.before_end(TimeDelta::minutes(20)).await;
        let flaky = Flaky::over(&test.database.store, 3, WhenFailing::Before);
        let tokens = test.over(flaky);

        tokens.access(&test.shop).await.unwrap();
        test.gateway.until_refresh_call(1).await;
        tokens.drain().await;

        assert_eq!((renewals(&test.row().await), test.gateway.refresh_calls()), (1, 1));
    }

    async fn an_intent_that_was_never_sent_costs_no_grant(test: TestDatabase) {
        // A platform that answers no refresh twice.
        let test = Authorised::before_login(test, "temu").await;
        test.tokens.login_code(&test.shop, SecretString::from(format!("code-{SELLER}"))).await.unwrap();
        test.after_end().await;
        let flaky = Flaky::over(&test.database.store, 1, WhenFailing::AfterIntent);
        let tokens = test.over(flaky);

        let error = tokens.access(&test.shop).await.err().unwrap();
        assert!(matches!(error, AuthError::TokenStore { .. }), "{error}");
        assert_eq!((test.row().await.condition, test.gateway.refresh_calls()), (Condition::Refreshing, 0));
        test.end_leases().await;

        assert_eq!(clear(&tokens.access(&test.shop).await.unwrap()), test.gateway.access());
        assert_eq!((renewals(&test.row().await), test.gateway.refresh_calls()), (1, 1));
    }

    async fn an_intent_that_was_never_sent_is_taken_back_by_itself(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.before_end(TimeDelta::minutes(20)).await;
        let tokens = test.over(Flaky::over(&test.database.store, 1, WhenFailing::AfterIntent));

        tokens.refresh_now(&test.shop).await.err().unwrap();
        eventually(async || test.row().await.condition == Condition::Active).await;

        assert_eq!(test.gateway.refresh_calls(), 0);
    }

    async fn an_orphan_is_kept_once_and_goes_with_its_grant(test: TestDatabase) {
        let test = Authorised::new(test).await;
        let orphan = orphaned(&test).await;
        test.database.store.orphans().keep(&orphan).await.unwrap();
        assert_eq!(test.database.store.orphans().of_shop("acme").await.unwrap().len(), 1);

        assert!(test.tokens.clear(&test.shop).await.unwrap());

        assert_eq!(test.database.number("SELECT count(*) FROM credential_orphans").await, 0);
    }

    async fn an_orphan_too_old_is_neither_tried_nor_kept(test: TestDatabase) {
        let test = Authorised::new(test).await;
        orphaned(&test).await;
        test.database.clock.advance(TimeDelta::days(30));

        let error = test.access().await.err().unwrap();
        assert!(matches!(error, AuthError::NeedsOwner { reason: OwnerReason::RefreshRefused, .. }), "{error}");
        test.tokens.recover(std::slice::from_ref(&test.shop)).await;

        assert_eq!(test.database.number("SELECT count(*) FROM credential_orphans").await, 0);
    }

    async fn the_pairs_of_an_earlier_authorisation_are_tried_before_its_owner_is_asked(test: TestDatabase) {
        let test = Authorised::new(test).await;
        orphaned(&test).await;
        test.tokens.login_code(&test.shop, SecretString::from(format!("code-{SELLER}"))).await.unwrap();
        test.database.clock.advance(TimeDelta::minutes(6));
        let calls = test.gateway.refresh_calls();
        test.gateway.next(&[Fault::Refused]);

        let error = test.tokens.refresh_now(&test.shop).await.err().unwrap();

        assert!(matches!(error, AuthError::NeedsOwner { .. }), "{error}");
        // The one that was replaced, and the one that had lost its place before.
        assert_eq!(test.gateway.refresh_calls(), calls + 3);
    }

    async fn an_orphan_that_is_refused_as_well_leaves_the_owner(test: TestDatabase) {
        let test = Authorised::new(test).await;
        orphaned(&test).await;
        let generation = test.row().await.version;
        let adopted = test.tokens.refused(&test.shop, generation, &refused()).await.unwrap();
        test.database.clock.advance(TimeDelta::minutes(6));
        test.gateway.next(&[Fault::Refused]);

        let error = test.tokens.refused(&test.shop, adopted.generation, &refused()).await.err().unwrap();

        assert!(matches!(error, AuthError::NeedsOwner { reason: OwnerReason::RefreshRefused, .. }), "{error}");
        assert_eq!(test.row().await.condition, Condition::NeedsOwner);
    }
}
