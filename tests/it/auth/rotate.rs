//! A new key while programs run: none of them fails, nothing is lost, and the old key is needed by nothing in the end.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use shopsync::auth::keys::rotation::add_key;
use shopsync::auth::keys::seal::{Field, Place};
use shopsync::auth::{AuthError, KeyPlaces, Keyring, Tokens};
use shopsync::clock::Clock;
use shopsync::domain::credential::{Orphan, SealedTokens};
use shopsync::sandbox::{Platform, Sandbox, SandboxSettings};
use tempfile::TempDir;

use crate::auth::context::{Authorised, clear, key};
use crate::auth::gateway::Fault;
use crate::support::databases::{TestDatabase, both_databases};
use crate::support::program::Program;

/// A folder with a key file that holds the key of [`Authorised`].
struct KeyFile {
    folder: TempDir,
}

impl KeyFile {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = Self { folder };
        file.write(&key(1));
        file
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("shopsync.key")
    }

    fn write(&self, text: &str) {
        std::fs::write(self.path(), text).unwrap();
    }

    fn keyring(&self) -> Keyring {
        let places = KeyPlaces {
            credentials: None,
            key_file: Some(self.path()),
            beside: self.folder.path().to_owned(),
        };
        places.load(&BTreeSet::new()).unwrap().keyring
    }

    /// What a keyring of the first line alone would be: the old keys are taken out.
    fn only_new(&self) -> Keyring {
        let text = std::fs::read_to_string(self.path()).unwrap();
        Keyring::parse(text.lines().next().unwrap()).unwrap()
    }
}

/// A pair that was left over under the old key.
async fn keep_orphan(test: &Authorised, keyring: &Keyring) -> String {
    let shop_id = test.database.store.shops().get("acme").await.unwrap().unwrap().id;
    let row = test.row().await;
    let place = |field| Place { shop_id: &shop_id, field, generation: row.version };
    let seal = |text: &str, field| Some(keyring.seal(&SecretString::from(text), &place(field)).unwrap());
    let orphan = Orphan {
        shop: "acme".to_owned(),
        version: row.version,
        tokens: SealedTokens {
            access_sealed: seal("orphan-access", Field::Access),
            refresh_sealed: seal("orphan-refresh", Field::Refresh),
            key_id: keyring.active_id(),
            ..row.tokens
        },
        attempt: "lost".to_owned(),
    };
    test.database.store.orphans().keep(&orphan).await.unwrap();
    shop_id
}

fn rotate(program: &Tokens, file: &KeyFile) -> String {
    let key_id = add_key(&file.path()).unwrap();
    program.adopt_key(&key_id).unwrap();
    key_id
}

