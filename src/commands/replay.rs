//! `replay`: makes the typed columns again from the stored answers, as this version reads them. Calls no platform, and
//! is safe beside the daemon: a row that changes meanwhile is left as it is.

use std::str::FromStr;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::output;
use crate::app::App;
use crate::cli::ReplayArgs;
use crate::domain::entity::{Answers, Entity, Kind};
use crate::domain::record::Record;
use crate::domain::shop::Shop;
use crate::exit::{Exit, Failure};
use crate::platform::{ConvertError, Platform};
use crate::store::records::replay::{RawRow, Retyped};

/// Rows read and written at once.
const BATCH: u64 = 500;
/// Unreadable rows named.
const NAMED_MAX: usize = 20;

/// Where a replay stands: this row and all before it are done.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    shop: String,
    kind: Kind,
    number: String,
}

/// What came of one kind of one shop.
struct Replayed {
    shop: String,
    kind: Kind,
    rewritten: u64,
    /// Changed while they were read; the change has rewritten them.
    changed: u64,
    /// Their answers were let go.
    pruned: u64,
    unreadable: u64,
    /// The first of them, with the reason.
    named: Vec<(String, String)>,
}

pub(super) async fn run(app: &App, args: &ReplayArgs, cancel: &CancellationToken) -> anyhow::Result<Exit> {
    let mut after = args.after.as_deref().map(str::parse::<Mark>).transpose()?;
    let work = select(app, args)?;
    if let Some(mark) = &after
        && !work.iter().any(|(shop, kind)| shop.name == mark.shop && *kind == mark.kind)
    {
        let text = format!("--after names {mark}, which is not among the requested");
        return Err(Failure::new(Exit::Usage, text).into());
    }
    let mut all = Vec::new();
    for (shop, kind) in work {
        // What stands before the mark is done.
        if after.as_ref().is_some_and(|mark| (&mark.shop, mark.kind) != (&shop.name, kind)) {
            continue;
        }
        let from = after.take().map(|mark| mark.number);
        let (replayed, stopped_at) = replay(app, shop, kind, from, cancel).await?;
        all.push(replayed);
        if let Some(mark) = stopped_at {
            print(&all, args.table.json)?;
            let text = format!("stopped; the same command with `--after {mark}` continues from there");
            return Err(Failure::new(Exit::Later, text).into());
        }
    }
    print(&all, args.table.json)?;
    conclude(&all)
}

/// Shop by shop and kind by kind, always in the same order.
fn select<'a>(app: &'a App, args: &ReplayArgs) -> anyhow::Result<Vec<(&'a Shop, Kind)>> {
    if let Some(name) = args.shops.iter().find(|name| app.shop(name).is_none()) {
        return Err(super::unknown_shop(app, name).into());
    }
    let is_asked_for = |record: &Record| args.records.is_empty() || args.records.contains(record);
    let mut work = Vec::new();
    for shop in app.shops.iter().filter(|shop| args.shops.is_empty() || args.shops.contains(&shop.name)) {
        let records = shop.records.iter().filter(|record| is_asked_for(record) && app.reads(shop, **record));
        for record in records {
            let kinds = Kind::ALL.into_iter().filter(|kind| kind.record() == *record);
            work.extend(kinds.map(|kind| (shop, kind)));
        }
    }
    Ok(work)
}

/// Every row of a kind, or as far as it comes before it is stopped: then also where that was.
async fn replay(
    app: &App,
    shop: &Shop,
    kind: Kind,
    from: Option<String>,
    cancel: &CancellationToken,
) -> anyhow::Result<(Replayed, Option<Mark>)> {
    let mut replayed = Replayed::of(shop, kind);
    let Some(application) = app.applications.get(&shop.app) else {
        return Ok((replayed, None));
    };
    let mut after = from;
    loop {
        let rows = app.store.replay().raw_batch(&shop.name, kind, after.as_deref(), BATCH).await?;
        let Some(last) = rows.last() else { break };
        let mark = Mark { shop: shop.name.clone(), kind, number: last.number.clone() };
        let retyped = replayed.read(application.platform(), &rows);
        let rewritten = app.store.replay().rewrite_typed(&shop.name, &retyped).await?;
        replayed.rewritten += rewritten;
        replayed.changed += retyped.len() as u64 - rewritten;
        tracing::info!(event = "replay.progress", shop = %shop.name, "replayed up to {mark}");
        if cancel.is_cancelled() {
            return Ok((replayed, Some(mark)));
        }
        after = Some(mark.number);
    }
    Ok((replayed, None))
}

