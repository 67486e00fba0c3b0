//! What a person is told of a grant that was just stored: whose it is, how long it lasts, what it covers.

use serde_json::json;

use super::super::output;
use crate::app::App;
use crate::auth::GrantStatus;
use crate::auth::scopes::{Coverage, coverage};
use crate::domain::record::Record;
use crate::domain::shop::Shop;
use crate::platform::profile;

pub(super) async fn tell(app: &App, shop: &Shop, granted: &GrantStatus) -> anyhow::Result<()> {
    let account = app.store.shop_row(&shop.name).await?.map(|row| row.account).unwrap_or_default();
    let known = |text: Option<&String>| text.cloned().unwrap_or_else(|| "not told".to_owned());
    line("shop", &shop.name)?;
    line("account", &known(account.id.as_ref()))?;
    line("name", &known(account.name.as_ref()))?;
    line("access until", &format!("{} UTC", output::when(Some(granted.access_ends_at))))?;
    let until = output::when(granted.refresh_ends_at);
    match (granted.due_at, granted.refresh_ends_at, granted.owner_end) {
        (None, ..) => line("renewed", "by its owner only: authorise it again before that")?,
        (Some(_), None, _) => line("renewed", "by itself")?,
        (Some(_), Some(_), None) => {
            line("renewed", &format!("by itself until {until} UTC, further with each refresh"))?;
        }
        (Some(_), Some(_), Some(_)) => {
            line("renewed", &format!("by itself until {until} UTC, then the owner is needed"))?;
        }
    }
    for (record, coverage) in covered(shop, account.scopes.as_deref()) {
        line(record.as_str(), &coverage.to_string())?;
    }
    Ok(())
}

fn line(name: &str, value: &str) -> anyhow::Result<()> {
    output::line(format_args!("{name:14} {value}"))
}

/// For each of the shop's records, whether the grant covers it.
pub(super) fn covered(shop: &Shop, scopes: Option<&[String]>) -> Vec<(Record, Coverage)> {
    profile(shop.platform).map(|profile| coverage(shop, profile, scopes)).unwrap_or_default()
}

/// For scripts.
pub(super) fn word(coverage: &Coverage) -> serde_json::Value {
    match coverage {
        Coverage::Granted => json!({ "granted": true, "missing": [] }),
        Coverage::Missing(apis) => {
            let names: Vec<String> = apis.iter().map(|api| api.join(" or ")).collect();
            json!({ "granted": false, "missing": names })
        }
        Coverage::NotTold => json!({ "granted": null, "missing": [] }),
    }
}
