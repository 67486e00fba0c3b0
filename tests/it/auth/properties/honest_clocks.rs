//! Whatever an answer says of a token's end, and however the clock is set: no panic, no eternal token, no storm of calls.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::DATE;
use axum::http::{HeaderName, Uri};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use shopsync::auth::{AuthError, Keyring, TokenInput, Tokens};
use shopsync::clock::Clock;
use shopsync::domain::shop::Shop;
use shopsync::platform::retry::RetryPolicy;
use shopsync::platform::{Application, profile};
use shopsync::store::Store;

use crate::auth::context::{Authorised, clear, key, program, refused};
use crate::auth::gateway::Fault;
use crate::auth::process::NOWHERE;
use crate::store::shops::shop;
use crate::support::app_settings::app_settings;
use crate::support::databases::{TestDatabase, both_databases};

/// A platform that says of the end of its tokens whatever it is told to say.
#[derive(Clone)]
struct Teller {
    clock: Clock,
    said: Arc<Mutex<Said>>,
}

struct Said {
    /// JSON of the end, or of the life.
    end: String,
    calls: usize,
}

impl Teller {
    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let router = Router::new().fallback(tell).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }
}

async fn tell(State(teller): State<Teller>, address: Uri) -> ([(HeaderName, String); 1], String) {
    let date = teller.clock.now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    ([(DATE, date)], teller.answer(&address))
}

impl Teller {
    fn answer(&self, address: &Uri) -> String {
        if address.path().ends_with("/user/info") {
            return r#"{"state":true,"code":0,"data":{"user_id":"7","user_name":"seven"}}"#.to_owned();
        }
        let mut said = self.said.lock().unwrap();
        said.calls += 1;
        let (number, end) = (said.calls, &said.end);
        if address.path().ends_with("/refreshToken") {
            return format!(
                r#"{{"state":1,"code":0,"data":{{"access_token":"access-{number}","refresh_token":"refresh-{number}",
               "expires_in":{end}}}}}"#
            );
        }
        format!(
            r#"{{"success":true,"error_code":0,"data":{{"accessToken":"access-{number}","refreshToken":"refresh-{number}",
           "accessTokenExpiresAt":{end},"refreshTokenExpiresAt":{end},"sellerId":"seven","sellerName":"seven","total":0,"orderList":[]}}}}"#
        )
    }
}

/// The program on a platform's own client.
async fn keeping(database: &TestDatabase, platform: &'static str, teller: &Teller) -> (Tokens, Shop) {
    let shop = Shop { platform, ..shop("acme") };
    database.store.shops().register(std::slice::from_ref(&shop)).await.unwrap();
    let settings = app_settings(&teller.start().await, &database.clock);
    let client = (profile(platform).unwrap().connect)(settings);
    let policy = RetryPolicy { attempts_max: 1, backoff_min: Duration::ZERO, backoff_max: Duration::ZERO };
    let application = Application::new("app".to_owned(), client.unwrap(), 1000.0, policy);
    let applications = Arc::new(BTreeMap::from([("app".to_owned(), Arc::new(application))]));
    let tokens = Tokens::new(
        database.store.clone(),
        applications,
        Keyring::parse(&key(1)).unwrap(),
        database.clock.clone(),
    );
    (tokens, shop)
}

async fn ends_at(database: &TestDatabase) -> DateTime<Utc> {
    database.store.grants().get("acme").await.unwrap().unwrap().tokens.access_ends_at
}

/// Renews once for each of these, always with no valid token left, and expects that life.
async fn assert_lives(platform: &'static str, database: TestDatabase, told: &[(&str, TimeDelta)]) {
    let said = Said { end: "null".to_owned(), calls: 0 };
    let teller = Teller { clock: database.clock.clone(), said: Arc::new(Mutex::new(said)) };
    let (tokens, shop) = keeping(&database, platform, &teller).await;
    let given = r#"{"access_token":"access-0","refresh_token":"refresh-0","expires_in":7200}"#;
    tokens.set(&shop, TokenInput::parse(&SecretString::from(given)).unwrap()).await.unwrap();
    for (text, life) in told {
        database.clock.set(ends_at(&database).await + TimeDelta::hours(1));
        let now = database.clock.now();
        let calls = {
            let mut said = teller.said.lock().unwrap();
            said.end = text.replace("WEEK_MS", &(now + TimeDelta::days(7)).timestamp_millis().to_string());
            said.end = said.end.replace("WEEK_S", &(now + TimeDelta::days(7)).timestamp().to_string());
            said.calls
        };

        for _ in 0..5 {
            tokens.access(&shop).await.unwrap_or_else(|error| panic!("{platform} {text}: {error}"));
            tokens.refused(&shop, 0, &refused()).await.unwrap();
        }

        assert_eq!(ends_at(&database).await - now, *life, "{platform} {text}");
        assert_eq!(teller.said.lock().unwrap().calls, calls + 1, "{platform} {text}");
    }
}

