//! A refresh token whose answer was lost is sent once more where the platform allows it, and else never.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;
use secrecy::SecretString;
use shopsync::auth::AuthError;
use shopsync::auth::policy::OwnerReason;
use shopsync::clock::Clock;
use shopsync::domain::credential::Condition;
use shopsync::platform::{AppSettings, PlatformError, profile};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::auth::context::{Authorised, ExitCode as _, clear, program, renewals};
use crate::auth::gateway::Fault;
use crate::auth::process::NOWHERE;
use crate::support::app_settings::app_settings;
use crate::support::databases::{TestDatabase, both_databases};

const TOKEN: &str = "refresh-of-the-test";

/// Reads each call to its end, answers it with `reply`, and closes. Its address, and how often it was called.
async fn gateway(reply: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    tokio::spawn(async move {
        loop {
            let (mut caller, _) = listener.accept().await.unwrap();
            let mut call = Vec::new();
            let mut part = [0; 4096];
            while !call.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes()) {
                match caller.read(&mut part).await.unwrap() {
                    0 => break,
                    length => call.extend_from_slice(&part[..length]),
                }
            }
            counted.fetch_add(1, Ordering::SeqCst);
            caller.write_all(reply.as_bytes()).await.unwrap();
        }
    });
    (address, calls)
}

#[tokio::test]
async fn the_http_layer_sends_a_refresh_token_once_whatever_comes_back() {
    for platform in ["xiaohongshu", "115"] {
        for reply in [
            "",
            "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{",
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: /again\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 308 Permanent Redirect\r\nlocation: /again\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n",
        ] {
            let (address, calls) = gateway(reply).await;
            let client =
                (profile(platform).unwrap().connect)(app_settings(&address, &Clock::system())).unwrap();

            let error = client.refresh(&SecretString::from(TOKEN)).await.err().unwrap();

            let is_unknown = matches!(
                error,
                PlatformError::NoAnswer { .. }
                    | PlatformError::Unavailable { .. }
                    | PlatformError::Malformed { .. }
            );
            assert!(is_unknown, "{platform}, {reply:?}: {error:?}");
            assert_eq!(calls.load(Ordering::SeqCst), 1, "{platform}, {reply:?}");
        }
    }
}

/// What a proxy, a firewall or a captive portal says in a platform's place.
const PAGES: [&str; 8] = [
    "HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>",
    "HTTP/1.1 403 Forbidden\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>",
    "HTTP/1.1 405 Not Allowed\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>",
    "HTTP/1.1 504 Gateway Timeout\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>",
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 21\r\n\r\n{\"message\":\"blocked\"}",
];

#[tokio::test]
async fn a_page_in_front_of_a_platform_is_no_answer_of_the_platform() {
    for platform in ["xiaohongshu", "temu", "115"] {
        for page in PAGES {
            let (address, calls) = gateway(page).await;
            let settings = AppSettings {
                refresh_type: Some("bg.refresh".to_owned()),
                ..app_settings(&address, &Clock::system())
            };
            let client = (profile(platform).unwrap().connect)(settings).unwrap();

            let error = client.refresh(&SecretString::from(TOKEN)).await.err().unwrap();

            let is_page =
                matches!(error, PlatformError::Unavailable { .. } | PlatformError::NotFromPlatform { .. });
            assert!(is_page, "{platform}, {page:?}: {error:?}");
            assert_eq!(calls.load(Ordering::SeqCst), 1, "{platform}, {page:?}");
        }
    }
}

both_databases! {
    async fn a_refused_connection_uses_up_nothing_and_is_tried_again(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let nobody = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        let store = test.database.store.clone();
        let cut_off = program(store.clone(), Arc::new(store), &test.database.clock, &nobody, Path::new(NOWHERE));

        let error = cut_off.access(&test.shop).await.err().unwrap();
        assert_eq!(error.exit_code(), 75, "{error}");
        let row = test.row().await;
        assert_eq!((row.condition, row.trouble.unwrap().class.as_str()), (Condition::Active, "not_sent"));

        test.database.clock.set(row.not_before.unwrap());
        assert_eq!(clear(&test.access().await.unwrap()), test.gateway.access());
        assert_eq!((test.gateway.refresh_calls(), test.gateway.spent_calls()), (1, 0));
    }

    async fn a_lost_answer_is_requested_once_more_and_only_when_nothing_valid_is_left(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.before_end(TimeDelta::minutes(20)).await;
        test.gateway.next(&[Fault::AnswerLost]);

        assert!(test.access().await.is_ok(), "the old token is still valid");
        let row = test.settled(1).await;
        assert_eq!((row.version, row.condition), (1, Condition::Unknown));

        let program = test.another_program().await;
        test.before_end(TimeDelta::minutes(5)).await;
        assert!(program.access(&test.shop).await.is_ok());
        let error = program.refresh_now(&test.shop).await.err().unwrap();
        assert!(matches!(error, AuthError::Later { .. }), "not even for a person: {error}");
        assert_eq!(test.gateway.refresh_calls(), 1, "not while a valid token is left");

        test.after_end().await;
        for _ in 0..3 {
            let error = program.access(&test.shop).await.err().unwrap();
            assert!(
                matches!(error, AuthError::NeedsOwner { reason: OwnerReason::AnswerLost, .. }),
                "{error}"
            );
        }
        assert_eq!((test.gateway.refresh_calls(), test.gateway.spent_calls()), (2, 1));
    }

    async fn a_lost_call_that_the_platform_never_did_is_made_good(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.before_end(TimeDelta::minutes(20)).await;
        test.gateway.next(&[Fault::NotDone]);
        test.access().await.unwrap();
        test.settled(1).await;

        test.after_end().await;
        let program = test.another_program().await;
        let access = program.access(&test.shop).await.unwrap();

        assert_eq!(clear(&access), test.gateway.access());
        assert_eq!((renewals(&test.row().await), test.gateway.spent_calls()), (1, 0));
    }

    async fn an_answer_lost_twice_is_not_requested_again(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        test.gateway.next(&[Fault::NotDone, Fault::NotDone]);

        let first = test.access().await.err().unwrap();
        assert_eq!(first.exit_code(), 75, "{first}");
        test.database.clock.advance(TimeDelta::seconds(5));
        for _ in 0..3 {
            let error = test.access().await.err().unwrap();
            assert!(
                matches!(error, AuthError::NeedsOwner { reason: OwnerReason::AnswerLost, .. }),
                "{error}"
            );
        }

        assert_eq!(test.gateway.refresh_calls(), 2);
        assert!(test.row().await.tokens.refresh_sealed.is_some(), "tokens are never deleted");
    }
}
