//! `auth`: grants by hand: link, code, token, state. No token ever reaches the command line or the screen.

use std::io::{IsTerminal, Read};
use std::path::Path;

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::output;
use crate::app::App;
use crate::auth::status::Standing;
use crate::auth::token_store::TokenStore;
use crate::auth::{AuthError, GivenTokens, GrantStatus, given};
use crate::cli::AuthVerb;
use crate::domain::shop::Shop;
use crate::exit::{Exit, Failure};
use crate::jobs::run::chain;
use crate::platform::PlatformError;
use crate::store::Store;

/// Longest text taken from standard input or a file; tokens are far shorter.
const GIVEN_BYTES_MAX: u64 = 64 * 1024;

pub(super) async fn run(app: &App, verb: &AuthVerb) -> anyhow::Result<Exit> {
    act(app, verb).await.map(|()| Exit::Done)
}

async fn act(app: &App, verb: &AuthVerb) -> anyhow::Result<()> {
    match verb {
        AuthVerb::Login { shop } => login(app, known(app, shop)?).await,
        AuthVerb::Url { shop } => {
            let shop = known(app, shop)?;
            output::line(where_to_go(app, shop, &new_state())?)
        }
        AuthVerb::Code { shop, code } => {
            let shop = known(app, shop)?;
            let text =
                if code == "-" { read_given(Path::new("-"))? } else { SecretString::from(code.clone()) };
            let code = given::authorisation_code(&text).map_err(unusable)?;
            tell(app, shop, &take_code(app, shop, code).await?).await
        }
        AuthVerb::Set { shop, from } => {
            let shop = known(app, shop)?;
            tell(app, shop, &take_token(app, shop, &read_given(from)?).await?).await
        }
        AuthVerb::Refresh { shop } => {
            let shop = known(app, shop)?;
            tell(app, shop, &app.tokens.refresh_now(shop).await?).await
        }
        AuthVerb::Clear { shop } => clear(&app.store, shop).await.map(drop),
        AuthVerb::Status(table) => status(app, table.json).await,
    }
}

/// Forgets a grant. Asks for no key, so that a shop whose key is lost can be freed of it.
pub(super) async fn clear(store: &Store, shop: &str) -> anyhow::Result<Exit> {
    let text = if TokenStore::clear(store, shop).await.map_err(|source| AuthError::TokenStore { source })? {
        "forgotten here; the platform is not told"
    } else {
        "there was nothing to forget"
    };
    output::line(format_args!("{shop}: {text}"))?;
    Ok(Exit::Done)
}

/// Prints where to grant access, takes what comes back by a hidden prompt, and stores it.
async fn login(app: &App, shop: &Shop) -> anyhow::Result<()> {
    let state = new_state();
    if std::io::stderr().is_terminal() {
        eprint_line(&format!(
            "Open this, as the shop's main account, and grant access:\n\n  {}\n",
            where_to_go(app, shop, &state)?
        ));
        eprint_line(
            "Then paste here what you got: the whole address you were sent to, the code in it, or the token.",
        );
    }
    let answer = prompt()?;
    if !came_from(&answer, &state) {
        return Err(Failure::new(
            Exit::BadInput,
            "this address carries another login's `state`; run `auth login` again and use its own link",
        )
        .into());
    }
    let platform = platform_of(app, shop)?;
    let is_address = answer.expose_secret().trim().starts_with("http");
    let is_token = !is_address
        && (answer.expose_secret().trim().starts_with('{')
            || platform.is_access_token(answer.expose_secret().trim()));
    let granted = if is_token {
        take_token(app, shop, &answer).await?
    } else {
        take_code(app, shop, given::authorisation_code(&answer).map_err(unusable)?).await?
    };
    tell(app, shop, &granted).await
}