both_databases! {
    async fn a_life_in_seconds_is_believed_within_reason(test: TestDatabase) {
        let assumed = TimeDelta::hours(2);
        assert_lives("115", test, &[
            ("7200", TimeDelta::hours(2)), ("2592000", TimeDelta::days(30)), ("\"2592000\"", TimeDelta::days(30)),
            ("3600.7", TimeDelta::hours(1)), ("2592000000", assumed), ("0", assumed), ("-1", assumed),
            ("null", assumed), ("\"soon\"", assumed), ("1e300", assumed), ("9223372036854775807", assumed),
            ("99999999999999999999999999", assumed), ("{}", assumed), ("true", assumed),
        ]).await;
    }

    async fn an_end_in_milliseconds_is_believed_within_reason(test: TestDatabase) {
        let week = TimeDelta::days(7);
        assert_lives("xiaohongshu", test, &[
            ("WEEK_MS", week), ("\"WEEK_MS\"", week), ("WEEK_S", week), ("0", week), ("-1", week), ("null", week),
            ("9223372036854775807", week), ("4102444799000", TimeDelta::days(60)), ("1000", week),
        ]).await;
    }

    async fn a_clock_that_steps_by_an_hour_makes_no_storm_and_no_one_is_left_without_a_token(test: TestDatabase) {
        const HOURS: i64 = 21 * 24;
        let test = Authorised::new(test).await;
        let ours = Clock::manual(test.database.clock.now());
        let store = Store::connect(&test.database.settings, ours.clone()).await.unwrap();
        let grants = Arc::new(store.clone());
        let tokens = program(store, grants, &ours, &test.gateway.address, Path::new(NOWHERE));
        let mut random = fastrand::Rng::with_seed(8);
        for hour in 0..HOURS {
            test.database.clock.advance(TimeDelta::hours(1));
            ours.set(test.database.clock.now() + TimeDelta::minutes(random.i64(-60..=60)));

            let mut access = tokens.access(&test.shop).await.unwrap_or_else(|error| panic!("hour {hour}: {error}"));
            let row = test.row().await;
            let is_old = clear(&access) != test.gateway.access();
            if is_old || row.tokens.access_ends_at <= test.database.clock.now() {
                access = tokens.refused(&test.shop, access.generation, &refused()).await.unwrap();
            }
            assert_eq!(clear(&access), test.gateway.access(), "hour {hour}");
        }
        let calls = test.gateway.refresh_calls();
        assert!((3..=4).contains(&calls), "{calls} in three weeks");
        assert_eq!(test.gateway.spent_calls(), 0);
    }

    async fn what_was_read_by_a_clock_an_hour_ahead_is_read_again(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.database.clock.advance(TimeDelta::hours(1));
        test.access().await.unwrap();
        test.database.clock.advance(-TimeDelta::hours(1));

        test.another_program().await.refresh_now(&test.shop).await.unwrap();

        assert_eq!(clear(&test.access().await.unwrap()), test.gateway.access());
    }

    async fn a_pause_that_a_clock_an_hour_ahead_wrote_down_ends_in_minutes(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        test.database.clock.advance(TimeDelta::hours(1));
        test.gateway.next(&[Fault::Throttled]);
        let error = test.access().await.err().unwrap();
        assert!(matches!(error, AuthError::Later { .. }), "{error}");

        test.database.clock.advance(-TimeDelta::hours(1));
        assert_eq!(clear(&test.access().await.unwrap()), test.gateway.access());
        assert_eq!(test.gateway.refresh_calls(), 2);
    }
}
