//! `sandbox`: the simulated platforms on their own, for trying things without credentials.

use tokio_util::sync::CancellationToken;

use super::output;
use crate::cli::SandboxArgs;
use crate::clock::Clock;
use crate::exit::{Exit, Failure};
use crate::platform::profile;
use crate::sandbox::{
    Drift, DriveSettings, Fault, Faults, OPEN115_APP_ID, OPEN115_PLATFORM, Platform, Sandbox, SandboxSettings,
};

pub(super) async fn run(args: &SandboxArgs, cancel: CancellationToken) -> anyhow::Result<Exit> {
    let sandbox = Sandbox::start(SandboxSettings {
        listen: args.listen,
        clock: Clock::system(),
        seed: args.seed,
        orders: args.orders,
        products: PRODUCTS,
        after_sales: args.orders / ORDERS_PER_CASE,
        activities: ACTIVITIES,
        drift: Drift { per_list_request: args.drift, ..Drift::default() },
        faults: Faults::new(args.faults.iter().map(|text| fault(text)).collect::<anyhow::Result<_>>()?),
        requests_per_second: args.rate,
        drive: DriveSettings { confirms_at_once: args.confirm_logins, ..DriveSettings::default() },
        ..SandboxSettings::default()
    })
    .await
    .map_err(|error| {
        Failure::new(Exit::BadInput, "the sandbox did not start; `--listen` names another address")
            .because(error)
    })?;
    output::line(format_args!(
        "# the simulated platforms listen on {}; end them with Ctrl-C",
        sandbox.url()
    ))?;
    output::line("# for config.toml:")?;
    output::block(config_sections(&sandbox))?;
    output::block(open115_section(&sandbox))?;
    output::line(
        "# authorise each shop with its code, once and within ten minutes; the link of `shopsync auth url SHOP` gives another:",
    )?;
    for platform in Platform::ALL {
        let code = sandbox.world().with(|world| world.issue_code(platform, 0));
        output::line(format_args!("#   shopsync auth code {} {code}", shop_name(platform)))?;
    }
    output::line(format_args!("#   shopsync auth qr {OPEN115_SHOP}"))?;
    if !args.confirm_logins {
        output::line(format_args!(
            "#     and, while it waits, as its owner: curl -d '{{\"{OPEN115_PLATFORM}\":{{\"confirm\":0}}}}' {}/_control",
            sandbox.url()
        ))?;
    }
    cancel.cancelled().await;
    sandbox.stop().await;
    Ok(Exit::Done)
}

/// What each shop offers, how often a sale goes wrong, and what Temu offers each shop.
const PRODUCTS: usize = 100;
const ORDERS_PER_CASE: usize = 20;
const ACTIVITIES: usize = 12;

/// A fault of the command line: `reset=0.01` strikes one call in a hundred, `reset` every call.
fn fault(text: &str) -> anyhow::Result<Fault> {
    text.parse().map_err(|reason: String| Failure::new(Exit::Usage, reason).into())
}

/// The shop of a platform, as the printed sections call it.
pub(super) fn shop_name(platform: Platform) -> String {
    format!("sandbox-{}", platform.as_str())
}

/// The sections of config.toml that speak to the sandbox.
pub(super) fn config_sections(sandbox: &Sandbox) -> String {
    Platform::ALL.map(|platform| section(sandbox, platform)).join("\n")
}

/// The same for the platform that has only tokens.
fn open115_section(sandbox: &Sandbox) -> String {
    format!(
        "[apps.pan]\nplatform = \"{OPEN115_PLATFORM}\"\ngateway = \"{}\"\napp_key = \"{OPEN115_APP_ID}\"\n\n\
         [shops.{OPEN115_SHOP}]\napp = \"pan\"\n",
        sandbox.open115_gateway(),
    )
}

const OPEN115_SHOP: &str = "sandbox-pan";

fn section(sandbox: &Sandbox, platform: Platform) -> String {
    let (name, (key, secret)) = (platform.as_str(), platform.app());
    let zone = profile(name)
        .and_then(|profile| profile.zones.first())
        .map_or_else(String::new, |zone| format!("zone = \"{}\"\n", zone.name));
    format!(
        "[apps.{name}]\nplatform = \"{name}\"\n{zone}gateway = \"{}\"\napp_key = \"{key}\"\napp_secret = \"{secret}\"\n\
         requests_per_second = {CALLS_PER_SECOND}\n\n[shops.{}]\napp = \"{name}\"\n",
        sandbox.gateway(platform),
        shop_name(platform),
    )
}

/// What the printed sections allow; the sandbox itself has no limit unless one is set.
const CALLS_PER_SECOND: u32 = 200;
