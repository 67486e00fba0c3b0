//! Simulated Xiaohongshu: one address for everything, a signature over four parameters, two dialects of "no".

mod after_sales;
mod answers;
mod apis;
mod goods;
mod orders;
mod stock;
mod tokens;

use md5::{Digest, Md5};

use super::accounts::Platform;
use super::distort::Answered;
use super::faults::{FaultKind, Struck};
use super::flat::{FlatBody, NotANumber};
use super::json::Json;
use super::world::{Answer, Request, World};
use super::{busy, distort};

use apis::Api;

pub use tokens::issue;

/// No document gives a tolerance; this is Temu's.
const TOLERANCE_SECONDS: i64 = 300;
const VERSION: &str = "2.0";

const EXCHANGE: &str = "oauth.getAccessToken";
const REFRESH: &str = "oauth.refreshToken";
const SYSTEM_PARAMETERS: [&str; 6] = ["appId", "method", "version", "timestamp", "sign", "accessToken"];

/// No table of codes is published: this one is the sandbox's own, for refusals whose text is what counts.
const REFUSED: i64 = -1;
const THROTTLED: i64 = -9013;
const TOKEN: i64 = 401;
const PARAMETERS: i64 = -2_000_400;
const NOT_FOUND: i64 = -2_000_101;

const NOT_GRANTED_TEXT: &str = "根据accessToken和appId获取mercuryUser失败：应用无权限调用该接口";
const EXPIRED_TEXT: &str = "根据accessToken和appId获取mercuryUser失败：accessToken expired";
const INVALID_TEXT: &str = "根据accessToken和appId获取mercuryUser失败：accessToken invalid";

/// A "no", in one of the two dialects.
struct XiaohongshuRefusal {
    dialect: Dialect,
    code: i64,
    message: String,
}

/// How the code and the text of an answer are called.
#[derive(Clone, Copy)]
enum Dialect {
    /// `error_code` and `error_msg`.
    Classic,
    /// `code` and `msg`: types, missing parameters, permissions and access tokens.
    Framework,
}

fn refuse<T>(code: i64, message: impl Into<String>) -> Result<T, XiaohongshuRefusal> {
    Err(XiaohongshuRefusal { dialect: Dialect::Classic, code, message: message.into() })
}

fn refuse_by_framework<T>(code: i64, message: impl Into<String>) -> Result<T, XiaohongshuRefusal> {
    Err(XiaohongshuRefusal { dialect: Dialect::Framework, code, message: message.into() })
}

impl From<NotANumber> for XiaohongshuRefusal {
    fn from(NotANumber(name): NotANumber) -> Self {
        let message = format!("参数类型错误：{name}");
        Self { dialect: Dialect::Framework, code: PARAMETERS, message }
    }
}

/// A call the gateway has let through.
struct Call<'a> {
    body: &'a FlatBody,
    shop: usize,
    /// The first row of a list is to be unreadable.
    has_unreadable_row: bool,
    /// A list is to say that it holds nothing.
    is_empty_list: bool,
    struck: &'a Struck,
}

impl Call<'_> {
    /// The window requested, or all of time where the platform does not look at it.
    fn window(&self, window: (i64, i64)) -> (i64, i64) {
        match self.struck.strike(&FaultKind::UnfilteredRows) {
            Some(_) => (i64::MIN, i64::MAX),
            None => window,
        }
    }
}

/// The whole answer to one call.
pub fn answer(world: &mut World, body: Option<&FlatBody>, struck: &Struck) -> Answer {
    let result = checked(world, body, struck);
    let (is_accepted, rows) = (result.is_ok(), result.as_ref().map_or(0, |(_, _, rows)| *rows));
    let text = Json::object(|json| match result {
        Ok((Dialect::Classic, content, _)) => classic(json, &content),
        Ok((Dialect::Framework, content, _)) if world.manners.is_double_envelope => {
            classic(json, &Json::object(|json| framework(json, &content)));
        }
        Ok((Dialect::Framework, content, _)) => framework(json, &content),
        Err(XiaohongshuRefusal { dialect: Dialect::Classic, code, message }) => {
            json.number("error_code", code);
            json.string("error_msg", &message);
            json.boolean("success", false);
        }
        Err(XiaohongshuRefusal { dialect: Dialect::Framework, code, message }) => {
            json.number("code", code);
            json.string("msg", &message);
            json.boolean("success", false);
            json.null("data");
        }
    });
    Answer { text, is_accepted, rows }
}

