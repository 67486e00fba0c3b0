//! Simulated Temu: the checks of its gateway in the order the documents give, then the call itself.

mod activities;
mod after_sales;
mod amounts;
mod answers;
mod apis;
mod codes;
mod goods;
mod orders;
mod parameters;
mod partner;
mod sign;
mod tokens;

use super::accounts::{Gateway, Platform};
use super::distort::Answered;
use super::faults::{FaultKind, Struck};
use super::flat::FlatBody;
use super::json::Json;
use super::world::{Answer, Request, World};
use super::{busy, distort};

use apis::{Api, CREATE};
use codes::{TemuRefusal, refuse};

pub use goods::shelf_code;
pub use tokens::issue;

/// The documents' tolerance of a timestamp, both ways.
const TOLERANCE_SECONDS: i64 = 300;

const COMMON_PARAMETERS: [&str; 7] =
    ["type", "app_key", "timestamp", "sign", "access_token", "data_type", "version"];

/// A call the gateway has let through.
struct Call<'a> {
    body: &'a FlatBody,
    api: &'static str,
    /// The names of all APIs of the zone.
    zone_apis: &'a [&'static str],
    shop: usize,
    /// The first row of a list is to be unreadable.
    has_unreadable_row: bool,
    /// A list is to say that it holds nothing.
    is_empty_list: bool,
    struck: &'a Struck,
}

impl Call<'_> {
    /// The window requested, or all of time where the platform does not look at it.
    fn window(&self, window: Option<(i64, i64)>) -> Option<(i64, i64)> {
        window.filter(|_| self.struck.strike(&FaultKind::UnfilteredRows).is_none())
    }
}

/// The whole answer to one call.
pub fn answer(world: &mut World, gateway: Gateway, body: Option<&FlatBody>, struck: &Struck) -> Answer {
    let result = checked(world, gateway, body, struck);
    let serial = world.next_answer();
    let (is_accepted, rows) = (result.is_ok(), result.as_ref().map_or(0, |(_, rows)| *rows));
    let text = Json::object(|json| {
        json.boolean("success", result.is_ok());
        json.string("requestId", &format!("us-00000000-0000-4000-8000-{serial:012}"));
        match result {
            Ok((result, _)) => {
                json.number("errorCode", 1_000_000);
                json.string("errorMsg", "");
                if !result.is_empty() {
                    json.raw("result", &result);
                }
            }
            Err(refusal) => {
                let is_cn = gateway == Gateway::TemuCn;
                json.number("errorCode", if is_cn { codes::in_cn(refusal.code) } else { refusal.code });
                json.string("errorMsg", &refusal.message);
            }
        }
    });
    Answer { text, is_accepted, rows }
}

fn checked(
    world: &mut World,
    gateway: Gateway,
    body: Option<&FlatBody>,
    struck: &Struck,
) -> Result<(String, usize), TemuRefusal> {
    let Some(body) = body else {
        return refuse(3_000_000, "BAD_PARAMS");
    };
    let app_key = check_signature(world, body)?;
    check_timestamp(world, body)?;
    if world.manners.is_address_unlisted {
        return refuse(5_000_003, "NOT_IN_IP_WHITE_LIST");
    }
    let api = check_api(world, gateway, body)?;
    check_parameters(world, body, api)?;
    let limit = world.settings().requests_per_second;
    if !world.counters.admit(&app_key, limit) {
        world.counters.violations.rate_exceeded += 1;
        return refuse(4_000_004, "too frequent requests, exceeding rate limit.");
    }
    let Some(api) = api else {
        injected(struck)?;
        let content = tokens::create(world, body, (&app_key, &apis::names(gateway)))?;
        let answered = Answered { platform: Platform::Temu, api: CREATE, shop: 0, body, struck };
        return Ok(distort::content(world, &answered, content));
    };
    let shop = check_token(world, body, &app_key, api.name)?;
    injected(struck)?;
    if let Some(days) = distort::too_old(Platform::Temu, api.name, body, struck, world.now_ms()) {
        return refuse(140_020_016, format!("Only the last {days} days can be queried"));
    }
    world.run_hook(&Request {
        platform: Platform::Temu,
        api: api.name.to_owned(),
        shop: Some(shop),
        parameters: body.to_parameters(),
    });
    let fewer = distort::page_size_max(struck).map(|max| body.with_at_most("pageSize", max));
    let call = Call {
        body: fewer.as_ref().unwrap_or(body),
        api: api.name,
        zone_apis: &apis::names(gateway),
        shop,
        has_unreadable_row: struck.whole() == Some(&FaultKind::UnreadableRow),
        is_empty_list: struck.whole() == Some(&FaultKind::EmptyList),
        struck,
    };
    let content = (api.answer)(world, &call)?;
    refuse_one_thing(struck)?;
    let answered = Answered { platform: Platform::Temu, api: api.name, shop, body: call.body, struck };
    Ok(distort::content(world, &answered, content))
}

/// What the platform says of one thing that it does not give.
fn refuse_one_thing(struck: &Struck) -> Result<(), TemuRefusal> {
    match struck.whole() {
        Some(FaultKind::Isolated501Code) => refuse(501, "internal service error"),
        Some(FaultKind::IsolatedRefused) => refuse(140_020_017, "No permission to view this order"),
        _ => Ok(()),
    }
}

