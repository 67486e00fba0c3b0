//! One file per verb. Here each verb finds its file.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio_util::sync::CancellationToken;

use crate::app::{App, AppError};
use crate::cli::{AuthVerb, ConfigVerb, QuarantineVerb, Verb};
use crate::clock::Clock;
use crate::config::{Config, Loaded, nearest};
use crate::domain::record::{Lane, Record};
use crate::domain::shop::Shop;
use crate::error_text::chain;
use crate::exit::{Exit, Failure};
use crate::language::{Text, text};
use crate::store::{Store, StoreError};
use crate::telemetry::Telemetry;

mod auth;
mod backfill;
mod check;
mod chinese;
mod completions;
mod config;
mod confirm;
mod cursor;
mod explain;
mod fetch;
mod init;
mod man;
mod manual_run;
mod migrate;
mod missing;
mod operator;
mod orders;
mod output;
mod owner;
mod plan;
mod progress_bars;
mod quarantine;
mod replay;
mod run;
mod runs;
mod shop;
mod signals;
mod status;
mod sync;
mod temporary;
mod verify;

#[cfg(feature = "sandbox")]
mod demo;
#[cfg(feature = "sandbox")]
mod sandbox;

pub use init::init;
pub use owner::become_owner;
pub use run::{serve, serve_behind};

/// How long a verb other than the daemon waits for the database.
const DATABASE_WAIT: Duration = Duration::from_secs(10);
/// Connections of a verb that does one thing at a time.
const VERB_CONNECTIONS_MAX: u32 = 2;
/// Between two tries.
const DATABASE_POLL: Duration = Duration::from_millis(500);

/// Does what the command line says. `loaded`: there whenever the verb needs a configuration. `telemetry`: what follows
/// `[log] level`; `None` when the command line says how much is logged.
pub fn dispatch(verb: Verb, loaded: Option<Loaded>, telemetry: Option<Telemetry>) -> Result<Exit> {
    match loaded {
        None => without_config(verb),
        Some(mut loaded) => {
            let connections_max = &mut loaded.config.database.connections_max;
            *connections_max = connections_of(&verb).min(*connections_max);
            tell(&loaded, &verb);
            let is_in_both_languages = matches!(verb, Verb::Check(_) | Verb::Auth(_));
            let outcome = with_config(verb, loaded, telemetry);
            if is_in_both_languages { outcome.map_err(chinese::for_person) } else { outcome }
        }
    }
}

fn without_config(verb: Verb) -> Result<Exit> {
    match verb {
        Verb::Completions { shell } => completions::completions(shell),
        Verb::Man => man::man(),
        Verb::Version => {
            output::line(concat!("shopsync ", env!("CARGO_PKG_VERSION")))?;
            Ok(Exit::Done)
        }
        Verb::Config(ConfigVerb::Schema) => config::print_schema(),
        #[cfg(feature = "sandbox")]
        Verb::Sandbox(args) => {
            block_on(async move { sandbox::run(&args, signals::cancel_on_signals()?).await })
        }
        #[cfg(feature = "sandbox")]
        Verb::Demo(args) => {
            block_on(async move { demo::run(args.once, signals::cancel_on_signals()?).await })
        }
        _ => Err(Failure::new(Exit::Usage, "this verb needs a configuration").into()),
    }
}

