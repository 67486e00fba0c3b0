//! `check`: is everything in place? One line each, with what to do where something is not.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use chrono::TimeDelta;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::output;
use crate::app::App;
use crate::auth::AuthError;
use crate::clock::Clock;
use crate::config::Loaded;
use crate::domain::record::{Lane, Record};
use crate::domain::shop::Shop;
use crate::domain::window::Window;
use crate::exit::{Exit, Failure};
use crate::jobs::run::chain;
use crate::jobs::schedule;
use crate::platform::rate::Priority;
use crate::platform::retry::CallContext;
use crate::platform::skew::SKEW_WORTH_TELLING;
use crate::platform::{PageQuery, PlatformError, Range};

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    /// Works, but somebody should look.
    Warning,
    Bad(Exit),
}

struct Line {
    subject: String,
    state: State,
    text: String,
}

impl Line {
    fn new(subject: impl Into<String>, state: State, text: impl Into<String>) -> Self {
        Self { subject: subject.into(), state, text: text.into() }
    }
}

pub(super) async fn run(loaded: Loaded, clock: Clock, offline: bool, as_json: bool) -> anyhow::Result<Exit> {
    let mut lines = config_lines(&loaded);
    lines.extend(schedule_lines(&loaded, &clock));
    if offline {
        let database = loaded.config.database_shown();
        lines.push(Line::new("database", State::Ok, format!("{database} (not opened: --offline)")));
    } else {
        match super::open_app(loaded, clock).await {
            Ok(app) => {
                lines.push(Line::new(
                    "database",
                    State::Ok,
                    format!("{} answers, schema up to date", app.store.describe()),
                ));
                super::signals::end_on_signals(&app.tokens)?;
                lines.extend(unsaved_line(&app));
                let app = Arc::new(app);
                for shop in &app.shops {
                    lines.push(shop_line(&app, shop).await);
                    lines.extend(record_lines(&app, shop));
                }
                app.tokens.drain().await;
            }
            Err(error) => {
                lines.push(Line::new("database", State::Bad(Exit::of_error(&error)), format!("{error:#}")));
            }
        }
    }
    print(&lines, as_json)?;
    conclude(&lines)
}

fn config_lines(loaded: &Loaded) -> Vec<Line> {
    let file = loaded.path.as_ref().map_or_else(
        || "no config.toml found; the built-in defaults apply".to_owned(),
        |path| format!("{} loads", path.display()),
    );
    let mut lines = vec![Line::new("config", State::Ok, file)];
    lines.extend(loaded.warnings.iter().map(|warning| Line::new("config", State::Warning, warning)));
    if loaded.config.shops().is_empty() {
        lines.push(Line::new("shops", State::Warning, "none yet; add [apps.…] and [shops.…] to config.toml"));
    }
    lines
}

/// Tokens that wait in files for the store. `None`: all are where they belong.
fn unsaved_line(app: &App) -> Option<Line> {
    let count = app.tokens.unsaved();
    let text = format!("{count} pairs of new tokens are not stored; the log says where they wait and why");
    (count > 0).then(|| Line::new("tokens", State::Bad(Exit::Unavailable), text))
}

fn schedule_lines(loaded: &Loaded, clock: &Clock) -> Vec<Line> {
    let shops = loaded.config.shops();
    let records = shops.iter().flat_map(|shop| shop.records.iter().map(move |record| (shop, *record)));
    records.map(|(shop, record)| schedule_line(loaded, shop, record, clock)).collect()
}

fn schedule_line(loaded: &Loaded, shop: &Shop, record: Record, clock: &Clock) -> Line {
    let subject = format!("schedule {}", shop.name);
    match schedule::next_run(&loaded.config, shop, record, clock.now()) {
        Some(next) => {
            Line::new(subject, State::Ok, format!("next {record} run {} UTC", output::when(Some(next))))
        }
        None => Line::new(
            subject,
            State::Warning,
            format!("no enabled job covers its {record}; add its name to the `shops` of a [jobs.…] section"),
        ),
    }
}

