//! What Xiaohongshu's refusals mean. No table of codes is published, and 401 stands for a refused token as well as
//! for a refused order: the platform itself advises to judge by words of the message.

use crate::platform::error::Rejection;
use crate::platform::refusal::Refusal::{self, NotGranted, Rejected, Throttled, TokenRefused};

/// Judged by code, where the words say nothing. Method-wise throttling; the common refusals of parameters and
/// numbers; then those of the logistics domain, of which 302 and 402 mean a repeated call.
const CODES: &[(i64, Refusal)] = &[
    (-9013, Throttled),
    (-2_000_400, Rejected(Rejection::Parameters)),
    (-2_000_101, Rejected(Rejection::NotFound)),
    (301, Rejected(Rejection::Parameters)),
    (302, Rejected(Rejection::Parameters)),
    (402, Rejected(Rejection::Parameters)),
    (501, Rejected(Rejection::Passing)),
    (504, Rejected(Rejection::Passing)),
];

/// In the status inside an answer about stock: the pieces that are ordered and unpaid may be counted wrong.
const STOCK_WARNING: &str = "-9028";

/// The gateway's own words before the reason why a token was not taken; they name the app and the token whatever
/// the reason is.
const TOKEN_PREFIX: &str = "根据accesstoken和appid获取mercuryuser失败";

/// 0 everywhere; 200 in the logistics domain only, which is not asked.
pub fn is_success(code: &str) -> bool {
    code == "0"
}

/// Whether an answer with this code of its own is to be taken all the same.
pub fn is_warning(code: &str) -> bool {
    code == STOCK_WARNING
}

pub fn refusal(code: &str, message: &str) -> Refusal {
    let message = message.to_lowercase();
    by_words(&message).unwrap_or_else(|| by_code(code)).or_by_patience(&message)
}

/// The words of the documents, the more telling ones first.
fn by_words(message: &str) -> Option<Refusal> {
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let reason = message.replace(TOKEN_PREFIX, "");
    let is_about_user = reason.len() < message.len() || message.contains("mercuryuser");
    let names_access_token = is_about_user || has(&["accesstoken", "access_token", "access token"]);
    let is_over = ["过期", "失效", "无效", "expired", "invalid"];
    if has(&["限流"]) {
        Some(Throttled)
    } else if names_missing_permission(message) {
        // Of one order or shop it says nothing about the others.
        (!is_about_a_thing(message)).then_some(NotGranted)
    } else if names_access_token && is_over.iter().any(|word| reason.contains(word)) {
        Some(TokenRefused)
    } else if is_about_user {
        // A reason that no document gives: unknown is never a refused token.
        None
    } else if has(&["签名", "验签"]) || has_word(message, "sign") {
        Some(Rejected(Rejection::App))
    } else if has(&["timestamp", "时间戳"]) {
        Some(Rejected(Rejection::Clock))
    } else if has(&["白名单"]) {
        Some(Rejected(Rejection::Address))
    } else if has(&["appid", "appkey"]) {
        Some(Rejected(Rejection::App))
    } else if has(&["订单", "包裹", "售后单", "商品", "规格"]) && has(&["不存在"]) {
        Some(Rejected(Rejection::NotFound))
    } else if has(&["参数类型", "类型错误", "不能为空", "参数错误", "缺少参数", "缺少必填"])
    {
        Some(Rejected(Rejection::Parameters))
    } else {
        None
    }
}

fn names_missing_permission(message: &str) -> bool {
    const WORDS: [&str; 6] = ["无权限", "没有权限", "权限不足", "無權限", "沒有權限", "權限不足"];
    WORDS.iter().any(|word| message.contains(word)) || has_word(message, "permission")
}

/// Whether a message speaks of one thing, rather than of a call. The name of a method holds the word for a thing too.
fn is_about_a_thing(message: &str) -> bool {
    const CALLS: [&str; 6] = ["接口", "介面", "方法", "api", "method", "interface"];
    const THINGS: [&str; 14] = [
        "订单", "訂單", "包裹", "售后", "售後", "商品", "规格", "規格", "查看", "数据", "數據", "order",
        "package", "sku",
    ];
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let has_method = message.split(|char: char| !char.is_ascii_alphanumeric() && char != '.').any(|word| {
        word.split_once('.')
            .is_some_and(|(head, tail)| !head.is_empty() && tail.starts_with(char::is_alphabetic))
    });
    has(&THINGS) && !has(&CALLS) && !has_method
}

