//! No token stands anywhere in clear, and what is sealed opens in its own place alone.
//!
//! The modes of files are tested with the files: `auth_survival`, and the tests beside the key file.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use secrecy::SecretString;
use shopsync::auth::AuthError;
use shopsync::auth::store::json;

use crate::auth::context::{Authorised, ExitCode as _, key};
use crate::auth::gateway::{CANARY, Fault, SELLER};
use crate::support::databases::{TestDatabase, both_databases};

both_databases! {
    async fn no_token_is_ever_stored_in_clear(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        test.access().await.unwrap();
        let row = json::write(&test.row().await);
        assert!(row.contains("v1:"), "sealed texts are there: {}", *row);
        assert!(test.gateway.access().contains(CANARY) && !row.contains(CANARY), "{}", *row);
        if let Some(file) = test.database.store.sqlite_file() {
            for file in [file.clone(), file.with_extension("db-wal")] {
                let bytes = std::fs::read(&file).unwrap_or_default();
                let found = bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
                assert!(!found, "{}", file.display());
            }
        }
    }

    async fn another_key_opens_nothing_and_overwrites_nothing(test: TestDatabase) {
        let test = Authorised::new(test).await;
        let before = test.row().await;
        let stranger = test.another_with(&key(2)).await;

        let errors = [
            stranger.access(&test.shop).await.map(drop).err().unwrap(),
            stranger.refresh_now(&test.shop).await.map(drop).err().unwrap(),
            stranger.login_code(&test.shop, SecretString::from(format!("code-{SELLER}"))).await.map(drop).err().unwrap(),
        ];

        for error in errors {
            assert!(matches!(error, AuthError::Seal { .. }), "{error}");
            assert_eq!(error.exit_code(), 78);
        }
        assert_eq!(test.row().await, before);
        assert_eq!(test.gateway.refresh_calls(), 0);
    }

    async fn sealed_tokens_of_one_shop_do_not_open_for_another(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.database.execute("UPDATE shops SET id = 'another'").await;
        let error = test.another_program().await.access(&test.shop).await.err().unwrap();
        assert_eq!(error.exit_code(), 78, "{error}");
    }

    async fn an_older_generation_does_not_open_in_a_newer_row(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.database.execute("UPDATE credentials SET version = 2").await;
        let error = test.another_program().await.access(&test.shop).await.err().unwrap();
        assert_eq!(error.exit_code(), 78, "{error}");
    }
}

/// Said to the process that has a log of its own.
const ALONE: &str = "SHOPSYNC_TEST_ALONE";

/// In a process of its own: beside the listener of other tests, this one would be told of the ends of spans it never saw.
#[tokio::test]
async fn no_line_of_any_log_holds_a_token_and_each_event_is_reported_once() {
    if std::env::var_os(ALONE).is_some() {
        return watch_the_log().await;
    }
    let name = "auth::properties::sealed::no_line_of_any_log_holds_a_token_and_each_event_is_reported_once";
    let ended = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name])
        .env(ALONE, "1")
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && said.contains("1 passed"), "{said}");
}

async fn watch_the_log() {
    let log = Log::default();
    let lines = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || lines.clone())
        .finish();
    // A runtime of one thread, so that what is spawned logs here too.
    let _guard = tracing::subscriber::set_default(subscriber);

    let test = Authorised::new(TestDatabase::sqlite().await).await;
    test.after_end().await;
    test.access().await.unwrap();
    test.after_end().await;
    test.gateway.next(&[Fault::Throttled, Fault::Refused]);
    let throttled = test.access().await.err().unwrap();
    test.database.clock.advance(TimeDelta::minutes(1));
    let refused = test.access().await.err().unwrap();
    let again = test.access().await.err().unwrap();

    let text = log.text();
    assert!(!text.contains(CANARY), "{text}");
    assert!(!format!("{throttled:?} {refused:?} {again:?}").contains(CANARY));
    for event in ["token.refreshed", "token.refresh_failed", "token.needs_owner"] {
        assert_eq!(text.matches(event).count(), 1, "{event} in {text}");
    }
}

/// What was logged, shared with the subscriber.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
