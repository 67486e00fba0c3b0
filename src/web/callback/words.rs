//! What an owner reads after granting access.

use super::Outcome;
use crate::web::language::Language;

pub(super) struct Words {
    pub(super) title: &'static str,
    pub(super) text: &'static str,
    pub(super) shop: &'static str,
    pub(super) until: &'static str,
    /// In front of the name of the shop that an account is already.
    pub(super) already: &'static str,
}

impl Words {
    pub(super) fn of(language: Language, outcome: Outcome) -> Self {
        let (shop, until, already) = match language {
            Language::English => ("Shop", "The access token works until", "This account is already the shop"),
            Language::Chinese => ("店铺", "访问令牌有效期至", "这个账号已经是店铺"),
        };
        let (title, text) = match language {
            Language::English => english(outcome),
            Language::Chinese => chinese(outcome),
        };
        Self { title, text, shop, until, already }
    }
}

fn english(outcome: Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Granted => ("Authorised", "It worked. You can close this window."),
        Outcome::Declined => (
            "Not authorised",
            "The platform reports that access was not granted. Nothing was changed. For another try, ask for a new link.",
        ),
        Outcome::Foreign => (
            "Not a link of ours",
            "No link of this program leads to this address, so nothing was changed. Open the link you were given again, \
             or ask for a new one.",
        ),
        Outcome::TooOld => ("The link is too old", "Nothing was changed. Ask for a new link."),
        Outcome::Used => (
            "Already used",
            "This link was used before: a reload or a second click does nothing, and does no harm. If the first one \
             worked, there is nothing to do.",
        ),
        Outcome::OtherAccount => (
            "Another account",
            "Access was granted by another account than this shop's, so nothing was stored. Log in at the platform with \
             the shop's main account, and ask for a new link.",
        ),
        Outcome::SharedAccount => (
            "This account is another shop already",
            "One account is one shop, so nothing was stored. The browser was probably still logged in with the other \
             account: log out at the platform, log in with this shop's own account, and ask for a new link.",
        ),
        Outcome::NotTaken => (
            "The code was not taken",
            "The platform did not accept its own code: it lives for minutes and works once. Nothing was changed. Ask for \
             a new link.",
        ),
        Outcome::TryAgain => (
            "Not yet",
            "The platform or the database could not be reached. Load this page again in a moment; if it says that the \
             link was used, ask for a new one.",
        ),
        Outcome::Fault => ("Something went wrong", "The program's log says what. Ask for a new link."),
    }
}

fn chinese(outcome: Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Granted => ("授权成功", "已完成，可以关闭此窗口。"),
        Outcome::Declined => ("未授权", "平台返回未授权，未作任何更改。如需重试，请索取新的授权链接。"),
        Outcome::Foreign => (
            "链接无效",
            "此地址不是由本程序的授权链接产生的，未作任何更改。请重新打开收到的链接，或索取新的链接。",
        ),
        Outcome::TooOld => ("链接已过期", "未作任何更改，请索取新的授权链接。"),
        Outcome::Used => {
            ("链接已使用", "此链接已经用过，刷新或重复点击不会有任何影响。如果第一次已成功，无需再操作。")
        }
        Outcome::OtherAccount => (
            "账号不符",
            "授权的账号不是此店铺的账号，未保存任何内容。请用店铺主账号登录平台，并索取新的授权链接。",
        ),
        Outcome::SharedAccount => (
            "这个账号已经是另一个店铺",
            "一个账号只能是一个店铺，未保存任何内容。浏览器可能还登录着另一个账号：请先在平台退出，\
             用此店铺自己的账号登录，并索取新的链接。",
        ),
        Outcome::NotTaken => (
            "授权码无效",
            "平台未接受该授权码：它只能使用一次，且几分钟内有效。未作任何更改，请索取新的授权链接。",
        ),
        Outcome::TryAgain => {
            ("暂未完成", "暂时无法连接平台或数据库，请稍后刷新此页面；如果提示链接已使用，请索取新的链接。")
        }
        Outcome::Fault => ("发生错误", "详情请见程序日志，并索取新的授权链接。"),
    }
}
