//! What an owner reads after granting access.

use super::Outcome;
use crate::language::{Text, text};

pub fn title(outcome: Outcome) -> Text {
    match outcome {
        Outcome::Granted => text!("Authorised", "授权成功"),
        Outcome::Declined => text!("Not authorised", "未授权"),
        Outcome::Foreign => text!("Not a link of ours", "链接无效"),
        Outcome::TooOld => text!("The link is too old", "链接已过期"),
        Outcome::Used => text!("Already used", "链接已使用"),
        Outcome::OtherAccount => text!("Another account", "账号不符"),
        Outcome::SharedAccount => text!("This account is another shop already", "这个账号已经是另一个店铺"),
        Outcome::NotTaken => text!("The code was not taken", "授权码无效"),
        Outcome::TryAgain => text!("Not yet", "暂未完成"),
        Outcome::Fault => text!("Something went wrong", "发生错误"),
    }
}

pub fn explanation(outcome: Outcome) -> Text {
    match outcome {
        Outcome::Granted => text!("It worked. You can close this window.", "已完成，可以关闭此窗口。"),
        Outcome::Declined => text!(
            "The platform reports that access was not granted. Nothing was changed. For another try, ask for a new link.",
            "平台返回未授权，未作任何更改。如需重试，请索取新的授权链接。"
        ),
        Outcome::Foreign => text!(
            "No link of this program leads to this address, so nothing was changed. Open the link you were given again, \
             or ask for a new one.",
            "此地址不是由本程序的授权链接产生的，未作任何更改。请重新打开收到的链接，或索取新的链接。"
        ),
        Outcome::TooOld => {
            text!("Nothing was changed. Ask for a new link.", "未作任何更改，请索取新的授权链接。")
        }
        Outcome::Used => text!(
            "This link was used before: a reload or a second click does nothing, and does no harm. If the first one \
             worked, there is nothing to do.",
            "此链接已经用过，刷新或重复点击不会有任何影响。如果第一次已成功，无需再操作。"
        ),
        Outcome::OtherAccount => text!(
            "Access was granted by another account than this shop's, so nothing was stored. Log in at the platform with \
             the shop's main account, and ask for a new link.",
            "授权的账号不是此店铺的账号，未保存任何内容。请用店铺主账号登录平台，并索取新的授权链接。"
        ),
        Outcome::SharedAccount => text!(
            "One account is one shop, so nothing was stored. The browser was probably still logged in with the other \
             account: log out at the platform, log in with this shop's own account, and ask for a new link.",
            "一个账号只能是一个店铺，未保存任何内容。浏览器可能还登录着另一个账号：请先在平台退出，\
             用此店铺自己的账号登录，并索取新的链接。"
        ),
        Outcome::NotTaken => text!(
            "The platform did not accept its own code: it lives for minutes and works once. Nothing was changed. Ask for \
             a new link.",
            "平台未接受该授权码：它只能使用一次，且几分钟内有效。未作任何更改，请索取新的授权链接。"
        ),
        Outcome::TryAgain => text!(
            "The platform or the database could not be reached. Load this page again in a moment; if it says that the \
             link was used, ask for a new one.",
            "暂时无法连接平台或数据库，请稍后刷新此页面；如果提示链接已使用，请索取新的链接。"
        ),
        Outcome::Fault => text!(
            "The program's log says what. Ask for a new link.",
            "详情请见程序日志，并索取新的授权链接。"
        ),
    }
}

pub fn shop() -> Text {
    text!("Shop", "店铺")
}

pub fn works_until() -> Text {
    text!("The access token works until", "访问令牌有效期至")
}

/// In front of the name of the shop that an account is already.
pub fn already() -> Text {
    text!("This account is already the shop", "这个账号已经是店铺")
}
