//! `check`: is everything in place? One line each, with what to do where something is not.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{chinese, missing, output};
use crate::app::App;
use crate::auth::AuthError;
use crate::auth::required_action::authorise_command;
use crate::clock::Clock;
use crate::config::Loaded;
use crate::domain::record::{Lane, Record};
use crate::domain::shop::Shop;
use crate::domain::window::Window;
use crate::exit::{Exit, Failure};
use crate::jobs::scheduler::schedule;
use crate::language::{Text, text};
use crate::platform::rate::Priority;
use crate::platform::retry::CallContext;
use crate::platform::skew::SKEW_WORTH_TELLING;
use crate::platform::{PageQuery, PlatformError, Range};
use crate::store::Store;

/// How long `check` looks for damage in a SQLite file: a few gigabytes.
const DAMAGE_LOOK_MAX: Duration = Duration::from_secs(10);

mod granted;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    /// Works, but needs a look.
    Warning,
    Bad(Exit),
}

struct Line {
    subject: Text,
    state: State,
    text: Text,
}

impl Line {
    fn new(subject: Text, state: State, text: Text) -> Self {
        Self { subject, state, text }
    }
}

pub(super) async fn run(
    mut loaded: Loaded,
    clock: Clock,
    offline: bool,
    as_json: bool,
) -> anyhow::Result<Exit> {
    let mut lines = config_lines(&loaded);
    lines.extend(schedule_lines(&loaded, &clock));
    let database = loaded.config.database_shown();
    let stand_in = missing::stand_in(&mut loaded)?;
    if !loaded.is_configured() {
        // There is nothing else to look at.
    } else if offline {
        let text = text!("{database} (not opened: --offline)", "{database}（未打开：--offline）");
        lines.push(Line::new(of_database(), State::Ok, text));
    } else {
        match super::open_app(loaded, clock).await {
            Ok(app) => {
                let text = if stand_in.is_some() {
                    missing::no_database(&database)
                } else {
                    let database = app.store.describe();
                    text!("{database} answers, schema up to date", "{database} 有应答，表结构是最新的")
                };
                lines.push(Line::new(of_database(), State::Ok, text));
                lines.extend(file_lines(&app.store).await);
                super::signals::end_on_signals(&app.tokens)?;
                lines.extend(unsaved_line(&app));
                let unknown = super::unknown_to_daemon(&app).await?;
                lines.extend(unknown.iter().map(|shop| {
                    Line::new(text!("daemon", "守护进程"), State::Warning, super::not_known(shop))
                }));
                let app = Arc::new(app);
                for shop in &app.shops {
                    lines.push(shop_line(&app, shop).await);
                    lines.extend(record_lines(&app, shop));
                    lines.extend(granted::lines(&app, shop).await?);
                }
                lines.extend(granted::shared_accounts(&app).await);
                app.tokens.drain().await;
            }
            Err(error) => {
                let text = Text { english: format!("{error:#}"), ..chinese::text_of(&*error) };
                lines.push(Line::new(of_database(), State::Bad(Exit::of_error(&error)), text));
            }
        }
    }
    print(&lines, as_json)?;
    conclude(&lines)
}

fn of_database() -> Text {
    text!("database", "数据库")
}

/// What is wrong with the file of a SQLite database, which may still answer.
async fn file_lines(store: &Store) -> Vec<Line> {
    let mut lines = Vec::new();
    let damage = match store.probe().damage(DAMAGE_LOOK_MAX).await {
        Ok(None) => None,
        Ok(Some(said)) => Some(Text::alike(said)),
        Err(error) => Some(chinese::text_of(&error)),
    };
    if let Some(said) = damage {
        let text = text!(
            "the file is damaged ({said}): stop shopsync, keep a copy of the file, and put a backup back; or save what can \
             be read with `sqlite3 FILE .recover | sqlite3 NEW` and fetch the rest with `shopsync sync --full`",
            "文件已损坏（{said}）：请停止 shopsync，保留这个文件的副本，然后恢复备份；或用 `sqlite3 FILE .recover | sqlite3 NEW` \
             抢救可读的部分，再用 `shopsync sync --full` 补齐其余"; said
        );
        lines.push(Line::new(of_database(), State::Bad(Exit::Unavailable), text));
    }
    lines.extend(super::open_to_others(store).map(|text| Line::new(of_database(), State::Warning, text)));
    lines
}

