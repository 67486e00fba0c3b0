//! Xiaohongshu's grants: short-lived pairs, and a refresh that does nothing until half an hour before the end and
//! then spends the refresh token for good.

use super::{REFUSED, XiaohongshuRefusal, refuse, refuse_by_framework};
use crate::sandbox::accounts::Platform;
use crate::sandbox::flat::FlatBody;
use crate::sandbox::grants::{Access, IssuedToken, Refresh, UsedCode, hex_word};
use crate::sandbox::json::Json;
use crate::sandbox::world::World;

const MINUTE_MS: i64 = 60 * 1000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
const ACCESS_LIFE_MS: i64 = 7 * DAY_MS;
const REFRESH_LIFE_MS: i64 = 14 * DAY_MS;
const CODE_LIFE_MS: i64 = 10 * MINUTE_MS;
/// "Within a short time" the same code gives the same tokens; the documents say no more than that.
const CODE_REPEATS_MS: i64 = MINUTE_MS;
/// With more than this left, a refresh changes nothing.
const EARLY_MS: i64 = 30 * MINUTE_MS;
/// How long a replaced access token still works.
const GRACE_MS: i64 = 5 * MINUTE_MS;

/// A fresh pair; the shop's earlier ones die at once, as after a new authorisation.
pub fn issue(world: &mut World, shop: usize, app_id: &str) -> IssuedToken {
    world.grants.revoke(Platform::Xiaohongshu, shop);
    new_pair(world, shop, app_id)
}

/// `oauth.getAccessToken`.
pub fn exchange(world: &mut World, body: &FlatBody, app_id: &str) -> Result<String, XiaohongshuRefusal> {
    let Some(code) = body.text("code") else {
        return refuse_by_framework(super::PARAMETERS, "code不能为空");
    };
    let now_ms = world.now_ms();
    let known = world.grants.codes.get(&code).filter(|code| code.platform == Platform::Xiaohongshu);
    let (shop, used) = match known {
        None => return refuse(REFUSED, "code无效"),
        Some(code) if code.issued_ms + CODE_LIFE_MS <= now_ms => return refuse(REFUSED, "code已过期"),
        Some(code) => (code.shop, code.used.as_ref()),
    };
    if let Some(used) = used {
        if now_ms - used.at_ms <= CODE_REPEATS_MS {
            return Ok(pair(shop, &used.token));
        }
        world.counters.violations.spent_code += 1;
        return refuse(REFUSED, "code已被使用");
    }
    let token = issue(world, shop, app_id);
    if let Some(code) = world.grants.codes.get_mut(&code) {
        code.used = Some(UsedCode { at_ms: now_ms, token: token.clone() });
    }
    Ok(pair(shop, &token))
}

/// `oauth.refreshToken`.
pub fn refresh(world: &mut World, body: &FlatBody, app_id: &str) -> Result<String, XiaohongshuRefusal> {
    let Some(sent) = body.text("refreshToken") else {
        return refuse_by_framework(super::PARAMETERS, "refreshToken不能为空");
    };
    let now_ms = world.now_ms();
    let Some(refresh) = world.grants.refresh.get_mut(&sent) else {
        return refuse(REFUSED, "refreshToken无效");
    };
    if refresh.is_spent {
        world.counters.violations.spent_refresh_token += 1;
        return refuse(REFUSED, "refreshToken已失效");
    }
    if refresh.ends_ms <= now_ms {
        return refuse(REFUSED, "refreshToken已过期");
    }
    let (shop, refresh_ends_ms) = (refresh.shop, refresh.ends_ms);
    let Some(access) = world.grants.access.get_mut(&refresh.access) else {
        return refuse(REFUSED, "refreshToken无效");
    };
    if access.ends_ms - now_ms > EARLY_MS {
        let same = IssuedToken {
            access: refresh.access.clone(),
            access_ends_ms: access.ends_ms,
            refresh: Some(sent),
            refresh_ends_ms: Some(refresh_ends_ms),
        };
        return Ok(pair(shop, &same));
    }
    refresh.is_spent = true;
    access.ends_ms = access.ends_ms.min(now_ms + GRACE_MS);
    let fresh = new_pair(world, shop, app_id);
    Ok(pair(shop, &fresh))
}

fn new_pair(world: &mut World, shop: usize, app_id: &str) -> IssuedToken {
    let now_ms = world.now_ms();
    let random = &mut world.random;
    let mut word = |kind: &str| format!("{kind}-{}-{}", hex_word(32, random), hex_word(32, random));
    let (access, refresh) = (word("token"), word("refresh"));
    let (access_ends_ms, refresh_ends_ms) = (now_ms + ACCESS_LIFE_MS, now_ms + REFRESH_LIFE_MS);
    world.grants.access.insert(
        access.clone(),
        Access {
            platform: Platform::Xiaohongshu,
            shop,
            app_key: app_id.to_owned(),
            ends_ms: access_ends_ms,
            is_revoked: false,
        },
    );
    world.grants.refresh.insert(
        refresh.clone(),
        Refresh { shop, access: access.clone(), ends_ms: refresh_ends_ms, is_spent: false },
    );
    IssuedToken { access, access_ends_ms, refresh: Some(refresh), refresh_ends_ms: Some(refresh_ends_ms) }
}

fn pair(shop: usize, token: &IssuedToken) -> String {
    Json::object(|json| {
        json.string("accessToken", &token.access);
        json.number("accessTokenExpiresAt", token.access_ends_ms);
        json.string("refreshToken", token.refresh.as_deref().unwrap_or_default());
        json.number("refreshTokenExpiresAt", token.refresh_ends_ms.unwrap_or_default());
        json.string("sellerId", &Platform::Xiaohongshu.account(shop));
        json.string("sellerName", &format!("测试旗舰店{}", shop + 1));
    })
}
