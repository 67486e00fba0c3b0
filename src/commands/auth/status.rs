//! `auth status`: how each grant stands, who renews it until when, and what a person has to do.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::super::output;
use super::stored_grant::{covered, word};
use crate::app::App;
use crate::auth::GrantStatus;
use crate::auth::required_action::days_left;
use crate::auth::required_action::to_do;
use crate::auth::status::Standing;
use crate::domain::moment;
use crate::domain::shop::Shop;
use crate::exit::{Exit, Failure};
use crate::language::{Text, text};
use crate::store::shops::{Pause, ShopRow};

struct Line<'a> {
    shop: &'a Shop,
    row: Option<ShopRow>,
    /// `None`: there is no grant.
    status: Option<GrantStatus>,
    to_do: Option<Text>,
}

pub(super) async fn status(app: &App, as_json: bool) -> anyhow::Result<()> {
    let now = app.clock.now();
    let mut lines = Vec::new();
    for shop in &app.shops {
        let status = app.tokens.status(shop).await?;
        let row = app.store.shops().get(&shop.name).await?;
        let to_do = to_do(shop, status.as_ref(), now);
        lines.push(Line { shop, row, status, to_do });
    }
    if as_json {
        output::json(&lines.iter().map(|line| as_value(line, now)).collect())?;
    } else {
        print(&lines, app.tokens.unsaved())?;
    }
    let needy: Vec<&str> = lines
        .iter()
        .filter(|line| line.status.as_ref().is_some_and(GrantStatus::needs_owner))
        .map(|line| line.shop.name.as_str())
        .collect();
    if needy.is_empty() {
        return Ok(());
    }
    let needy = needy.join(", ");
    let text = text!("{needy} must be authorised again by the owner", "{needy} 必须由店主重新授权");
    Err(Failure::new(Exit::NeedsOwner, text).into())
}

/// Moments in a table that is not too wide, and below it what is to be done, in sentences.
fn print(lines: &[Line<'_>], unsaved: usize) -> anyhow::Result<()> {
    let headings = [
        text!("shop", "店铺"),
        text!("state", "状态"),
        text!("valid until (UTC)", "令牌有效至 (UTC)"),
        text!("renewed (UTC)", "续期于 (UTC)"),
        text!("grant ends (UTC)", "授权到期 (UTC)"),
    ]
    .map(String::from);
    output::table(headings.each_ref().map(String::as_str), lines.iter().map(as_row))?;
    for line in lines {
        let name = &line.shop.name;
        if let Some(text) = &line.to_do {
            output::line(text!("{name}: {text}", "{name}：{text}"; text))?;
        }
        if let Some(Pause { reason, until, .. }) = line.pause() {
            output::line(if let Some(until) = until.map(moment::to_minute) {
                text!("{name}: paused until {until} UTC: {reason}", "{name}：暂停至 {until} UTC：{reason}")
            } else {
                text!("{name}: paused: {reason}", "{name}：已暂停：{reason}")
            })?;
        }
    }
    if unsaved > 0 {
        output::line(super::super::check::unsaved(unsaved))?;
    }
    if lines.iter().all(|line| line.to_do.is_none()) {
        output::line(text!("Nobody has to do anything.", "目前不需要任何人做任何事。"))?;
    }
    Ok(())
}

fn as_row(line: &Line<'_>) -> [String; 5] {
    let name = line.shop.name.clone();
    let Some(status) = &line.status else {
        let state = if line.was_authorised() {
            text!("cleared", "已清除")
        } else {
            text!("never authorised", "从未授权")
        };
        return [name, state.into(), "-".to_owned(), "-".to_owned(), "-".to_owned()];
    };
    let renewed = match (status.standing, status.due_at) {
        (Standing::NeedsOwner(_), _) | (_, None) => text!("by its owner", "由店主").into(),
        (_, Some(due_at)) => moment::to_minute(due_at.max(status.not_before.unwrap_or(due_at))),
    };
    let grant_end = match (status.owner_end, status.refresh_ends_at) {
        (Some(end), _) => moment::to_minute(end.at),
        (None, Some(_)) => text!("moves on", "顺延").into(),
        (None, None) => text!("not reported", "平台未告知").into(),
    };
    let state = match status.standing {
        Standing::Good => text!("good", "正常"),
        Standing::Due => text!("due", "待续期"),
        Standing::Refreshing => text!("refreshing", "续期中"),
        Standing::Throttled => text!("throttled", "被限流"),
        Standing::AnswerLost => text!("answer lost", "应答丢失"),
        Standing::NeedsOwner(_) => text!("needs its owner", "需要店主"),
        Standing::Copied => text!("copied", "复制而来"),
    };
    [name, state.into(), moment::to_minute(status.access_ends_at), renewed, grant_end]
}

fn as_value(line: &Line<'_>, now: DateTime<Utc>) -> serde_json::Value {
    let status = line.status.as_ref();
    let account = line.row.as_ref().map(|row| &row.account);
    let owner_needed_by = status.and_then(|status| status.owner_end).map(|end| end.at);
    let reason = status.and_then(|status| match status.standing {
        Standing::NeedsOwner(reason) => Some(reason.as_str()),
        _ => None,
    });
    let trouble = status.and_then(|status| status.trouble.as_ref());
    let scopes = account.and_then(|account| account.scopes.as_deref());
    let records: serde_json::Map<String, serde_json::Value> = covered(line.shop, scopes)
        .into_iter()
        .map(|(record, coverage)| (record.to_string(), word(&coverage)))
        .collect();
    json!({
        "shop": line.shop.name,
        "platform": line.shop.platform,
        "account_id": account.and_then(|account| account.id.as_ref()),
        "account_name": account.and_then(|account| account.name.as_ref()),
        "state": status.map_or("never_authorised", |status| status.standing.as_str()),
        "reason": reason,
        "usable": status.is_some_and(|status| status.usable),
        "authorised_at": output::instant(line.row.as_ref().and_then(|row| row.authorised_at)),
        "access_ends_at": output::instant(status.map(|status| status.access_ends_at)),
        "refresh_ends_at": output::instant(status.and_then(|status| status.refresh_ends_at)),
        "owner_needed_by": output::instant(owner_needed_by),
        "days_left": owner_needed_by.map(|end| days_left(end, now)),
        "access_seconds_left": seconds_left(status.map(|status| status.access_ends_at), now),
        "refresh_seconds_left": seconds_left(status.and_then(|status| status.refresh_ends_at), now),
        "should_refresh": status.and_then(|status| status.due_at).is_some_and(|due_at| due_at <= now),
        "due_at": output::instant(status.and_then(|status| status.due_at)),
        "not_before": output::instant(status.and_then(|status| status.not_before)),
        "trouble": trouble.map(|trouble| trouble.message.clone()),
        "paused_reason": line.pause().map(|pause| pause.reason.clone()),
        "paused_until": output::instant(line.pause().and_then(|pause| pause.until)),
        "records": records,
        "to_do": line.to_do.as_ref().map(|text| &text.english),
    })
}

/// 0: it is over.
fn seconds_left(end: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<i64> {
    end.map(|end| (end - now).num_seconds().max(0))
}

impl Line<'_> {
    fn pause(&self) -> Option<&Pause> {
        self.row.as_ref()?.pause.as_ref()
    }

    fn was_authorised(&self) -> bool {
        self.row.as_ref().is_some_and(|row| row.authorised_at.is_some())
    }
}
