//! The life of the simulated grants, rule by rule.

use chrono::TimeDelta;
use serde_json::{Value, json};
use shopsync::sandbox::Platform;

use super::{Caller, minutes, refusal};

const REFRESH: &str = "oauth.refreshToken";
const EXCHANGE: &str = "oauth.getAccessToken";

/// A caller, a fresh pair, and the clock so that the access token has this much left.
async fn with_left(left: TimeDelta) -> (Caller, Value) {
    let caller = Caller::with_orders(0).await;
    let code = caller.world(|world| world.issue_code(Platform::Xiaohongshu, 0));
    let pair = caller.xiaohongshu(EXCHANGE, json!({"code": code, "accessToken": null})).await;
    caller.clock.advance(TimeDelta::days(7) - left);
    (caller, pair["data"].clone())
}

async fn refresh(caller: &Caller, pair: &Value) -> Value {
    caller.xiaohongshu(REFRESH, json!({"refreshToken": pair["refreshToken"], "accessToken": null})).await
}

async fn works(caller: &Caller, pair: &Value) -> bool {
    let now = caller.clock.now().timestamp();
    let window = json!({
        "startTime": now - 60, "endTime": now, "timeType": 2, "accessToken": pair["accessToken"],
    });
    caller.xiaohongshu("order.getOrderList", window).await["success"] == true
}

#[tokio::test]
async fn a_refresh_with_more_than_half_an_hour_left_changes_nothing() {
    let (caller, pair) = with_left(minutes(30) + TimeDelta::milliseconds(1)).await;

    let answer = refresh(&caller, &pair).await;

    assert_eq!(answer["data"], pair);
    assert!(works(&caller, &pair).await);
}

#[tokio::test]
async fn a_refresh_with_less_left_rotates_both_and_the_old_access_lives_five_minutes() {
    let (caller, pair) = with_left(minutes(30)).await;

    let fresh = refresh(&caller, &pair).await["data"].clone();

    assert_ne!(fresh["accessToken"], pair["accessToken"]);
    assert_ne!(fresh["refreshToken"], pair["refreshToken"]);
    let now_ms = caller.clock.now().timestamp_millis();
    let day_ms = TimeDelta::days(1).num_milliseconds();
    assert_eq!(fresh["accessTokenExpiresAt"], now_ms + 7 * day_ms);
    assert_eq!(fresh["refreshTokenExpiresAt"], now_ms + 14 * day_ms);
    assert!(works(&caller, &fresh).await && works(&caller, &pair).await);

    caller.clock.advance(minutes(5) - TimeDelta::milliseconds(1));
    assert!(works(&caller, &pair).await);
    caller.clock.advance(TimeDelta::milliseconds(1));
    assert!(!works(&caller, &pair).await);
    assert!(works(&caller, &fresh).await);
}

#[tokio::test]
async fn a_used_refresh_token_is_dead_at_once_and_its_reuse_counted() {
    let (caller, pair) = with_left(minutes(10)).await;
    refresh(&caller, &pair).await;
    assert!(caller.world(|world| world.violations().is_empty()));

    let answer = refresh(&caller, &pair).await;

    assert!(refusal(&answer).1.contains("失效"), "{answer}");
    assert_eq!(caller.world(|world| world.violations().spent_refresh_token), 1);
}

#[tokio::test]
async fn an_expired_access_token_is_reported_in_words_and_can_still_be_refreshed() {
    let (caller, pair) = with_left(TimeDelta::zero()).await;
    let now = caller.clock.now().timestamp();
    let window = json!({
        "startTime": now - 60, "endTime": now, "timeType": 2, "accessToken": pair["accessToken"],
    });

    let refused = caller.xiaohongshu("order.getOrderList", window).await;
    let fresh = refresh(&caller, &pair).await;

    let words = "根据accessToken和appId获取mercuryUser失败：accessToken expired";
    assert_eq!((refused["code"].as_i64(), refused["msg"].as_str()), (Some(401), Some(words)));
    assert!(works(&caller, &fresh["data"]).await);
    assert!(!works(&caller, &pair).await, "an ended token does not come back to life");
}

#[tokio::test]
async fn a_refresh_token_ends_after_two_weeks() {
    let (caller, pair) = with_left(TimeDelta::zero()).await;
    caller.clock.advance(TimeDelta::days(7));

    let answer = refresh(&caller, &pair).await;

    assert!(refusal(&answer).1.contains("过期"), "{answer}");
}

#[tokio::test]
async fn a_revoked_grant_works_no_more_and_cannot_be_refreshed() {
    let (caller, pair) = with_left(minutes(10)).await;
    caller.world(|world| world.revoke(Platform::Xiaohongshu, 0));

    assert!(!works(&caller, &pair).await);
    assert!(refusal(&refresh(&caller, &pair).await).1.contains("无效"));
    assert!(caller.world(|world| world.violations().is_empty()));
}

#[tokio::test]
async fn a_code_gives_the_same_pair_for_a_short_time_and_nothing_later() {
    let caller = Caller::with_orders(0).await;
    let code = caller.world(|world| world.issue_code(Platform::Xiaohongshu, 1));
    let exchange = || caller.xiaohongshu(EXCHANGE, json!({"code": code, "accessToken": null}));

    let first = exchange().await;
    let again = exchange().await;
    caller.clock.advance(minutes(2));
    let late = exchange().await;

    assert_eq!(first["data"]["sellerId"], Platform::Xiaohongshu.account(1));
    assert_eq!(first, again);
    assert_eq!(late["success"], false);
    assert_eq!(caller.world(|world| world.violations().spent_code), 1);
}

#[tokio::test]
async fn a_code_lives_ten_minutes() {
    let caller = Caller::with_orders(0).await;
    let (temu, xiaohongshu) = caller
        .world(|world| (world.issue_code(Platform::Temu, 0), world.issue_code(Platform::Xiaohongshu, 0)));
    caller.clock.advance(minutes(10));

    let asked = json!({"code": temu, "access_token": temu});
    let answer = caller.temu("bg.open.accesstoken.create", asked).await;
    assert_eq!(answer["errorCode"], 110_020_003);
    let answer = caller.xiaohongshu(EXCHANGE, json!({"code": xiaohongshu, "accessToken": null})).await;
    assert!(refusal(&answer).1.contains("过期"));
}

#[tokio::test]
async fn a_temu_code_works_once_and_its_token_replaces_the_one_before() {
    let caller = Caller::with_orders(0).await;
    let code = caller.world(|world| world.issue_code(Platform::Temu, 0));
    let create = |token: Value| {
        caller.temu("bg.open.accesstoken.create", json!({"code": code, "access_token": token}))
    };

    assert_eq!(create(json!(null)).await["errorCode"], 3_000_030);
    assert_eq!(create(json!("another")).await["errorCode"], 3_000_031);
    let answer = create(json!(code)).await;
    assert_eq!(create(json!(code)).await["errorCode"], 110_020_002);

    let granted = &answer["result"];
    assert_eq!(granted["mallId"].to_string(), Platform::Temu.account(0));
    let year = caller.clock.now().timestamp() + TimeDelta::days(365).num_seconds();
    assert_eq!(granted["expiredTime"], year);
    let info = "bg.open.accesstoken.info.get";
    assert_eq!(caller.temu(info, json!({})).await["errorCode"], 3_000_034);
    let answer = caller.temu(info, json!({"access_token": granted["accessToken"]})).await;
    assert_eq!(answer["result"]["expiredTime"], year);
}