fn with_config(verb: Verb, mut loaded: Loaded, telemetry: Option<Telemetry>) -> Result<Exit> {
    missing::require_config(&loaded, &verb)?;
    let _removed_at_the_end = missing::stand_in_for(&verb, &mut loaded)?;
    let clock = Clock::system();
    match verb {
        Verb::Config(ConfigVerb::Show(table)) => config::show(&loaded, &table),
        Verb::Migrate(verb) => block_on(migrate::migrate(&verb, &loaded.config)),
        Verb::Run => block_on(run::run(loaded, clock, telemetry)),
        Verb::Sync(args) => {
            with_cancel(loaded, clock, async |app, cancel| sync::run(app, &args, cancel).await)
        }
        Verb::Backfill(args) => {
            with_cancel(loaded, clock, async |app, cancel| backfill::run(app, &args, cancel).await)
        }
        Verb::Verify(args) => {
            with_cancel(loaded, clock, async |app, cancel| verify::run(app, &args, cancel).await)
        }
        Verb::Status(t) => block_on(until_signal(loaded, clock, async |app| status::run(&app, t.json).await)),
        Verb::Runs(args) => block_on(async move {
            let store = open_store(&loaded, clock).await?;
            require_shop(&loaded, &store, args.shop.as_deref()).await?;
            runs::run(&store, &args).await
        }),
        Verb::Orders(args) => block_on(async move {
            let store = open_store(&loaded, clock.clone()).await?;
            require_shop(&loaded, &store, args.shop.as_deref()).await?;
            orders::run(&store, &args, clock.now()).await
        }),
        Verb::Plan(args) => block_on(with_app(loaded, clock, async |app| plan::run(&app, &args).await)),
        Verb::Fetch(args) => {
            with_cancel(loaded, clock, async |app, cancel| fetch::run(&app, &args, cancel).await)
        }
        Verb::Explain(args) => block_on(async move {
            let store = open_store(&loaded, clock.clone()).await?;
            require_shop(&loaded, &store, Some(&args.shop)).await?;
            explain::run(&store, &args, clock.now()).await
        }),
        Verb::Cursor(verb) => block_on(async move {
            let store = open_store(&loaded, clock.clone()).await?;
            require_shop(&loaded, &store, verb.shop()).await?;
            cursor::run(&loaded.config, &store, &verb, clock.now()).await
        }),
        Verb::Quarantine(QuarantineVerb::Retry { of, number, table }) => {
            let args = quarantine::Retry { of, number, is_json: table.json };
            with_cancel(loaded, clock, async |app, cancel| quarantine::retry(&app, &args, cancel).await)
        }
        Verb::Quarantine(verb) => block_on(async move {
            let store = open_store(&loaded, clock).await?;
            require_shop(&loaded, &store, verb.shop()).await?;
            quarantine::tell(&store, &verb).await
        }),
        Verb::Replay(args) => {
            with_cancel(loaded, clock, async |app, cancel| replay::run(&app, &args, &cancel).await)
        }
        Verb::Check(args) => block_on(check::run(loaded, clock, args.offline, args.table.json)),
        // Needs no key: it is what helps when the key is lost.
        Verb::Auth(AuthVerb::Clear { shop }) => block_on(async move {
            let store = open_store(&loaded, clock.clone()).await?;
            require_shop(&loaded, &store, Some(&shop)).await?;
            let grants = App::open_token_store(&loaded.config, clock, &store)?;
            auth::clear(&*grants, &store, &loaded.config.state_folder(), &shop).await
        }),
        Verb::Shop(verb) => block_on(async move {
            let store = open_store(&loaded, clock.clone()).await?;
            shop::run(&loaded.config, clock, &store, &verb).await
        }),
        // Waits for a person, and has an attempt to give up when it is stopped.
        Verb::Auth(verb @ AuthVerb::Qr { .. }) => {
            block_on(with_app(loaded, clock, async |app| auth::run(&app, &verb).await))
        }
        Verb::Auth(verb) => block_on(until_signal(loaded, clock, async |app| auth::run(&app, &verb).await)),
        verb => without_config(verb),
    }
}

/// How many connections a verb may use. Those that do one thing at a time leave a small server's to the daemon.
fn connections_of(verb: &Verb) -> u32 {
    let is_parallel = matches!(
        verb,
        Verb::Run
            | Verb::Sync(_)
            | Verb::Backfill(_)
            | Verb::Verify(_)
            | Verb::Fetch(_)
            | Verb::Replay(_)
            | Verb::Quarantine(QuarantineVerb::Retry { .. })
    );
    if is_parallel { u32::MAX } else { VERB_CONNECTIONS_MAX }
}

