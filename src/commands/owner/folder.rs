//! Whose a folder is, decided on open descriptors from the root folder down: what was looked at is what is there.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fstat, openat, readlinkat, statat};
use rustix::io::Errno;

/// Symbolic links followed, as many as the kernel would.
const LINKS_MAX: usize = 40;
/// Write permission of group and others.
const OTHERS_WRITE: u32 = 0o002;
const GROUP_WRITES: u32 = 0o020;
/// In such a folder only its own owner can rename or remove a file.
const STICKY: u32 = 0o1000;

/// As whom to work on a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FolderOwner {
    Root,
    /// `group`: the group of the folder, which need not be the user's own.
    User {
        user: u32,
        group: u32,
    },
}

/// Why root must not work there.
#[derive(Debug, thiserror::Error)]
pub(super) enum FolderRefusal {
    #[error("{} is a symbolic link that user {owner} can change: write the real folder into the config", link.display())]
    Link { link: PathBuf, owner: u32 },
    #[error("there are more than {LINKS_MAX} symbolic links on the way")]
    EndlessLinks,
    #[error(
        "{} belongs to user {inner}, but lies in a folder of user {outer}, who can replace it: move it, or run this as \
         the user who is to own it", folder.display()
    )]
    Foreign { folder: PathBuf, inner: u32, outer: u32 },
    #[error(
        "others than its owner can write {}, and could replace what lies in it: `chmod go-w {}`",
        folder.display(), folder.display()
    )]
    OpenToOthers { folder: PathBuf },
    #[error("{} does not exist, and others than root could make it: make it first", folder.display())]
    Missing { folder: PathBuf },
    #[error("{} cannot be looked at: {source}", folder.display())]
    Unreadable { folder: PathBuf, source: Errno },
}

/// The owner of `folder`, an absolute path; of one that is not there yet, the owner of the folder it will be made in.
/// Refuses a way to it on which two users could change what it means.
pub(super) fn owner_of(folder: &Path) -> Result<FolderOwner, FolderRefusal> {
    Walk::begin()?.to(folder)
}

/// The way from the root folder to another, as far as it was gone.
struct Walk {
    here: OwnedFd,
    path: PathBuf,
    stat: Stat,
    /// The first on the way who is not root: everything below is that user's to replace.
    user: Option<u32>,
    links: usize,
}

impl Walk {
    fn begin() -> Result<Self, FolderRefusal> {
        let path = PathBuf::from("/");
        let unreadable = |source| FolderRefusal::Unreadable { folder: PathBuf::from("/"), source };
        let here = openat(CWD, &path, flags(), Mode::empty()).map_err(unreadable)?;
        let stat = fstat(&here).map_err(unreadable)?;
        Ok(Self { here, path, stat, user: None, links: 0 })
    }

    fn to(mut self, folder: &Path) -> Result<FolderOwner, FolderRefusal> {
        let mut names = names_of(folder);
        while let Some(name) = names.pop_front() {
            match openat(&self.here, &*name, flags(), Mode::empty()) {
                Ok(next) => self.enter(next, &name)?,
                Err(Errno::NOENT) => return self.end_before(&name),
                // Both are said of a link, and of a file that is no folder.
                Err(Errno::NOTDIR | Errno::LOOP) => {
                    let Some(target) = self.target_of(&name)? else { break };
                    if target.is_absolute() {
                        self = Self { links: self.links, ..Self::begin()? };
                    }
                    for name in names_of(&target).into_iter().rev() {
                        names.push_front(name);
                    }
                }
                Err(source) => {
                    return Err(FolderRefusal::Unreadable { folder: self.path.join(&name), source });
                }
            }
        }
        self.decide()
    }

    fn enter(&mut self, next: OwnedFd, name: &OsStr) -> Result<(), FolderRefusal> {
        // Whoever can write the folder above can swap this one for another as soon as it was looked at.
        if self.can_others_replace() {
            return Err(FolderRefusal::OpenToOthers { folder: self.path.clone() });
        }
        self.path.push(name);
        let unreadable = |source| FolderRefusal::Unreadable { folder: self.path.clone(), source };
        let stat = fstat(&next).map_err(unreadable)?;
        let owner = stat.st_uid;
        match self.user {
            None if owner != 0 => self.user = Some(owner),
            Some(outer) if owner != 0 && owner != outer => {
                return Err(FolderRefusal::Foreign { folder: self.path.clone(), inner: owner, outer });
            }
            _ => {}
        }
        (self.here, self.stat) = (next, stat);
        Ok(())
    }

