//! `cursor`: shows up to where everything is stored, and moves it. Needs no key and calls no platform.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde_json::json;

use super::confirm::confirm;
use super::{operator, output};
use crate::cli::{CursorConsent, CursorPlace, CursorVerb};
use crate::config::Config;
use crate::domain::record::Record;
use crate::exit::{Exit, Failure};
use crate::language::{Text, text};
use crate::store::Store;
use crate::store::ledger::cursors::Cursor;
use crate::store::ledger::cursors::CursorMove;

pub(super) async fn run(
    config: &Config,
    store: &Store,
    verb: &CursorVerb,
    now: DateTime<Utc>,
) -> anyhow::Result<Exit> {
    match verb {
        CursorVerb::Get { shop, record, table } => {
            return get(store, shop.as_deref(), *record, table.json).await;
        }
        CursorVerb::Set { place, to, consent } => {
            put(config, store, place, |_| Ok(to.resolve(now)), consent, now).await?;
        }
        CursorVerb::Rewind { place, by, consent } => {
            let by = TimeDelta::from_std(*by).unwrap_or(TimeDelta::MAX);
            let back = |from: Option<DateTime<Utc>>| {
                let from = from.ok_or_else(|| {
                    let text = format!(
                        "{} of `{}` have no cursor yet: nothing was read so far",
                        place.record, place.shop
                    );
                    Failure::new(Exit::BadInput, text)
                })?;
                Ok(from.checked_sub_signed(by).unwrap_or_default().max(DateTime::UNIX_EPOCH))
            };
            put(config, store, place, back, consent, now).await?;
        }
    }
    Ok(Exit::Done)
}

async fn get(
    store: &Store,
    shop: Option<&str>,
    record: Option<Record>,
    as_json: bool,
) -> anyhow::Result<Exit> {
    let mut cursors: Vec<(String, Record, Cursor)> = Vec::new();
    for row in store.shops().all().await?.into_iter().filter(|row| shop.is_none_or(|shop| row.name == shop)) {
        for each in Record::ALL.into_iter().filter(|each| record.is_none_or(|record| *each == record)) {
            if let Some(cursor) = store.cursors().get(&row.name, each).await? {
                cursors.push((row.name.clone(), each, cursor));
            }
        }
    }
    if as_json {
        let values = cursors.iter().map(|(shop, record, cursor)| {
            json!({
                "shop": shop, "record": record.as_str(), "last_sync_at": output::instant(cursor.last_sync_at),
                "epoch": cursor.epoch, "last_full_at": output::instant(cursor.last_full_at),
                "last_full_rows": cursor.last_full_rows,
                "off_reason": cursor.off_reason, "off_until": output::instant(cursor.off_until),
            })
        });
        output::json(&values.collect())?;
        return Ok(Exit::Done);
    }
    output::table(
        ["shop", "record", "synced until (UTC)", "epoch", "last whole scan (UTC)", "off"],
        cursors.iter().map(|(shop, record, cursor)| {
            [
                shop.clone(),
                record.to_string(),
                output::when(cursor.last_sync_at),
                cursor.epoch.to_string(),
                output::when(cursor.last_full_at),
                cursor.off_reason.clone().unwrap_or_else(|| "no".to_owned()),
            ]
        }),
    )?;
    Ok(Exit::Done)
}

/// Asks for confirmation, moves the cursor, and reports it.
async fn put(
    config: &Config,
    store: &Store,
    place: &CursorPlace,
    target: impl FnOnce(Option<DateTime<Utc>>) -> Result<DateTime<Utc>, Failure>,
    consent: &CursorConsent,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let CursorPlace { shop, record } = place;
    let cursor = store.cursors().get(shop, *record).await?;
    require_record(config, place, cursor.is_some())?;
    let from = cursor.and_then(|cursor| cursor.last_sync_at);
    let to = target(from)?.trunc_subsecs(0);
    if to > now {
        let text = format!(
            "{} UTC is in the future (it is {} UTC): what is updated until then would never be read",
            output::when(Some(to)),
            output::when(Some(now))
        );
        return Err(Failure::new(Exit::BadInput, text).into());
    }
    confirm(&question(place, from, to), shop, consent.yes)?;
    let moving = CursorMove {
        shop: shop.clone(),
        record: *record,
        to,
        who: operator::name(),
        why: consent.why.clone(),
    };
    let from = store.cursors().move_to(&moving).await?;
    tracing::warn!(
        event = "cursor.moved", shop, %record, who = moving.who,
        "the cursor of {record} of `{shop}` was moved from {} to {} UTC by {}",
        output::when(from), output::when(Some(to)), moving.who,
    );
    if consent.table.json {
        return output::json(&json!({
            "shop": shop, "record": record.as_str(), "from": output::instant(from), "to": output::instant(Some(to)),
            "who": moving.who, "why": moving.why,
        }));
    }
    output::line(format_args!(
        "{shop} {record}: {} -> {} UTC; the next run reads from there",
        output::when(from),
        output::when(Some(to))
    ))
}

fn question(place: &CursorPlace, from: Option<DateTime<Utc>>, to: DateTime<Utc>) -> Text {
    let CursorPlace { shop, record } = place;
    let consequence = match from {
        None => text!(
            "nothing before it is read unless `shopsync backfill` reads it",
            "除非用 `shopsync backfill`，此前的数据不会读取"
        ),
        Some(from) if from > to => {
            let span = output::length(from - to);
            text!(
                "what was updated in these {span} is read again, and a run that is going on ends",
                "这 {span} 内更新过的数据会重新读取，正在进行的运行会结束"
            )
        }
        Some(from) => {
            let span = output::length(to - from);
            text!(
                "what was updated in these {span} and is not here yet is passed over, and a run that is going on ends",
                "这 {span} 内更新过而尚未读取的数据会被跳过，正在进行的运行会结束"
            )
        }
    };
    let (from, to) = (output::when(from), output::when(Some(to)));
    text!(
        "This moves the cursor of {record} of `{shop}` from {from} to {to} UTC: {consequence}.",
        "这会把 `{shop}` 的 {record} 游标从 {from} 移到 {to} UTC：{consequence}。"; consequence
    )
}

/// A cursor of what a shop does not have would only be confusing.
fn require_record(config: &Config, place: &CursorPlace, has_cursor: bool) -> anyhow::Result<()> {
    let CursorPlace { shop, record } = place;
    let is_wanted = config.shops().iter().any(|known| known.name == *shop && known.records.contains(record));
    if has_cursor || is_wanted {
        return Ok(());
    }
    let text = format!("`{shop}` has no {record}: see `records` of its [shops.…] section");
    Err(Failure::new(Exit::Usage, text).into())
}