/// What the configuration is and what looks wrong about it, on stderr.
fn tell(loaded: &Loaded, verb: &Verb) {
    let path = loaded.path.as_ref().map(|path| path.display().to_string());
    let path = path.as_deref().unwrap_or("none");
    let database = loaded.config.database_shown();
    tracing::debug!(config = path, database, "config file: {path}; database: {database}");
    // `check` has a line of its own for each.
    if matches!(verb, Verb::Check(_)) {
        return;
    }
    for warning in &loaded.warnings {
        tracing::warn!(event = "config.warning", "{warning}");
    }
}

/// Does a verb's work with the program put together. However the work ends, a token call that is under way is
/// waited for and stored: the runtime would drop it between the platform's answer and the database.
async fn with_app(
    loaded: Loaded,
    clock: Clock,
    work: impl AsyncFnOnce(Arc<App>) -> Result<Exit>,
) -> Result<Exit> {
    let app = Arc::new(open_app(loaded, clock).await?);
    let outcome = work(app.clone()).await;
    app.tokens.drain().await;
    outcome
}

/// [`with_app`] for verbs that read from platforms: a signal ends them at their next step.
fn with_cancel(
    loaded: Loaded,
    clock: Clock,
    work: impl AsyncFnOnce(Arc<App>, CancellationToken) -> Result<Exit>,
) -> Result<Exit> {
    block_on(async move {
        let cancel = signals::cancel_on_signals()?;
        with_app(loaded, clock, async |app| work(app, cancel).await).await
    })
}

/// [`with_app`] for verbs that have nothing of their own to bring to an end at a signal.
async fn until_signal(
    loaded: Loaded,
    clock: Clock,
    work: impl AsyncFnOnce(Arc<App>) -> Result<Exit>,
) -> Result<Exit> {
    with_app(loaded, clock, async |app| {
        signals::end_on_signals(&app.tokens)?;
        work(app).await
    })
    .await
}

/// The program put together, around a database that may take a moment to answer.
async fn open_app(loaded: Loaded, clock: Clock) -> Result<App> {
    let store = open_store(&loaded, clock.clone()).await?;
    Ok(App::with_store(loaded, clock, store).await?)
}

async fn open_store(loaded: &Loaded, clock: Clock) -> Result<Store> {
    let asked_at = Instant::now();
    loop {
        match App::open_store(loaded, clock.clone()).await {
            Err(AppError::Store(error)) if error.is_unavailable() && asked_at.elapsed() < DATABASE_WAIT => {
                tracing::debug!("the database does not answer yet: {}", chain(&error));
                tokio::time::sleep(DATABASE_POLL).await;
            }
            settled => return settled.map_err(|error| not_opened(&loaded.config, error)),
        }
    }
}

/// What to say about a database file that others than its owner can read. `None`: nothing.
fn open_to_others(store: &Store) -> Option<Text> {
    let (mode, file) = (store.mode_open_to_others()?, store.sqlite_file()?);
    let file = file.display();
    Some(text!(
        "users other than the owner can read the names and notes of buyers in {file} (mode {mode:o}); run: chmod 600 {file}*",
        "所有者以外的用户可以读取 {file} 里买家的姓名和留言（权限 {mode:o}）；请运行：chmod 600 {file}*"
    ))
}

/// Says which database it is. One that refuses at once was named wrongly: its password, its name, or a file that
/// is no database.
fn not_opened(config: &Config, error: AppError) -> anyhow::Error {
    let AppError::Store(error) = error else {
        return error.into();
    };
    let exit = match &error {
        StoreError::Unavailable { .. } | StoreError::Busy { .. } => Exit::Unavailable,
        StoreError::Refused { .. } => Exit::BadConfig,
        _ => return error.into(),
    };
    let database = config.database_shown();
    let text = if error.is_named() {
        text!("{database} cannot be opened", "无法打开 {database}")
    } else if exit == Exit::BadConfig {
        text!(
            "{database} cannot be opened (check `[database] url`, its user and that user's rights)",
            "无法打开 {database}（请检查 `[database] url`、其中的用户及其权限）"
        )
    } else {
        text!(
            "{database} cannot be opened (check that it runs, or that its file and folder can be written)",
            "无法打开 {database}（请检查它是否在运行，或其文件和文件夹是否可写）"
        )
    };
    Failure::new(exit, text).because(error).into()
}