fn of_shop(shop: &Shop) -> Text {
    let name = &shop.name;
    text!("shop {name}", "店铺 {name}")
}

fn config_lines(loaded: &Loaded) -> Vec<Line> {
    let subject = || text!("config", "配置");
    let file = if let Some(path) = &loaded.path {
        let path = path.display();
        text!("{path} loads", "{path} 可以使用")
    } else if loaded.is_configured() {
        text!(
            "no config.toml found; the environment and the built-in defaults apply",
            "没有找到 config.toml，按环境变量和内置的默认值运行"
        )
    } else {
        return vec![Line::new(subject(), State::Bad(Exit::BadConfig), missing::no_config())];
    };
    let mut lines = vec![Line::new(subject(), State::Ok, file)];
    let warnings = loaded.warnings.iter();
    lines.extend(warnings.map(|text| {
        // The messages of the config's own checks are English, as the config is.
        Line::new(subject(), State::Warning, text!("{text}", "请留意（原文）：{text}"))
    }));
    if loaded.config.shops().is_empty() {
        let text = text!(
            "none yet; `shopsync init` adds one, or add [apps.…] and [shops.…] to config.toml",
            "还没有店铺；请用 `shopsync init` 添加，或在 config.toml 里加上 [apps.…] 和 [shops.…]"
        );
        lines.push(Line::new(text!("shops", "店铺"), State::Warning, text));
    }
    lines
}

/// Tokens that wait in files for the store. `None`: all are where they belong.
fn unsaved_line(app: &App) -> Option<Line> {
    let count = app.tokens.unsaved();
    let line = || Line::new(text!("tokens", "令牌"), State::Bad(Exit::Unavailable), unsaved(count));
    (count > 0).then(line)
}

/// Pairs of tokens that the store did not take.
pub(super) fn unsaved(count: usize) -> Text {
    text!(
        "{count} pairs of new tokens are not stored; the log says where they wait and why",
        "有 {count} 对新令牌尚未保存；日志里写明它们暂存在哪里以及原因"
    )
}

fn schedule_lines(loaded: &Loaded, clock: &Clock) -> Vec<Line> {
    let shops = loaded.config.shops();
    let records = shops.iter().flat_map(|shop| shop.records.iter().map(move |record| (shop, *record)));
    records.map(|(shop, record)| schedule_line(loaded, shop, record, clock)).collect()
}

fn schedule_line(loaded: &Loaded, shop: &Shop, record: Record, clock: &Clock) -> Line {
    let name = &shop.name;
    let subject = text!("schedule {name}", "计划 {name}");
    if !loaded.config.sync.enabled {
        let text = text!("no job runs: `[sync] enabled` is false", "任务都不运行：`[sync] enabled` 为 false");
        return Line::new(subject, State::Warning, text);
    }
    match schedule::next_run(&loaded.config, shop, record, clock.now()) {
        Some(next) => {
            let next = output::when(Some(next));
            let text = text!("next {record} run {next} UTC", "{record} 下次运行于 {next} UTC");
            Line::new(subject, State::Ok, text)
        }
        None => Line::new(
            subject,
            State::Warning,
            text!(
                "no enabled job covers its {record}; add its name to the `shops` of a [jobs.…] section",
                "没有启用的任务包含它的 {record}；请把店铺名加进某个 [jobs.…] 的 `shops`"
            ),
        ),
    }
}

/// Says explicitly what a shop does not have, so that no one waits for it.
fn record_lines(app: &App, shop: &Shop) -> Vec<Line> {
    let missing = Record::ALL.into_iter().filter(|record| !app.reads(shop, *record));
    let (name, platform) = (&shop.name, shop.platform);
    let line = |record: Record| {
        let (state, text) = if shop.records.contains(&record) {
            let text = text!(
                "{record}: this version cannot copy them from this platform",
                "{record}：本版本不能从这个平台复制"
            );
            (State::Warning, text)
        } else if app.has_record(shop, record) {
            (State::Ok, text!("{record}: not asked for by `records`", "{record}：`records` 没有要求"))
        } else {
            let text = text!(
                "{record}: {platform} has none for this kind of shop",
                "{record}：{platform} 的这类店铺没有"
            );
            (State::Ok, text)
        };
        Line::new(text!("records {name}", "数据 {name}"), state, text)
    };
    missing.map(line).collect()
}

