//! Temu's grants: a code becomes a long-lived token; a new token ends the one before; nothing is ever refreshed.

use super::{Call, TemuRefusal, refuse};
use crate::sandbox::accounts::{Platform, temu_site};
use crate::sandbox::flat::FlatBody;
use crate::sandbox::grants::{Access, IssuedToken, UsedCode, hex_word};
use crate::sandbox::json::Json;
use crate::sandbox::world::World;

/// The documents: a code lives ten minutes.
const CODE_LIFE_MS: i64 = 10 * 60 * 1000;

/// A fresh token of a shop; the app's earlier ones of that shop die at once.
pub fn issue(world: &mut World, shop: usize, app_key: &str) -> IssuedToken {
    for access in world.grants.access.values_mut() {
        if access.platform == Platform::Temu && access.shop == shop && access.app_key == app_key {
            access.is_revoked = true;
        }
    }
    let token = hex_word(48, &mut world.random);
    let ends_ms = world.now_ms() + world.settings().temu_token_life.num_milliseconds();
    world.grants.access.insert(
        token.clone(),
        Access { platform: Platform::Temu, shop, app_key: app_key.to_owned(), ends_ms, is_revoked: false },
    );
    IssuedToken { access: token, access_ends_ms: ends_ms, refresh: None, refresh_ends_ms: None }
}

/// `bg.open.accesstoken.create`: the code also stands in `access_token`.
pub fn create(
    world: &mut World,
    body: &FlatBody,
    (app_key, zone_apis): (&str, &[&str]),
) -> Result<String, TemuRefusal> {
    let code = body.text("code").unwrap_or_default();
    match body.text("access_token") {
        None => return refuse(3_000_030, "there is no access_token in body."),
        Some(token) if token != code => return refuse(3_000_031, "access_token not exists."),
        Some(_) => {}
    }
    let now_ms = world.now_ms();
    let known = world.grants.codes.get(&code).filter(|code| code.platform == Platform::Temu);
    let shop = match known {
        None => return refuse(110_020_001, "code not exists."),
        Some(code) if code.used.is_some() => {
            world.counters.violations.spent_code += 1;
            return refuse(110_020_002, "Invalid code, please check and try again.");
        }
        Some(code) if code.issued_ms + CODE_LIFE_MS <= now_ms => {
            return refuse(110_020_003, "code is expired.");
        }
        Some(code) => code.shop,
    };
    let token = issue(world, shop, app_key);
    if let Some(code) = world.grants.codes.get_mut(&code) {
        code.used = Some(UsedCode { at_ms: now_ms, token: token.clone() });
    }
    Ok(Json::object(|json| {
        json.string("accessToken", &token.access);
        account(json, world, zone_apis, shop, token.access_ends_ms);
        json.objects("associatedMallTokenList", [(); 0], |_, ()| {});
    }))
}

/// `bg.open.accesstoken.info.get`, and its name in the partner zone.
pub fn info(world: &mut World, call: &Call<'_>) -> Result<String, TemuRefusal> {
    let token = call.body.text("access_token").unwrap_or_default();
    let Some(Access { ends_ms, .. }) = world.grants.access.get(&token) else {
        return refuse(3_000_031, "access_token not exists.");
    };
    Ok(Json::object(|json| {
        account(json, world, call.zone_apis, call.shop, *ends_ms);
        json.null("semiUniqueId");
    }))
}

fn account(json: &mut Json, world: &World, zone_apis: &[&str], shop: usize, ends_ms: i64) {
    json.raw("mallId", &Platform::Temu.account(shop));
    json.number("regionId", temu_site(shop).region);
    json.number("mallType", 1);
    json.number("expiredTime", ends_ms / 1000);
    json.strings(
        "apiScopeList",
        zone_apis.iter().copied().filter(|api| world.grants.is_granted(Platform::Temu, shop, api)),
    );
    json.number("appSubscribeStatus", 0);
    json.strings("appSubscribeEventCodeList", []);
    json.objects("authEventCodeList", ["bg_order_status_change_event"], |json, event| {
        json.string("eventCode", event);
        json.number("permitsStatus", 1);
    });
}
