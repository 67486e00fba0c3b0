//! Times that cannot be: update times ahead of the platform's own clock, and clocks that disagree. The former through a
//! gateway in front of the sandbox that changes what it lets through.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::header::DATE;
use axum::response::IntoResponse;
use chrono::{DateTime, TimeDelta, Utc};
use regex::{Captures, Regex};
use serde_json::Value;
use shopsync::clock::Clock;
use shopsync::domain::record::{Lane, Record};
use shopsync::domain::window::Window;
use shopsync::jobs::daemon::task::Task;
use shopsync::platform::rate::Priority;
use shopsync::platform::retry::{CallContext, RetryPolicy};
use shopsync::platform::{AppSettings, Application, PageQuery, PlatformError, Range, Rejection, profile};
use shopsync::sandbox::{SandboxSettings, World};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::platform::answers::{access, now};
use crate::support::app_settings::app_settings;
use crate::support::context::{ContextSettings, SHOPS, TestContext};
use crate::support::databases::{TestDatabase, both_databases};

both_databases! {
    async fn an_update_time_ahead_of_the_platforms_clock_blocks_no_later_state(database: TestDatabase) {
        let mut test = TestContext::new(database, ContextSettings {
            sandbox: SandboxSettings { orders: 4, history: TimeDelta::hours(20), ..SandboxSettings::default() },
            ..ContextSettings::default()
        }).await;
        let fronts = [
            Front::before(test.sandbox.temu_gateway()).await,
            Front::before(test.sandbox.xiaohongshu_gateway()).await,
        ];
        for front in &fronts {
            test.edit_config(&front.behind, &front.address).await;
        }

        for ahead in [TimeDelta::minutes(20), TimeDelta::hours(8), TimeDelta::days(40)] {
            let mut numbers = Vec::new();
            for (front, (name, platform, index)) in fronts.iter().zip(SHOPS) {
                let number = test.sandbox.world().with(|world| world.create_order(platform, index));
                test.settle();
                front.shift(ahead);
                test.sync(name).await;
                front.shift(TimeDelta::zero());
                let latest = text_of(test.clock.now() + TimeDelta::minutes(5));
                let late = format!("SELECT number FROM orders WHERE updated_at > '{latest}'");
                assert_eq!(test.database.query(&late).await.len(), 0, "{name} {ahead}");
                numbers.push(number);
            }
            for (number, (name, platform, index)) in numbers.iter().zip(SHOPS) {
                test.sandbox.world().with(|world| world.advance_status(platform, index, number));
                test.settle();
                test.sync(name).await;
                assert_is_true(&test, name, number, "shifted once").await;
            }
        }
    }

    async fn a_later_reading_with_a_possible_time_replaces_one_whose_time_was_impossible(database: TestDatabase) {
        let test = TestContext::new(database, ContextSettings {
            sandbox: SandboxSettings { orders: 40, history: TimeDelta::hours(20), ..SandboxSettings::default() },
            ..ContextSettings::default()
        }).await;
        for fault in ["time-ahead:86400", "time-old"] {
            test.sandbox.world().with(|world| world.add_fault(fault.parse().unwrap()));
            for (name, ..) in SHOPS {
                test.run_task(name, Record::Orders, Lane::Create, Task::Full).await.unwrap();
                let assumed = format!("SELECT number FROM orders WHERE shop = '{name}' AND list_hash = ''");
                assert_ne!(test.database.query(&assumed).await.len(), 0, "{fault} strikes {name}");
            }
            test.sandbox.world().with(World::clear_faults);
            // Nothing has changed since, so the true times lie before that reading.
            test.settle();
            for (name, ..) in SHOPS {
                test.run_task(name, Record::Orders, Lane::Create, Task::Full).await.unwrap();
            }
            test.assert_equals_truth().await;
        }
    }

    async fn a_row_that_was_stored_with_a_time_to_come_gives_way_to_the_next_reading(database: TestDatabase) {
        let test = TestContext::new(database, ContextSettings {
            sandbox: SandboxSettings { orders: 4, history: TimeDelta::hours(20), ..SandboxSettings::default() },
            ..ContextSettings::default()
        }).await;
        for (name, platform, index) in SHOPS {
            let number = test.sandbox.world().with(|world| world.create_order(platform, index));
            test.settle();
            test.sync(name).await;
            let ahead = text_of(test.clock.now() + TimeDelta::hours(20));
            test.database.execute(&format!("UPDATE orders SET updated_at = '{ahead}' WHERE number = '{number}'")).await;

            test.sandbox.world().with(|world| world.advance_status(platform, index, &number));
            test.settle();
            test.sync(name).await;

            assert_is_true(&test, name, &number, "stored by an older version").await;
        }
    }
}

fn text_of(at: DateTime<Utc>) -> String {
    format!("{}", at.format("%Y-%m-%d %H:%M:%S%.3f"))
}

async fn assert_is_true(test: &TestContext, name: &str, number: &str, why: &str) {
    let differences = test.differences(name).await;
    let of_number: Vec<_> = differences.iter().filter(|line| line.contains(number)).collect();
    assert!(of_number.is_empty(), "{name} {why}: {of_number:?}");
}

/// Stands before a gateway and moves all update times that it lets through.
struct Front {
    behind: String,
    address: String,
    shift: Arc<Mutex<TimeDelta>>,
}