/// One signed call: a page of orders of a past minute proves app, signature, token, grant and clock at once. Where
/// there are no orders, the cheapest call there is proves the token.
async fn shop_line(app: &App, shop: &Shop) -> Line {
    let subject = of_shop(shop);
    let login = authorise_command(&shop.name, shop.platform);
    let access = match app.tokens.access(shop).await {
        Ok(access) => access,
        Err(AuthError::NeverAuthorised { .. }) => {
            let text = text!("not authorised yet; `{login}`", "尚未授权；`{login}`");
            return Line::new(subject, State::Warning, text);
        }
        Err(error) => return Line::new(subject, State::Bad(Exit::of_auth(&error)), chinese::text_of(&error)),
    };
    let Some(application) = app.applications.get(&shop.app) else {
        let app = &shop.app;
        let text = text!("its app `{app}` is missing", "没有它的应用 `{app}`");
        return Line::new(subject, State::Bad(Exit::BadConfig), text);
    };
    let context = CallContext {
        priority: Priority::Update,
        calls: Arc::new(AtomicU64::new(0)),
        cancel: CancellationToken::new(),
        patience: None,
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
        Ok(()) if skew.abs() > SKEW_WORTH_TELLING => {
            let seconds = -skew.num_seconds();
            let text = text!(
                "answers, but this server's clock is {seconds} s off the platform's; set it right (NTP)",
                "有应答，但本服务器的时钟与平台相差 {seconds} 秒；请校准（NTP）"
            );
            Line::new(subject, State::Warning, text)
        }
        Ok(()) if let Some(off) = platform.skew().distrusted() => {
            let seconds = off.num_seconds();
            let text = text!(
                "answers, but its `Date` header is {seconds} s off the clock it goes by; this server's clock is used instead",
                "有应答，但其 `Date` 响应头与平台实际所用的时钟相差 {seconds} 秒；改用本服务器的时钟"
            );
            Line::new(subject, State::Warning, text)
        }
        Ok(()) => Line::new(subject, State::Ok, text!("a signed call was answered", "签名调用得到了应答")),
        Err(error) => {
            let code = Exit::of_platform(&error);
            Line::new(subject, State::Bad(code), with_remedy(&error, shop))
        }
    }
}

fn with_remedy(error: &PlatformError, shop: &Shop) -> Text {
    let login = authorise_command(&shop.name, shop.platform);
    let remedy = match error {
        PlatformError::Rejected { why, .. } => why
            .remedy()
            .zip(chinese::remedy(*why))
            .map(|(english, chinese)| Text { english: english.to_owned(), chinese: chinese.to_owned() }),
        PlatformError::TokenRefused { .. } => {
            Some(text!("authorise it again: `{login}`", "请重新授权：`{login}`"))
        }
        PlatformError::NotGranted { .. } => Some(text!(
            "tick this API's package in the platform's console, then `{login}`",
            "请在平台控制台勾选这个接口所在的权限包，然后 `{login}`"
        )),
        PlatformError::NotSent { .. } => Some(text!(
            "check this server's network, DNS and the app's `proxy`",
            "请检查本服务器的网络、DNS 以及应用的 `proxy`"
        )),
        _ => None,
    };
    let reason = chinese::text_of(error);
    match remedy {
        Some(remedy) => text!("{reason}; {remedy}", "{reason}；{remedy}"; reason, remedy),
        None => reason,
    }
}

fn print(lines: &[Line], as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return output::json(
            &lines
                .iter()
                .map(|line| {
                    json!({
                        "subject": line.subject.english,
                        "state": word(line.state).english,
                        "text": line.text.english,
                    })
                })
                .collect(),
        );
    }
    for line in lines {
        let state = word(line.state).padded(7);
        output::line(format_args!("{state}  {}: {}", line.subject, line.text))?;
    }
    Ok(())
}

fn word(state: State) -> Text {
    match state {
        State::Ok => text!("ok", "正常"),
        State::Warning => text!("warning", "警告"),
        State::Bad(_) => text!("FAILED", "失败"),
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
            let (bad, all) = (bad.len(), lines.len());
            let text =
                text!("{bad} of {all} checks failed; see above", "{all} 项检查中有 {bad} 项失败，见上");
            Err(Failure::new(code, text).into())
        }
    }
}
