//! Prints what is known of a number, as text and as JSON.

use serde_json::{Value, json};

use super::super::{output, runs};
use super::{Here, Story};
use crate::domain::record::Record;
use crate::store::ledger::windows::WindowState;
use crate::store::reports::explain::LedgerEntry;
use crate::store::reports::runs::RunRow;

pub(super) fn print(story: &Story, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return output::json(&as_value(story));
    }
    let Story { shop, record, number, .. } = story;
    match &story.here {
        Some(here) => print_here(story, here)?,
        None => output::line(format_args!("{number} is not among the {record} of `{shop}` here"))?,
    }
    if let Some(aside) = &story.quarantine {
        output::line(format_args!(
            "in quarantine since {} UTC, last seen {} UTC: {}",
            output::when(Some(aside.first_seen_at)),
            output::when(Some(aside.last_seen_at)),
            aside.reason
        ))?;
    }
    print_windows(story)?;
    for advice in advice(story) {
        output::line(advice)?;
    }
    Ok(())
}

fn print_here(story: &Story, here: &Here) -> anyhow::Result<()> {
    let Story { shop, number, .. } = story;
    let trace = &here.trace;
    output::line(format_args!("{shop} {} {number} is here", here.kind))?;
    let fact = |name: &str, value: String| output::line(format_args!("  {name:<14}{value}"));
    if let Some(order) = &here.order {
        fact("status", format!("{} ({} at the platform)", order.status, order.platform_status))?;
    }
    if trace.created_at.is_some() {
        fact("created", format!("{} UTC", output::when(trace.created_at)))?;
    }
    fact("updated", format!("{} UTC", output::when(trace.updated_at)))?;
    if trace.gone_at.is_some() {
        fact("gone since", format!("{} UTC", output::when(trace.gone_at)))?;
    }
    fact("first stored", format!("{} UTC", output::when(Some(trace.first_seen_at))))?;
    let run = here.run.as_ref().map_or_else(|| "no longer in the log".to_owned(), run_in_words);
    fact(
        "last written",
        format!("{} UTC by run {} ({run})", output::when(Some(trace.synced_at)), trace.run_id),
    )?;
    if let Some(order) = &here.order {
        match (order.amounts_at, order.amounts_due_at) {
            (_, Some(due)) => fact("money", format!("to be read after {} UTC", output::when(Some(due))))?,
            (Some(at), None) => fact("money", format!("read {} UTC", output::when(Some(at))))?,
            (None, None) => {}
        }
    }
    if here.events.is_empty() {
        return Ok(());
    }
    output::line("states it was seen in:")?;
    output::table(
        ["state", "at the platform", "since (UTC)", "seen (UTC)", "run"],
        here.events.iter().map(|event| {
            [
                event.status.clone(),
                event.platform_status.clone(),
                output::when(event.updated_at),
                output::when(Some(event.seen_at)),
                event.run_id.to_string(),
            ]
        }),
    )
}

fn run_in_words(run: &RunRow) -> String {
    format!("{}, {}", run.job, runs::outcome(run))
}

fn print_windows(story: &Story) -> anyhow::Result<()> {
    if story.windows.is_empty() {
        return Ok(());
    }
    output::line(match (&story.here, story.created) {
        (Some(_), _) => "windows that hold its times:",
        (None, Some(_)) => "windows that hold that moment:",
        (None, None) => "windows of which something is or may be missing:",
    })?;
    output::table(
        ["lane", "from (UTC)", "until (UTC)", "state", "platform", "seen", "read (UTC)", "run"],
        story.windows.iter().map(|entry| {
            let count = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
            [
                entry.lane.to_string(),
                output::when(Some(entry.row.window.from())),
                output::when(Some(entry.row.window.until())),
                entry.row.state.as_str().to_owned(),
                count(entry.row.platform_total),
                count(entry.row.rows_seen),
                output::when(entry.row.completed_at),
                entry.run_id.map_or_else(|| "-".to_owned(), |run| run.to_string()),
            ]
        }),
    )
}

/// What is known of a number that is not here, and what to do about it.
fn advice(story: &Story) -> Vec<String> {
    let Story { shop, record, number, .. } = story;
    if story.here.is_some() {
        return Vec::new();
    }
    if let Some((kind, record)) = story.elsewhere {
        return vec![format!(
            "it is the number of a stored {kind}: `shopsync explain {shop} {number} --record {record}`"
        )];
    }
    if story.quarantine.is_some() {
        return vec![format!(
            "`shopsync quarantine show {shop} {record} {number}` shows its text; `shopsync quarantine retry` tries again"
        )];
    }
    let mut sentences = reach(story);
    if *record == Record::Orders {
        sentences.push(format!("`shopsync fetch {shop} {number}` requests it from the platform now"));
    }
    if story.history.is_some() {
        sentences.push(format!(
            "`shopsync verify --shop {shop} --record {record} --repair` compares the last days and reads what is missing"
        ));
    } else {
        sentences.push(format!("`shopsync sync --full --shop {shop} --record {record}` reads all there are"));
    }
    sentences
}

