//! What there is at 115: codes to be scanned, grants and tokens. Only data; what happens to it is in the other files.

use std::collections::{BTreeMap, HashMap};

use chrono::TimeDelta;

/// How long a code may be scanned, and exchanged.
const DEVICE_LIFE_MS: i64 = 5 * 60 * 1000;

/// How strict and how helpful 115 is to be.
#[derive(Clone, Copy, Debug)]
pub struct DriveSettings {
    /// Whoever is shown a code says yes at once.
    pub confirms_at_once: bool,
    /// A grant refreshed again sooner is refused as too early. The live platform names no number.
    pub refresh_spacing: TimeDelta,
    /// How many grants of one account an app may hold; one more ends the oldest.
    pub grants_max: usize,
    /// Refusals say `errno` and `error` instead of `code` and `message`.
    pub says_errno: bool,
}

impl Default for DriveSettings {
    fn default() -> Self {
        Self {
            confirms_at_once: false,
            refresh_spacing: TimeDelta::seconds(30),
            grants_max: 2,
            says_errno: false,
        }
    }
}

/// What there is at 115.
#[derive(Default)]
pub struct Drive {
    pub settings: DriveSettings,
    /// By `uid`, which grows.
    pub devices: BTreeMap<String, Device>,
    /// The oldest first.
    pub grants: Vec<Grant>,
    pub access: HashMap<String, Access>,
    pub refresh: HashMap<String, Refresh>,
}

impl Drive {
    pub fn new(settings: DriveSettings) -> Self {
        Self { settings, ..Self::default() }
    }
}

/// A code that was requested.
pub struct Device {
    pub app_id: String,
    pub challenge: String,
    pub time: String,
    pub sign: String,
    pub issued_ms: i64,
    pub stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Waiting,
    Scanned,
    /// By this account.
    Confirmed(usize),
    /// The owner said no.
    Denied,
    Exchanged,
}

impl Device {
    /// Whether its owner can still do something about it.
    pub fn is_open(&self, now_ms: i64) -> bool {
        matches!(self.stage, Stage::Waiting | Stage::Scanned) && self.lives(now_ms)
    }

    pub fn lives(&self, now_ms: i64) -> bool {
        now_ms < self.issued_ms + DEVICE_LIFE_MS
    }
}

/// One authorisation of an account.
pub struct Grant {
    pub account: usize,
    pub app_id: String,
    pub ends_ms: i64,
    /// Neither revoked nor ended by a newer one.
    pub is_alive: bool,
    pub refreshed_ms: Option<i64>,
}

pub struct Access {
    /// A place in the list of grants.
    pub grant: usize,
    pub ends_ms: i64,
}

pub struct Refresh {
    pub grant: usize,
    pub is_spent: bool,
}
