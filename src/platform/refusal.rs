//! What a platform's "no" means, before it becomes a [`PlatformError`]. Which code means what is each platform's
//! own table; here is only what the tables have in common.

use super::error::{PlatformError, Rejection};

/// A platform's message is cut here before it reaches a log or a table.
const MESSAGE_CHARS_MAX: usize = 300;

/// The meaning of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Throttled,
    TokenRefused,
    NotGranted,
    Rejected(Rejection),
}

impl Refusal {
    pub fn into_error(self, code: &str, message: &str) -> PlatformError {
        let code = code.chars().take(MESSAGE_CHARS_MAX).collect();
        let refusal = if names_an_old_time(message) { self.too_old() } else { self };
        let message = without_phones(message).chars().take(MESSAGE_CHARS_MAX).collect();
        match refusal {
            Self::Throttled => PlatformError::Throttled { retry_after: None },
            Self::TokenRefused => PlatformError::TokenRefused { code, message },
            Self::NotGranted => PlatformError::NotGranted { code, message },
            Self::Rejected(why) => PlatformError::Rejected { code, message, why },
        }
    }

    /// What a refusal means whose text speaks of a time that is too long ago. Codes that mean something else keep their
    /// meaning.
    fn too_old(self) -> Self {
        match self {
            Self::Rejected(Rejection::Parameters | Rejection::Unknown) => Self::Rejected(Rejection::TooOld),
            other => other,
        }
    }

    /// A code that no table has, judged by its message: a platform that requests patience will answer later. What a
    /// table says stands.
    #[must_use]
    pub fn or_by_patience(self, message: &str) -> Self {
        match self {
            Self::Rejected(Rejection::Unknown) => patience(message).unwrap_or(self),
            known => known,
        }
    }

    /// The same refusal in answer to a refresh. There only a text that names the refresh token as dead means a
    /// refused token, because that ends the grant; no code does, and neither does a text about anything else.
    #[must_use]
    pub fn of_refresh(self, message: &str) -> Self {
        match self {
            Self::Throttled | Self::Rejected(Rejection::App | Rejection::Clock | Rejection::Address) => self,
            // A platform in trouble says many things about a token.
            _ if patience(message).is_some() => Self::Rejected(Rejection::Passing),
            _ if names_dead_refresh_token(message) => Self::TokenRefused,
            Self::TokenRefused => Self::Rejected(Rejection::Unknown),
            Self::NotGranted | Self::Rejected(_) => self,
        }
    }
}

/// Whether a text may say that only the last days or months can be requested. It is read generously, because `sync`
/// believes it only when the same question about the present is answered.
fn names_an_old_time(message: &str) -> bool {
    const TIME: [&str; 11] =
        ["时间", "日期", "天", "月", "年", "历史", "time", "date", "day", "month", "history"];
    const LIMIT: [&str; 25] = [
        "近",
        "只能",
        "仅能",
        "只支持",
        "仅支持",
        "早于",
        "过早",
        "太早",
        "超出",
        "超过",
        "历史",
        "归档",
        "范围",
        "too early",
        "too old",
        "older than",
        "earlier than",
        "range",
        "only",
        "exceed",
        "last ",
        "past ",
        "recent",
        "archived",
        "within",
    ];
    // These are about how long a window is, not about when it begins.
    const LENGTH: [&str; 7] = ["间隔", "跨度", "之间", "span", "interval", "between", "apart"];
    let message = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    has(&TIME) && has(&LIMIT) && !has(&LENGTH)
}