fn reach(story: &Story) -> Vec<String> {
    let Story { shop, record, .. } = story;
    let Some(cursor) = story.cursor else {
        return vec![format!("{record} of `{shop}` were never read: `shopsync sync --shop {shop}`")];
    };
    let mut sentences = vec![format!("what changed before {} UTC was read", output::when(Some(cursor)))];
    match story.history {
        Some((from, until)) => {
            sentences.push(format!(
                "of the history, what was created from {} to {} UTC is in the ledger",
                output::when(Some(from)),
                output::when(Some(until))
            ));
            if story.created.is_some_and(|created| created < from) {
                sentences.push(format!(
                    "it is older than that, and will only come when it changes: `shopsync backfill --shop {shop} --record {record} --from T --until T`"
                ));
            }
        }
        None if story.last_full_at.is_some() => {
            sentences
                .push(format!("all there were at {} UTC were read whole", output::when(story.last_full_at)));
        }
        None => {}
    }
    if story.created.is_some_and(|created| created >= cursor) {
        sentences.push("it is newer than that: the next run brings it".to_owned());
    }
    let count = |state| story.windows.iter().filter(|entry| entry.row.state == state).count();
    for (state, meaning) in [
        (WindowState::Planned, "still to be read; the daemon and `shopsync sync` go on with them"),
        (WindowState::Failed, "failed, and read again by the next run; `shopsync runs --failed` shows why"),
        (WindowState::Short, "showed fewer than the platform announced, and are read again every night"),
        (WindowState::Unreachable, "unreachable: the platform no longer shows what is so old"),
    ] {
        if count(state) > 0 {
            sentences.push(format!("{} of these windows are {meaning}", count(state)));
        }
    }
    sentences
}

fn as_value(story: &Story) -> Value {
    let at = output::instant;
    let here = story.here.as_ref();
    let order = here.and_then(|here| here.order.as_ref());
    json!({
        "shop": story.shop, "record": story.record.as_str(), "number": story.number,
        "here": here.is_some(),
        "kind": here.map(|here| here.kind.to_string()),
        "status": order.map(|order| &order.status),
        "platform_status": order.map(|order| &order.platform_status),
        "created_at": at(here.and_then(|here| here.trace.created_at)),
        "updated_at": at(here.and_then(|here| here.trace.updated_at)),
        "gone_at": at(here.and_then(|here| here.trace.gone_at)),
        "first_seen_at": at(here.map(|here| here.trace.first_seen_at)),
        "synced_at": at(here.map(|here| here.trace.synced_at)),
        "run": here.map(|here| json!({
            "id": here.trace.run_id,
            "job": here.run.as_ref().map(|run| &run.job),
            "outcome": here.run.as_ref().map(runs::outcome),
            "started_at": at(here.run.as_ref().map(|run| run.started_at)),
        })),
        "amounts_at": at(order.and_then(|order| order.amounts_at)),
        "amounts_due_at": at(order.and_then(|order| order.amounts_due_at)),
        "events": here.map(|here| here.events.iter().map(|event| json!({
            "status": event.status, "platform_status": event.platform_status,
            "updated_at": at(event.updated_at), "seen_at": at(Some(event.seen_at)), "run_id": event.run_id,
        })).collect::<Vec<_>>()).unwrap_or_default(),
        "quarantine": story.quarantine.as_ref().map(|aside| json!({
            "reason": aside.reason, "attempts": aside.attempts,
            "first_seen_at": at(Some(aside.first_seen_at)), "last_seen_at": at(Some(aside.last_seen_at)),
        })),
        "windows": story.windows.iter().map(window_value).collect::<Vec<_>>(),
        "last_sync_at": at(story.cursor),
        "last_full_at": at(story.last_full_at),
        "history_from": at(story.history.map(|(from, _)| from)),
        "history_until": at(story.history.map(|(_, until)| until)),
        "advice": advice(story),
    })
}

fn window_value(entry: &LedgerEntry) -> Value {
    let row = &entry.row;
    json!({
        "lane": entry.lane.as_str(), "epoch": entry.epoch,
        "from": output::instant(Some(row.window.from())), "until": output::instant(Some(row.window.until())),
        "state": row.state.as_str(), "platform_total": row.platform_total, "rows_seen": row.rows_seen,
        "read_at": output::instant(row.completed_at), "run_id": entry.run_id,
    })
}
