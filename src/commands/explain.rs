//! `explain`: where an order came from, or why it is not here. Asks no one but the database, and needs no key.

use chrono::{DateTime, Utc};

use crate::cli::ExplainArgs;
use crate::domain::entity::Kind;
use crate::domain::record::{Lane, Record};
use crate::exit::{Exit, Failure};
use crate::store::Store;
use crate::store::records::quarantine::QuarantineRow;
use crate::store::reports::explain::{LedgerEntry, OrderEvent, Trace};
use crate::store::reports::overview::OrderView;
use crate::store::reports::runs::RunRow;

mod text;

/// Windows of one moment or one cause.
const WINDOWS_MAX: u64 = 20;

/// All that the database knows of one number.
struct Story {
    shop: String,
    record: Record,
    number: String,
    /// `None`: it is not here.
    here: Option<Here>,
    /// Of what is not here, another record that has something of that number.
    elsewhere: Option<(Kind, Record)>,
    quarantine: Option<QuarantineRow>,
    /// Windows that hold the times it was created and changed at; for what is not here, those of which something is or
    /// may be missing.
    windows: Vec<LedgerEntry>,
    cursor: Option<DateTime<Utc>>,
    last_full_at: Option<DateTime<Utc>>,
    /// From when until when the create lane reaches.
    history: Option<(DateTime<Utc>, DateTime<Utc>)>,
    created: Option<DateTime<Utc>>,
}

struct Here {
    kind: Kind,
    trace: Trace,
    /// For orders.
    order: Option<Box<OrderView>>,
    events: Vec<OrderEvent>,
    /// The run that last wrote it.
    run: Option<RunRow>,
}

pub(super) async fn run(store: &Store, args: &ExplainArgs, now: DateTime<Utc>) -> anyhow::Result<Exit> {
    let story = look(store, args, now).await?;
    text::print(&story, args.table.json)?;
    if story.here.is_some() || story.quarantine.is_some() {
        return Ok(Exit::Done);
    }
    let text = format!("{} is not among the {} of `{}` here", story.number, story.record, story.shop);
    Err(Failure::new(Exit::BadInput, text).into())
}

async fn look(store: &Store, args: &ExplainArgs, now: DateTime<Utc>) -> anyhow::Result<Story> {
    let (shop, record, number) = (args.shop.as_str(), args.record, args.number.trim());
    let cursor = store.cursors().get(shop, record).await?;
    let epoch = cursor.as_ref().map_or(0, |cursor| cursor.epoch);
    let here = here(store, shop, record, number).await?;
    let created = args.created.map(|created| created.resolve(now));
    let windows = match (&here, created) {
        (Some(here), _) => windows_of(store, shop, record, here).await?,
        (None, Some(created)) => {
            let mut windows =
                store.explain().windows_at(shop, record, Lane::Create, created, WINDOWS_MAX).await?;
            windows
                .extend(store.explain().windows_at(shop, record, Lane::Update, created, WINDOWS_MAX).await?);
            windows
        }
        (None, None) => store.explain().unsure_windows(shop, record, epoch, WINDOWS_MAX).await?,
    };
    let elsewhere = if here.is_none() { elsewhere(store, shop, record, number).await? } else { None };
    Ok(Story {
        quarantine: store.quarantine().get(shop, record, number).await?,
        history: store.explain().reach_of(shop, record, Lane::Create).await?,
        cursor: cursor.as_ref().and_then(|cursor| cursor.last_sync_at),
        last_full_at: cursor.and_then(|cursor| cursor.last_full_at),
        shop: shop.to_owned(),
        number: number.to_owned(),
        record,
        here,
        elsewhere,
        windows,
        created,
    })
}

/// The row, of whichever kind of the record it is.
async fn here(store: &Store, shop: &str, record: Record, number: &str) -> anyhow::Result<Option<Here>> {
    for kind in Kind::ALL.into_iter().filter(|kind| kind.record() == record) {
        let Some(trace) = store.explain().trace(shop, kind, number).await? else { continue };
        let (order, events) = match kind {
            Kind::Order => (
                store.reports().order(shop, number).await?,
                store.explain().order_events(shop, number).await?,
            ),
            _ => (None, Vec::new()),
        };
        let run = store.runs().get(trace.run_id).await?;
        return Ok(Some(Here { kind, trace, order: order.map(Box::new), events, run }));
    }
    Ok(None)
}

/// Without `--record` it is an order, whatever the number is of.
async fn elsewhere(
    store: &Store,
    shop: &str,
    record: Record,
    number: &str,
) -> anyhow::Result<Option<(Kind, Record)>> {
    for kind in Kind::ALL.into_iter().filter(|kind| kind.record() != record) {
        if store.explain().trace(shop, kind, number).await?.is_some() {
            return Ok(Some((kind, kind.record())));
        }
    }
    Ok(None)
}

/// The windows of both lanes that hold its times, each once.
async fn windows_of(
    store: &Store,
    shop: &str,
    record: Record,
    here: &Here,
) -> anyhow::Result<Vec<LedgerEntry>> {
    let mut windows: Vec<LedgerEntry> = Vec::new();
    if let Some(created) = here.trace.created_at {
        windows.extend(store.explain().windows_at(shop, record, Lane::Create, created, WINDOWS_MAX).await?);
    }
    let mut changes: Vec<DateTime<Utc>> = here.events.iter().filter_map(|event| event.updated_at).collect();
    changes.extend(here.trace.updated_at);
    changes.sort_unstable();
    changes.dedup();
    for at in changes {
        for window in store.explain().windows_at(shop, record, Lane::Update, at, WINDOWS_MAX).await? {
            if !windows.contains(&window) {
                windows.push(window);
            }
        }
    }
    Ok(windows)
}
