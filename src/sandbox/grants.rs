//! Authorisation codes and tokens of both platforms: which there are, whose they are, until when.

use std::collections::{HashMap, HashSet};

use super::accounts::Platform;

#[derive(Default)]
pub struct Grants {
    pub codes: HashMap<String, Code>,
    pub access: HashMap<String, Access>,
    /// Xiaohongshu only: Temu has no refresh tokens.
    pub refresh: HashMap<String, Refresh>,
    denied: HashSet<(Platform, usize, String)>,
}

/// An authorisation code. Both platforms let it live ten minutes.
pub struct Code {
    pub platform: Platform,
    pub shop: usize,
    pub issued_ms: i64,
    pub used: Option<UsedCode>,
}

pub struct UsedCode {
    pub at_ms: i64,
    pub token: IssuedToken,
}

pub struct Access {
    pub platform: Platform,
    pub shop: usize,
    pub app_key: String,
    pub ends_ms: i64,
    /// Replaced by a newer one, or taken back by the owner.
    pub is_revoked: bool,
}

pub struct Refresh {
    pub shop: usize,
    pub access: String,
    pub ends_ms: i64,
    pub is_spent: bool,
}

/// What an authorisation or a refresh hands out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedToken {
    pub access: String,
    pub access_ends_ms: i64,
    /// `None` at Temu.
    pub refresh: Option<String>,
    pub refresh_ends_ms: Option<i64>,
}

impl Grants {
    /// Takes every token of a shop back at once. A refresh token taken back was never spent.
    pub(super) fn revoke(&mut self, platform: Platform, shop: usize) {
        for access in self.access.values_mut() {
            if access.platform == platform && access.shop == shop {
                access.is_revoked = true;
            }
        }
        if platform == Platform::Xiaohongshu {
            self.refresh.retain(|_, refresh| refresh.is_spent || refresh.shop != shop);
        }
    }

    pub(super) fn handed_out(&self) -> Vec<String> {
        self.codes.keys().chain(self.access.keys()).chain(self.refresh.keys()).cloned().collect()
    }

    /// Ends a shop's access tokens now; refresh tokens live on.
    pub(super) fn expire(&mut self, platform: Platform, shop: usize, now_ms: i64) {
        for access in self.access.values_mut() {
            if access.platform == platform && access.shop == shop {
                access.ends_ms = access.ends_ms.min(now_ms);
            }
        }
    }

    pub(super) fn set_granted(&mut self, platform: Platform, shop: usize, api: &str, is_granted: bool) {
        let key = (platform, shop, api.to_owned());
        if is_granted {
            self.denied.remove(&key);
        } else {
            self.denied.insert(key);
        }
    }

    pub(super) fn is_granted(&self, platform: Platform, shop: usize, api: &str) -> bool {
        !self.denied.contains(&(platform, shop, api.to_owned()))
    }
}

/// A random word of `length` hex digits.
pub fn hex_word(length: usize, random: &mut fastrand::Rng) -> String {
    (0..length).map(|_| random.digit(16)).collect()
}