    /// Where a link leads to. `None`: it is no link. Only root's own links, where no one else can put one, are
    /// followed.
    fn target_of(&mut self, name: &OsStr) -> Result<Option<PathBuf>, FolderRefusal> {
        let link = self.path.join(name);
        let unreadable = |source| FolderRefusal::Unreadable { folder: link.clone(), source };
        let stat = statat(&self.here, name, AtFlags::SYMLINK_NOFOLLOW).map_err(unreadable)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            return Ok(None);
        }
        if let Some(owner) = self.user.or((stat.st_uid != 0).then_some(stat.st_uid)) {
            return Err(FolderRefusal::Link { link, owner });
        }
        if self.can_others_replace() {
            return Err(FolderRefusal::OpenToOthers { folder: self.path.clone() });
        }
        self.links += 1;
        if self.links > LINKS_MAX {
            return Err(FolderRefusal::EndlessLinks);
        }
        let target = readlinkat(&self.here, name, Vec::new()).map_err(unreadable)?;
        Ok(Some(PathBuf::from(OsStr::from_bytes(target.as_bytes()))))
    }

    fn end_before(self, name: &OsStr) -> Result<FolderOwner, FolderRefusal> {
        let is_shared = self.stat.st_mode & OTHERS_WRITE != 0;
        if self.stat.st_uid == 0 && (is_shared || self.can_others_replace()) {
            return Err(FolderRefusal::Missing { folder: self.path.join(name) });
        }
        self.decide()
    }

    fn decide(self) -> Result<FolderOwner, FolderRefusal> {
        match (self.user, self.stat.st_uid) {
            (None, _) if self.can_others_replace() => Err(FolderRefusal::OpenToOthers { folder: self.path }),
            (None, _) => Ok(FolderOwner::Root),
            (Some(outer), 0) => Err(FolderRefusal::Foreign { folder: self.path, inner: 0, outer }),
            (Some(user), _) => Ok(FolderOwner::User { user, group: self.stat.st_gid }),
        }
    }

    /// A user's own folder is that user's business.
    fn can_others_replace(&self) -> bool {
        let mode = self.stat.st_mode;
        let by_group = mode & GROUP_WRITES != 0 && self.stat.st_gid != 0;
        self.stat.st_uid == 0 && mode & STICKY == 0 && (by_group || mode & OTHERS_WRITE != 0)
    }
}

/// Reads nothing and follows nothing.
fn flags() -> OFlags {
    OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

fn names_of(path: &Path) -> VecDeque<OsString> {
    let names = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    const ANN: u32 = 65_534;
    const BOB: u32 = 65_533;

    /// A tree in a folder of root's; `None` where the test does not run as root.
    fn tree() -> Option<tempfile::TempDir> {
        let root = tempfile::tempdir().unwrap();
        if chown(root.path(), Some(0), Some(0)).is_err() {
            eprintln!("skipped: only root can try this");
            return None;
        }
        for (folder, user, mode) in [
            ("roots", 0, 0o755),
            ("roots/own", 0, 0o755),
            ("open", 0, 0o777),
            ("open/own", 0, 0o755),
            ("shared", 0, 0o1777),
            ("shared/own", 0, 0o755),
            ("anns", ANN, 0o755),
            ("anns/own", ANN, 0o755),
            ("anns/bobs", BOB, 0o755),
            ("anns/roots", 0, 0o755),
            ("anns/roots/own", ANN, 0o755),
        ] {
            let path = root.path().join(folder);
            fs::create_dir(&path).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            chown(&path, Some(user), Some(user)).unwrap();
        }
        for (target, link, user) in [
            ("roots", "link", 0),
            ("anns", "link-to-anns", 0),
            ("roots", "foreign-link", ANN),
            ("../roots", "anns/link", ANN),
            ("loop", "loop", 0),
        ] {
            symlink(target, root.path().join(link)).unwrap();
            std::os::unix::fs::lchown(root.path().join(link), Some(user), None).unwrap();
        }
        Some(root)
    }

    #[test]
    fn a_folder_is_worked_on_only_as_the_one_user_who_can_replace_it() {
        let Some(root) = tree() else { return };
        let ann = "User { user: 65534, group: 65534 }";
        for (folder, expected) in [
            ("roots/own", "Root"),
            ("roots/new/deeper", "Root"),
            ("roots/../roots/own", "Root"),
            ("shared/own", "Root"),
            ("link/own", "Root"),
            ("anns/own", ann),
            ("anns/new", ann),
            ("anns/roots/own", ann),
            ("link-to-anns/own", ann),
            ("anns/bobs", "Foreign"),
            ("anns/roots", "Foreign"),
            ("anns/link/own", "Link"),
            ("foreign-link/own", "Link"),
            ("open", "OpenToOthers"),
            ("open/own", "OpenToOthers"),
            ("shared/new", "Missing"),
            ("loop", "EndlessLinks"),
        ] {
            let decided = match owner_of(&root.path().join(folder)) {
                Ok(owner) => format!("{owner:?}"),
                Err(refusal) => format!("{refusal:?}"),
            };
            assert!(decided.starts_with(expected), "{folder}: {decided}");
        }
    }
}
