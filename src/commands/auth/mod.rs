//! `auth`: grants by hand: link, code, token, state. No token ever reaches the command line, and
//! none the screen but the one that is requested.

use std::path::Path;

use anyhow::Context;
use secrecy::SecretString;

use super::output;
use crate::app::App;
use crate::auth::store::TokenStore;
use crate::auth::{AuthError, GrantStatus, TokenInput, forget_files};
use crate::cli::AuthVerb;
use crate::domain::shop::Shop;
use crate::exit::{Exit, Failure};
use crate::language::text;
use crate::store::Store;

mod import;
mod login;
mod paste;
mod qr;
mod rotate_key;
mod status;
mod stored_grant;
mod take_over;
mod token;

pub(super) use paste::read_given;

pub(super) async fn run(app: &App, verb: &AuthVerb) -> anyhow::Result<Exit> {
    require_lasting_store(app, verb)?;
    act(app, verb).await.map(|()| Exit::Done)
}

/// Refuses a login whose grant would end with this process: its code would be used for nothing.
fn require_lasting_store(app: &App, verb: &AuthVerb) -> anyhow::Result<()> {
    let begins_grant = matches!(
        verb,
        AuthVerb::Login { .. }
            | AuthVerb::Qr { .. }
            | AuthVerb::Code { .. }
            | AuthVerb::Set { .. }
            | AuthVerb::Import { .. }
    );
    if !begins_grant || app.tokens.capabilities().durable {
        return Ok(());
    }
    let text = text!(
        "`[tokens] store = \"memory\"` keeps tokens in the process that got them, and this one ends at once, so nothing was \
         sent: authorise through the daemon (`shopsync auth url` and its callback), or choose another store",
        "`[tokens] store = \"memory\"` 只把令牌保存在取得它的进程里，而这个命令马上就结束，因此没有发送任何内容：\
         请通过守护进程授权（`shopsync auth url` 及其回调地址），或改用别的存储"
    );
    Err(Failure::new(Exit::BadConfig, text).into())
}

async fn act(app: &App, verb: &AuthVerb) -> anyhow::Result<()> {
    match verb {
        AuthVerb::Login { shop } => login::login(app, known(app, shop)?).await,
        AuthVerb::Url { shop } => output::line(login::where_to_go(app, known(app, shop)?).await?),
        AuthVerb::Qr { shop } => qr::run(app, known(app, shop)?).await,
        AuthVerb::Code { shop, code } => {
            let shop = known(app, shop)?;
            let text =
                if code == "-" { read_given(Path::new("-"))? } else { SecretString::from(code.clone()) };
            stored_grant::print(app, shop, &login::take_returned(app, shop, &text).await?).await
        }
        AuthVerb::Set { shop, from, unproven } => {
            let shop = known(app, shop)?;
            let given = login::parse_given(shop, &read_given(from)?)?;
            let given = TokenInput { may_be_unproven: *unproven, ..given };
            stored_grant::print(app, shop, &login::take_given(app, shop, given).await?).await
        }
        AuthVerb::Import { shop, file, yes, unproven } => {
            let args = import::Import { yes: *yes, unproven: *unproven };
            import::import(app, known(app, shop)?, file, args).await
        }
        AuthVerb::Token { shop, table } => token::token(app, known(app, shop)?, table.json).await,
        AuthVerb::Refresh { shop, force } => {
            let shop = known(app, shop)?;
            stored_grant::print(app, shop, &refresh(app, shop, *force).await?).await
        }
        AuthVerb::RotateKey => rotate_key::rotate_key(app).await,
        AuthVerb::TakeOver { shops } => take_over::take_over(app, shops).await,
        AuthVerb::Clear { shop } => forgotten(shop, app.tokens.clear(known(app, shop)?).await?),
        AuthVerb::Status(table) => status::status(app, table.json).await,
    }
}

async fn refresh(app: &App, shop: &Shop, is_forced: bool) -> Result<GrantStatus, AuthError> {
    if !is_forced {
        return app.tokens.refresh_now(shop).await;
    }
    paste::eprint_line(text!(
        "Sending the stored refresh token whatever is known of it. If it was spent before, the platform refuses it, \
         and may end the tokens that still work: then only a new authorisation helps.",
        "将直接使用已保存的刷新令牌，不管它此前的状态。如果它已被用过，平台会拒绝，并可能使仍有效的令牌一并失效，那时只能重新授权。"
    ));
    app.tokens.refresh_by_force(shop).await
}

/// Forgets a grant. Requests no key, so that a shop whose key is lost can be freed of it.
pub(super) async fn clear(
    grants: &dyn TokenStore,
    store: &Store,
    state: &Path,
    shop: &str,
) -> anyhow::Result<Exit> {
    let was_there = grants.clear(shop).await.map_err(AuthError::from)?;
    forget_files(state, store, shop).await?;
    store.orphans().delete_of_shop(shop).await?;
    forgotten(shop, was_there)?;
    Ok(Exit::Done)
}

fn forgotten(shop: &str, was_there: bool) -> anyhow::Result<()> {
    output::line(if was_there {
        text!(
            "{shop}: forgotten here; the platform is not notified",
            "{shop}：已在本地清除；平台不会得到通知"
        )
    } else {
        text!("{shop}: there was nothing to forget", "{shop}：没有可清除的内容")
    })
}

fn known<'a>(app: &'a App, name: &str) -> anyhow::Result<&'a Shop> {
    app.shop(name).ok_or_else(|| super::unknown_shop(app, name).into())
}

fn platform_of<'a>(app: &'a App, shop: &Shop) -> anyhow::Result<&'a dyn crate::platform::Platform> {
    Ok(app.applications.get(&shop.app).context("the shop's app is configured")?.platform())
}
