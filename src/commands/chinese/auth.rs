//! Why there is no token, why a code or token is not taken, and what a grant covers.

use chrono::SecondsFormat;

use crate::auth::AuthError;
use crate::auth::error::Delay;
use crate::auth::error::StateFault;
use crate::auth::login::scopes::Coverage;
use crate::auth::login::token_input::TokenInputError;
use crate::auth::required_action::why;
use crate::auth::store::MissingCapability;

pub(super) fn error(error: &AuthError) -> String {
    match error {
        AuthError::NeverAuthorised { shop, command } => {
            format!("店铺 `{shop}` 从未授权：请运行 `{command}`")
        }
        AuthError::NeedsOwner { shop, reason, command } => {
            format!("店铺 `{shop}` 需要店主处理，因为{}：请运行 `{command}`", why(*reason).chinese)
        }
        AuthError::Copied { shop } => format!(
            "店铺 `{shop}` 的令牌不在这里续期，因为数据库是从别处复制来的：确认原数据库已无人使用后，请运行 `shopsync auth take-over {shop}`"
        ),
        AuthError::Later { shop, until, why } => {
            let until = until.to_rfc3339_opts(SecondsFormat::Secs, true);
            format!("店铺 `{shop}` 在 {until} 之前没有可用的令牌：{}", delay(why))
        }
        AuthError::EndsSoon { shop, ends_at, .. } => {
            let end = ends_at.to_rfc3339_opts(SecondsFormat::Secs, true);
            format!("店铺 `{shop}` 的访问令牌 {end} 就到期，时间太短不能交出，且未能续期")
        }
        AuthError::ForeignLink { shop, fault } => {
            format!(
                "店铺 `{shop}` 不接受这个地址：{}；`shopsync auth login {shop}` 会给出新链接",
                state_fault(fault)
            )
        }
        AuthError::OtherAccount { shop, expected, found } => {
            format!("令牌属于账号 `{found}`，而店铺 `{shop}` 是账号 `{expected}`：未保存任何内容")
        }
        AuthError::SharedAccount { shop, account, other } => format!(
            "这个账号（`{account}`）已经是店铺 `{other}`，一个账号只能是一个店铺：没有为 `{shop}` 保存任何内容。请用 `{shop}` 自己的账号登录平台"
        ),
        AuthError::Unproven { shop, .. } => format!(
            "无法向平台验证店铺 `{shop}` 的令牌，因此没有替换任何内容：请稍后再试，或用 `--unproven` 直接保存"
        ),
        AuthError::CodeTriedBefore { shop } => format!(
            "这个授权码曾用于店铺 `{shop}` 且失败，不会再次发送：`shopsync auth login {shop}` 会给出新的授权码"
        ),
        AuthError::Seal { shop, .. } => format!("店铺 `{shop}` 保存的令牌无法加密或解密"),
        AuthError::Unfit { shop, app, missing } => format!(
            "应用 `{app}` 的店铺 `{shop}` 的刷新令牌只能用一次，而这种令牌存储{}：请设置 `[tokens] store = \"database\"`，或用 `[tokens] allow_memory = true` 表示接受",
            self::missing(*missing)
        ),
        AuthError::Key { .. } => "没有用来加密令牌的密钥".to_owned(),
        AuthError::TokenStore { .. } => "保存的令牌无法读取或写入".to_owned(),
        AuthError::Store { shop, .. } => format!("无法在数据库中读写店铺 `{shop}`"),
        AuthError::Platform { shop, .. } => format!("店铺 `{shop}` 的令牌请求失败"),
        AuthError::NotStoredYet { shop, .. } => {
            format!("店铺 `{shop}` 的新令牌已安全保存在加密文件中，条件允许时会自动存入：不需要重新授权")
        }
        AuthError::NoApplication { shop, app } => {
            format!("店铺 `{shop}` 的应用 `{app}` 不在本程序运行的应用之中")
        }
        AuthError::LoginOver { shop } => {
            format!("店铺 `{shop}` 的这次登录已经结束：有人终止了它，或时间过长；请重新开始")
        }
        AuthError::NoDeviceLogin { shop } => {
            format!("店铺 `{shop}` 的平台没有扫码登录：请运行 `shopsync auth login {shop}`")
        }
        AuthError::NotRegistered { shop } => format!("店铺 `{shop}` 还不在数据库中"),
        AuthError::Broken { shop } => format!("店铺 `{shop}` 的续期没有得到结果就结束了"),
    }
}

pub(super) fn given(error: &TokenInputError) -> String {
    match error {
        TokenInputError::Empty => "给出的内容里没有令牌",
        TokenInputError::TooLong => "给出的内容过长",
        TokenInputError::NotOneWord => "给出的内容含有空格或换行：单独的令牌里没有这些",
        TokenInputError::Json => "给出的内容像 JSON，但不是带有 `access_token` 或 `refresh_token` 的对象",
        TokenInputError::NotOneStorage { platform, count } => {
            return format!("文件是存储列表，其中有 {count} 个含有 `{platform}` 的令牌：需要恰好一个");
        }
        TokenInputError::NoCode => "这个地址里没有 `code`",
    }
    .to_owned()
}