fn classic(json: &mut Json, content: &str) {
    json.number("error_code", 0);
    json.string("error_msg", "");
    json.boolean("success", true);
    data(json, content);
}

fn framework(json: &mut Json, content: &str) {
    json.number("code", 0);
    json.string("msg", "success");
    json.boolean("success", true);
    data(json, content);
}

/// Left out where there is none.
fn data(json: &mut Json, content: &str) {
    if !content.is_empty() {
        json.raw("data", content);
    }
}

/// The dialect of the answer, its content and the rows in it.
fn checked(
    world: &mut World,
    body: Option<&FlatBody>,
    struck: &Struck,
) -> Result<(Dialect, String, usize), XiaohongshuRefusal> {
    let Some(body) = body else {
        return refuse_by_framework(PARAMETERS, "请求体不是JSON对象");
    };
    let app_id = check_signature(world, body)?;
    let api = check_api(world, body)?;
    let limit = world.settings().requests_per_second;
    if !world.counters.admit(&app_id, limit) {
        world.counters.violations.rate_exceeded += 1;
        return throttled();
    }
    let api = match api {
        Operation::Business(api) => api,
        grant => {
            injected(struck)?;
            let (api, content) = match grant {
                Operation::Exchange => (EXCHANGE, tokens::exchange(world, body, &app_id)?),
                _ => (REFRESH, tokens::refresh(world, body, &app_id)?),
            };
            let answered = Answered { platform: Platform::Xiaohongshu, api, shop: 0, body, struck };
            let (content, rows) = distort::content(world, &answered, content);
            return Ok((Dialect::Classic, content, rows));
        }
    };
    let shop = check_token(world, body, &app_id, api.name)?;
    injected(struck)?;
    if let Some(days) = distort::too_old(Platform::Xiaohongshu, api.name, body, struck, world.now_ms()) {
        return refuse(PARAMETERS, format!("仅支持查询近{days}天内的数据"));
    }
    world.run_hook(&Request {
        platform: Platform::Xiaohongshu,
        api: api.name.to_owned(),
        shop: Some(shop),
        parameters: body.to_parameters(),
    });
    let fewer = distort::page_size_max(struck).map(|max| body.with_at_most("pageSize", max));
    let call = Call {
        body: fewer.as_ref().unwrap_or(body),
        shop,
        has_unreadable_row: struck.whole() == Some(&FaultKind::UnreadableRow),
        is_empty_list: struck.whole() == Some(&FaultKind::EmptyList),
        struck,
    };
    let content = (api.answer)(world, &call)?;
    refuse_one_thing(struck)?;
    let answered = Answered { platform: Platform::Xiaohongshu, api: api.name, shop, body: call.body, struck };
    let (content, rows) = distort::content(world, &answered, content);
    Ok((api.dialect, content, rows))
}

/// What the platform says of one thing that it does not give.
fn refuse_one_thing(struck: &Struck) -> Result<(), XiaohongshuRefusal> {
    match struck.whole() {
        Some(FaultKind::Isolated501Code) => refuse(501, "系统内部错误"),
        Some(FaultKind::IsolatedRefused) => refuse(REFUSED, "无权限查看该订单"),
        _ => Ok(()),
    }
}

/// App, version, timestamp, signature: the parameters every call has.
fn check_signature(world: &mut World, body: &FlatBody) -> Result<String, XiaohongshuRefusal> {
    let [method, app_id, timestamp, version, sign] =
        ["method", "appId", "timestamp", "version", "sign"].map(|name| body.text(name).unwrap_or_default());
    let Some(secret) = Platform::Xiaohongshu.secret(&app_id) else {
        world.counters.violations.unknown_app += 1;
        return refuse(REFUSED, "appId不存在");
    };
    if version != VERSION {
        world.counters.violations.bad_parameter += 1;
        return refuse(REFUSED, "version参数错误");
    }
    let seconds = timestamp.parse().unwrap_or(i64::MIN);
    let now = world.now().timestamp();
    if seconds.abs_diff(now) > TOLERANCE_SECONDS.unsigned_abs() {
        world.counters.violations.stale_timestamp += 1;
        return refuse(REFUSED, "timestamp已过期或超前，请检查系统时间");
    }
    if body.has_duplicates() || sign != signature(&method, &app_id, &timestamp, &version, secret) {
        world.counters.violations.wrong_signature += 1;
        return refuse(REFUSED, "sign签名校验失败");
    }
    Ok(app_id)
}

