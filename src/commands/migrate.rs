//! `migrate`: migrates the schema, or shows its state.

use anyhow::Result;
use serde_json::json;

use crate::app::AppError;
use crate::cli::MigrateVerb;
use crate::clock::Clock;
use crate::config::Config;
use crate::exit::Exit;
use crate::store::{Store, StoreSettings};

use super::output;

pub(super) async fn migrate(verb: &MigrateVerb, config: &Config) -> Result<Exit> {
    let settings =
        StoreSettings { url: config.database_url().clone(), schema: config.database.schema.clone() };
    let store = Store::connect(&settings, Clock::system())
        .await
        .map_err(|error| super::not_opened(config, AppError::Store(error)))?;
    match verb {
        MigrateVerb::Up => up(&store).await?,
        MigrateVerb::Status(table) => status(&store, table.json).await?,
    }
    Ok(Exit::Done)
}

async fn up(store: &Store) -> Result<()> {
    let applied = store.schema().migrate().await?;
    if applied.is_empty() {
        output::put("the schema is up to date\n")?;
    }
    for name in applied {
        output::put(&format!("applied {name}\n"))?;
    }
    Ok(())
}

async fn status(store: &Store, as_json: bool) -> Result<()> {
    let migrations = store.schema().status().await?;
    if as_json {
        let rows = migrations
            .iter()
            .map(|migration| json!({"name": migration.name, "applied": migration.is_applied}))
            .collect();
        return output::json(&serde_json::Value::Array(rows));
    }
    output::table(
        ["migration", "applied"],
        migrations.iter().map(|migration| {
            [migration.name.clone(), if migration.is_applied { "yes" } else { "no" }.to_owned()]
        }),
    )
}
