//! `config`: what holds in the end, secrets hidden, and what may be said at all.

use anyhow::Result;

use crate::cli::TableArgs;
use crate::config::{self, Loaded};
use crate::exit::Exit;

use super::output;

pub(super) fn show(loaded: &Loaded, table: &TableArgs) -> Result<Exit> {
    if table.json {
        output::json(&loaded.to_json())?;
    } else {
        output::put(&loaded.to_toml())?;
    }
    Ok(Exit::Done)
}

pub(super) fn print_schema() -> Result<Exit> {
    output::json(&config::schema())?;
    Ok(Exit::Done)
}
