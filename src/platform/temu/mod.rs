//! Temu's open platform: five zones, one router URL each, signed flat JSON.
//!
//! `gateway` makes the calls, `client` those about grants and a file a record the others; `sign` signs them, `lists`
//! opens what they have in common, `codes` says what a refusal means, `scopes` which calls a record needs. Of orders,
//! `wire` says what the JSON looks like, `convert` and `amounts` what it means; the other records have that in a folder
//! of their own.

use std::sync::Arc;

use chrono::TimeDelta;

use super::{GrantRules, Granting, Login, Profile, Renewal, Replay, Zone};
use crate::domain::record::Record;

mod activities;
mod after_sales;
mod amounts;
mod client;
mod codes;
mod convert;
mod gateway;
mod goods;
mod lists;
mod orders;
mod parcels;
mod partner;
mod scopes;
mod sign;
mod wire;

/// Full-managed shops; its gateway has error codes of its own, and no goods any more: those are at the partner zone's.
const ZONE_CN: &str = "cn";
/// Goods of semi-managed shops, and of full-managed ones by the token of theirs.
const ZONE_PARTNER: &str = "partner";

const LOCAL: &[Record] = &[Record::Orders, Record::Products, Record::AfterSales, Record::Activities];
const GOODS_ONLY: &[Record] = &[Record::Products];

pub(super) static PROFILE: Profile = Profile {
    name: "temu",
    zones: &[
        Zone { name: "us", gateway: "https://openapi-b-us.temu.com/openapi/router", records: LOCAL },
        Zone { name: "eu", gateway: "https://openapi-b-eu.temu.com/openapi/router", records: LOCAL },
        Zone { name: "global", gateway: "https://openapi-b-global.temu.com/openapi/router", records: LOCAL },
        Zone {
            name: ZONE_PARTNER,
            gateway: "https://openapi-b-partner.temu.com/openapi/router",
            records: GOODS_ONLY,
        },
        Zone {
            name: ZONE_CN,
            gateway: "https://openapi.kuajingmaihuo.com/openapi/router",
            records: GOODS_ONLY,
        },
    ],
    records: &[],
    gateway: None,
    doubtful_hosts: &[],
    has_secret: true,
    login: Login::Paste,
    granting: Granting {
        english: "As the shop's main account, open the app on the seller center's client-manage page, tick the API \
                  packages and copy the access token.",
        chinese: "用店铺主账号打开卖家中心的「授权管理」页，选择应用、勾选接口权限，并复制 access token。",
    },
    requests_per_second: 20.0,
    grant: GrantRules {
        access_life_default: TimeDelta::days(90),
        access_life_max: TimeDelta::days(400),
        renewal: Renewal::ByOwner,
        old_access_grace: TimeDelta::zero(),
        replay: Replay::Never,
        spacing: TimeDelta::zero(),
        refresh_end_is_fixed: false,
        refresh_life_default: None,
    },
    inspect_every: Some(TimeDelta::days(1)),
    required_apis: scopes::required,
    connect: |settings| Ok(Arc::new(client::Temu::new(settings)?)),
};
