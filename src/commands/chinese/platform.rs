//! What can go wrong with a platform, and what a person can do about it.

use crate::platform::{ConnectError, PlatformError, Rejection};

pub(super) fn error(error: &PlatformError) -> String {
    match error {
        PlatformError::NotSent { .. } => "无法连接平台".to_owned(),
        PlatformError::NoAnswer { what, .. } => format!("平台没有给出可用的应答：{what}"),
        PlatformError::Unavailable { status } => format!("平台应答 HTTP {status}"),
        PlatformError::NotFromPlatform { what } => format!("应答并非来自平台本身：{what}"),
        PlatformError::Throttled { .. } => "平台要求减少调用".to_owned(),
        PlatformError::TokenRefused { code, message } => format!("平台拒绝了令牌（{code}：{message}）"),
        PlatformError::NotGranted { code, message } => format!("授权不包含这个接口（{code}：{message}）"),
        PlatformError::TooDense => "一秒内的订单多于平台能列出的".to_owned(),
        PlatformError::Rejected { code, message, .. } => format!("平台拒绝了调用（{code}：{message}）"),
        PlatformError::Malformed { path } => format!("平台的应答在 `{path}` 处格式出乎意料"),
    }
}

pub(super) fn connect_error(error: &ConnectError) -> String {
    match error {
        ConnectError::Proxy { app, .. } => format!("应用 `{app}` 的代理地址不能使用"),
        ConnectError::Client { app, .. } => format!("无法建立应用 `{app}` 的 HTTP 客户端"),
        ConnectError::NoCertificates { app } => {
            format!("本机没有用来确认应用 `{app}` 的平台身份的证书：请安装软件包 `ca-certificates`")
        }
        ConnectError::Gateway { app } => format!("应用 `{app}` 的网关必须是 https 地址"),
    }
}

/// What [`Rejection::remedy`] says.
pub(in super::super) fn remedy(why: Rejection) -> Option<&'static str> {
    match why {
        Rejection::App => Some("请对照平台控制台核对应用的 app_key、app_secret 和 zone"),
        Rejection::Address => {
            Some("请在平台控制台把本服务器的地址加入应用的 IP 白名单，或设置一个在白名单里的 proxy")
        }
        Rejection::Clock => Some("请校准本服务器的时钟（NTP）"),
        Rejection::Account => {
            Some("这类账号没有这种数据（全托管店铺没有自己的订单）：请从店铺的 `records` 中去掉它")
        }
        Rejection::Zone => Some("这个网关没有这个接口：请把应用的 `zone` 设为签发密钥和令牌的区域"),
        Rejection::Agreement => Some("店主需要先在平台控制台签署协议"),
        Rejection::Login => Some("请重新开始登录：显示的码只能用一次，且几分钟后失效"),
        Rejection::Capacity => Some("请在账号的设备管理里移除一个授权，然后重新登录"),
        Rejection::Parameters
        | Rejection::NotFound
        | Rejection::NotYet
        | Rejection::TooOld
        | Rejection::Passing
        | Rejection::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::is_translated;
    use super::*;
    use crate::app::AppError;

    #[test]
    fn every_error_of_a_platform_is_reported_in_chinese_and_every_remedy() {
        use Rejection::{
            Account, Address, Agreement, App, Capacity, Clock, Login, NotFound, NotYet, Parameters, Passing,
            Unknown, Zone,
        };
        let text = || "E1".to_owned();
        let why = Rejection::App;
        for error in [
            PlatformError::NoAnswer { what: text(), source: None },
            PlatformError::Unavailable { status: 503 },
            PlatformError::NotFromPlatform { what: text() },
            PlatformError::Throttled { retry_after: None },
            PlatformError::TokenRefused { code: text(), message: text() },
            PlatformError::NotGranted { code: text(), message: text() },
            PlatformError::TooDense,
            PlatformError::Rejected { code: text(), message: text(), why },
            PlatformError::Malformed { path: text() },
        ] {
            is_translated(&error);
        }
        is_translated(&AppError::Connect(ConnectError::Gateway { app: text() }));
        for why in [
            Account, Address, Agreement, App, Capacity, Clock, Login, NotFound, NotYet, Parameters, Passing,
            Unknown, Zone,
        ] {
            assert_eq!(remedy(why).is_some(), why.remedy().is_some(), "{why:?}");
        }
    }
}
