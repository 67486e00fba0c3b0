//! Root is not the user the daemon runs as, and what root writes that user could not read: a key, a database, a grant.
//! So a verb that root starts goes on as the user to whom the folder of database and key belongs.
//!
//! That user must gain nothing by it: the folder is looked at through open descriptors, so that no one can swap it
//! meanwhile, and what goes on as that user has nothing left of root: no variable, no open file, no group.

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use nix::unistd::{Gid, Uid, User, initgroups, setgid, setgroups, setuid};
use rustix::fs::Mode;

use crate::config::{Loaded, is_config_variable};
use crate::exit::{Exit, Failure};

mod folder;

use folder::{FolderOwner, owner_of};

/// The variables that go on with the program. Proxies and certificates decide whether a platform can be reached; the
/// last five are how systemd talks with a unit.
const VARIABLES: [&str; 24] = [
    "LANG",
    "LANGUAGE",
    "TERM",
    "COLORTERM",
    "COLUMNS",
    "NO_COLOR",
    "TZ",
    "RUST_BACKTRACE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    // Who stands behind root, for what is done by hand and remembered.
    "SUDO_USER",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "JOURNAL_STREAM",
    "INVOCATION_ID",
];
/// Where programs are found, whatever root's own list says.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// As the units have it.
const UMASK: u32 = 0o077;
/// Descriptors tried where the kernel does not list them.
const DESCRIPTORS_MAX: i32 = 65_536;

/// Returns where there is nothing to change: for every other user, and where the files are root's own. Else this
/// program starts again as their owner, with the same arguments and the same config.
pub fn become_owner(loaded: &Loaded) -> anyhow::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let folder = loaded.config.own_folder();
    let owner = owner_of(&folder).map_err(|refusal| {
        let text = format!("root cannot work on {}: {refusal}", folder.display());
        Failure::new(Exit::BadConfig, text)
    })?;
    let FolderOwner::User { user, group } = owner else {
        return refuse_foreign_commands(loaded);
    };
    tracing::debug!("{} belongs to user {user}: going on as that user", folder.display());
    let error = begin_anew(loaded, user, group);
    let text = format!(
        "{} belongs to user {user}, and this program cannot go on as that user: run it as that user yourself",
        folder.display()
    );
    Err(Failure::new(Exit::BadConfig, text).because(error).into())
}

/// A config that another process can write must not decide what root runs.
fn refuse_foreign_commands(loaded: &Loaded) -> anyhow::Result<()> {
    let has_command = loaded.config.shops.values().any(|shop| !shop.code_command.is_empty());
    let Some(path) = loaded.path.as_ref().filter(|_| has_command) else {
        return Ok(());
    };
    let file = rustix::fs::stat(path).with_context(|| format!("looking at {}", path.display()))?;
    if file.st_uid == 0 && file.st_mode & 0o022 == 0 {
        return Ok(());
    }
    let text = format!(
        "{0} names a `code_command`, which would run as root, and others than root can write that file: \
         `chown root {0}` and `chmod go-w {0}`, or run this as the user the daemon runs as",
        path.display()
    );
    Err(Failure::new(Exit::BadConfig, text).into())
}

/// Only returns when it could not be done.
fn begin_anew(loaded: &Loaded, user: u32, folder_group: u32) -> anyhow::Error {
    match prepare(loaded, user, folder_group) {
        Ok(mut again) => {
            close_descriptors();
            again.exec().into()
        }
        Err(error) => error,
    }
}

/// This program with its arguments, and this process without anything of root.
fn prepare(loaded: &Loaded, user: u32, folder_group: u32) -> anyhow::Result<Command> {
    let program = std::env::current_exe().context("finding this program's file")?;
    let account = User::from_uid(Uid::from_raw(user)).context("looking the user up")?;
    let mut again = Command::new(program);
    again.args(std::env::args_os().skip(1)).env_clear().envs(kept_variables(std::env::vars_os()));
    again.env("PATH", PATH);
    match &account {
        Some(account) => {
            again.env("HOME", &account.dir).env("USER", &account.name).env("LOGNAME", &account.name);
        }
        None => {
            again.env("HOME", "/");
        }
    }
    if let Some(path) = &loaded.path {
        // The nearest config file may be another one for a user who cannot look into root's folders.
        again.env("SHOPSYNC_CONFIG", path);
    }
    drop_root(account.as_ref(), user, folder_group)?;
    rustix::process::umask(Mode::from_raw_mode(UMASK));
    // An open working folder is a way into folders that this user could not enter from above.
    if std::env::current_dir().is_ok_and(|here| std::env::set_current_dir(here).is_err()) {
        std::env::set_current_dir("/").context("leaving the working folder")?;
    }
    Ok(again)
}

/// Groups first: once the user is another, none of the rest may be changed.
fn drop_root(account: Option<&User>, user: u32, folder_group: u32) -> anyhow::Result<()> {
    let group = match account {
        Some(account) => {
            let name = CString::new(account.name.as_str()).context("reading the user's name")?;
            initgroups(&name, account.gid).context("taking over the user's groups")?;
            account.gid
        }
        // Known by its number alone, as in a container.
        None if folder_group != 0 => {
            setgroups(&[]).context("leaving root's groups")?;
            Gid::from_raw(folder_group)
        }
        None => anyhow::bail!("no account has the number {user}, and the folder's group is root's"),
    };
    setgid(group).context("taking over the user's group")?;
    setuid(Uid::from_raw(user)).context("taking over the user")?;
    Ok(())
}

fn kept_variables(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (OsString, OsString)> {
    variables.filter(|(name, _)| is_kept(name))
}

fn is_kept(name: &OsStr) -> bool {
    name.to_str()
        .is_some_and(|name| VARIABLES.contains(&name) || name.starts_with("LC_") || is_config_variable(name))
}

/// Closes whatever root had open beyond the three standard streams. Nothing of this process is used any more.
fn close_descriptors() {
    let listed = std::fs::read_dir(Path::new("/proc/self/fd")).map(|entries| {
        let names = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        names.collect::<Vec<i32>>()
    });
    for descriptor in listed.unwrap_or_else(|_| (0..DESCRIPTORS_MAX).collect()) {
        if descriptor > 2 {
            // One of them was the listing itself.
            let _closed_before = nix::unistd::close(descriptor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_program_needs_goes_on_from_roots_environment() {
        for (name, expected) in [
            ("LANG", true),
            ("LC_MESSAGES", true),
            ("https_proxy", true),
            ("SHOPSYNC_CONFIG", true),
            ("SHOPSYNC_APPS__TEMU_US__APP_SECRET", true),
            ("CREDENTIALS_DIRECTORY", true),
            ("SHOPSYNC_DEPLOY_KEY", false),
            ("AWS_SECRET_ACCESS_KEY", false),
            ("SSH_AUTH_SOCK", false),
            ("LD_PRELOAD", false),
            ("PATH", false),
            ("HOME", false),
        ] {
            assert_eq!(is_kept(OsStr::new(name)), expected, "{name}");
        }
    }
}
