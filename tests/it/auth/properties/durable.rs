//! Nothing is sent before its intent is on the disk, and no pair is used before it is: whatever a broken connection
//! says, whoever holds the database, and wherever the program is killed.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction, TransactionTrait};
use secrecy::{ExposeSecret, SecretString};
use shopsync::auth::Tokens;
use shopsync::auth::store::{Capabilities, TokenStore, TokenStoreError};
use shopsync::domain::credential::{Attempt, Claim, Condition, Credential, Intent};
use shopsync::store::Store;

use crate::auth::context::{Authorised, ExitCode as _, clear, renewals};
use crate::auth::gateway::{Fault, SELLER};
use crate::auth::process::{Process, Stop};
use crate::support::databases::{TestDatabase, both_databases, connect};

/// An answer is in its file within milliseconds; a loaded machine is given more.
const IN_FILE_WITHIN: Duration = Duration::from_secs(2);
/// An orderly end waits for a file, and not for whoever holds the database.
pub(super) const STOPPED_WITHIN: Duration = Duration::from_secs(8);

/// A database whose connection is stuck in a transaction: from one write on it sees what it wrote, and nobody else
/// does.
struct Stuck {
    store: Store,
    /// How many writes still reach the disk.
    sound_writes: AtomicUsize,
    seen: Mutex<Option<Credential>>,
}

impl Stuck {
    fn after(sound_writes: usize, store: &Store) -> Arc<Self> {
        Arc::new(Self {
            store: store.clone(),
            sound_writes: AtomicUsize::new(sound_writes),
            seen: Mutex::new(None),
        })
    }

    /// The connection is thrown away, and with it what it saw.
    fn heal(&self) {
        self.sound_writes.store(usize::MAX, Ordering::SeqCst);
        self.seen.lock().unwrap().take();
    }
}

#[async_trait]
impl TokenStore for Stuck {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn now(&self) -> Result<DateTime<Utc>, TokenStoreError> {
        TokenStore::now(&self.store).await
    }

    async fn load(&self, shop: &str) -> Result<Option<Credential>, TokenStoreError> {
        let seen = self.seen.lock().unwrap().clone();
        match seen {
            Some(seen) => Ok(Some(seen)),
            None => self.store.load(shop).await,
        }
    }

    async fn read_back(&self, shop: &str) -> Result<Option<Credential>, TokenStoreError> {
        self.store.read_back(shop).await
    }

    async fn list(&self) -> Result<Vec<Credential>, TokenStoreError> {
        self.store.list().await
    }

    async fn swap(&self, claim: Option<&Claim>, next: &Credential) -> Result<bool, TokenStoreError> {
        let sound = |left: usize| left.checked_sub(1);
        if self.sound_writes.fetch_update(Ordering::SeqCst, Ordering::SeqCst, sound).is_ok() {
            return self.store.swap(claim, next).await;
        }
        if self.load(&next.shop).await?.map(|row| row.claim()).as_ref() != claim {
            return Ok(false);
        }
        *self.seen.lock().unwrap() = Some(next.clone());
        Ok(true)
    }

    async fn clear(&self, shop: &str) -> Result<bool, TokenStoreError> {
        self.store.clear(shop).await
    }
}

pub(crate) fn files(state: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(state.join("shopsync-unsaved")) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect()
}

/// Keeps everybody else from writing, on Postgres from reading too, until it is dropped.
pub(crate) async fn locked(database: &TestDatabase) -> DatabaseTransaction {
    let connection = connect(database.settings.url.expose_secret()).await;
    let transaction = connection.begin().await.unwrap();
    let lock = if database.store.is_postgres() {
        "LOCK TABLE credentials IN ACCESS EXCLUSIVE MODE"
    } else {
        "UPDATE credentials SET shop = shop WHERE shop = ''"
    };
    transaction.execute_unprepared(lock).await.unwrap();
    transaction
}

/// The next program, after a look at what the one before left.
pub(super) async fn next_program(test: &Authorised, state: &Path) -> Tokens {
    let next = test.over_with_state(Arc::new(test.database.another_store().await), state);
    next.recover(std::slice::from_ref(&test.shop)).await;
    next
}

pub(super) async fn assert_lives(test: &Authorised, program: &Tokens, state: &Path) {
    assert_eq!(clear(&program.access(&test.shop).await.unwrap()), test.gateway.access());
    assert_eq!((files(state).len(), program.unsaved(), test.gateway.spent_calls()), (0, 0, 0));
}

