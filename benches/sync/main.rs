//! How fast the real program copies orders, beside a bare copy of the same rows: `cargo bench`
//!
//! The platform is simulated in this process, so its work is not in the CPU time of the program. Each measurement is a
//! ratio within one run, so that the machine matters less. Options stand after `--`:
//!
//! ```text
//! cargo bench -- --orders 20000,200000 --rounds 3 --postgres postgres://…
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a person who runs it reads its table")]

mod machine;
mod peers;
mod program;

use anyhow::{Context, bail, ensure};
use chrono::TimeDelta;
use machine::median;
use program::{Program, Used};
use shopsync::clock::Clock;
use shopsync::sandbox::{Platform, Sandbox, SandboxSettings};

/// One in so many orders changes between two syncs.
const CHANGED_ONE_IN: usize = 100;
/// The money of each order is a call of its own, so it is measured on fewer orders.
const WITH_MONEY_MAX: usize = 20_000;

struct Options {
    orders: Vec<usize>,
    rounds: usize,
    /// The address of a database, in which a schema of our own is made. `None`: SQLite alone.
    postgres: Option<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = options(std::env::args().skip(1))?;
    println!("{}", machine::describe());
    for orders in &options.orders {
        for url in [None, options.postgres.as_deref()]
            .into_iter()
            .enumerate()
            .filter_map(|(index, url)| (index == 0 || url.is_some()).then_some(url))
        {
            measure(*orders, url, options.rounds).await?;
        }
    }
    Ok(())
}

fn options(arguments: impl Iterator<Item = String>) -> anyhow::Result<Options> {
    let mut options = Options { orders: vec![20_000], rounds: 3, postgres: None };
    // `cargo bench` adds `--bench`.
    let mut arguments = arguments.filter(|argument| argument != "--bench");
    while let Some(name) = arguments.next() {
        let value = arguments.next().with_context(|| format!("`{name}` needs a value"))?;
        match name.as_str() {
            "--orders" => {
                options.orders = value
                    .split(',')
                    .map(str::parse)
                    .collect::<Result<_, _>>()
                    .context("--orders takes numbers")?;
            }
            "--rounds" => options.rounds = value.parse().context("--rounds takes a number")?,
            "--postgres" => options.postgres = Some(value),
            _ => bail!("there is no option `{name}`: --orders, --rounds, --postgres"),
        }
    }
    Ok(options)
}

/// What one round measured.
#[derive(Default)]
struct Rounds {
    first_load: Vec<Used>,
    reread: Vec<Used>,
    catch_up: Vec<Used>,
    with_money: Vec<Used>,
    bare: Vec<f64>,
}

async fn measure(orders: usize, postgres: Option<&str>, rounds: usize) -> anyhow::Result<()> {
    let mut measured = Rounds::default();
    for _ in 0..rounds {
        let sandbox = Sandbox::start(SandboxSettings {
            clock: Clock::system(),
            orders,
            history: TimeDelta::days(30),
            ..SandboxSettings::default()
        })
        .await?;
        let program = Program::new(&sandbox, postgres).await?;
        program.prepare(&sandbox).await?;

        measured.first_load.push(program.run(&["sync", "--record", "orders"]).await?);
        program.must_hold(orders).await?;
        measured.bare.extend(peers::bare_copy(&program).await?);
        let from = ["backfill", "--shop", "shop", "--record", "orders", "--from", "30d", "--until", "1h"];
        measured.reread.push(program.run(&from).await?);

        change(&sandbox, orders / CHANGED_ONE_IN);
        program.settle().await;
        measured.catch_up.push(program.run(&["sync", "--record", "orders"]).await?);
        if orders <= WITH_MONEY_MAX {
            measured.with_money.push(load_with_money(&sandbox, postgres, orders).await?);
        }
        sandbox.stop().await;
    }
    report(orders, postgres.is_some(), &measured);
    Ok(())
}

/// A first load into an empty database, with a call for the money of each order.
async fn load_with_money(sandbox: &Sandbox, postgres: Option<&str>, orders: usize) -> anyhow::Result<Used> {
    let program = Program::new(sandbox, postgres).await?;
    program.read_money()?;
    program.prepare(sandbox).await?;
    let calls = || sandbox.world().with(|world| world.calls_total());
    let before = calls();
    let used = program.run(&["sync", "--record", "orders"]).await?;
    ensure!(calls() - before >= orders as u64, "the money of some orders was not requested");
    Ok(used)
}

/// Moves the first orders one status on.
fn change(sandbox: &Sandbox, count: usize) {
    sandbox.world().with(|world| {
        let numbers = world.numbers(Platform::Temu, 0);
        for number in numbers.iter().take(count) {
            world.advance_status(Platform::Temu, 0, number);
        }
    });
}

fn report(orders: usize, is_postgres: bool, measured: &Rounds) {
    let database = if is_postgres { "Postgres" } else { "SQLite" };
    println!("\n{orders} orders, {database}");
    println!("| what | orders/s | CPU µs an order | memory at the peak, MiB | written, bytes an order |");
    println!("|---|---|---|---|---|");
    let changed = orders / CHANGED_ONE_IN;
    for (name, used, count) in [
        ("first load", &measured.first_load, orders),
        ("re-read without a change", &measured.reread, orders),
        ("catch-up of 1 % changed", &measured.catch_up, changed),
        ("first load with money, one call an order", &measured.with_money, orders),
    ] {
        if used.is_empty() {
            continue;
        }
        let of = |value: fn(&Used) -> f64| median(used.iter().map(value).collect());
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let count = count as f64;
        println!(
            "| {name} | {:.0} | {:.0} | {:.0} | {:.0} |",
            count / of(|used| used.seconds),
            of(|used| used.cpu_seconds) / count * 1e6,
            of(|used| used.memory_peak_mib),
            of(|used| used.bytes_written) / count,
        );
    }
    if !measured.bare.is_empty() {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let (bare, ours) = (
            median(measured.bare.clone()),
            orders as f64 / median(measured.first_load.iter().map(|used| used.seconds).collect()),
        );
        println!("| bare copy of the same rows | {bare:.0} | | | |");
        println!("first load / bare copy: {:.2}", ours / bare);
    }
}
