//! Puts files in place all or nothing: the new config is written beside the old, loaded as the daemon would, and only
//! then takes its name.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};

use super::text::{self, NewApp, NewShop};
use crate::config::{Config, ConfigError, LoadOptions};
use crate::exit::{Exit, Failure};
use crate::language::text;

/// For the owner alone.
const PRIVATE: u32 = 0o600;
/// Root's own, and readable for the group the daemon is in.
const PRIVATE_TO_GROUP: u32 = 0o640;

/// Writes the config and the secret's file; what was written. Where anything fails, nothing is left behind.
pub(super) fn write(
    path: &Path,
    is_there: bool,
    app: Option<&NewApp>,
    shop: &NewShop,
    secret: Option<&SecretString>,
) -> anyhow::Result<Vec<PathBuf>> {
    let folder = path.parent().context("a file has a folder")?;
    let mut text = if is_there {
        fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?
    } else {
        text::head(path)
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&text::sections(app, shop));

    let access = Access::of(path, folder)?;
    // Names that nothing reads, in the same folder, where relative paths mean the same.
    let mut undo = Undo::default();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!(".{name}.new"));
    let mut written = vec![path.to_owned()];
    let mut secret_files = None;
    let mut checked = text.clone();
    if let (Some(app), Some(secret)) = (app, secret) {
        let name = text::secret_file(&app.name);
        let staged_name = format!(".{name}.new");
        let (file, staged) = (folder.join(&name), folder.join(&staged_name));
        let line = format!("{}\n", secret.expose_secret().trim());
        refuse_other_content(&file, &line)?;
        stage(&staged, line.as_bytes(), access.for_secrets(), &mut undo)?;
        checked = text::with_secret_file(&text, &name, &staged_name);
        written.push(file.clone());
        secret_files = Some((staged, file));
    }
    stage(&beside, checked.as_bytes(), access, &mut undo)?;
    check(&beside, path)?;
    stage(&beside, text.as_bytes(), access, &mut undo)?;
    // The config last: until it names the secret, the same command repeats all of this.
    if let Some((staged, file)) = secret_files {
        place(&staged, &file)?;
        undo.files.push(file);
    }
    if is_there {
        fs::rename(&beside, path).with_context(|| format!("{} cannot be replaced", path.display()))?;
    } else {
        place(&beside, path)?;
    }
    undo.files.clear();
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("the folder {} cannot be written to the disk", folder.display()))?;
    Ok(written)
}

/// A file beside its place, in place of what a run that was killed left there.
fn stage(path: &Path, content: &[u8], access: Access, undo: &mut Undo) -> anyhow::Result<()> {
    let _left_by_a_killed_run = fs::remove_file(path);
    create(path, content, access)?;
    undo.files.push(path.to_owned());
    Ok(())
}

/// Gives a staged file its name. Unlike a rename it never takes the place of a file that came meanwhile; one that is
/// there with the same content will do.
fn place(staged: &Path, path: &Path) -> anyhow::Result<()> {
    if let Err(error) = fs::hard_link(staged, path) {
        let is_same = || fs::read(staged).ok().is_some_and(|content| fs::read(path).ok() == Some(content));
        if error.kind() != std::io::ErrorKind::AlreadyExists || !is_same() {
            return Err(not_created(path, error));
        }
    }
    fs::remove_file(staged).with_context(|| format!("{} cannot be removed", staged.display()))
}

/// A secret's file with this content is what a killed run left; any other is someone's.
fn refuse_other_content(path: &Path, content: &str) -> anyhow::Result<()> {
    match fs::read_to_string(path) {
        Ok(there) if there != content => Err(not_created(path, std::io::ErrorKind::AlreadyExists.into())),
        _ => Ok(()),
    }
}

/// Loads the new config as every verb will, and reports errors under its final name.
fn check(beside: &Path, path: &Path) -> anyhow::Result<()> {
    let Err(error) = Config::load(&LoadOptions::from_process(Some(beside.to_owned()))?) else {
        return Ok(());
    };
    let reason = error.to_string().replace(&beside.display().to_string(), &path.display().to_string());
    let text = text!("{reason}. Nothing was written", "{reason}。未写入任何文件");
    let exit = if matches!(error, ConfigError::Invalid { .. }) { Exit::BadInput } else { Exit::BadConfig };
    Err(Failure::new(exit, text).into())
}

/// Who may read a new file.
#[derive(Clone, Copy)]
struct Access {
    mode: u32,
    /// User and group. `None`: the user who runs this.
    owner: Option<(u32, u32)>,
}

impl Access {
    /// As the config that is there. A new one belongs to the user who runs this; root's is read by its folder's group,
    /// as the daemon runs as another user.
    fn of(path: &Path, folder: &Path) -> anyhow::Result<Self> {
        let is_root = rustix::process::geteuid().is_root();
        if let Ok(there) = fs::metadata(path) {
            let owner = is_root.then(|| (there.uid(), there.gid()));
            return Ok(Self { mode: there.mode() & 0o777, owner });
        }
        let folder = fs::metadata(folder).map_err(|error| {
            let folder = folder.display();
            let text = text!("the folder {folder} is not there", "文件夹 {folder} 不存在");
            Failure::new(Exit::BadInput, text).because(error)
        })?;
        match folder.gid() {
            group if is_root && group != 0 => Ok(Self { mode: PRIVATE_TO_GROUP, owner: Some((0, group)) }),
            _ => Ok(Self { mode: PRIVATE, owner: None }),
        }
    }

    /// Others never read a secret; a group does only where the config is root's and the daemon's group reads that.
    fn for_secrets(self) -> Self {
        let is_read_by_group = self.owner.is_some_and(|(user, group)| user == 0 && group != 0);
        Self { mode: if is_read_by_group { PRIVATE_TO_GROUP } else { PRIVATE }, ..self }
    }
}

/// Makes a file that is complete, safe on the disk and readable for no one else from its first moment on. Refuses one
/// that is there.
fn create(path: &Path, content: &[u8], access: Access) -> anyhow::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(PRIVATE)
        .open(path)
        .map_err(|error| not_created(path, error))?;
    let filled = file.write_all(content).and_then(|()| {
        if let Some((user, group)) = access.owner {
            fchown(&file, Some(user), Some(group))?;
        }
        file.set_permissions(Permissions::from_mode(access.mode))?;
        file.sync_all()
    });
    if let Err(error) = filled {
        let _half_of_it = fs::remove_file(path);
        return Err(not_created(path, error));
    }
    Ok(())
}

fn not_created(path: &Path, error: std::io::Error) -> anyhow::Error {
    let file = path.display();
    let text = if error.kind() == std::io::ErrorKind::AlreadyExists {
        text!(
            "{file} is there already; move it away, or choose another name with `--app`. Nothing was written",
            "{file} 已经存在；请移走它，或用 `--app` 换一个名字。未写入任何文件"
        )
    } else {
        text!("{file} cannot be written", "无法写入 {file}")
    };
    Failure::new(Exit::BadInput, text).because(error).into()
}

/// Takes back what was written when the rest fails.
#[derive(Default)]
struct Undo {
    files: Vec<PathBuf>,
}

impl Drop for Undo {
    fn drop(&mut self) {
        for file in &self.files {
            let _gone_or_not = fs::remove_file(file);
        }
    }
}
