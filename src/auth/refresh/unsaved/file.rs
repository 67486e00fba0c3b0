//! A folder for pairs that no store took: one sealed file a pair, readable by us alone, on the disk before anybody gets
//! the token.
//!
//! The texts in a file are those of the row it is meant for, sealed for that row. Knows nothing of when a file is
//! written or taken back.

use std::fs::{DirBuilder, DirEntry, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::pair::{LoginDetails, Unsaved};
use crate::domain::credential::{Claim, Condition, NewTokens, SealedTokens, Trouble};
use crate::domain::grant::Account;

/// Below the folder for state.
const FOLDER: &str = "shopsync-unsaved";
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
const ENDING: &str = ".json";
/// The form of the files. Another number is of another version of this program.
const FORM: u32 = 1;
/// Drafts begin with this, and what was room and is not used yet.
const DRAFT_HEAD: &str = ".";
/// A draft is used within minutes.
const DRAFT_LIFE_MAX: Duration = Duration::from_hours(1);
/// What is taken beforehand: more than two sealed tokens need.
const ROOM_BYTES: usize = 16 * 1024;
/// Two sealed tokens are far shorter.
const FILE_BYTES_MAX: u64 = 512 * 1024;

/// Room for one file, given back when this is dropped unused.
pub struct Room(PathBuf);

/// Where pairs wait. Cheap to clone.
#[derive(Clone)]
pub struct UnsavedFolder(PathBuf);

/// A pair in a file.
#[derive(Serialize, Deserialize)]
struct Text {
    form: u32,
    shop: String,
    shop_id: String,
    /// The claim under which it is to be stored.
    claim_version: i64,
    claim_fence: i64,
    claim_attempt: Option<String>,
    /// The attempt that brought it.
    attempt: String,
    version: i64,
    condition: String,
    access_sealed: Option<String>,
    access_ends_at: DateTime<Utc>,
    refresh_sealed: Option<String>,
    refresh_ends_at: Option<DateTime<Utc>>,
    key_id: String,
    obtained_at: DateTime<Utc>,
    granted_at: DateTime<Utc>,
    previous_refresh_sealed: Option<String>,
    not_before: Option<DateTime<Utc>>,
    /// Class and message.
    trouble: Option<(String, String)>,
    /// `None`: a refresh brought it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    login: Option<LoginText>,
}

/// What is known of the login that brought a pair.
#[derive(Serialize, Deserialize)]
struct LoginText {
    account_id: Option<String>,
    account_name: Option<String>,
    region: Option<String>,
    scopes: Option<Vec<String>>,
    asks_account: bool,
    asked_at: DateTime<Utc>,
}

impl UnsavedFolder {
    pub fn below(state: &Path) -> Self {
        Self(state.join(FOLDER))
    }

    /// Takes room for a file before there is anything to write: the disk may be full when there is.
    pub fn reserve(&self) -> io::Result<Room> {
        self.create()?;
        let room = Room(self.new_draft());
        let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&room.0)?;
        file.write_all(&[0; ROOM_BYTES])?;
        file.sync_all()?;
        Ok(room)
    }

    /// Writes the file, whole or not at all, and returns its path. `room`: where room was taken for it.
    pub fn write(&self, unsaved: &Unsaved, room: Option<&Room>) -> io::Result<PathBuf> {
        self.create()?;
        let text = serde_json::to_vec(&Text::from(unsaved))?;
        let path = self.0.join(format!("{}-{}{ENDING}", unsaved.shop_id, unsaved.attempt));
        let draft = room.map_or_else(|| self.new_draft(), |room| room.0.clone());
        let written = write_draft(&draft, &text).and_then(|()| fs::rename(&draft, &path));
        if let Err(error) = written {
            let _ = fs::remove_file(&draft);
            return Err(error);
        }
        File::open(&self.0)?.sync_all()?;
        Ok(path)
    }

    /// Whether nothing waits here. Drafts do not count: nothing was ever in them, or they are being written.
    pub fn is_empty(&self) -> bool {
        let is_draft =
            |entry: &DirEntry| entry.file_name().as_encoded_bytes().starts_with(DRAFT_HEAD.as_bytes());
        fs::read_dir(&self.0)
            .map_or(true, |mut entries| entries.all(|entry| entry.is_ok_and(|entry| is_draft(&entry))))
    }

    /// Makes the folder, and removes drafts that a crash left behind long ago.
    fn create(&self) -> io::Result<()> {
        match DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&self.0) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => fs::set_permissions(&self.0, Permissions::from_mode(FOLDER_MODE))?,
        }
        for entry in fs::read_dir(&self.0)?.flatten() {
            let is_draft = entry.file_name().as_encoded_bytes().starts_with(DRAFT_HEAD.as_bytes());
            let age = entry
                .metadata()
                .and_then(|about| about.modified())
                .map(|at| at.elapsed().unwrap_or_default());
            if is_draft && age.is_ok_and(|age| age > DRAFT_LIFE_MAX) {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    fn new_draft(&self) -> PathBuf {
        self.0.join(format!("{DRAFT_HEAD}{}", Uuid::new_v4().simple()))
    }

    /// The files of the shop with this id.
    pub fn of_shop(&self, shop_id: &str) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let is_ours = name.to_str().is_some_and(|name| {
                name.strip_prefix(shop_id).is_some_and(|rest| rest.starts_with('-') && rest.ends_with(ENDING))
            });
            if is_ours {
                found.push(entry.path());
            }
        }
        found.sort_unstable();
        Ok(found)
    }
}

