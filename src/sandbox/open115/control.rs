//! What a test or a script may do to 115: be its owner, and look behind it.

use chrono::TimeDelta;
use serde::Deserialize;

use super::state::{DriveSettings, Stage};
use super::{OPEN115_APP_ID, tokens};
use crate::sandbox::accounts::SHOPS_PER_PLATFORM;
use crate::sandbox::grants::IssuedToken;
use crate::sandbox::json::Json;
use crate::sandbox::world::World;

/// A year; a longer pause between refreshes is a slipped digit.
const SPACING_SECONDS_MAX: i64 = 365 * 24 * 3600;

/// The part of `POST /_control` that is about 115. Accounts are counted from 0. Carried out in the order of the fields.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Control {
    confirms_at_once: Option<bool>,
    says_errno: Option<bool>,
    refresh_spacing_seconds: Option<i64>,
    /// Someone scans every code that waits.
    scan: bool,
    /// This account says yes to every code that waits.
    confirm: Option<usize>,
    /// Its owner says no.
    deny: bool,
    revoke: Option<usize>,
    expire_access: Option<usize>,
    issue_token: Option<usize>,
}

/// `Err`: a sentence for the script's author.
pub fn check(control: &Control) -> Result<(), String> {
    let accounts = [control.confirm, control.revoke, control.expire_access, control.issue_token];
    if accounts.into_iter().flatten().any(|account| account >= SHOPS_PER_PLATFORM) {
        return Err(format!("accounts are counted from 0 to {}", SHOPS_PER_PLATFORM - 1));
    }
    match control.refresh_spacing_seconds {
        Some(seconds) if !(0..=SPACING_SECONDS_MAX).contains(&seconds) => {
            Err(format!("refresh_spacing_seconds must be from 0 to {SPACING_SECONDS_MAX}"))
        }
        _ => Ok(()),
    }
}

/// Carries out what [`check`] has let through; tells the tokens it made.
pub fn act(world: &mut World, control: Control) -> Option<IssuedToken> {
    let settings = &mut world.open115.settings;
    settings.confirms_at_once = control.confirms_at_once.unwrap_or(settings.confirms_at_once);
    settings.says_errno = control.says_errno.unwrap_or(settings.says_errno);
    if let Some(seconds) = control.refresh_spacing_seconds {
        settings.refresh_spacing = TimeDelta::seconds(seconds);
    }
    if control.scan {
        world.open115_scan();
    }
    if let Some(account) = control.confirm {
        world.open115_confirm(account);
    }
    if control.deny {
        world.open115_deny();
    }
    if let Some(account) = control.revoke {
        world.open115_revoke(account);
    }
    if let Some(account) = control.expire_access {
        world.open115_expire_access(account);
    }
    control.issue_token.map(|account| world.open115_issue_token(account))
}

/// The grants, as members of the truth.
pub fn write_truth(json: &mut Json, world: &World) {
    json.objects("grants_115", &world.open115.grants, |json, grant| {
        json.string("account", &tokens::account_id(grant.account));
        json.boolean("is_alive", grant.is_alive);
        json.number("ends_ms", grant.ends_ms);
    });
}

impl World {
    pub fn set_open115(&mut self, settings: DriveSettings) {
        self.open115.settings = settings;
    }

    /// Someone scans every code that waits. `false`: none does.
    pub fn open115_scan(&mut self) -> bool {
        self.open115_step(Stage::Scanned)
    }

    /// An account says yes to every code that waits. `false`: none does.
    pub fn open115_confirm(&mut self, account: usize) -> bool {
        self.open115_step(Stage::Confirmed(account))
    }

    /// The owner says no to every code that waits. `false`: none does.
    pub fn open115_deny(&mut self) -> bool {
        self.open115_step(Stage::Denied)
    }

    /// The owner ends all grants of an account in its device management.
    pub fn open115_revoke(&mut self, account: usize) {
        for grant in self.open115.grants.iter_mut().filter(|grant| grant.account == account) {
            grant.is_alive = false;
        }
    }

    /// Ends the access tokens of an account now; its refresh tokens live on.
    pub fn open115_expire_access(&mut self, account: usize) {
        let now_ms = self.now_ms();
        let state = &mut self.open115;
        for access in state.access.values_mut() {
            if state.grants[access.grant].account == account {
                access.ends_ms = access.ends_ms.min(now_ms);
            }
        }
    }

    /// A ready pair, as if a code had been scanned and exchanged.
    pub fn open115_issue_token(&mut self, account: usize) -> IssuedToken {
        tokens::grant(self, account, OPEN115_APP_ID)
    }

    /// How many grants of an account are alive.
    pub fn open115_grants(&self, account: usize) -> usize {
        self.open115.grants.iter().filter(|grant| grant.is_alive && grant.account == account).count()
    }

    /// The id behind an account.
    pub fn open115_account(account: usize) -> String {
        tokens::account_id(account)
    }

    fn open115_step(&mut self, stage: Stage) -> bool {
        let now_ms = self.now_ms();
        let mut open = self.open115.devices.values_mut().filter(|device| device.is_open(now_ms)).peekable();
        let is_any = open.peek().is_some();
        for device in open {
            device.stage = stage;
        }
        is_any
    }
}
