//! The sandbox's own door: scripts set faults, skew and drift, make things happen and read the truth.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde::Deserialize;

use super::accounts::{Platform, SHOPS_PER_PLATFORM};
use super::faults::Fault;
use super::grants::IssuedToken;
use super::json::Json;
use super::settings::Drift;
use super::world::World;
use super::{after_sales, open115, truth};

const CREATE_MAX: usize = 100_000;
/// A century: beyond it dates run out of four digits.
const SKEW_MAX: TimeDelta = TimeDelta::days(36_500);

/// What `POST /_control` takes; every part may be left out. Carried out in the order of the fields.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Control {
    clear_faults: bool,
    faults: Vec<Fault>,
    skew_seconds: Option<i64>,
    drift: Option<Drift>,
    /// 0: no limit.
    requests_per_second: Option<f64>,
    reset_counters: bool,
    revoke: Option<ShopName>,
    expire_access: Option<ShopName>,
    create_orders: Option<Creation>,
    create_products: Option<Creation>,
    /// On orders taken by chance.
    open_cases: Option<Creation>,
    deny: Option<Permission>,
    allow: Option<Permission>,
    /// Temu's shops that are full-managed malls; all others are not.
    full_managed: Option<BTreeSet<usize>>,
    address_listed: Option<bool>,
    double_envelope: Option<bool>,
    issue_code: Option<ShopName>,
    issue_token: Option<ShopName>,
    #[serde(rename = "115")]
    open115: open115::Control,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct ShopName {
    platform: Platform,
    #[serde(default)]
    shop: usize,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Creation {
    platform: Platform,
    #[serde(default)]
    shop: usize,
    count: usize,
}

/// An API a shop's grant covers, or does not.
#[derive(Clone, Debug, Deserialize)]
struct Permission {
    platform: Platform,
    #[serde(default)]
    shop: usize,
    api: String,
}

/// Which truth `GET /_control/truth` returns. Nothing named: every shop anybody has read.
#[derive(Debug, Default, Deserialize)]
pub struct TruthQuery {
    platform: Option<Platform>,
    shop: Option<usize>,
}

/// Carries out a control message. `Err`: a sentence for the script's author, and nothing was done.
pub fn act(world: &mut World, control: Control) -> Result<String, String> {
    let skew = refuse_nonsense(&control)?;
    if control.clear_faults {
        world.clear_faults();
    }
    for fault in &control.faults {
        world.add_fault(fault.clone());
    }
    if let Some(skew) = skew {
        world.set_skew(skew);
    }
    if let Some(drift) = control.drift {
        world.set_drift(drift);
    }
    if let Some(limit) = control.requests_per_second {
        world.set_requests_per_second((limit > 0.0).then_some(limit));
    }
    if control.reset_counters {
        world.reset_counters();
    }
    if let Some(named) = control.revoke {
        world.revoke(named.platform, named.shop);
    }
    if let Some(named) = control.expire_access {
        world.expire_access(named.platform, named.shop);
    }
    make_happen(world, &control);
    permit(world, control.deny, control.allow);
    if let Some(full_managed) = control.full_managed {
        world.manners.full_managed = full_managed;
    }
    if let Some(is_listed) = control.address_listed {
        world.set_address_listed(is_listed);
    }
    if let Some(is_double) = control.double_envelope {
        world.set_double_envelope(is_double);
    }
    let code = control.issue_code.map(|named| world.issue_code(named.platform, named.shop));
    let token = control.issue_token.map(|named| world.issue_token(named.platform, named.shop));
    let token = open115::act(world, control.open115).or(token);
    Ok(issued(code, token))
}

fn make_happen(world: &mut World, control: &Control) {
    if let Some(Creation { platform, shop, count }) = control.create_orders {
        for _ in 0..count {
            world.create_order(platform, shop);
        }
    }
    if let Some(Creation { platform, shop, count }) = control.create_products {
        for _ in 0..count {
            world.create_product(platform, shop);
        }
    }
    if let Some(Creation { platform, shop, count }) = control.open_cases {
        for _ in 0..count {
            after_sales::change::open_somewhere(world, platform, shop);
        }
    }
}

fn permit(world: &mut World, deny: Option<Permission>, allow: Option<Permission>) {
    for (permission, is_granted) in [(deny, false), (allow, true)] {
        if let Some(Permission { platform, shop, api }) = permission {
            world.set_granted(platform, shop, &api, is_granted);
        }
    }
}

/// The skew requested, if everything else makes sense too.
fn refuse_nonsense(control: &Control) -> Result<Option<TimeDelta>, String> {
    open115::check(&control.open115)?;
    let named = [control.revoke, control.expire_access, control.issue_code, control.issue_token];
    let named = named.into_iter().flatten().map(|named| named.shop);
    let creations = [control.create_orders, control.create_products, control.open_cases];
    let permissions = [&control.deny, &control.allow].into_iter().flatten().map(|permission| permission.shop);
    let managed = control.full_managed.iter().flatten().copied();
    let created = creations.into_iter().flatten().map(|creation| creation.shop);
    for shop in named.chain(created).chain(permissions).chain(managed) {
        refuse_unknown_shop(shop)?;
    }
    if creations.into_iter().flatten().any(|creation| creation.count > CREATE_MAX) {
        return Err(format!("at most {CREATE_MAX} of a kind at once"));
    }
    let Some(seconds) = control.skew_seconds else {
        return Ok(None);
    };
    let skew = TimeDelta::try_seconds(seconds).filter(|skew| skew.abs() < SKEW_MAX);
    skew.map(Some).ok_or_else(|| "skew_seconds is more than a century".to_owned())
}

fn refuse_unknown_shop(shop: usize) -> Result<(), String> {
    if World::has_shop(shop) {
        Ok(())
    } else {
        Err(format!("shops are counted from 0 to {}", SHOPS_PER_PLATFORM - 1))
    }
}

fn issued(code: Option<String>, token: Option<IssuedToken>) -> String {
    Json::object(|json| {
        if let Some(code) = code {
            json.string("code", &code);
        }
        if let Some(token) = token {
            json.string("access_token", &token.access);
            json.number("access_ends_ms", token.access_ends_ms);
            if let Some(refresh) = token.refresh {
                json.string("refresh_token", &refresh);
            }
        }
    })
}

/// The truth as JSON: clock, orders, violations, calls.
pub fn truth(world: &mut World, query: &TruthQuery) -> Result<String, String> {
    let mut shops = world.known_shops();
    if query.platform.is_some() || query.shop.is_some() {
        let platforms = query.platform.map_or(Platform::ALL.to_vec(), |platform| vec![platform]);
        let shop = query.shop.unwrap_or(0);
        refuse_unknown_shop(shop)?;
        shops = platforms.into_iter().map(|platform| (platform, shop)).collect();
    }
    let violations = serde_json::to_string(&world.violations()).expect("counters are plain numbers");
    let calls = serde_json::to_string(&world.counters.calls).expect("names and counts make JSON");
    Ok(Json::object(|json| {
        json.number("now_ms", world.now_ms());
        json.raw("violations", &violations);
        json.raw("calls", &calls);
        json.objects("shops", shops, |json, (platform, shop)| {
            truth::write_shop(json, world, platform, shop);
        });
        open115::write_truth(json, world);
    }))
}