/// `None`: another process has taken it back.
pub fn read(path: &Path) -> io::Result<Option<Unsaved>> {
    let mut text = Vec::new();
    match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?.take(FILE_BYTES_MAX).read_to_end(&mut text)?,
    };
    // serde's messages may quote what could not be read.
    let text: Text = serde_json::from_slice(&text)
        .map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not in the form of such a file"))?;
    let unsaved = text.into_unsaved(path.to_owned());
    unsaved.map(Some).ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "it is of another version"))
}

/// Done when the file is gone, also when another process removed it.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn write_draft(draft: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).mode(FILE_MODE).open(draft)?;
    file.write_all(text)?;
    // What was taken for more than this is given back.
    file.set_len(text.len() as u64)?;
    file.sync_all()
}

impl Drop for Room {
    fn drop(&mut self) {
        // It is gone where it was used.
        let _ = fs::remove_file(&self.0);
    }
}

impl From<&Unsaved> for Text {
    fn from(unsaved: &Unsaved) -> Self {
        let Unsaved { claim, tokens, shop_id, attempt, login, .. } = unsaved.clone();
        Self {
            form: FORM,
            shop: claim.shop,
            shop_id,
            claim_version: claim.version,
            claim_fence: claim.fence,
            claim_attempt: claim.attempt,
            attempt,
            version: tokens.version,
            condition: tokens.condition.as_str().to_owned(),
            access_sealed: tokens.tokens.access_sealed,
            access_ends_at: tokens.tokens.access_ends_at,
            refresh_sealed: tokens.tokens.refresh_sealed,
            refresh_ends_at: tokens.tokens.refresh_ends_at,
            key_id: tokens.tokens.key_id,
            obtained_at: tokens.tokens.obtained_at,
            granted_at: tokens.granted_at,
            previous_refresh_sealed: tokens.previous_refresh_sealed,
            not_before: tokens.not_before,
            trouble: tokens.trouble.map(|trouble| (trouble.class, trouble.message)),
            login: login.map(LoginText::from),
        }
    }
}

impl Text {
    fn into_unsaved(self, file: PathBuf) -> Option<Unsaved> {
        let condition = Condition::parse(&self.condition).filter(|_| self.form == FORM)?;
        Some(Unsaved {
            claim: Claim {
                shop: self.shop,
                version: self.claim_version,
                fence: self.claim_fence,
                attempt: self.claim_attempt,
            },
            tokens: NewTokens {
                version: self.version,
                condition,
                tokens: SealedTokens {
                    access_sealed: self.access_sealed,
                    access_ends_at: self.access_ends_at,
                    refresh_sealed: self.refresh_sealed,
                    refresh_ends_at: self.refresh_ends_at,
                    key_id: self.key_id,
                    obtained_at: self.obtained_at,
                },
                granted_at: self.granted_at,
                previous_refresh_sealed: self.previous_refresh_sealed,
                not_before: self.not_before,
                trouble: self.trouble.map(|(class, message)| Trouble { class, message }),
            },
            shop_id: self.shop_id,
            attempt: self.attempt,
            file: Some(file),
            login: self.login.map(LoginDetails::from),
        })
    }
}

impl From<LoginDetails> for LoginText {
    fn from(login: LoginDetails) -> Self {
        let Account { id, name, region, scopes } = login.account;
        Self {
            account_id: id,
            account_name: name,
            region,
            scopes,
            asks_account: login.asks_account,
            asked_at: login.asked_at,
        }
    }
}

impl From<LoginText> for LoginDetails {
    fn from(text: LoginText) -> Self {
        let account = Account {
            id: text.account_id,
            name: text.account_name,
            region: text.region,
            scopes: text.scopes,
        };
        Self { account, asks_account: text.asks_account, asked_at: text.asked_at }
    }
}