/// What a message requests, if it asks to wait: fewer calls, or another try later.
fn patience(message: &str) -> Option<Refusal> {
    const FEWER_CALLS: [&str; 27] = [
        "频繁",
        "頻繁",
        "频率",
        "頻率",
        "频次",
        "頻次",
        "限频",
        "限頻",
        "超限",
        "限流",
        "流控",
        "过快",
        "過快",
        "次数过多",
        "次數過多",
        "请求过多",
        "請求過多",
        "too many",
        "too fast",
        "frequent",
        "rate limit",
        "rate-limit",
        "ratelimit",
        "limit exceeded",
        "throttl",
        "qps",
        "slow down",
    ];
    const LATER: [&str; 29] = [
        "稍后",
        "稍後",
        "稍候",
        "稍等",
        "繁忙",
        "忙碌",
        "系统忙",
        "系統忙",
        "服务忙",
        "服務忙",
        "超时",
        "超時",
        "重试",
        "重試",
        "再试",
        "再試",
        "暂不可用",
        "暫不可用",
        "暂时不可用",
        "暫時不可用",
        "busy",
        "try again",
        "try later",
        "timeout",
        "timed out",
        "time out",
        "retry",
        "overload",
        "unavailable",
    ];
    let message = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let is_number_429 = || message.split(|char: char| !char.is_ascii_digit()).any(|number| number == "429");
    if has(&FEWER_CALLS) || is_number_429() {
        Some(Refusal::Throttled)
    } else {
        has(&LATER).then_some(Refusal::Rejected(Rejection::Passing))
    }
}

/// Without what a platform should not have said of a person: Chinese mobile numbers, which have eleven digits and begin
/// with 13 to 19, and the country's 86 in front of them.
fn without_phones(message: &str) -> String {
    let is_phone = |digits: &str| {
        let number = digits.strip_prefix("86").filter(|number| number.len() == 11).unwrap_or(digits);
        number.len() == 11 && matches!(number.as_bytes(), [b'1', b'3'..=b'9', ..])
    };
    let mut kept = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(begin) = rest.find(|char: char| char.is_ascii_digit()) {
        let (before, digits) = rest.split_at(begin);
        let end = digits.find(|char: char| !char.is_ascii_digit()).unwrap_or(digits.len());
        let (digits, after) = digits.split_at(end);
        kept.push_str(before);
        kept.push_str(if is_phone(digits) { "***" } else { digits });
        rest = after;
    }
    kept + rest
}

fn names_dead_refresh_token(message: &str) -> bool {
    const METHOD: &str = "oauth.refreshtoken";
    const NAMES: [&str; 5] =
        ["refreshtoken", "refresh_token", "refresh token", "refreshaccesstoken", "刷新令牌"];
    const STATES: [&str; 5] = ["失效", "过期", "无效", "expired", "invalid"];
    // The name of the call itself holds the word too.
    let message = message.to_lowercase().replace(METHOD, "");
    NAMES.iter().any(|name| message.contains(name)) && STATES.iter().any(|state| message.contains(state))
}

#[cfg(test)]
mod tests {
    use super::{PlatformError, Refusal, Rejection, without_phones};

    #[test]
    fn only_a_text_that_names_the_refresh_token_as_dead_ends_a_grant() {
        let unknown = Refusal::Rejected(Rejection::Unknown);
        for (refusal, message, expected) in [
            (unknown, "refreshToken已失效", Refusal::TokenRefused),
            (unknown, "refreshToken无效", Refusal::TokenRefused),
            (unknown, "RefreshToken expired", Refusal::TokenRefused),
            (unknown, "refresh_token is invalid", Refusal::TokenRefused),
            (unknown, "refreshAccessToken已过期", Refusal::TokenRefused),
            (Refusal::TokenRefused, "accessToken expired", unknown),
            (Refusal::TokenRefused, "access_token is expired", unknown),
            (unknown, "oauth.refreshToken failed: invalid request", unknown),
            (unknown, "refreshToken不能为空", unknown),
            (Refusal::Rejected(Rejection::App), "refreshToken与appId无效", Refusal::Rejected(Rejection::App)),
            (Refusal::Throttled, "refreshToken限流, invalid", Refusal::Throttled),
        ] {
            assert_eq!(refusal.of_refresh(message), expected, "{message}");
        }
    }

