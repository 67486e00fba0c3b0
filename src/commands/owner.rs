//! Root is not the user the daemon runs as, and what root writes that user could not read: a key, a database, a grant.
//! So a verb that root starts goes on as the user to whom the folder of database and key belongs.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::Context;

use crate::config::Loaded;
use crate::exit::{Exit, Failure};

/// Returns where there is nothing to change: for every other user, and where the files are root's own. Else this
/// program begins anew as their owner, with the same words and the same config.
pub fn become_owner(loaded: &Loaded) -> anyhow::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let folder = loaded.config.own_folder();
    // Of a folder that is not there yet, the one it will be made in tells.
    let Some(nearest) = folder.ancestors().find_map(|folder| fs::metadata(folder).ok()) else {
        return Ok(());
    };
    let (user, group) = (nearest.uid(), nearest.gid());
    if user == 0 {
        return Ok(());
    }
    tracing::debug!("{} belongs to user {user}: going on as that user", folder.display());
    let program = std::env::current_exe().context("finding this program's file")?;
    let mut again = Command::new(program);
    again.args(std::env::args_os().skip(1)).uid(user).gid(group);
    if let Some(path) = &loaded.path {
        // The nearest config file may be another one for a user who cannot look into root's folders.
        again.env("SHOPSYNC_CONFIG", path);
    }
    let error = again.exec();
    let text = format!(
        "{} belongs to user {user}, and this program cannot go on as that user: run it as that user yourself",
        folder.display()
    );
    Err(Failure::new(Exit::BadConfig, text).because(error).into())
}
