//! A new grant: where to go for it, and what becomes of what the owner brings back.

use secrecy::{ExposeSecret, SecretString};

use super::super::chinese::{remedy, text_of};
use super::paste::{eprint_line, prompt, unusable};
use super::platform_of;
use super::stored_grant;
use crate::app::App;
use crate::auth::login::token_input::Returned;
use crate::auth::{AuthError, GrantStatus, TokenInput};
use crate::domain::shop::Shop;
use crate::exit::{Exit, Failure};
use crate::language::{Text, text};
use crate::platform::PlatformError;
use crate::terminal;

/// Prints where to grant access, takes what comes back by a hidden prompt, and stores it.
pub(super) async fn login(app: &App, shop: &Shop) -> anyhow::Result<()> {
    let page = where_to_go(app, shop).await?;
    eprint_line(text!(
        "Open this, as the shop's main account, and grant access:\n\n  {page}\n\n\
         Then paste here what you got: the whole address you were sent to, the code in it, or the token.",
        "请用店铺主账号打开下面的地址并授权：\n\n  {page}\n\n\
         然后把得到的内容粘贴到这里：跳转后的完整地址、其中的授权码，或令牌。"
    ));
    let answer = prompt()?;
    let text = answer.expose_secret().trim();
    let granted = if text.starts_with('{') {
        take_token(app, shop, &answer).await?
    } else if !text.starts_with("http") && platform_of(app, shop)?.is_access_token(text) {
        take_token_or_code(app, shop, &answer).await?
    } else {
        take_returned(app, shop, &answer).await?
    };
    stored_grant::print(app, shop, &granted).await
}

/// Not every platform's codes look different from its tokens. What is neither is reported as no token.
async fn take_token_or_code(app: &App, shop: &Shop, text: &SecretString) -> anyhow::Result<GrantStatus> {
    let refused = match take_token(app, shop, text).await {
        Err(error) if Exit::of_error(&error) == Exit::BadInput => error,
        settled => return settled,
    };
    take_returned(app, shop, text).await.map_err(|_| refused)
}

/// The link, or the console page of a platform that has none.
pub(super) async fn where_to_go(app: &App, shop: &Shop) -> anyhow::Result<String> {
    let link = app.tokens.login_link(shop).await?;
    Ok(link.unwrap_or(platform_of(app, shop)?.console_page().to_owned()))
}

/// A code, or the whole address with it.
pub(super) async fn take_returned(
    app: &App,
    shop: &Shop,
    text: &SecretString,
) -> anyhow::Result<GrantStatus> {
    let returned = Returned::parse(text).map_err(unusable)?;
    let name = &shop.name;
    let advice = text!(
        "a code works once and for some minutes, and only with the app it was made for: \
         `shopsync auth login {name}` leads to a new one",
        "授权码只能用一次，几分钟后失效，且只能用于对应的应用：`shopsync auth login {name}` 会给出新的授权码"
    );
    app.tokens.login_returned(shop, returned).await.map_err(|error| not_taken(error, &code(), advice))
}

pub(super) async fn take_token(app: &App, shop: &Shop, text: &SecretString) -> anyhow::Result<GrantStatus> {
    take_given(app, shop, parse_given(shop, text)?).await
}

/// Tokens from a file. Of a file with those of several platforms, says which were taken.
pub(super) fn parse_given(shop: &Shop, text: &SecretString) -> anyhow::Result<TokenInput> {
    let given = TokenInput::parse_for(text, shop.platform).map_err(unusable)?;
    if let Some(picked) = &given.picked {
        let picked = terminal::one_line(picked);
        eprint_line(text!("Taken from the list of storages: `{picked}`.", "从存储列表中取用：`{picked}`。"));
    }
    Ok(given)
}

pub(super) async fn take_given(app: &App, shop: &Shop, given: TokenInput) -> anyhow::Result<GrantStatus> {
    let page = platform_of(app, shop)?.console_page();
    let advice = text!(
        "copy it again, as a whole, for this app and zone: {page}",
        "请完整地重新复制属于这个应用和区域的令牌：{page}"
    );
    app.tokens.set(shop, given).await.map_err(|error| not_taken(error, &text!("token", "令牌"), advice))
}

/// What a person can do about a code or token that the platform does not take: bring another one, or mend the
/// app's key and secret. What was stored before stays.
pub(super) fn not_taken(error: AuthError, what: &Text, advice: Text) -> anyhow::Error {
    let AuthError::Platform { source, .. } = &error else {
        return error.into();
    };
    let (exit, advice) = match &**source {
        PlatformError::TokenRefused { .. } => (Exit::BadInput, advice),
        PlatformError::Rejected { why, .. } => match why.remedy().zip(remedy(*why)) {
            Some((english, chinese)) => {
                let remedy = Text { english: english.to_owned(), chinese: chinese.to_owned() };
                (Exit::of_platform(source), remedy)
            }
            None => (Exit::BadInput, advice),
        },
        _ => return error.into(),
    };
    let reason = text_of(&**source);
    let text = text!(
        "the {what} was not taken: {reason}; {advice}",
        "{what}未被接受：{reason}；{advice}"; what, reason, advice
    );
    Failure::new(exit, text).into()
}

pub(super) fn code() -> Text {
    text!("code", "授权码")
}