async fn take_code(app: &App, shop: &Shop, code: SecretString) -> anyhow::Result<GrantStatus> {
    let advice = format!(
        "a code works once and for some minutes, and only with the app it was made for: \
         `shopsync auth login {}` leads to a new one",
        shop.name
    );
    app.tokens.login_code(shop, code).await.map_err(|error| not_taken(error, "code", &advice))
}

async fn take_token(app: &App, shop: &Shop, text: &SecretString) -> anyhow::Result<GrantStatus> {
    let given = GivenTokens::parse(text).map_err(unusable)?;
    let page = platform_of(app, shop)?.console_page();
    let advice = format!("copy it again, as a whole, for this app and zone: {page}");
    app.tokens.set(shop, given).await.map_err(|error| not_taken(error, "token", &advice))
}

/// What a person can do about a code or token that the platform does not take: bring another one, or mend the
/// app's key and secret. What was stored before stays.
fn not_taken(error: AuthError, what: &str, advice: &str) -> anyhow::Error {
    let AuthError::Platform { source, .. } = &error else {
        return error.into();
    };
    let (exit, advice) = match &**source {
        PlatformError::TokenRefused { .. } => (Exit::BadInput, advice),
        PlatformError::Rejected { why, .. } => match why.remedy() {
            Some(remedy) => (Exit::of_platform(source), remedy),
            None => (Exit::BadInput, advice),
        },
        _ => return error.into(),
    };
    Failure::new(exit, format!("the {what} was not taken: {}; {advice}", chain(&**source))).into()
}

/// What a person wants to know after a grant: whose it is and how long it lasts.
async fn tell(app: &App, shop: &Shop, granted: &GrantStatus) -> anyhow::Result<()> {
    let row = app.store.shop_row(&shop.name).await?;
    let account = row.as_ref().map(|row| &row.account);
    let known = |text: Option<&String>| text.cloned().unwrap_or_else(|| "not told".to_owned());
    output::line(format_args!("shop           {}", shop.name))?;
    output::line(format_args!("account        {}", known(account.and_then(|account| account.id.as_ref()))))?;
    output::line(format_args!(
        "name           {}",
        known(account.and_then(|account| account.name.as_ref()))
    ))?;
    output::line(format_args!("access until   {} UTC", output::when(Some(granted.access_ends_at))))?;
    if granted.refresh_ends_at.is_some() {
        let until = output::when(granted.refresh_ends_at);
        output::line(format_args!("renewed until  {until} UTC, further with each refresh"))?;
    }
    if let Some(scopes) = account.and_then(|account| account.scopes.as_ref()) {
        output::line(format_args!("granted        {} APIs: {}", scopes.len(), scopes.join(", ")))?;
    }
    Ok(())
}

async fn status(app: &App, as_json: bool) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    let mut needy = Vec::new();
    for shop in &app.shops {
        let status = app.tokens.status(shop).await?;
        if status.as_ref().is_some_and(GrantStatus::needs_owner) {
            needy.push(shop.name.as_str());
        }
        rows.push((shop, status));
    }
    if as_json {
        output::json(&rows.iter().map(|(shop, status)| as_value(shop, status.as_ref())).collect())?;
    } else {
        output::table(
            ["shop", "state", "access until (UTC)", "refreshable until (UTC)", "what to do"],
            rows.iter().map(|(shop, status)| as_row(shop, status.as_ref())),
        )?;
    }
    if needy.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Exit::NeedsOwner, format!("{} must be authorised again by the owner", needy.join(", ")))
        .into())
}

fn as_row(shop: &Shop, status: Option<&GrantStatus>) -> [String; 5] {
    let Some(status) = status else {
        return [
            shop.name.clone(),
            "never authorised".to_owned(),
            String::new(),
            String::new(),
            format!("shopsync auth login {}", shop.name),
        ];
    };
    let to_do = match status.standing {
        Standing::NeedsOwner(_) => format!("shopsync auth login {}", shop.name),
        _ => "nothing".to_owned(),
    };
    [
        shop.name.clone(),
        status.standing.to_string(),
        output::when(Some(status.access_ends_at)),
        status.refresh_ends_at.map_or_else(|| "-".to_owned(), |end| output::when(Some(end))),
        to_do,
    ]
}