/// Refuses a shop that neither the config nor the database knows. One taken out of the config keeps its rows.
async fn require_shop(loaded: &Loaded, store: &Store, name: Option<&str>) -> Result<()> {
    let Some(name) = name else { return Ok(()) };
    if loaded.config.shops.contains_key(name) || store.shops().get(name).await?.is_some() {
        return Ok(());
    }
    let what = text!("no shop is called `{name}`", "没有叫 `{name}` 的店铺");
    Err(unknown(&what, name, loaded.config.shops.keys()).into())
}

fn unknown_shop(app: &App, name: &str) -> Failure {
    let what = text!("no enabled shop is called `{name}`", "没有叫 `{name}` 且已启用的店铺");
    unknown(&what, name, app.shops.iter().map(|shop| &shop.name))
}

/// The shops of this config that no daemon knows, though one works. Empty: there are none, or there is no daemon.
async fn unknown_to_daemon(app: &App) -> Result<Vec<String>> {
    let Some(known) = app.store.daemons().shops().await? else { return Ok(Vec::new()) };
    let names = app.shops.iter().map(|shop| &shop.name);
    Ok(names.filter(|name| !known.contains(*name)).cloned().collect())
}

fn not_known(shop: &str) -> Text {
    text!(
        "{shop}: the running daemon does not know this shop; `systemctl reload shopsync` (or SIGHUP) makes it read the config again",
        "{shop}：正在运行的守护进程还不知道这个店铺；请执行 `systemctl reload shopsync`（或发送 SIGHUP）让它重新读取配置"
    )
}

/// Refuses a record that cannot be requested by creation time: it is read whole, or not at all.
fn require_create_lane(app: &App, shop: &Shop, record: Record) -> Result<()> {
    if app.has_lane(shop, record, Lane::Create) {
        return Ok(());
    }
    let text = if app.reads(shop, record) {
        format!(
            "{} lists no {record} by creation time; `shopsync sync --full --shop {} --record {record}` reads all of them",
            shop.platform, shop.name
        )
    } else {
        format!(
            "`{}` has no {record}: see `records` of its [shops.…] section, and `shopsync check`",
            shop.name
        )
    };
    Err(Failure::new(Exit::Usage, text).into())
}

/// Names listed in full; of more, only the likeliest one.
const NAMES_LISTED_MAX: usize = 12;

/// A name on the command line that names nothing, and what was probably meant.
fn unknown<'a>(what: &Text, name: &str, known: impl Iterator<Item = &'a String>) -> Failure {
    let known: Vec<&str> = known.map(String::as_str).collect();
    let advice = match nearest(name, known.iter().copied()) {
        Some(near) => text!("did you mean `{near}`?", "是不是 `{near}`？"),
        None if known.is_empty() => text!("none is configured", "还没有配置任何一个"),
        None if known.len() <= NAMES_LISTED_MAX => {
            let listed = known.join(", ");
            text!("there are {listed}", "现有 {listed}")
        }
        None => {
            let count = known.len();
            text!(
                "there are {count} others; `shopsync config show` lists them",
                "另有 {count} 个，见 `shopsync config show`"
            )
        }
    };
    Failure::new(Exit::Usage, text!("{what}; {advice}", "{what}；{advice}"; what, advice))
}

/// Runs a verb that talks to databases and platforms.
fn block_on(work: impl Future<Output = Result<Exit>>) -> Result<Exit> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no threads could be started")?
        .block_on(work)
}