fn by_code(code: &str) -> Refusal {
    let unknown = Rejected(Rejection::Unknown);
    let Ok(code) = code.parse::<i64>() else {
        return unknown;
    };
    CODES.iter().find(|(known, _)| *known == code).map_or(unknown, |(_, refusal)| *refusal)
}

/// Whether `word` stands in `text` and is not a piece of a longer English word.
fn has_word(text: &str, word: &str) -> bool {
    text.split(|letter: char| !letter.is_ascii_alphanumeric()).any(|found| found == word)
}

#[cfg(test)]
mod tests {
    use super::{NotGranted, Rejected, Rejection, Throttled, TokenRefused, refusal};

    #[test]
    fn refusals_are_judged_by_their_words_and_only_then_by_code() {
        let unknown = Rejected(Rejection::Unknown);
        for (code, message, expected) in [
            ("-9013", "触发Method维度的限流", Throttled),
            ("-9013", "", Throttled),
            ("-1", "触发App维度的限流", Throttled),
            ("401", "根据accessToken和appId获取mercuryUser失败：accessToken expired", TokenRefused),
            ("0", "根据accessToken和appId获取mercuryUser失败：accessToken invalid", TokenRefused),
            ("401", "accessToken已过期", TokenRefused),
            ("-1", "mercuryUser expired", TokenRefused),
            ("401", "accessToken失效", TokenRefused),
            ("401", "accessToken无效", TokenRefused),
            ("401", "根据accessToken和appId获取mercuryUser失败：应用无权限调用该接口", NotGranted),
            ("-1", "无权限", NotGranted),
            ("-1", "该应用权限不足", NotGranted),
            ("403", "No permission to call this method", NotGranted),
            ("401", "无权限查看该订单", unknown),
            ("401", "應用無權限查看此訂單", unknown),
            ("-1", "没有权限操作该售后单", unknown),
            ("403", "no permission to view this order", unknown),
            ("403", "order.getOrderList: permission denied", NotGranted),
            ("-1", "無權限調用該介面", NotGranted),
            ("-1", "该应用无权限访问商品接口", NotGranted),
            ("9999", "系统繁忙，请稍后再试", Rejected(Rejection::Passing)),
            ("9999", "请求过于频繁", Throttled),
            ("-2000400", "系统繁忙，请稍后再试", Rejected(Rejection::Parameters)),
            ("401", "accessToken已过期，请稍后再试", TokenRefused),
            ("401", "根据accessToken和appId获取mercuryUser失败：other", unknown),
            ("401", "业务处理异常", unknown),
            ("401", "", unknown),
            ("-1", "sign签名校验失败", Rejected(Rejection::App)),
            ("-1", "sign error", Rejected(Rejection::App)),
            ("-1", "验签失败", Rejected(Rejection::App)),
            ("-1", "order was unassigned", unknown),
            ("-1", "appId不存在", Rejected(Rejection::App)),
            ("-1", "timestamp已过期或超前", Rejected(Rejection::Clock)),
            ("-1", "时间戳错误", Rejected(Rejection::Clock)),
            ("-1", "ip不在白名单", Rejected(Rejection::Address)),
            ("-2000400", "参数类型错误", Rejected(Rejection::Parameters)),
            ("-2000400", "accessToken不能为空", Rejected(Rejection::Parameters)),
            ("-2000101", "", Rejected(Rejection::NotFound)),
            ("-1", "订单不存在", Rejected(Rejection::NotFound)),
            ("-1", "售后单不存在", Rejected(Rejection::NotFound)),
            ("-1", "商品不存在", Rejected(Rejection::NotFound)),
            ("-1", "参数类型错误：pageNo", Rejected(Rejection::Parameters)),
            ("-1", "skuId不能为空", Rejected(Rejection::Parameters)),
            ("-1", "accessToken不能为空", Rejected(Rejection::Parameters)),
            ("-1", "sign不能为空", Rejected(Rejection::App)),
            ("301", "", Rejected(Rejection::Parameters)),
            ("302", "", Rejected(Rejection::Parameters)),
            ("402", "", Rejected(Rejection::Parameters)),
            ("501", "", Rejected(Rejection::Passing)),
            ("504", "", Rejected(Rejection::Passing)),
            ("50209", "当前商品必须支持七天无理由退货", unknown),
            ("", "", unknown),
        ] {
            assert_eq!(refusal(code, message), expected, "{code} {message}");
        }
    }
}
