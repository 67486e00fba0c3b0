//! `shop`: what is done to a shop as a whole. Needs no key and registers no one, so that a config which is just being
//! changed does no harm.

use super::confirm::confirm;
use super::{output, unknown};
use crate::cli::ShopVerb;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::record::Record;
use crate::exit::{Exit, Failure};
use crate::language::text;
use crate::store::Store;
use crate::store::shops::ShopRow;
use crate::store::shops::shop_tables::Hindrance;

mod grants;

use grants::Elsewhere;

pub(super) async fn run(
    config: &Config,
    clock: Clock,
    store: &Store,
    verb: &ShopVerb,
) -> anyhow::Result<Exit> {
    let elsewhere = Elsewhere::open(config, clock, store)?;
    match verb {
        ShopVerb::Rename { old, new } => rename(config, store, elsewhere.as_ref(), old, new).await?,
        ShopVerb::Forget { shop, yes } => forget(config, store, elsewhere.as_ref(), shop, *yes).await?,
    }
    Ok(Exit::Done)
}

async fn rename(
    config: &Config,
    store: &Store,
    elsewhere: Option<&Elsewhere>,
    old: &str,
    new: &str,
) -> anyhow::Result<()> {
    let row = known(store, old).await?;
    check_config(config, &row, new)?;
    if let Some(grants) = elsewhere {
        grants.copy(old, new).await?;
    }
    if let Some(hindrance) = store.shops().rename(old, new).await? {
        if let Some(grants) = elsewhere {
            grants.clear(new).await?;
        }
        return Err(refused(&format!("`{old}` cannot be renamed to `{new}`"), &hindrance).into());
    }
    if let Some(grants) = elsewhere {
        grants.clear(old).await?;
    }
    tracing::info!(event = "shop.renamed", shop = new, old, "shop `{old}` is now called `{new}`");
    output::line(format_args!("{old} is now {new}; start the daemon again"))
}

/// The config goes first: a start between the two steps, with a config that names the old shop, would make a new one
/// of it and copy everything again.
fn check_config(config: &Config, row: &ShopRow, new: &str) -> anyhow::Result<()> {
    let old = &row.name;
    let bad = |what: String| Failure::new(Exit::BadConfig, what);
    if config.shops.contains_key(old) {
        return Err(bad(format!(
            "the config still names [shops.{old}]: stop the daemon, rename that section to [shops.{new}], also in the \
             `shops` of [jobs.…], and say this again"
        ))
        .into());
    }
    let Some(shop) = config.shops.get(new) else {
        return Err(bad(format!(
            "the config names no [shops.{new}]: rename the section [shops.{old}] to it first"
        ))
        .into());
    };
    let platform = config.apps.get(&shop.app).map_or("", |app| app.platform.as_str());
    if platform != row.platform {
        return Err(bad(format!(
            "[shops.{new}] is of platform `{platform}`, but `{old}` is of `{}`: they are not the same shop",
            row.platform
        ))
        .into());
    }
    if let (Some(named), Some(stored)) = (&shop.account, &row.account.id)
        && named != stored
    {
        return Err(bad(format!(
            "[shops.{new}] is account `{named}`, but `{old}` is account `{stored}`: they are not the same shop"
        ))
        .into());
    }
    Ok(())
}

async fn forget(
    config: &Config,
    store: &Store,
    elsewhere: Option<&Elsewhere>,
    name: &str,
    is_confirmed: bool,
) -> anyhow::Result<()> {
    let row = known(store, name).await?;
    if config.shops.get(name).is_some_and(|shop| shop.enabled) {
        return Err(Failure::new(
            Exit::BadConfig,
            format!(
                "[shops.{name}] is still in the config and enabled: take the section out or set `enabled = false`, \
                 restart the daemon, and say this again"
            ),
        )
        .into());
    }
    let orders = store.reports().overview(name, Record::Orders).await?.rows;
    let account = row.account.id.as_deref().unwrap_or("no account known");
    let (platform, database) = (&row.platform, store.describe());
    let question = text!(
        "This deletes shop `{name}` ({platform}, {account}) from {database}: its grant, {orders} orders and everything \
         else of it.",
        "这会从 {database} 删除店铺 `{name}`（{platform}，{account}）：它的授权、{orders} 个订单及其他全部数据。"
    );
    confirm(&question, name, is_confirmed)?;
    if let Some(hindrance) = store.shops().forget_grant(name).await? {
        return Err(refused(&format!("`{name}` cannot be deleted"), &hindrance).into());
    }
    if let Some(grants) = elsewhere {
        grants.clear(name).await?;
    }
    while store.shops().forget_rows(name).await? > 0 {}
    tracing::info!(event = "shop.forgotten", shop = name, orders, "shop `{name}` was deleted");
    output::line(format_args!(
        "{name}: {orders} orders and everything else of it deleted; the platform is not notified"
    ))
}

async fn known(store: &Store, name: &str) -> anyhow::Result<ShopRow> {
    if let Some(row) = store.shops().get(name).await? {
        return Ok(row);
    }
    let rows = store.shops().all().await?;
    let what = text!("the database knows no shop `{name}`", "数据库里没有店铺 `{name}`");
    Err(unknown(&what, name, rows.iter().map(|row| &row.name)).into())
}

fn refused(what: &str, hindrance: &Hindrance) -> Failure {
    let (exit, advice) = match hindrance {
        Hindrance::Unknown => (Exit::Usage, "another process was faster"),
        Hindrance::Taken { .. } => {
            (Exit::BadInput, "take another name, or `shopsync shop forget` that shop first")
        }
        Hindrance::Busy { .. } => (Exit::Later, "stop the daemon, or wait for its run to end"),
    };
    Failure::new(exit, format!("{what}: {hindrance}; {advice}"))
}
