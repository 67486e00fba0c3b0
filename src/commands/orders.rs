//! `orders`: the newest orders as a table, as JSON, or as a CSV file that Excel opens.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;

use chrono::{DateTime, Utc};
use serde_json::json;
use tempfile::NamedTempFile;

use super::output;
use crate::atomic_file::{self, Existing};
use crate::cli::OrdersArgs;
use crate::exit::{Exit, Failure};
use crate::store::Store;
use crate::store::reports::overview::{OrderView, OrdersFilter};
use crate::terminal;

/// Makes Excel read the file as UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Rows shown when `-n` does not say; a CSV file holds all.
const ROWS_SHOWN: u64 = 20;

/// Orders held in memory while a file of all of them is written.
const BATCH: usize = 1_000;

/// Before the umask.
const FILE_MODE: u32 = 0o666;

pub(super) async fn run(store: &Store, args: &OrdersArgs, now: DateTime<Utc>) -> anyhow::Result<Exit> {
    let filter = OrdersFilter {
        shop: args.shop.clone(),
        since: args.since.map(|since| since.resolve(now)),
        limit: args.limit.or(args.csv.is_none().then_some(ROWS_SHOWN)),
    };
    if let Some(path) = &args.csv {
        let rows = if path == Path::new("-") {
            write_csv(store, &filter, &mut output::put).await?
        } else {
            let draft = Draft::create(path, args.force)?;
            let rows = write_csv(store, &filter, &mut |text| draft.write(text)).await?;
            draft.finish()?;
            rows
        };
        tracing::info!(event = "verb.finished", "{rows} orders written to {}", path.display());
        return Ok(Exit::Done);
    }
    let orders = store.reports().orders(&filter).await?;
    if args.table.json {
        output::json(&orders.iter().map(as_value).collect())?;
    } else {
        print(&orders)?;
    }
    Ok(Exit::Done)
}

/// Orders as a table.
pub(super) fn print(orders: &[OrderView]) -> anyhow::Result<()> {
    output::table(
        ["shop", "number", "status", "created (UTC)", "updated (UTC)", "total"],
        orders.iter().map(|order| {
            [
                order.shop.clone(),
                order.number.clone(),
                order.status.clone(),
                output::when(order.created_at),
                output::when(order.updated_at),
                output::money(order.total_minor, order.currency.as_deref()),
            ]
        }),
    )
}

/// A file that is there only when it is whole: written beside its place, and moved there at the end.
struct Draft<'a> {
    place: &'a Path,
    file: DraftFile,
    existing: Existing,
}

enum DraftFile {
    Beside(NamedTempFile),
    /// The place is no ordinary file.
    InPlace(File),
}

impl<'a> Draft<'a> {
    fn create(place: &'a Path, may_replace: bool) -> anyhow::Result<Self> {
        let failed = |error| not_written(place, error);
        let existing = if may_replace { Existing::Replaced } else { Existing::Kept };
        let there = std::fs::metadata(place).ok();
        let file = match there {
            Some(there) if !there.is_file() && !there.is_dir() => {
                DraftFile::InPlace(File::options().write(true).open(place).map_err(failed)?)
            }
            Some(_) if !may_replace => return Err(is_there(place).into()),
            _ => DraftFile::Beside(atomic_file::draft(place, FILE_MODE).map_err(failed)?),
        };
        Ok(Self { place, file, existing })
    }

    fn write(&self, text: &str) -> anyhow::Result<()> {
        let mut file = match &self.file {
            DraftFile::Beside(file) => file.as_file(),
            DraftFile::InPlace(file) => file,
        };
        file.write_all(text.as_bytes()).map_err(|error| not_written(self.place, error).into())
    }

    fn finish(self) -> anyhow::Result<()> {
        let DraftFile::Beside(file) = self.file else { return Ok(()) };
        atomic_file::place(file, self.place, self.existing).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => is_there(self.place).into(),
            _ => not_written(self.place, error).into(),
        })
    }
}

fn is_there(path: &Path) -> Failure {
    let text =
        format!("{} is there already: name another file, or add --force to replace it", path.display());
    Failure::new(Exit::BadInput, text)
}

fn not_written(path: &Path, error: std::io::Error) -> Failure {
    Failure::new(Exit::BadInput, format!("{} cannot be written", path.display())).because(error)
}

