//! Xiaohongshu's e-commerce open platform: one URL for everything, signed over four parameters.
//!
//! `client` hands out what reads each record: `orders` (whose JSON is in `wire` and what it means in `convert`),
//! `products`, `after_sales`, `stock`. `gateway` makes the calls, `sign` signs them, `codes` says what a refusal means,
//! `privacy` what is not kept.

use std::sync::Arc;

use chrono::TimeDelta;

use super::{GrantRules, Granting, Login, Profile, Renewal, Replay};
use crate::domain::record::Record;

mod after_sales;
mod client;
mod codes;
mod convert;
mod gateway;
mod orders;
mod privacy;
mod products;
mod sign;
mod stock;
mod wire;

pub(super) static PROFILE: Profile = Profile {
    name: "xiaohongshu",
    zones: &[],
    records: &[Record::Orders, Record::Products, Record::AfterSales],
    gateway: Some("https://ark.xiaohongshu.com/ark/open_api/v3/common_controller"),
    doubtful_hosts: &["openapi.xiaohongshu.com"],
    has_secret: true,
    login: Login::Link,
    granting: Granting {
        english: "The command prints a link. The shop's main account opens it and grants access.",
        chinese: "命令会给出授权链接，由店铺主账号打开并同意授权。",
    },
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
