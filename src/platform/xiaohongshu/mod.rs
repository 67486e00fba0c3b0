//! Xiaohongshu's e-commerce open platform: one URL for everything, signed over four parameters.
//!
//! `client` makes the calls, `sign` signs them, `wire` says what the JSON looks like, `convert` what it means, `codes`
//! what a refusal means.

use std::sync::Arc;

use chrono::TimeDelta;

use super::{GrantRules, Profile, Renewal, Replay};
use crate::domain::record::Record;

mod client;
mod codes;
mod convert;
mod gateway;
mod orders;
mod sign;
mod wire;

pub(super) static PROFILE: Profile = Profile {
    name: "xiaohongshu",
    zones: &[],
    records: &[Record::Orders, Record::Products, Record::AfterSales],
    gateway: Some("https://ark.xiaohongshu.com/ark/open_api/v3/common_controller"),
    doubtful_hosts: &["openapi.xiaohongshu.com"],
    has_secret: true,
    requests_per_second: 20.0,
    grant: GrantRules {
        access_life_default: TimeDelta::days(7),
        access_life_max: TimeDelta::days(60),
        renewal: Renewal::Before { end: TimeDelta::minutes(25), again: TimeDelta::minutes(10) },
        old_access_grace: TimeDelta::minutes(5),
        replay: Replay::Once { after: TimeDelta::seconds(5), only_when_expired: true },
        spacing: TimeDelta::zero(),
        refresh_end_is_fixed: false,
        refresh_life_default: Some(TimeDelta::days(14)),
    },
    inspect_every: None,
    required_apis: |_, _, _| &[],
    connect: |settings| Ok(Arc::new(client::Xiaohongshu::new(settings)?)),
};