/// What a shop does not have is told in words, or somebody waits for it.
fn record_lines(app: &App, shop: &Shop) -> Vec<Line> {
    let missing = Record::ALL.into_iter().filter(|record| !app.reads(shop, *record));
    let subject = format!("records {}", shop.name);
    missing
        .map(|record| {
            let (state, text) = if shop.records.contains(&record) {
                (State::Warning, format!("{record}: this version cannot copy them from this platform"))
            } else if app.has_record(shop, record) {
                (State::Ok, format!("{record}: not asked for by `records`"))
            } else {
                (State::Ok, format!("{record}: {} has none for this kind of shop", shop.platform))
            };
            Line::new(subject.clone(), state, text)
        })
        .collect()
}

/// One signed call: a page of orders of a past minute proves app, signature, token, grant and clock at once. Where
/// there are no orders, the cheapest call there is proves the token.
async fn shop_line(app: &App, shop: &Shop) -> Line {
    let subject = format!("shop {}", shop.name);
    let access = match app.tokens.access(shop).await {
        Ok(access) => access,
        Err(AuthError::NeverAuthorised { .. }) => {
            return Line::new(
                subject,
                State::Warning,
                format!("not authorised yet; `shopsync auth login {}`", shop.name),
            );
        }
        Err(error) => return Line::new(subject, State::Bad(Exit::of_auth(&error)), chain(&error)),
    };
    let Some(application) = app.applications.get(&shop.app) else {
        return Line::new(subject, State::Bad(Exit::BadConfig), format!("its app `{}` is missing", shop.app));
    };
    let context = CallContext {
        priority: Priority::Update,
        calls: Arc::new(AtomicU64::new(0)),
        cancel: CancellationToken::new(),
    };
    let platform = application.platform();
    let answer = match platform.source(Record::Orders).filter(|_| app.reads(shop, Record::Orders)) {
        Some(orders) => {
            let now = app.clock.now();
            let window = Window::new(now - TimeDelta::minutes(2), now - TimeDelta::minutes(1))
                .expect("a minute is a window");
            let range = Range::Window { lane: Lane::Update, window, status: None };
            let query = PageQuery { range, page: 1, page_size: 1 };
            application.call(&context, || orders.page(&access, &query)).await.map(drop)
        }
        None => application.call(&context, || platform.probe(&access)).await,
    };
    let skew = platform.skew().offset();
    match answer {
        Ok(()) if skew.abs() > SKEW_WORTH_TELLING => Line::new(
            subject,
            State::Warning,
            format!(
                "answers, but this server's clock is {} s off the platform's; set it right (NTP)",
                -skew.num_seconds()
            ),
        ),
        Ok(()) => Line::new(subject, State::Ok, "a signed call was answered"),
        Err(error) => {
            let code = Exit::of_platform(&error);
            Line::new(subject, State::Bad(code), with_remedy(&error, shop))
        }
    }
}

fn with_remedy(error: &PlatformError, shop: &Shop) -> String {
    let remedy = match error {
        PlatformError::Rejected { why, .. } => why.remedy().map(str::to_owned),
        PlatformError::TokenRefused { .. } => {
            Some(format!("authorise it again: `shopsync auth login {}`", shop.name))
        }
        PlatformError::NotGranted { .. } => Some(format!(
            "tick this API's package in the platform's console, then `shopsync auth login {}`",
            shop.name
        )),
        PlatformError::NotSent { .. } => {
            Some("check this server's network, DNS and the app's `proxy`".to_owned())
        }
        _ => None,
    };
    match remedy {
        Some(remedy) => format!("{}; {remedy}", chain(error)),
        None => chain(error),
    }
}

fn print(lines: &[Line], as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return output::json(
            &lines
                .iter()
                .map(|line| json!({ "subject": line.subject, "state": word(line.state), "text": line.text }))
                .collect(),
        );
    }
    for line in lines {
        output::line(format_args!("{:7}  {}: {}", word(line.state), line.subject, line.text))?;
    }
    Ok(())
}

fn word(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::Warning => "warning",
        State::Bad(_) => "FAILED",
    }
}

/// A check that found nothing wrong ends 0; several things wrong for one reason end with its code.
fn conclude(lines: &[Line]) -> anyhow::Result<Exit> {
    let bad: Vec<Exit> = lines
        .iter()
        .filter_map(|line| match line.state {
            State::Bad(code) => Some(code),
            State::Ok | State::Warning => None,
        })
        .collect();
    match Exit::of_shops(bad.iter().copied()) {
        Exit::Done => Ok(Exit::Done),
        code => {
            Err(Failure::new(code, format!("{} of {} checks failed; see above", bad.len(), lines.len()))
                .into())
        }
    }
}
