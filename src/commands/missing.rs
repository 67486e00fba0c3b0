//! What a verb does where something it needs is missing: a config, a database, a shop to work on. Verbs that only read
//! make nothing: no database, no key, no schema in a file that is not there.

use anyhow::Context;

use super::temporary::Folder;
use crate::app::App;
use crate::cli::{AuthVerb, CursorVerb, MigrateVerb, QuarantineVerb, Verb};
use crate::config::Loaded;
use crate::domain::shop::Shop;
use crate::exit::{Exit, Failure};
use crate::language::{Text, text};

/// Refuses a verb where no one has configured anything: a wrong folder, most likely. `check` says so itself, `config
/// show` shows the defaults.
pub(super) fn require_config(loaded: &Loaded, verb: &Verb) -> anyhow::Result<()> {
    if loaded.is_configured() || matches!(verb, Verb::Check(_) | Verb::Config(_)) {
        return Ok(());
    }
    Err(Failure::new(Exit::BadConfig, no_config()).into())
}

pub(super) fn no_config() -> Text {
    text!(
        "there is no config.toml here or in /etc/shopsync; `shopsync init` writes one, `--config FILE` names another",
        "这里和 /etc/shopsync 都没有 config.toml；请用 `shopsync init` 生成，或用 `--config 文件` 指定"
    )
}

/// Whether a verb writes nothing but its output.
fn only_reads(verb: &Verb) -> bool {
    match verb {
        Verb::Status(_)
        | Verb::Runs(_)
        | Verb::Orders(_)
        | Verb::Plan(_)
        | Verb::Explain(_)
        | Verb::Verify(_)
        | Verb::Check(_) => true,
        Verb::Cursor(verb) => matches!(verb, CursorVerb::Get { .. }),
        Verb::Quarantine(verb) => !matches!(verb, QuarantineVerb::Retry { .. }),
        Verb::Auth(verb) => matches!(verb, AuthVerb::Status(_) | AuthVerb::Token { .. }),
        Verb::Migrate(verb) => matches!(verb, MigrateVerb::Status(_)),
        _ => false,
    }
}

/// The stand-in of a verb that only reads, and says so. `check` looks by itself, and has a line for it.
pub(super) fn stand_in_for(verb: &Verb, loaded: &mut Loaded) -> anyhow::Result<Option<Folder>> {
    if !only_reads(verb) || matches!(verb, Verb::Check(_)) {
        return Ok(None);
    }
    let database = loaded.config.database_shown();
    let folder = stand_in(loaded)?;
    if folder.is_some() {
        tracing::warn!(event = "config.warning", "{}", no_database(&database).english);
    }
    Ok(folder)
}

/// Puts an empty database in a temporary folder in the place of a SQLite file that is not there, key and all. `None`:
/// there is a file, or it is a server's business.
pub(super) fn stand_in(loaded: &mut Loaded) -> anyhow::Result<Option<Folder>> {
    if loaded.config.sqlite_file().is_none_or(|file| file.exists()) {
        return Ok(None);
    }
    let folder = Folder::make().context("making a temporary folder")?;
    loaded.config.use_empty_database_in(folder.path());
    Ok(Some(folder))
}

pub(super) fn no_database(shown: &str) -> Text {
    text!(
        "{shown} is not there yet: the first `sync`, login or `run` makes it",
        "{shown} 还不存在：首次 `sync`、授权或 `run` 时会创建"
    )
}

/// Why a verb found no shop to work on: its owner must act, or the config must change.
pub(super) async fn nothing_done(app: &App, what: &str) -> anyhow::Result<Failure> {
    let has_records = |shop: &&Shop| app.records_read(shop).next().is_some();
    let mut readable = app.shops.iter().filter(has_records).peekable();
    if readable.peek().is_none() {
        let text = format!("{what}: no enabled shop has anything to read; `shopsync init` adds one");
        return Ok(Failure::new(Exit::BadConfig, text));
    }
    let granted = app.tokens.statuses(&app.shops).await?;
    if readable.any(|shop| granted.contains_key(&shop.name)) {
        let text = format!("{what}: see `records` of [shops.…] and `shops` of [jobs.…], or name a shop");
        return Ok(Failure::new(Exit::BadConfig, text));
    }
    let text = format!("{what}: no shop is authorised; `shopsync auth status` says what to do");
    Ok(Failure::new(Exit::NeedsOwner, text))
}