impl Front {
    async fn before(gateway: impl ToString) -> Self {
        let (behind, shift) = (gateway.to_string(), Arc::new(Mutex::new(TimeDelta::zero())));
        let (target, current) = (behind.clone(), shift.clone());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let reply = async move |body: String| {
            let request = client.post(&target).header("content-type", "application/json").body(body);
            let answer = request.send().await.unwrap();
            let date = answer.headers()[DATE].clone();
            let text = answer.text().await.unwrap();
            let shift = *current.lock().unwrap();
            ([(DATE, date)], shifted(&text, shift))
        };
        let router = Router::new().fallback(reply);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/router", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { behind, address, shift }
    }

    fn shift(&self, by: TimeDelta) {
        *self.shift.lock().unwrap() = by;
    }
}

/// Seconds or milliseconds, as they are written.
fn shifted(text: &str, by: TimeDelta) -> String {
    let times = Regex::new(r#""updateTime":(\d+)"#).unwrap();
    let moved = |found: &Captures<'_>| {
        let time: i64 = found[1].parse().unwrap();
        let by = if time > 100_000_000_000 { by.num_milliseconds() } else { by.num_seconds() };
        format!("\"updateTime\":{}", time + by)
    };
    times.replace_all(text, moved).into_owned()
}

/// How far the platform's clock and its `Date` header are ahead of our clock.
#[derive(Clone, Copy)]
struct Clocks {
    platform: TimeDelta,
    header: TimeDelta,
}

/// A platform that refuses timestamps more than five minutes off its clock, and counts them.
async fn strict_platform(clocks: Arc<Mutex<(Clocks, u32)>>) -> String {
    let reply = async move |body: String| {
        let sent: Value = serde_json::from_str(&body).unwrap();
        let timestamp =
            sent["timestamp"].as_i64().or_else(|| sent["timestamp"].as_str()?.parse().ok()).unwrap();
        let mut clocks = clocks.lock().unwrap();
        let Clocks { platform, header } = clocks.0;
        let is_refused = ((now() + platform).timestamp() - timestamp).abs() > 300;
        clocks.1 += u32::from(is_refused);
        let answer = if is_refused {
            r#"{"success":false,"errorCode":3000010,"error_code":-1,"errorMsg":"timestamp expired"}"#
        } else {
            r#"{"success":true,"errorCode":1000000,"error_code":0,"result":{},"data":{}}"#
        };
        let answer = if sent["type"].is_string() {
            answer.replace(r#""error_code":-1,"#, "")
        } else {
            answer.replace(r#""errorCode":3000010,"#, "").replace(r#""errorCode":1000000,"#, "")
        };
        let date = (now() + header).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        ([(DATE, date)], answer).into_response()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/router", listener.local_addr().unwrap());
    let router = Router::new().fallback(reply);
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

#[tokio::test]
async fn whichever_of_header_and_own_clock_the_platform_goes_by_is_found_kept_and_changed_again() {
    let (zero, hour) = (TimeDelta::zero(), TimeDelta::hours(1));
    for name in ["temu", "xiaohongshu"] {
        let same = Clocks { platform: zero, header: zero };
        let state = Arc::new(Mutex::new((same, 0)));
        let address = strict_platform(state.clone()).await;
        let zone = if name == "temu" { "us" } else { "" };
        let settings = AppSettings { zone: zone.to_owned(), ..app_settings(&address, &Clock::manual(now())) };
        let client = (profile(name).unwrap().connect)(settings).unwrap();
        let policy =
            RetryPolicy { attempts_max: 4, backoff_min: Duration::ZERO, backoff_max: Duration::ZERO };
        let application = Application::new("app".to_owned(), client, 1000.0, policy);
        for (clocks, is_header_wrong) in [
            (same, false),
            (Clocks { platform: zero, header: hour }, true),
            (Clocks { platform: hour, header: hour }, false),
            (Clocks { platform: zero, header: -hour }, true),
            (same, false),
            (Clocks { platform: -hour, header: -hour }, false),
            (Clocks { platform: zero, header: hour }, true),
        ] {
            *state.lock().unwrap() = (clocks, 0);
            for call in 0..8 {
                let answer = first_page(&application).await;
                assert!(answer.is_ok(), "{name} {} {} {call}: {answer:?}", clocks.platform, clocks.header);
            }
            let refused = state.lock().unwrap().1;
            assert!(refused <= 4, "{name} {} {}: {refused}", clocks.platform, clocks.header);
            let distrusted = application.platform().skew().distrusted();
            assert_eq!(distrusted.is_some(), is_header_wrong, "{name}: {distrusted:?}");
        }
        // Neither is right.
        *state.lock().unwrap() = (Clocks { platform: hour * 9, header: hour }, 0);
        let error = first_page(&application).await.unwrap_err();
        assert!(matches!(error, PlatformError::Rejected { why: Rejection::Clock, .. }), "{error}");
    }
}

async fn first_page(application: &Application) -> Result<(), PlatformError> {
    let context = CallContext {
        priority: Priority::Update,
        calls: Arc::default(),
        cancel: CancellationToken::new(),
        patience: None,
    };
    let window = Window::new(now() - TimeDelta::minutes(10), now()).unwrap();
    let range = Range::Window { lane: Lane::Update, window, status: None };
    let query = PageQuery { range, page: 1, page_size: 100 };
    let access = access();
    let orders = application.platform().source(Record::Orders).unwrap();
    application.call(&context, || orders.page(&access, &query)).await.map(drop)
}
