//! Words of platforms that have too much to do or no answer yet, beside codes that no list knows.

/// Temu's, which no document lists.
pub const TEMU_CODE: i64 = 4_990_117;
/// Xiaohongshu's.
pub const XIAOHONGSHU_CODE: i64 = -9_100_117;
/// 115's.
pub const OPEN115_CODE: i64 = 990_117;

const WORDS: [&str; 12] = [
    "系统繁忙，请稍后再试",
    "请求过于频繁",
    "操作太频繁了，请稍后重试",
    "调用次数超限",
    "该接口已被限流",
    "服务器繁忙",
    "too many requests",
    "System is busy, please try again later",
    "You are calling this API too frequently",
    "request timeout",
    "Please try again in a moment",
    "upstream returned 429",
];

/// One after the other.
pub fn words(form: u64) -> &'static str {
    WORDS[usize::try_from(form).unwrap_or(0) % WORDS.len()]
}
