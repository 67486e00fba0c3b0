//! What a person sees of a grant that was just stored: whose it is, how long it lasts, what it covers.

use serde_json::json;

use super::super::chinese::coverage as coverage_in_chinese;
use super::super::output;
use crate::app::App;
use crate::auth::GrantStatus;
use crate::auth::login::scopes::{Coverage, coverage};
use crate::domain::record::Record;
use crate::domain::shop::Shop;
use crate::language::{Text, text};
use crate::platform::profile;

pub(super) async fn print(app: &App, shop: &Shop, granted: &GrantStatus) -> anyhow::Result<()> {
    let account = app.store.shops().get(&shop.name).await?.map(|row| row.account).unwrap_or_default();
    let known = |text: Option<&String>| text.map_or_else(|| text!("not reported", "平台未告知"), Text::alike);
    line(&text!("shop", "店铺"), &Text::alike(&shop.name))?;
    line(&text!("account", "账号"), &known(account.id.as_ref()))?;
    line(&text!("name", "名称"), &known(account.name.as_ref()))?;
    let end = output::when(Some(granted.access_ends_at));
    line(&text!("access until", "令牌有效至"), &Text::alike(format!("{end} UTC")))?;
    let renewed = text!("renewed", "续期");
    let until = output::when(granted.refresh_ends_at);
    match (granted.due_at, granted.refresh_ends_at, granted.owner_end) {
        (None, ..) => {
            let text = text!(
                "by its owner only: authorise it again before that",
                "只能由店主续期：请在此之前重新授权"
            );
            line(&renewed, &text)?;
        }
        (Some(_), None, _) => line(&renewed, &text!("by itself", "自动续期"))?,
        (Some(_), Some(_), None) => {
            let text = text!(
                "by itself until {until} UTC, further with each refresh",
                "自动续期至 {until} UTC，每次续期顺延"
            );
            line(&renewed, &text)?;
        }
        (Some(_), Some(_), Some(_)) => {
            let text = text!(
                "by itself until {until} UTC, then the owner is needed",
                "自动续期至 {until} UTC，之后需要店主"
            );
            line(&renewed, &text)?;
        }
    }
    for (record, coverage) in covered(shop, account.scopes.as_deref()) {
        let text = Text { english: coverage.to_string(), chinese: coverage_in_chinese(&coverage) };
        line(&Text::alike(record.as_str()), &text)?;
    }
    Ok(())
}

fn line(name: &Text, value: &Text) -> anyhow::Result<()> {
    output::line(format_args!("{} {value}", name.padded(14)))
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
        Coverage::NotReported => json!({ "granted": null, "missing": [] }),
    }
}