both_databases! {
    async fn grants_and_orphans_are_sealed_again_while_a_program_works_with_them(test: TestDatabase) {
        let test = Authorised::new(test).await;
        let file = KeyFile::new();
        let daemon = test.another_with_keyring(file.keyring()).await;
        test.after_end().await;
        daemon.access(&test.shop).await.unwrap();
        let shop_id = keep_orphan(&test, &file.keyring()).await;
        let rotator = test.another_with_keyring(file.keyring()).await;

        let new = rotate(&rotator, &file);
        let resealed = rotator.reseal_all().await.unwrap();

        assert_eq!((resealed.changed, resealed.left.len()), (2, 0));
        assert!(rotator.other_keys_in_use().await.unwrap().is_empty());
        let row = test.row().await;
        assert_eq!((row.version, row.tokens.key_id.as_str()), (2, new.as_str()));
        let only_new = test.another_with_keyring(file.only_new()).await;
        assert_eq!(clear(&only_new.access(&test.shop).await.unwrap()), test.gateway.access());
        let orphan = test.database.store.orphans().of_shop("acme").await.unwrap().remove(0);
        let place = Place { shop_id: &shop_id, field: Field::Refresh, generation: orphan.version };
        assert!(file.only_new().open(orphan.tokens.refresh_sealed.as_ref().unwrap(), &place).is_ok());
        let previous = Place { field: Field::PreviousRefresh, generation: row.version, ..place };
        assert!(file.only_new().open(row.previous_refresh_sealed.as_ref().unwrap(), &previous).is_ok());

        // The daemon was never told; it meets the new key when it next reads the row.
        test.after_end().await;
        assert_eq!(clear(&daemon.access(&test.shop).await.unwrap()), test.gateway.access());
        assert_eq!(test.row().await.tokens.key_id, new);
        assert_eq!((test.gateway.refresh_calls(), test.gateway.spent_calls()), (2, 0));
    }

    async fn a_refresh_under_way_is_waited_for_and_what_it_brings_is_sealed_again(test: TestDatabase) {
        let test = Authorised::new(test).await;
        let file = KeyFile::new();
        let daemon = test.another_with_keyring(file.keyring()).await;
        let rotator = test.another_with_keyring(file.keyring()).await;
        test.after_end().await;
        test.gateway.next(&[Fault::Held]);
        let refreshing = tokio::spawn({
            let (daemon, shop) = (daemon.clone(), test.shop.clone());
            async move { daemon.access(&shop).await.map(|access| clear(&access).to_owned()) }
        });
        test.gateway.until_refresh_call(1).await;

        let new = rotate(&rotator, &file);
        let rotating = tokio::spawn({
            let rotator = rotator.clone();
            async move { rotator.reseal_all().await.unwrap() }
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!rotating.is_finished(), "the row is left alone while its right is taken");
        test.gateway.release();

        assert_eq!(refreshing.await.unwrap().unwrap(), test.gateway.access());
        let resealed = rotating.await.unwrap();
        assert_eq!((resealed.changed, resealed.left.len()), (1, 0));
        let row = test.row().await;
        assert_eq!((row.version, row.tokens.key_id), (2, new));
        assert_eq!((test.gateway.refresh_calls(), test.gateway.spent_calls()), (1, 0));
    }

    async fn a_rotation_that_was_broken_off_is_finished_by_the_next(test: TestDatabase) {
        let test = Authorised::new(test).await;
        let file = KeyFile::new();
        let new = add_key(&file.path()).unwrap();

        let rotator = test.another_with_keyring(file.keyring()).await;
        assert_eq!(rotator.other_keys_in_use().await.unwrap().len(), 1);
        assert_eq!(rotator.reseal_all().await.unwrap().changed, 1);
        assert_eq!(rotator.reseal_all().await.unwrap().changed, 0, "there is nothing left to do");

        assert_eq!(test.row().await.tokens.key_id, new);
        assert!(rotator.access(&test.shop).await.is_ok());
    }

    async fn what_no_key_opens_is_reported_and_left_as_it_is(test: TestDatabase) {
        let test = Authorised::new(test).await;
        let file = KeyFile::new();
        let before = test.row().await;
        keep_orphan(&test, &file.keyring()).await;
        let stranger = test.another_with(&key(2)).await;

        let resealed = stranger.reseal_all().await.unwrap();

        assert_eq!((resealed.changed, resealed.left.len()), (0, 2));
        for (shop, error) in &resealed.left {
            assert!(shop == "acme" && matches!(error, AuthError::Seal { .. }), "{error}");
        }
        assert_eq!(test.row().await, before);
        let orphan = test.database.store.orphans().of_shop("acme").await.unwrap().remove(0);
        assert_eq!(orphan.tokens.key_id, file.keyring().active_id());
    }

    async fn a_daemon_goes_on_while_its_key_is_rotated_and_the_old_one_taken_out(database: TestDatabase) {
        let sandbox = sandbox().await;
        let often = "[jobs.orders]\nevery = \"10s\"\n";
        let program = Program::with(&sandbox, database.settings.url.expose_secret(), often);
        program.authorise_all(&sandbox).await;
        let first = key_of(&database).await;
        let mut daemon = program.start(&["run"]);

        let told = program.finish(&["auth", "rotate-key"]).await;
        let second = key_of(&database).await;
        assert!(first != second && told.contains(&second) && told.contains(&format!("unused        {first}")), "{told}");
        sandbox.world().with(|world| world.expire_access(Platform::Xiaohongshu, 0));
        renewed(&database).await;
        assert_eq!(key_of(&database).await, second, "whoever renews a grant seals it with the new key");

        // What is called unused may really be taken out.
        let file = key_file(&database, &program);
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.lines().next().unwrap()).unwrap();
        program.finish(&["check"]).await;
        assert!(daemon.try_wait().unwrap().is_none(), "the daemon lives");
        daemon.kill().await.unwrap();
        assert!(sandbox.world().with(|world| world.violations()).is_empty());
        sandbox.stop().await;
    }

    async fn without_the_key_nothing_is_overwritten_and_no_new_one_is_made(database: TestDatabase) {
        let sandbox = sandbox().await;
        let program = Program::new(&sandbox, &database);
        program.authorise_all(&sandbox).await;
        // An orphan alone is reason enough.
        let orphans = "INSERT INTO credential_orphans (shop, version, access_sealed, kid, obtained_at, expires_at, attempt_id, found_at)
            SELECT shop, version, access_sealed, kid, obtained_at, expires_at, shop, obtained_at FROM credentials";
        database.execute(orphans).await;
        database.execute("DELETE FROM credentials WHERE shop = 'temu-shop'").await;
        let file = key_file(&database, &program);
        std::fs::remove_file(&file).unwrap();

        for words in [&["sync"][..], &["auth", "rotate-key"], &["auth", "status"]] {
            let said = program.fail(words, 78).await;
            assert!(said.contains(file.to_str().unwrap()), "{said}");
        }
        program.finish(&["auth", "clear", "xhs-shop"]).await;
        program.fail(&["sync"], 78).await;
        assert!(!file.exists(), "no new key while anything is sealed with the old one");
        program.finish(&["auth", "clear", "temu-shop"]).await;

        program.finish(&["auth", "status"]).await;
        assert!(file.exists());
        sandbox.stop().await;
    }
}

async fn sandbox() -> Sandbox {
    Sandbox::start(SandboxSettings { clock: Clock::system(), ..SandboxSettings::default() }).await.unwrap()
}

/// The one key that all grants are sealed with.
async fn key_of(database: &TestDatabase) -> String {
    let rows = database.query("SELECT DISTINCT kid FROM credentials").await;
    assert_eq!(rows.len(), 1);
    rows[0].try_get_by_index(0).unwrap()
}

fn key_file(database: &TestDatabase, program: &Program) -> PathBuf {
    let folder = match database.store.sqlite_file() {
        Some(file) => file.parent().unwrap().to_owned(),
        None => program.folder.path().to_owned(),
    };
    folder.join("shopsync.key")
}

/// Waits until the daemon has renewed the shop's first grant.
async fn renewed(database: &TestDatabase) {
    for _ in 0..600 {
        if database.store.grants().get("xhs-shop").await.unwrap().unwrap().version > 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the grant was never renewed");
}