    #[test]
    fn a_text_about_a_time_too_long_ago_is_distinguished_from_other_refusals() {
        let unknown = Refusal::Rejected(Rejection::Unknown);
        for (refusal, message, is_too_old) in [
            (unknown, "仅支持查询近三个月的订单", true),
            (unknown, "只能查询最近90天的数据", true),
            (Refusal::Rejected(Rejection::Parameters), "开始时间不能早于90天前", true),
            (unknown, "查询时间超过 90 天", true),
            (unknown, "时间范围错误", true),
            (unknown, "历史订单已归档", true),
            (unknown, "Only orders of the last 90 days can be queried", true),
            (unknown, "updateAtStart is too early: history is limited to 3 months", true),
            (unknown, "Start date is older than 90 days", true),
            (unknown, "系统错误", false),
            (unknown, "startTime和endTime间隔不能超过30分钟", false),
            (unknown, "mallId is wrong", false),
            (Refusal::Throttled, "每天调用次数超过限制", false),
            (Refusal::Rejected(Rejection::NotFound), "订单不存在或时间超过90天", false),
        ] {
            let error = refusal.into_error("1", message);
            let found = matches!(error, PlatformError::Rejected { why: Rejection::TooOld, .. });
            assert_eq!(found, is_too_old, "{message}");
        }
    }

    #[test]
    fn an_unlisted_code_whose_message_asks_for_patience_is_passing() {
        let (unknown, passing) =
            (Refusal::Rejected(Rejection::Unknown), Refusal::Rejected(Rejection::Passing));
        for (expected, messages) in [
            (
                Refusal::Throttled,
                &[
                    "请求过于频繁",
                    "請求過於頻繁",
                    "访问频率超过限制",
                    "调用次数过多，请稍后再试",
                    "接口调用超限",
                    "触发限流",
                    "操作过快",
                    "Too Many Requests",
                    "TOO MANY CALLS, try again later",
                    "called too frequently",
                    "Request is too frequent",
                    "Rate limit exceeded",
                    "HTTP 429",
                    "error:429.",
                    "QPS limit",
                    "request was throttled",
                ][..],
            ),
            (
                passing,
                &[
                    "系统繁忙，请稍后再试",
                    "系統繁忙，請稍後再試",
                    "系统忙",
                    "服务繁忙",
                    "请稍候",
                    "网络异常，请重试",
                    "请求超时",
                    "請求超時",
                    "服务暂时不可用",
                    "System is BUSY",
                    "please try again later",
                    "Read timeout",
                    "operation timed out",
                    "Service Unavailable",
                    "server overloaded",
                ],
            ),
            (unknown, &["", "订单状态不允许", "no such thing", "order 14290001", "参数错误"]),
        ] {
            for message in messages {
                assert_eq!(unknown.or_by_patience(message), expected, "{message}");
            }
        }
        for listed in [
            Refusal::TokenRefused,
            Refusal::NotGranted,
            Refusal::Rejected(Rejection::App),
            Refusal::Rejected(Rejection::Parameters),
        ] {
            assert_eq!(listed.or_by_patience("系统繁忙，请稍后再试 429"), listed);
        }
    }

    #[test]
    fn a_refresh_that_is_refused_for_the_moment_ends_no_grant() {
        for message in ["系统繁忙，refreshToken无效，请稍后再试", "refresh_token invalid: timeout, try again"]
        {
            let refusal = Refusal::Rejected(Rejection::Unknown).of_refresh(message);
            assert_eq!(refusal, Refusal::Rejected(Rejection::Passing), "{message}");
        }
    }

    #[test]
    fn a_long_message_is_cut() {
        let error = Refusal::NotGranted.into_error("1", &"长".repeat(5000));
        assert!(matches!(error, PlatformError::NotGranted { message, .. } if message.chars().count() == 300));
    }

    #[test]
    fn a_phone_number_in_a_message_is_struck_out_and_an_order_number_is_not() {
        for (message, expected) in [
            ("联系13912345678或+8615900001111。", "联系***或+***。"),
            ("13912345678", "***"),
            ("order P763821122427443521 of 2026-11-21", "order P763821122427443521 of 2026-11-21"),
            ("at 1764547200000 ms", "at 1764547200000 ms"),
            ("", ""),
        ] {
            assert_eq!(without_phones(message), expected, "{message}");
        }
    }
}
