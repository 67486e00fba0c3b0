//! `auth rotate-key`: a new key for all stored tokens, while daemons work with them.

use std::collections::BTreeSet;
use std::path::Path;

use super::super::output;
use crate::app::App;
use crate::auth::AuthError;
use crate::auth::key_rotation::add_key;
use crate::auth::rotate::Resealed;
use crate::exit::{Exit, Failure};
use crate::jobs::run::chain;

pub(super) async fn rotate_key(app: &App) -> anyhow::Result<()> {
    let keyring = app.tokens.keyring();
    let Some(file) = keyring.file().filter(|_| app.config().tokens.seal) else {
        let message = "nothing is sealed here (`[tokens] seal = false`), so there is no key to rotate";
        return Err(Failure::new(Exit::BadConfig, message).into());
    };
    // A rotation that was broken off, or begun by hand, is finished before another is begun.
    if app.tokens.other_keys_in_use().await?.is_empty() {
        let key_id = add_key(file).map_err(|error| Failure::new(Exit::BadConfig, chain(&error)))?;
        app.tokens.adopt_key(&key_id)?;
        output::line(format_args!("new key       {key_id}, the first line of {}", file.display()))?;
    } else {
        let key_id = keyring.active_id();
        output::line(format_args!("key           {key_id}, the first line of {} already", file.display()))?;
    }
    let resealed = app.tokens.reseal_all().await?;
    tell(app, file, &resealed).await?;
    conclude(&resealed)
}

/// What was done, and which keys nothing needs any more.
async fn tell(app: &App, file: &Path, resealed: &Resealed) -> anyhow::Result<()> {
    output::line(format_args!("sealed anew   {} of the stored grants", resealed.changed))?;
    let in_use = app.tokens.other_keys_in_use().await?;
    let mut unused = app.tokens.keyring().key_ids();
    unused.remove(&app.tokens.keyring().active_id());
    unused.retain(|key_id| !in_use.contains(key_id));
    if !in_use.is_empty() {
        output::line(format_args!("still needed  {}", listed(&in_use)))?;
    }
    if app.tokens.unsaved() > 0 {
        output::line("still needed  all keys, by tokens that wait in files until they can be stored")?;
    } else if !unused.is_empty() {
        output::line(format_args!(
            "unused        {}: may be taken out of {}; only a backup of the tokens from before still needs it",
            listed(&unused),
            file.display()
        ))?;
    }
    Ok(())
}

fn conclude(resealed: &Resealed) -> anyhow::Result<()> {
    let Some((_, first)) = resealed.left.first() else {
        return Ok(());
    };
    let reasons: Vec<String> = resealed.left.iter().map(|(_, error)| chain(error)).collect();
    let exit = Exit::of_auth(first);
    let advice = match first {
        AuthError::Later { .. } => "; run `shopsync auth rotate-key` again",
        _ => "; nothing of these was overwritten",
    };
    Err(Failure::new(exit, format!("not sealed anew: {}{advice}", reasons.join("; "))).into())
}

fn listed(key_ids: &BTreeSet<String>) -> String {
    key_ids.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
