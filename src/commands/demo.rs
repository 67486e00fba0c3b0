//! `demo`: simulated platforms, the daemon and SQLite in a temporary folder, all on loopback.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use super::sandbox::{config_sections, shop_name};
use super::{output, temporary};
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, LoadOptions, Loaded};
use crate::exit::{Exit, Failure};
use crate::jobs::lanes;
use crate::jobs::run::{MANUAL, RunOptions, Task};
use crate::sandbox::{Drift, Platform, Sandbox, SandboxSettings, TruthOrder};
use crate::store::overview::{OrderView, OrdersFilter};
use crate::sync::Progress;

/// Orders of each shop when the demo begins.
const ORDERS: usize = 600;

/// How the demo's orders change while one watches.
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

/// The first full sync, while orders change under it, and what it left to catch up; then the comparison.
async fn run_once(app: Arc<App>, sandbox: &Sandbox, cancel: &CancellationToken) -> anyhow::Result<Exit> {
    sync_all(&app, cancel).await?;
    sandbox.world().with(|world| world.set_drift(Drift::default()));
    tokio::time::sleep(SETTLE * 3).await;
    sync_all(&app, cancel).await?;
    let mut differing: Vec<String> = Vec::new();
    let mut rows = Vec::new();
    for platform in Platform::ALL {
        let comparison = compare(&app, sandbox, platform).await?;
        if comparison.different > 0 {
            differing.push(shop_name(platform));
        }
        rows.push(comparison.row(platform));
    }
    output::table(["shop", "orders at the platform", "stored", "lines stored", "different"], rows)?;
    if differing.is_empty() {
        output::line("every order is stored as the platforms have it")?;
        Ok(Exit::Done)
    } else {
        Err(Failure::new(
            Exit::Partly,
            format!("the store differs from the platform for {}", differing.join(", ")),
        )
        .into())
    }
}

/// The daemon, and a table now and then, until somebody has seen enough.
async fn watch(app: Arc<App>, sandbox: &Sandbox, cancel: CancellationToken) -> anyhow::Result<Exit> {
    sandbox.world().with(|world| {
        world.set_drift(Drift { per_list_request: 0, per_second: CHANGES_PER_SECOND });
    });
    let daemon = tokio::spawn(super::run::serve(app.clone(), cancel.clone()));
    tracing::info!(
        event = "demo.started",
        "orders change {CHANGES_PER_SECOND} times a second and are synced every 5 s; Ctrl-C ends the demo"
    );
    loop {
        tokio::select! {
            () = cancel.cancelled() => break,
            () = tokio::time::sleep(REDRAW) => {}
        }
        let mut rows = Vec::new();
        for platform in Platform::ALL {
            match compare(&app, sandbox, platform).await {
                Ok(comparison) => rows.push(comparison.row(platform)),
                // The daemon has closed the database under us, as it should.
                Err(_) if cancel.is_cancelled() => break,
                Err(error) => return Err(error),
            }
        }
        if cancel.is_cancelled() {
            break;
        }
        output::table(
            ["shop", "orders at the platform", "stored", "lines stored", "not yet caught up"],
            rows,
        )?;
    }
    daemon.await.context("the daemon ended in a fault of this program")?
}

fn write_config(folder: &Path, sandbox: &Sandbox) -> anyhow::Result<Loaded> {
    let text = format!(
        "[http]\nlisten = \"\"\n[sync]\nhistory = \"4d\"\nsettle = \"{}s\"\n[jobs.orders]\ncron = \"*/5 * * * * *\"\n{}",
        SETTLE.as_secs(),
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

async fn sync_all(app: &Arc<App>, cancel: &CancellationToken) -> anyhow::Result<()> {
    let all = app.shops.iter().flat_map(|shop| shop.records.iter().map(move |record| (shop, *record)));
    for (shop, record) in all.filter(|(shop, record)| app.reads(shop, *record)) {
        let options = RunOptions {
            job: "demo".to_owned(),
            trigger: MANUAL,
            lease_wait: Duration::ZERO,
            task: Task::Rest,
            progress: Arc::new(Progress::default()),
            cancel: cancel.clone(),
        };
        for (_, outcome) in lanes::bring_up_to_date(app.clone(), shop.clone(), record, options).await {
            outcome?;
        }
    }
    Ok(())
}

struct Comparison {
    expected: usize,
    stored: usize,
    lines: usize,
    different: usize,
}

impl Comparison {
    fn row(&self, platform: Platform) -> [String; 5] {
        [
            shop_name(platform),
            self.expected.to_string(),
            self.stored.to_string(),
            self.lines.to_string(),
            self.different.to_string(),
        ]
    }
}

async fn compare(app: &App, sandbox: &Sandbox, platform: Platform) -> anyhow::Result<Comparison> {
    let shop = &shop_name(platform);
    let expected = sandbox.world().with(|world| world.truth(platform, 0));
    let filter = OrdersFilter { shop: Some(shop.clone()), since: None, limit: None };
    let stored = app.store.orders(&filter).await?;
    let by_number: BTreeMap<&str, &OrderView> =
        stored.iter().map(|order| (order.number.as_str(), order)).collect();
    let numbers: Vec<String> = stored.iter().map(|order| order.number.clone()).collect();
    let lines = app.store.order_items(shop, &numbers).await?;
    let mut lines_of: BTreeMap<&str, usize> = BTreeMap::new();
    for line in &lines {
        *lines_of.entry(line.order_number.as_str()).or_default() += 1;
    }
    let equal = expected
        .iter()
        .filter(|order| by_number.get(order.number.as_str()).is_some_and(|stored| is_equal(order, stored)))
        .filter(|order| lines_of.get(order.number.as_str()).copied().unwrap_or(0) == order.lines.len())
        .count();
    Ok(Comparison {
        expected: expected.len(),
        stored: stored.len(),
        lines: lines.len(),
        // What is missing or old here, and what is here and not there.
        different: (expected.len() - equal) + stored.len().saturating_sub(expected.len()),
    })
}

fn is_equal(expected: &TruthOrder, stored: &OrderView) -> bool {
    stored.platform_status == expected.platform_status
        && stored.after_sales_status == expected.after_sales_status
        && stored.created_at == Some(expected.created_at)
        && stored.updated_at == Some(expected.updated_at)
        && stored.total_minor == Some(expected.total_minor)
        && stored.shipping_minor == Some(expected.shipping_minor)
        && stored.seller_discount_minor == Some(expected.seller_discount_minor)
        && stored.platform_discount_minor == Some(expected.platform_discount_minor)
        && stored.tax_minor == expected.tax_minor
        && stored.income_minor == Some(expected.income_minor)
        && stored.currency.as_deref() == Some(&expected.currency)
        && stored.buyer_note == expected.buyer_note
        && stored.seller_note == expected.seller_note
}
