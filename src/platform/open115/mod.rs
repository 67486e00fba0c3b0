//! 115 网盘's open platform: tokens only, kept alive here and handed to other programs.
//!
//! `client` makes the calls, `device` is the login by a scanned code, `pkce` proves that who ends a login began it, `wire`
//! says what the JSON looks like, `codes` what a refusal means.

use std::sync::Arc;

use chrono::TimeDelta;

use super::{GrantRules, Granting, Login, Profile, Renewal, Replay};

mod client;
mod codes;
mod device;
mod pkce;
mod wire;

/// Between two token calls of a grant, and before what was throttled is tried again: the platform asks not to be
/// asked often and names no number.
const SPACING: TimeDelta = TimeDelta::seconds(60);

pub(super) static PROFILE: Profile = Profile {
    name: "115",
    zones: &[],
    records: &[],
    gateway: Some("https://passportapi.115.com"),
    doubtful_hosts: &[],
    has_secret: false,
    login: Login::Scan,
    granting: Granting {
        english: "The command shows a QR code. Its owner scans it with the 115 app and says yes there.",
        chinese: "命令会显示二维码，由账号所有者用 115 应用扫码并确认。",
    },
    requests_per_second: 1.0,
    grant: GrantRules {
        access_life_default: TimeDelta::hours(2),
        // The longest life seen is 30 days.
        access_life_max: TimeDelta::days(31),
        renewal: Renewal::Share { percent: 15, at_least: TimeDelta::hours(1) },
        old_access_grace: TimeDelta::zero(),
        replay: Replay::Once { after: SPACING, only_when_expired: false },
        spacing: SPACING,
        refresh_end_is_fixed: true,
        refresh_life_default: Some(TimeDelta::days(365)),
    },
    inspect_every: None,
    required_apis: |_, _, _| &[],
    connect: |settings| Ok(Arc::new(client::Open115::new(settings)?)),
};
