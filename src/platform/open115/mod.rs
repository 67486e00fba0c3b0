//! 115 网盘's open platform: tokens only, handed to other programs. Its grants are kept alive in a later version;
//! the config takes its sections already.

use chrono::TimeDelta;

use super::{ConnectError, GrantRules, Profile, Renewal, Replay};

pub(super) static PROFILE: Profile = Profile {
    name: "115",
    zones: &[],
    records: &[],
    gateway: Some("https://passportapi.115.com"),
    doubtful_hosts: &[],
    has_secret: false,
    is_built: false,
    requests_per_second: 1.0,
    orders: None,
    grant: GrantRules {
        access_life_default: TimeDelta::hours(2),
        access_life_max: TimeDelta::days(40),
        renewal: Renewal::Share { percent: 15, at_least: TimeDelta::hours(1) },
        old_access_grace: TimeDelta::zero(),
        replay: Replay::Once { after: TimeDelta::seconds(60), only_when_expired: false },
        spacing: TimeDelta::seconds(60),
        refresh_end_is_fixed: true,
        refresh_life_default: Some(TimeDelta::days(365)),
    },
    connect: |_| Err(ConnectError::NotBuilt { platform: "115" }),
};