/// Over method, app, timestamp and version alone: neither business parameters nor the token are bound.
fn signature(method: &str, app_id: &str, timestamp: &str, version: &str, secret: &str) -> String {
    let text = format!("{method}?appId={app_id}&timestamp={timestamp}&version={version}{secret}");
    hex::encode(Md5::digest(text.as_bytes()))
}

/// What a call is about.
enum Operation {
    Exchange,
    Refresh,
    Business(&'static Api),
}

fn check_api(world: &mut World, body: &FlatBody) -> Result<Operation, XiaohongshuRefusal> {
    let name = body.text("method").unwrap_or_default();
    let (operation, known): (Operation, &[&str]) = match (name.as_str(), apis::find(&name)) {
        (EXCHANGE, _) => (Operation::Exchange, &["code"]),
        (REFRESH, _) => (Operation::Refresh, &["refreshToken"]),
        (_, Some(api)) => (Operation::Business(api), api.parameters),
        (_, None) => {
            world.counters.violations.unknown_api += 1;
            return refuse(REFUSED, "method不存在");
        }
    };
    let strangers =
        body.members().filter(|(name, _)| !known.contains(name) && !SYSTEM_PARAMETERS.contains(name)).count();
    world.counters.violations.unknown_parameter += strangers as u64;
    Ok(operation)
}

fn check_token(world: &World, body: &FlatBody, app_id: &str, api: &str) -> Result<usize, XiaohongshuRefusal> {
    let Some(token) = body.text("accessToken") else {
        return refuse_by_framework(PARAMETERS, "accessToken不能为空");
    };
    let found = world.grants.access.get(&token).filter(|access| access.platform == Platform::Xiaohongshu);
    let Some(access) = found.filter(|access| access.app_key == app_id && !access.is_revoked) else {
        return refuse_by_framework(TOKEN, INVALID_TEXT);
    };
    if access.ends_ms <= world.now_ms() {
        return refuse_by_framework(TOKEN, EXPIRED_TEXT);
    }
    if !world.grants.is_granted(Platform::Xiaohongshu, access.shop, api) {
        return refuse_by_framework(TOKEN, NOT_GRANTED_TEXT);
    }
    Ok(access.shop)
}

/// The faults that the gateway itself tells of.
fn injected(struck: &Struck) -> Result<(), XiaohongshuRefusal> {
    match struck.whole() {
        Some(fault @ FaultKind::BusyWords) => {
            let form = struck.strike(fault).map_or(0, |strike| strike.form);
            refuse(busy::XIAOHONGSHU_CODE, busy::words(form))
        }
        Some(FaultKind::ApiGone) => refuse(REFUSED, "method不存在"),
        Some(FaultKind::Http400Json) => refuse(REFUSED, "appId不存在"),
        Some(FaultKind::Throttle | FaultKind::Http429Json) => throttled(),
        Some(FaultKind::Business { code, message }) => refuse(*code, message.as_str()),
        Some(FaultKind::NotGranted | FaultKind::Http403Json) => refuse_by_framework(TOKEN, NOT_GRANTED_TEXT),
        Some(FaultKind::TokenExpired | FaultKind::Http401Json) => refuse_by_framework(TOKEN, EXPIRED_TEXT),
        Some(FaultKind::TokenRevoked) => refuse_by_framework(TOKEN, INVALID_TEXT),
        Some(FaultKind::StillCalculated | FaultKind::MoneyBusy) => refuse(REFUSED, "数据计算中，请稍后重试"),
        _ => Ok(()),
    }
}

fn throttled<T>() -> Result<T, XiaohongshuRefusal> {
    refuse(THROTTLED, "触发Method维度的限流")
}

#[cfg(test)]
mod tests {
    use super::signature;

    #[test]
    fn the_documents_vectors_hold() {
        let (app, secret) = ("0a1b2c3d4e5f60718293", "0123456789abcdef0123456789abcdef");
        for (method, expected) in [
            ("order.getOrderList", "f13708faf986adf34339bda741404486"),
            ("oauth.refreshToken", "7220e43ab1742c830f247b4d222cd472"),
            ("product.getDetailSkuList", "866670c12b2e832d4fdfdf7dddf575fe"),
        ] {
            assert_eq!(signature(method, app, "1700000000", "2.0", secret), expected, "{method}");
        }
        assert_eq!(
            signature("oauth.getAccessToken", "test-app", "1700000000", "1.0", "secret-key"),
            "15dd91e56a77df52c8a652a43a7c131e"
        );
    }
}