impl Replayed {
    fn of(shop: &Shop, kind: Kind) -> Self {
        Self {
            shop: shop.name.clone(),
            kind,
            rewritten: 0,
            changed: 0,
            pruned: 0,
            unreadable: 0,
            named: Vec::new(),
        }
    }

    /// Makes things of rows, counting those that cannot be made.
    fn read(&mut self, platform: &dyn Platform, rows: &[RawRow]) -> Vec<Retyped> {
        let mut retyped = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(answers) = row.answers() else {
                self.pruned += 1;
                continue;
            };
            match entity(platform, self.kind, &answers) {
                Ok(entity) if entity.number() == row.number => {
                    retyped.push(Retyped { entity, raw: row.raw.clone() });
                }
                Ok(entity) => self.tell_unreadable(row, format!("its answers are of {}", entity.number())),
                Err(error) => self.tell_unreadable(row, error.reason()),
            }
        }
        retyped
    }

    fn tell_unreadable(&mut self, row: &RawRow, reason: String) {
        self.unreadable += 1;
        if self.named.len() < NAMED_MAX {
            self.named.push((row.number.clone(), reason));
        }
    }
}

/// A thing of its answers, with the money that came by a call of its own.
fn entity(platform: &dyn Platform, kind: Kind, answers: &Answers) -> Result<Entity, ConvertError> {
    let source = platform.source(kind.record()).ok_or(ConvertError::Missing { field: "source" })?;
    let mut entity = source.convert(kind, answers)?;
    if let (Entity::Order(order), Some(raw), Some(money)) =
        (&mut entity, &answers.amounts, platform.amounts())
    {
        order.amounts = Some(money.convert_amounts(raw)?);
    }
    Ok(entity)
}

fn print(all: &[Replayed], as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let values = all.iter().map(|replayed| {
            json!({
                "shop": replayed.shop, "kind": replayed.kind.to_string(), "rewritten": replayed.rewritten,
                "changed_meanwhile": replayed.changed, "pruned": replayed.pruned,
                "unreadable": replayed.unreadable,
                "examples": replayed.named.iter()
                    .map(|(number, reason)| json!({ "number": number, "reason": reason }))
                    .collect::<Vec<_>>(),
            })
        });
        return output::json(&values.collect());
    }
    output::table(
        ["shop", "kind", "rewritten", "changed meanwhile", "without answers", "unreadable"],
        all.iter().map(|replayed| {
            [
                replayed.shop.clone(),
                replayed.kind.to_string(),
                replayed.rewritten.to_string(),
                replayed.changed.to_string(),
                replayed.pruned.to_string(),
                replayed.unreadable.to_string(),
            ]
        }),
    )?;
    for replayed in all {
        for (number, reason) in &replayed.named {
            output::line(format_args!("{} {} {number}: {reason}", replayed.shop, replayed.kind))?;
        }
    }
    Ok(())
}

fn conclude(all: &[Replayed]) -> anyhow::Result<Exit> {
    let unreadable: u64 = all.iter().map(|replayed| replayed.unreadable).sum();
    if unreadable == 0 {
        return Ok(Exit::Done);
    }
    let text = format!("{unreadable} rows cannot be read from their stored answers, and stay as they were");
    Err(Failure::new(Exit::Partly, text).into())
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.shop, self.kind, self.number)
    }
}

impl FromStr for Mark {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let mut parts = text.splitn(3, '/');
        let (shop, kind, number) = (parts.next(), parts.next(), parts.next());
        let kind = Kind::ALL.into_iter().find(|known| Some(known.to_string().as_str()) == kind);
        if let (Some(shop), Some(kind), Some(number)) = (shop, kind, number) {
            return Ok(Self { shop: shop.to_owned(), kind, number: number.to_owned() });
        }
        let text =
            format!("`--after {text}` is no place that a stopped replay names, such as acme/order/123");
        Err(Failure::new(Exit::Usage, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_given_whatever_the_number_holds() {
        for kind in Kind::ALL {
            let mark = Mark { shop: "acme".to_owned(), kind, number: "a/b c".to_owned() };
            assert_eq!(mark.to_string().parse::<Mark>().ok(), Some(mark));
        }
        assert!("acme/orders".parse::<Mark>().is_err());
    }
}
