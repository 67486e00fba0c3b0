//! `demo`: simulated platforms, the daemon and SQLite in a temporary folder, all on loopback.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::TimeDelta;
use futures_util::future::try_join_all;
use tokio_util::sync::CancellationToken;

use super::sandbox::{config_sections, shop_name};
use super::{output, temporary};
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, LoadOptions, Loaded};
use crate::domain::record::Record;
use crate::domain::shop::Shop;
use crate::exit::{Exit, Failure};
use crate::jobs::daemon::lanes;
use crate::jobs::daemon::run::{MANUAL, RunOptions, Task};
use crate::sandbox::{Drift, Platform, Sandbox, SandboxSettings};
use crate::sync::Progress;

mod compare;
mod comparison;
mod orders;
mod others;

/// Orders of each shop when the demo begins.
const ORDERS: usize = 600;

/// What each shop offers, what went wrong after its sales, and the campaigns it may join, when the demo begins.
const PRODUCTS: usize = 100;
const AFTER_SALES: usize = 60;
const ACTIVITIES: usize = 12;

/// How much changes while one watches.
const CHANGES_PER_SECOND: f64 = 3.0;

/// How long a moment must be past before the demo reads it; its platforms list at once.
const SETTLE: Duration = Duration::from_secs(1);

/// Between two looks at the shops.
const REDRAW: Duration = Duration::from_secs(3);

pub(super) async fn run(once: bool, cancel: CancellationToken) -> anyhow::Result<Exit> {
    let folder = temporary::Folder::make().context("making a temporary folder")?;
    let sandbox = Sandbox::start(SandboxSettings {
        clock: Clock::system(),
        seed: 1,
        orders: ORDERS,
        products: PRODUCTS,
        after_sales: AFTER_SALES,
        activities: ACTIVITIES,
        history: TimeDelta::days(3),
        burst: true,
        drift: Drift { per_list_request: 1, per_second: 0.0 },
        ..SandboxSettings::default()
    })
    .await
    .context("starting the simulated platforms")?;
    let loaded = write_config(folder.path(), &sandbox)?;
    tracing::info!(
        event = "demo.started",
        "simulated platforms on {}, everything else in {}",
        sandbox.url(),
        folder.path().display()
    );
    let app = App::open(loaded, Clock::system()).await?;
    authorise(&app, &sandbox).await?;
    let app = Arc::new(app);
    let outcome = if once {
        run_once(app.clone(), &sandbox, &cancel).await
    } else {
        watch(app.clone(), &sandbox, cancel).await
    };
    app.tokens.drain().await;
    sandbox.stop().await;
    outcome
}

/// The first full sync, while things change under it, and what it left to catch up; then the comparison.
async fn run_once(app: Arc<App>, sandbox: &Sandbox, cancel: &CancellationToken) -> anyhow::Result<Exit> {
    sync_all(&app, cancel).await?;
    sandbox.world().with(|world| world.set_drift(Drift::default()));
    tokio::time::sleep(SETTLE * 3).await;
    sync_all(&app, cancel).await?;
    let comparisons = compare::everything(&app, sandbox).await?;
    compare::print(&comparisons, "different")?;
    let differing: Vec<String> = comparisons
        .iter()
        .filter(|comparison| comparison.different > 0)
        .map(comparison::Comparison::name)
        .collect();
    if differing.is_empty() {
        output::line("every record is stored as the platforms have it")?;
        return Ok(Exit::Done);
    }
    let message = format!("the store differs from the platforms in {}", differing.join(", "));
    Err(Failure::new(Exit::Partly, message).into())
}

/// The daemon, and a table every few seconds, until it is stopped.
async fn watch(app: Arc<App>, sandbox: &Sandbox, cancel: CancellationToken) -> anyhow::Result<Exit> {
    sandbox.world().with(|world| {
        world.set_drift(Drift { per_list_request: 0, per_second: CHANGES_PER_SECOND });
    });
    let daemon = tokio::spawn(super::run::serve(app.clone(), cancel.clone()));
    tracing::info!(
        event = "demo.started",
        "things change {CHANGES_PER_SECOND} times a second and are synced every 5 s; Ctrl-C ends the demo"
    );
    loop {
        tokio::select! {
            () = cancel.cancelled() => break,
            () = tokio::time::sleep(REDRAW) => {}
        }
        match compare::everything(&app, sandbox).await {
            Ok(comparisons) => compare::print(&comparisons, "not yet caught up")?,
            // The daemon has closed the database under us, as it should.
            Err(_) if cancel.is_cancelled() => break,
            Err(error) => return Err(error),
        }
    }
    daemon.await.context("the daemon ended in a fault of this program")?
}

fn write_config(folder: &Path, sandbox: &Sandbox) -> anyhow::Result<Loaded> {
    // As often as may be, so that one sees what goes as well.
    let jobs =
        Record::ALL.map(|record| format!("[jobs.{record}]\ncron = \"*/5 * * * * *\"\nfull = \"1m\"\n"));
    let text = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n[sync]\nhistory = \"4d\"\nsettle = \"{}s\"\n{}{}",
        SETTLE.as_secs(),
        jobs.concat(),
        config_sections(sandbox)
    );
    let path = folder.join("config.toml");
    std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    // The demo must not meet the settings of a real installation.
    let options = LoadOptions {
        path: Some(path),
        environment: BTreeMap::new(),
        working_directory: folder.to_owned(),
        system_file: folder.join("none.toml"),
    };
    Ok(Config::load(&options)?)
}

async fn authorise(app: &App, sandbox: &Sandbox) -> anyhow::Result<()> {
    for platform in Platform::ALL {
        let code = sandbox.world().with(|world| world.issue_code(platform, 0));
        let shop = app.shop(&shop_name(platform)).context("the demo's config names its shops")?;
        app.tokens.login_code(shop, code.into()).await?;
    }
    Ok(())
}

/// Brings everything up to date, shop beside shop.
async fn sync_all(app: &Arc<App>, cancel: &CancellationToken) -> anyhow::Result<()> {
    try_join_all(app.shops.iter().map(|shop| sync_shop(app, shop, cancel))).await?;
    Ok(())
}

async fn sync_shop(app: &Arc<App>, shop: &Shop, cancel: &CancellationToken) -> anyhow::Result<()> {
    // Orders last: what comes after a sale changes their money.
    for record in Record::ALL.into_iter().rev().filter(|record| app.reads(shop, *record)) {
        let options = RunOptions {
            job: "demo".to_owned(),
            trigger: MANUAL,
            lease_wait: Duration::ZERO,
            // What has gone shows only in the whole.
            task: if record == Record::Products { Task::Full } else { Task::Incremental },
            progress: Arc::new(Progress::default()),
            cancel: cancel.clone(),
        };
        for (_, outcome) in lanes::bring_up_to_date(app.clone(), shop.clone(), record, options).await {
            outcome?;
        }
    }
    Ok(())
}