/// The signature comes before all other parameters; it needs the app's secret.
fn check_signature(world: &mut World, body: &FlatBody) -> Result<String, TemuRefusal> {
    let Some(app_key) = body.text("app_key") else {
        return refuse(3_000_025, "there is no app_key in body.");
    };
    let Some(secret) = Platform::Temu.secret(&app_key) else {
        world.counters.violations.unknown_app += 1;
        return refuse(3_000_026, "app_key not exists.");
    };
    let Some(sign) = body.text("sign") else {
        world.counters.violations.wrong_signature += 1;
        return refuse(3_000_040, "there is no sign in body.");
    };
    let is_hmac = world.settings().temu_hmac;
    if body.has_duplicates() || sign != sign::expected(body, secret, is_hmac) {
        world.counters.violations.wrong_signature += 1;
        return refuse(3_000_001, "sign is invalid, please check your sign calculation.");
    }
    Ok(app_key)
}

fn check_timestamp(world: &mut World, body: &FlatBody) -> Result<(), TemuRefusal> {
    let Some(timestamp) = body.integer("timestamp")? else {
        return refuse(3_000_010, "there is no timestamp in body.");
    };
    let ahead = timestamp - world.now().timestamp();
    if ahead.abs() <= TOLERANCE_SECONDS {
        return Ok(());
    }
    world.counters.violations.stale_timestamp += 1;
    if ahead > 0 {
        refuse(3_000_011, "timestamp is invalid.")
    } else {
        refuse(3_000_012, "timestamp is expired.")
    }
}

/// Which API it is, on this gateway. `None`: the one that has no access token yet.
fn check_api(
    world: &mut World,
    gateway: Gateway,
    body: &FlatBody,
) -> Result<Option<&'static Api>, TemuRefusal> {
    let Some(name) = body.text("type") else {
        return refuse(3_000_002, "there is no type in body.");
    };
    match apis::find(gateway, &name) {
        None if name != CREATE => {
            world.counters.violations.unknown_api += 1;
            refuse(3_000_003, "type not exists")
        }
        found => Ok(found),
    }
}

/// `data_type` must be there; parameters the API does not have are ignored without a word, as the platform does.
fn check_parameters(world: &mut World, body: &FlatBody, api: Option<&Api>) -> Result<(), TemuRefusal> {
    match body.text("data_type") {
        None => return refuse(3_000_013, "there is no data_type in body."),
        Some(kind) if !kind.eq_ignore_ascii_case("json") => {
            return refuse(3_000_014, "data_type is invalid");
        }
        Some(_) => {}
    }
    let known = api.map_or(apis::CREATE_PARAMETERS, |api| api.parameters);
    let strangers =
        body.members().filter(|(name, _)| !known.contains(name) && !COMMON_PARAMETERS.contains(name)).count();
    world.counters.violations.unknown_parameter += strangers as u64;
    Ok(())
}

fn check_token(world: &World, body: &FlatBody, app_key: &str, api: &str) -> Result<usize, TemuRefusal> {
    let Some(token) = body.text("access_token") else {
        return refuse(3_000_030, "there is no access_token in body.");
    };
    let found = world.grants.access.get(&token).filter(|access| access.platform == Platform::Temu);
    let Some(access) = found else {
        return refuse(3_000_031, "access_token not exists.");
    };
    if access.app_key != app_key {
        return refuse(3_000_033, "access_token and app_key are not mapping.");
    }
    if access.is_revoked || access.ends_ms <= world.now_ms() {
        return expired();
    }
    if !world.grants.is_granted(Platform::Temu, access.shop, api) {
        return not_granted();
    }
    Ok(access.shop)
}

/// The faults that the gateway itself tells of.
fn injected(struck: &Struck) -> Result<(), TemuRefusal> {
    match struck.whole() {
        Some(fault @ FaultKind::BusyWords) => {
            let form = struck.strike(fault).map_or(0, |strike| strike.form);
            refuse(busy::TEMU_CODE, busy::words(form))
        }
        Some(FaultKind::ApiGone) => refuse(3_000_003, "type not exists"),
        Some(FaultKind::Http400Json) => refuse(3_000_026, "app_key not exists."),
        Some(FaultKind::Throttle | FaultKind::Http429Json) => {
            refuse(4_000_004, "too frequent requests, exceeding rate limit.")
        }
        Some(FaultKind::Business { code, message }) => refuse(*code, message.as_str()),
        Some(FaultKind::NotGranted | FaultKind::Http403Json) => not_granted(),
        Some(FaultKind::TokenExpired | FaultKind::Http401Json) => expired(),
        Some(FaultKind::TokenRevoked) => refuse(3_000_031, "access_token not exists."),
        Some(FaultKind::StillCalculated | FaultKind::MoneyBusy) => {
            refuse(140_020_009, "The amount is still being calculated, please try again later.")
        }
        _ => Ok(()),
    }
}

fn expired<T>() -> Result<T, TemuRefusal> {
    refuse(
        3_000_034,
        "access_token is expired or have been refreshed, please contact seller to share the new access_token \
         with you.",
    )
}

fn not_granted<T>() -> Result<T, TemuRefusal> {
    refuse(
        3_000_032,
        "access_token don't have this api access, please ask for seller to authorize this api in seller center \
         first，and share the new access_token with you.",
    )
}
