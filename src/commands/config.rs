//! `config show`: what holds in the end, secrets hidden.

use anyhow::Result;

use crate::cli::TableArgs;
use crate::config::Loaded;
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