pub(in super::super) fn coverage(coverage: &Coverage) -> String {
    match coverage {
        Coverage::Granted => "已授权".to_owned(),
        Coverage::Missing(apis) => {
            let names: Vec<String> = apis.iter().map(|api| api.join(" 或 ")).collect();
            format!("缺少：{}", names.join("、"))
        }
        Coverage::NotReported => "平台未告知".to_owned(),
    }
}

fn delay(why: &Delay) -> String {
    match why {
        Delay::Contended => "其他程序不断改动它的授权".to_owned(),
        Delay::RenewedElsewhere => "另一个进程续期它的令牌太久还没有结束".to_owned(),
        Delay::Ending => "本程序正在结束".to_owned(),
        Delay::ShortLived => "它的令牌到期比续期还快".to_owned(),
        Delay::RefusedAnew => "平台拒绝它的令牌，又不给新的".to_owned(),
        Delay::JustRenewed => "它刚刚续过期".to_owned(),
        Delay::AnswerMissing => "某个进程在为它续期时中途退出".to_owned(),
        Delay::NeverRenewed => "它自授权或导入以来还没有续过期，此前也不会续期".to_owned(),
        Delay::Troubled(message) => format!("上次续期未成（{message}）"),
    }
}

fn state_fault(fault: &StateFault) -> String {
    match fault {
        StateFault::OtherShop(shop) => format!("它属于店铺 `{shop}` 的链接"),
        StateFault::Used => "它已经用过了".to_owned(),
        StateFault::TooOld => "它的链接太旧了".to_owned(),
        StateFault::Unknown => "它带的 `state` 不属于我们给出的任何链接".to_owned(),
    }
}

fn missing(missing: MissingCapability) -> &'static str {
    match missing {
        MissingCapability::Durable => "会在进程结束时丢失它们",
        MissingCapability::CrossProcess => "无法防止两个进程用掉同一个",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::DateTime;

    use super::super::tests::is_translated;
    use super::*;
    use crate::auth::keys::seal::SealError;
    use crate::auth::policy::OwnerReason;
    use crate::platform::PlatformError;
    use crate::store::StoreError;

    #[test]
    fn every_error_about_a_grant_is_reported_in_chinese() {
        let shop = || "acme".to_owned();
        let at = DateTime::UNIX_EPOCH;
        let later = |why| AuthError::Later { shop: shop(), until: at, why };
        let foreign = |fault| AuthError::ForeignLink { shop: shop(), fault };
        let unfit = |missing| AuthError::Unfit { shop: shop(), app: shop(), missing };
        let mut errors = vec![
            AuthError::NeverAuthorised { shop: shop(), command: shop() },
            AuthError::Copied { shop: shop() },
            later(Delay::Contended),
            later(Delay::RenewedElsewhere),
            later(Delay::Ending),
            later(Delay::ShortLived),
            later(Delay::RefusedAnew),
            later(Delay::JustRenewed),
            later(Delay::AnswerMissing),
            later(Delay::NeverRenewed),
            later(Delay::Troubled("503".to_owned())),
            AuthError::EndsSoon { shop: shop(), ends_at: at, source: Box::new(later(Delay::Ending)) },
            foreign(StateFault::OtherShop(shop())),
            foreign(StateFault::Used),
            foreign(StateFault::TooOld),
            foreign(StateFault::Unknown),
            AuthError::OtherAccount { shop: shop(), expected: shop(), found: shop() },
            AuthError::SharedAccount { shop: shop(), account: shop(), other: shop() },
            AuthError::Unproven { shop: shop(), source: Arc::new(PlatformError::TooDense) },
            AuthError::CodeTriedBefore { shop: shop() },
            AuthError::Seal { shop: shop(), source: SealError::NoKey },
            unfit(MissingCapability::Durable),
            unfit(MissingCapability::CrossProcess),
            AuthError::Store { shop: shop(), source: Arc::new(StoreError::UnknownKind) },
            AuthError::Platform { shop: shop(), source: Arc::new(PlatformError::TooDense) },
            AuthError::NoApplication { shop: shop(), app: shop() },
            AuthError::NotStoredYet { shop: shop(), source: Box::new(later(Delay::Ending)) },
            AuthError::LoginOver { shop: shop() },
            AuthError::NoDeviceLogin { shop: shop() },
            AuthError::NotRegistered { shop: shop() },
            AuthError::Broken { shop: shop() },
        ];
        errors.extend(OwnerReason::ALL.map(|reason| AuthError::NeedsOwner {
            shop: shop(),
            reason,
            command: shop(),
        }));
        for error in &errors {
            is_translated(error);
        }
        for error in [
            TokenInputError::Empty,
            TokenInputError::TooLong,
            TokenInputError::NotOneWord,
            TokenInputError::Json,
            TokenInputError::NotOneStorage { platform: shop(), count: 0 },
            TokenInputError::NoCode,
        ] {
            is_translated(&error);
        }
    }
}