/// Writes the newest orders, or without a limit all of them by shop and number, batch by batch: a shop's orders may be
/// more than the memory, and change while they are written. Tells how many.
async fn write_csv(
    store: &Store,
    filter: &OrdersFilter,
    put: &mut impl FnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<usize> {
    put(&format!("{BYTE_ORDER_MARK}{}\r\n", HEADINGS.join(",")))?;
    if filter.limit.is_some() {
        let orders = store.reports().orders(filter).await?;
        for batch in orders.chunks(BATCH) {
            put(&lines(batch))?;
        }
        return Ok(orders.len());
    }
    let mut rows = 0;
    let shops = store.shops().all().await?.into_iter().map(|row| row.name);
    for shop in shops.filter(|name| filter.shop.as_ref().is_none_or(|shop| name == shop)) {
        let mut after: Option<String> = None;
        loop {
            let batch =
                store.reports().orders_after(&shop, filter.since, after.as_deref(), BATCH as u64).await?;
            let Some(last) = batch.last() else { break };
            put(&lines(&batch))?;
            rows += batch.len();
            after = Some(last.number.clone());
        }
    }
    Ok(rows)
}

const HEADINGS: [&str; 20] = [
    "shop",
    "number",
    "platform",
    "status",
    "platform_status",
    "created_at",
    "updated_at",
    "paid_at",
    "shipped_at",
    "completed_at",
    "canceled_at",
    "ship_by",
    "total_minor",
    "shipping_minor",
    "tax_minor",
    "income_minor",
    "currency",
    "country",
    "buyer_note",
    "seller_note",
];

/// Lines as RFC 4180 wants them.
fn lines(orders: &[OrderView]) -> String {
    let mut csv = String::new();
    for order in orders {
        let at = |at: Option<DateTime<Utc>>| at.map_or_else(String::new, |at| output::when(Some(at)));
        let minor = |minor: Option<i64>| minor.map_or_else(String::new, |minor| minor.to_string());
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let fields = [
            order.shop.clone(),
            order.number.clone(),
            order.platform.clone(),
            order.status.clone(),
            order.platform_status.clone(),
            at(order.created_at),
            at(order.updated_at),
            at(order.paid_at),
            at(order.shipped_at),
            at(order.completed_at),
            at(order.canceled_at),
            at(order.ship_by),
            minor(order.total_minor),
            minor(order.shipping_minor),
            minor(order.tax_minor),
            minor(order.income_minor),
            text(&order.currency),
            text(&order.country),
            text(&order.buyer_note),
            text(&order.seller_note),
        ];
        csv.push_str(&fields.map(|field| csv_field(&field)).join(","));
        csv.push_str("\r\n");
    }
    csv
}

/// Quoted where it must be. A text that a spreadsheet would run as a formula gets an apostrophe in front: notes
/// are written by strangers.
fn csv_field(field: &str) -> String {
    let is_number = field.parse::<i64>().is_ok();
    // Line ends and tabs are fine between quotes; what steers a terminal is not, as the file may be shown on one.
    let field = field.replace("\r\n", "\n");
    let field = terminal::lines(&field);
    let field = if !is_number && field.starts_with(['=', '+', '-', '@', '\t', '\n']) {
        format!("'{field}")
    } else {
        field.into_owned()
    };
    if field.contains(['"', ',', '\n']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
}

pub(super) fn as_value(order: &OrderView) -> serde_json::Value {
    json!({
        "shop": order.shop,
        "number": order.number,
        "platform": order.platform,
        "status": order.status,
        "platform_status": order.platform_status,
        "created_at": output::instant(order.created_at),
        "updated_at": output::instant(order.updated_at),
        "paid_at": output::instant(order.paid_at),
        "shipped_at": output::instant(order.shipped_at),
        "completed_at": output::instant(order.completed_at),
        "canceled_at": output::instant(order.canceled_at),
        "ship_by": output::instant(order.ship_by),
        "total_minor": order.total_minor,
        "shipping_minor": order.shipping_minor,
        "tax_minor": order.tax_minor,
        "income_minor": order.income_minor,
        "currency": order.currency,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_quoted_where_it_must_be_and_never_a_formula() {
        for (field, expected) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""),
            ("\tx", "'\tx"),
            ("two\r\nlines", "\"two\nlines\""),
            ("\n=1+1", "\"'\n=1+1\""),
            ("red\u{1b}[31m", "red\\u{1b}[31m"),
            ("-5", "-5"),
            ("-5+cmd", "'-5+cmd"),
            ("请尽快发货 🎁", "请尽快发货 🎁"),
        ] {
            assert_eq!(csv_field(field), expected);
        }
    }
}
