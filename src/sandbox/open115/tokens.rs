//! 115's grants: an end that never moves, a refresh token that works once, and few grants at a time.

use super::state::{Access, Grant, Refresh};
use super::{DriveRefusal, RequestFields, refuse};
use crate::sandbox::grants::{IssuedToken, hex_word};
use crate::sandbox::json::Json;
use crate::sandbox::world::World;

const SECOND_MS: i64 = 1000;
const DAY_MS: i64 = 24 * 60 * 60 * SECOND_MS;
/// Of the first access token of a grant.
const FIRST_LIFE_MS: i64 = 7200 * SECOND_MS;
/// Of those that follow.
const NEXT_LIFE_MS: i64 = 30 * DAY_MS;
/// From the login on, whatever is refreshed meanwhile.
const GRANT_LIFE_MS: i64 = 365 * DAY_MS;

const ACCESS_HEAD: &str = "115a.";
const REFRESH_HEAD: &str = "115r.";

/// A new grant, as after a login. The account's oldest makes room.
pub fn grant(world: &mut World, account: usize, app_id: &str) -> IssuedToken {
    let now_ms = world.now_ms();
    let grants = &mut world.open115.grants;
    let grants_max = world.open115.settings.grants_max;
    let alive = |grant: &&mut Grant| grant.is_alive && grant.account == account && grant.app_id == app_id;
    let surplus = (grants.iter_mut().filter(alive).count() + 1).saturating_sub(grants_max);
    for oldest in grants.iter_mut().filter(alive).take(surplus) {
        oldest.is_alive = false;
    }
    grants.push(Grant {
        account,
        app_id: app_id.to_owned(),
        ends_ms: now_ms + GRANT_LIFE_MS,
        is_alive: true,
        refreshed_ms: None,
    });
    let grant = grants.len() - 1;
    new_pair(world, grant, now_ms + FIRST_LIFE_MS)
}

/// `POST /open/refreshToken`.
pub fn refresh(world: &mut World, sent: &RequestFields) -> Result<String, DriveRefusal> {
    let now_ms = world.now_ms();
    let token = sent.field("refresh_token");
    if !token.starts_with(REFRESH_HEAD) {
        world.counters.violations.bad_parameter += 1;
        return refuse(40_140_114, "refresh_token 格式错误（防篡改）");
    }
    let state = &mut world.open115;
    let Some(known) = state.refresh.get_mut(token) else {
        return refuse(40_140_115, "refresh_token 签名错误（防篡改）");
    };
    let index = known.grant;
    let grant = &mut state.grants[index];
    if !grant.is_alive {
        return refuse(40_140_116, "no auth");
    }
    if known.is_spent {
        world.counters.violations.spent_refresh_token += 1;
        return refuse(40_140_120, "refresh token error");
    }
    if grant.ends_ms <= now_ms {
        return refuse(40_140_119, "refresh_token 已过期");
    }
    let spacing_ms = state.settings.refresh_spacing.num_milliseconds();
    if grant.refreshed_ms.is_some_and(|refreshed_ms| now_ms - refreshed_ms < spacing_ms) {
        return refuse(40_140_117, "refresh frequently");
    }
    grant.refreshed_ms = Some(now_ms);
    known.is_spent = true;
    // No document knows a time of grace.
    state.access.retain(|_, access| access.grant != index);
    let token = new_pair(world, index, now_ms + NEXT_LIFE_MS);
    Ok(pair(&token, now_ms))
}

/// `GET /open/user/info`.
pub fn user(world: &mut World, sent: &RequestFields) -> Result<String, DriveRefusal> {
    let Some(authorization) = &sent.authorization else {
        return refuse(99, "请重新登录");
    };
    let Some(token) = authorization.strip_prefix("Bearer ").filter(|token| token.starts_with(ACCESS_HEAD))
    else {
        world.counters.violations.bad_parameter += 1;
        return refuse(40_140_123, "access_token 格式错误（防篡改）");
    };
    let Some(access) = world.open115.access.get(token) else {
        return refuse(40_140_125, "access_token 无效");
    };
    let grant = &world.open115.grants[access.grant];
    if !grant.is_alive || access.ends_ms <= world.now_ms() {
        return refuse(40_140_125, "access_token 无效");
    }
    let (account, app_id) = (grant.account, grant.app_id.clone());
    let limit = world.settings().requests_per_second;
    if !world.counters.admit(&app_id, limit) {
        world.counters.violations.rate_exceeded += 1;
        return refuse(770_004, "已达到当前访问上限");
    }
    Ok(Json::object(|json| {
        json.raw("user_id", &account_id(account));
        json.string("user_name", &format!("测试网盘{}", account + 1));
    }))
}

/// The id behind an account; a number on the wire.
pub fn account_id(account: usize) -> String {
    format!("3301{account:05}")
}

/// The content of an answer that gives tokens.
pub fn pair(token: &IssuedToken, now_ms: i64) -> String {
    Json::object(|json| {
        json.string("access_token", &token.access);
        json.string("refresh_token", token.refresh.as_deref().unwrap_or_default());
        json.number("expires_in", (token.access_ends_ms - now_ms) / SECOND_MS);
    })
}

fn new_pair(world: &mut World, grant: usize, access_ends_ms: i64) -> IssuedToken {
    let mut word = |head: &str| format!("{head}{}", hex_word(48, &mut world.random));
    let (access, refresh) = (word(ACCESS_HEAD), word(REFRESH_HEAD));
    let refresh_ends_ms = world.open115.grants[grant].ends_ms;
    world.open115.access.insert(access.clone(), Access { grant, ends_ms: access_ends_ms });
    world.open115.refresh.insert(refresh.clone(), Refresh { grant, is_spent: false });
    IssuedToken { access, access_ends_ms, refresh: Some(refresh), refresh_ends_ms: Some(refresh_ends_ms) }
}
