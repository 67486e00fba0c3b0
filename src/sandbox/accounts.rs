//! Who exists on the simulated platforms: apps with their secrets, and the sellers' shops. Fixed, so that a
//! test or a demo needs no registration. None of these credentials opens anything outside the sandbox.

use serde::{Deserialize, Serialize};

/// How many shops each platform has, counted from 0.
pub const SHOPS_PER_PLATFORM: usize = 3;

pub const TEMU_APP_KEY: &str = "sandbox-temu-app";
pub const TEMU_APP_SECRET: &str = "sandbox-temu-secret-0001";
/// A second app, whose tokens the first one cannot use.
pub const TEMU_OTHER_APP_KEY: &str = "sandbox-temu-other-app";
pub const TEMU_OTHER_APP_SECRET: &str = "sandbox-temu-secret-0002";
pub const XIAOHONGSHU_APP_ID: &str = "0a1b2c3d4e5f60718293";
pub const XIAOHONGSHU_APP_SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A platform the sandbox plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    Temu,
    Xiaohongshu,
}

impl Platform {
    pub const ALL: [Self; 2] = [Self::Temu, Self::Xiaohongshu];

    /// As in the program's config and in the sandbox's addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Temu => "temu",
            Self::Xiaohongshu => "xiaohongshu",
        }
    }

    /// The app used unless a test names another: key and secret.
    pub fn app(self) -> (&'static str, &'static str) {
        match self {
            Self::Temu => (TEMU_APP_KEY, TEMU_APP_SECRET),
            Self::Xiaohongshu => (XIAOHONGSHU_APP_ID, XIAOHONGSHU_APP_SECRET),
        }
    }

    /// The secret of a registered app. `None`: there is no such app on this platform.
    pub(super) fn secret(self, app_key: &str) -> Option<&'static str> {
        match (self, app_key) {
            (Self::Temu, TEMU_APP_KEY) => Some(TEMU_APP_SECRET),
            (Self::Temu, TEMU_OTHER_APP_KEY) => Some(TEMU_OTHER_APP_SECRET),
            (Self::Xiaohongshu, XIAOHONGSHU_APP_ID) => Some(XIAOHONGSHU_APP_SECRET),
            _ => None,
        }
    }

    /// The account behind a shop: Temu's `mallId`, Xiaohongshu's `sellerId`.
    pub fn account(self, shop: usize) -> String {
        match self {
            Self::Temu => format!("6300000000{shop:05}"),
            Self::Xiaohongshu => format!("5a1510b6c2f3d40012e7{shop:04x}"),
        }
    }
}

/// Where a Temu shop sells. The site decides which amount calls it has: the official amount guide opens the
/// first version to all sites and lists the sites of the second and third.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    pub id: i64,
    pub region: i64,
    pub currency: &'static str,
}

const TEMU_SITES: [Site; SHOPS_PER_PLATFORM] = [
    Site { id: 100, region: 211, currency: "USD" },
    Site { id: 118, region: 98, currency: "JPY" },
    Site { id: 156, region: 167, currency: "USD" },
];

/// The site of a Temu shop.
pub fn temu_site(shop: usize) -> Site {
    TEMU_SITES[shop % SHOPS_PER_PLATFORM]
}

/// An amount as decimal text, with as many digits as the currency has.
pub fn decimal(minor: i64, currency: &str) -> String {
    match currency {
        "JPY" => minor.to_string(),
        _ => format!("{}{}.{:02}", if minor < 0 { "-" } else { "" }, minor.abs() / 100, minor.abs() % 100),
    }
}

/// The currency a shop's orders are in.
pub fn currency(platform: Platform, shop: usize) -> &'static str {
    match platform {
        Platform::Temu => temu_site(shop).currency,
        Platform::Xiaohongshu => "CNY",
    }
}

/// Which of a platform's gateways was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gateway {
    Temu,
    /// Temu's partner zone, which has no orders and a token call of another name.
    TemuPartner,
    /// Temu's CN zone: no orders either, an older name for its goods, error codes of its own.
    TemuCn,
    Xiaohongshu,
}

impl Gateway {
    pub(super) fn platform(self) -> Platform {
        match self {
            Self::Temu | Self::TemuPartner | Self::TemuCn => Platform::Temu,
            Self::Xiaohongshu => Platform::Xiaohongshu,
        }
    }
}