fn as_value(shop: &Shop, status: Option<&GrantStatus>) -> serde_json::Value {
    json!({
        "shop": shop.name,
        "state": status.map_or("never_authorised", |status| status.standing.as_str()),
        "usable": status.is_some_and(|status| status.usable),
        "access_ends_at": output::instant(status.map(|status| status.access_ends_at)),
        "refresh_ends_at": output::instant(status.and_then(|status| status.refresh_ends_at)),
        "due_at": output::instant(status.and_then(|status| status.due_at)),
        "not_before": output::instant(status.and_then(|status| status.not_before)),
        "trouble": status.and_then(|status| status.trouble.as_ref()).map(|trouble| trouble.message.clone()),
    })
}

fn known<'a>(app: &'a App, name: &str) -> anyhow::Result<&'a Shop> {
    app.shop(name).ok_or_else(|| super::unknown_shop(app, name).into())
}

fn platform_of<'a>(app: &'a App, shop: &Shop) -> anyhow::Result<&'a dyn crate::platform::Platform> {
    Ok(app.applications.get(&shop.app).context("the shop's app is configured")?.platform())
}

/// The link, or the console page of a platform that has none.
fn where_to_go(app: &App, shop: &Shop, state: &str) -> anyhow::Result<String> {
    let platform = platform_of(app, shop)?;
    Ok(platform.authorize_link(state).unwrap_or_else(|| platform.console_page().to_owned()))
}

/// Proves that an address came from our own link.
fn new_state() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// Whether a pasted address carries our state. What is no address carries none.
fn came_from(answer: &SecretString, state: &str) -> bool {
    let Ok(address) = url::Url::parse(answer.expose_secret().trim()) else {
        return true;
    };
    address.query_pairs().find(|(name, _)| name == "state").is_none_or(|(_, told)| told == state)
}

fn prompt() -> anyhow::Result<SecretString> {
    if std::io::stdin().is_terminal() {
        let answer = rpassword::prompt_password("> ").context("reading the answer")?;
        return Ok(SecretString::from(answer));
    }
    read_given(Path::new("-"))
}

fn read_given(from: &Path) -> anyhow::Result<SecretString> {
    let mut text = String::new();
    if from == Path::new("-") {
        read_text(std::io::stdin(), &mut text).map_err(|error| unreadable("standard input", error))?;
    } else {
        std::fs::File::open(from)
            .and_then(|file| read_text(file, &mut text))
            .map_err(|error| unreadable(&from.display().to_string(), error))?;
    }
    Ok(SecretString::from(text))
}

/// One byte more than allowed is read, so that a longer text is refused and not cut.
fn read_text(from: impl Read, text: &mut String) -> std::io::Result<usize> {
    from.take(GIVEN_BYTES_MAX + 1).read_to_string(text)
}

fn unreadable(place: &str, error: std::io::Error) -> anyhow::Error {
    Failure::new(Exit::BadInput, format!("{place} cannot be read")).because(error).into()
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` wants")]
fn unusable(error: given::GivenError) -> anyhow::Error {
    Failure::new(Exit::BadInput, error.to_string()).into()
}

#[expect(
    clippy::print_stderr,
    reason = "a question to a person at the terminal, not data and not a log line"
)]
fn eprint_line(text: &str) {
    eprintln!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_another_login_is_noticed() {
        for (answer, expected) in [
            ("https://shop.example.com/back?code=c1&state=mine", true),
            ("https://shop.example.com/back?code=c1&state=other", false),
            ("https://shop.example.com/back?code=c1", true),
            ("code-abc-def", true),
        ] {
            assert_eq!(came_from(&SecretString::from(answer), "mine"), expected, "{answer}");
        }
    }
}
