//! What verbs print: tables for people, JSON for scripts. Data goes to stdout, everything else to stderr. A
//! reader that goes away, as `head` does, is no error.

use std::io::{self, IsTerminal, Write};

use anyhow::Result;
use chrono::{DateTime, Utc};
use comfy_table::{Table, presets};

use crate::domain::moment;
use crate::exit::Failure;
use crate::terminal;
pub(super) use crate::views::text::{instant, length, money};

/// Writes text as it is, without adding a line's end: what a program reads, or what is ours alone.
pub(super) fn put(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::unwritten(error).into()),
        Ok(()) => Ok(()),
    }
}

/// Writes one line, in which something from outside may stand.
pub(super) fn line(text: impl std::fmt::Display) -> Result<()> {
    put(&format!("{}\n", terminal::one_line(&text.to_string())))
}

/// Writes several lines of ours, in which something from outside may stand.
pub(super) fn block(text: impl std::fmt::Display) -> Result<()> {
    put(&format!("{}\n", terminal::lines(&text.to_string())))
}

/// Writes one JSON document, for scripts.
pub(super) fn json(value: &serde_json::Value) -> Result<()> {
    put(&format!("{value:#}\n"))
}

/// Writes rows under headings, without lines: columns that line up are enough, and easy to cut. On a terminal
/// that is too narrow for them each row is a paragraph.
pub(super) fn table<const N: usize>(
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(headings);
    let rows: Vec<[String; N]> =
        rows.into_iter().map(|row| row.map(|cell| terminal::one_line(&cell).into_owned())).collect();
    for row in &rows {
        table.add_row(row);
    }
    let width = table.width().filter(|_| io::stdout().is_terminal()).map(usize::from);
    match width {
        Some(width) if longest_line(&table.to_string()) > width => put(&blocks(headings, &rows, width)),
        _ => put(&format!("{table}\n")),
    }
}

fn longest_line(text: &str) -> usize {
    text.lines().map(|line| line.trim_end().chars().count()).max().unwrap_or(0)
}

/// A table that is wider than the terminal: each row as a paragraph, each value after its heading and never torn apart.
fn blocks<const N: usize>(headings: [&str; N], rows: &[[String; N]], width: usize) -> String {
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (heading, value) in headings.iter().zip(row).filter(|(_, value)| !value.is_empty()) {
            let part = format!("{heading}: {value}");
            let would_be = line.chars().count() + 2 + part.chars().count();
            if line.is_empty() {
                line = part;
            } else if would_be <= width {
                line.push_str("  ");
                line.push_str(&part);
            } else {
                text.push_str(&line);
                text.push('\n');
                line = format!("  {part}");
            }
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// An instant as people read it, in UTC; `never` for none.
pub(super) fn when(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(|| "never".to_owned(), moment::to_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_is_too_wide_becomes_a_paragraph_and_no_value_is_torn() {
        let rows =
            [["acme", "orders", "2026-07-01 08:00"], ["b", "", "never"]].map(|row| row.map(str::to_owned));
        let text = blocks(["shop", "record", "synced until (UTC)"], &rows, 40);
        let expected = "shop: acme  record: orders\n  synced until (UTC): 2026-07-01 08:00\n\
                        shop: b  synced until (UTC): never\n";
        assert_eq!(text, expected);
        assert!(longest_line(&text) <= 40);
    }
}