both_databases! {
    async fn an_intent_that_only_its_writer_sees_is_not_acted_upon(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        let stuck = Stuck::after(0, &test.database.store);
        let tokens = test.over(stuck.clone());

        let error = tokens.access(&test.shop).await.err().unwrap();

        assert_eq!((error.exit_code(), test.gateway.refresh_calls()), (69, 0), "{error}");
        stuck.heal();
        assert_eq!(clear(&tokens.access(&test.shop).await.unwrap()), test.gateway.access());
        assert_eq!((renewals(&test.row().await), test.gateway.spent_calls()), (1, 0));
    }

    async fn a_pair_that_only_its_writer_sees_stays_in_its_file(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        let state = tempfile::tempdir().unwrap();
        let stuck = Stuck::after(1, &test.database.store);
        let tokens = test.over_with_state(stuck.clone(), state.path());

        assert_eq!(clear(&tokens.access(&test.shop).await.unwrap()), test.gateway.access());
        tokens.drain().await;
        assert_eq!((files(state.path()).len(), tokens.unsaved(), test.row().await.version), (1, 1, 1));

        let next = next_program(&test, state.path()).await;
        assert_lives(&test, &next, state.path()).await;
        assert_eq!((renewals(&test.row().await), test.gateway.refresh_calls()), (1, 1));
    }

    async fn a_pair_is_in_its_file_at_once_whoever_holds_the_database_and_an_orderly_end_waits_for_no_more(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        let state = tempfile::tempdir().unwrap();
        let tokens = test.over_with_state(Arc::new(test.database.store.clone()), state.path());
        test.gateway.next(&[Fault::Held]);
        let (asking, shop) = (tokens.clone(), test.shop.clone());
        let caller = tokio::spawn(async move { asking.access(&shop).await });
        test.gateway.until_refresh_call(1).await;
        let lock = locked(&test.database).await;

        let answered = Instant::now();
        test.gateway.release();
        while files(state.path()).is_empty() {
            assert!(answered.elapsed() < IN_FILE_WITHIN, "not in a file yet");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::timeout(STOPPED_WITHIN, tokens.drain()).await.expect("an orderly end waits for the lock");
        caller.await.unwrap().unwrap();
        assert_eq!(files(state.path()).len(), 1);

        lock.rollback().await.unwrap();
        let next = next_program(&test, state.path()).await;
        assert_lives(&test, &next, state.path()).await;
        assert_eq!((renewals(&test.row().await), test.gateway.refresh_calls()), (1, 1));
    }

    async fn killed_at_any_write_of_a_refresh_a_program_loses_nothing(test: TestDatabase) {
        let test = Authorised::new(test).await;
        let state = tempfile::tempdir().unwrap();
        for stop in [Stop::BeforeIntent, Stop::AfterIntent, Stop::AfterAnswer, Stop::AfterCommit] {
            test.after_end().await;
            let mut process = Process::start(&test, stop, 1, state.path()).await;
            process.go_until_it_stops().await;
            process.kill();
            test.database.clock.advance(TimeDelta::minutes(1));

            let next = next_program(&test, state.path()).await;
            assert_lives(&test, &next, state.path()).await;
            next.drain().await;
        }
        assert_eq!(renewals(&test.row().await), 4);
    }

    async fn a_sender_that_died_costs_no_grant_where_the_platform_answers_no_refresh_twice(test: TestDatabase) {
        let test = Authorised::before_login(test, "temu").await;
        test.tokens.login_code(&test.shop, SecretString::from(format!("code-{SELLER}"))).await.unwrap();
        test.before_end(TimeDelta::minutes(20)).await;
        let now = test.database.clock.now();
        let intent = Intent {
            attempt: Attempt { id: "of the dead".to_owned(), refresh_hash: "hash".to_owned(), at: now },
            condition: Condition::Refreshing,
            owner: "there:1:1:there".to_owned(),
            lease: TimeDelta::seconds(30),
            pauses_until: now,
        };
        let claim = test.row().await.claim();
        assert!(test.grants().begin(&claim, &intent).await.unwrap().is_some());
        test.end_leases().await;

        assert!(test.access().await.is_ok(), "the old token still works");
        assert_eq!(test.gateway.refresh_calls(), 0, "and nothing is risked while it does");
        test.after_end().await;
        assert_eq!(clear(&test.another_program().await.access(&test.shop).await.unwrap()), test.gateway.access());
        assert_eq!((renewals(&test.row().await), test.gateway.spent_calls()), (1, 0));
    }

    async fn a_lease_that_a_clock_hours_ahead_wrote_down_holds_no_one_up(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        let ahead = test.database.clock.now() + TimeDelta::hours(8);
        let intent = Intent {
            attempt: Attempt { id: "ahead".to_owned(), refresh_hash: "hash".to_owned(), at: ahead },
            condition: Condition::Refreshing,
            owner: "there:1:1:there".to_owned(),
            lease: TimeDelta::hours(8),
            pauses_until: ahead,
        };
        let claim = test.row().await.claim();
        assert!(test.grants().begin(&claim, &intent).await.unwrap().is_some());

        assert_eq!(clear(&test.access().await.unwrap()), test.gateway.access());
        assert_eq!((test.gateway.refresh_calls(), test.gateway.spent_calls()), (1, 0));
    }
}
