//! The page where a seller says yes. The simulated seller says yes at once.

use std::collections::HashMap;

use url::Url;

use super::accounts::Platform;
use super::world::World;

/// What the browser gets.
pub(super) enum Consent {
    /// Back to the app, with code and state.
    Redirect(String),
    /// The app gave no address to go back to: the code for copying.
    Code(String),
    Refused(&'static str),
}

/// Answers `GET /authorize/<platform>`. `shop` chooses the seller; the first one when it is not given.
pub(super) fn consent(
    world: &mut World,
    platform: Platform,
    parameters: &HashMap<String, String>,
    host: &str,
) -> Consent {
    let parameter = |names: [&str; 2]| names.into_iter().find_map(|name| parameters.get(name));
    let app = parameter(["appKey", "appId"]).map_or("", String::as_str);
    if platform.secret(app).is_none() {
        return Consent::Refused("no such app");
    }
    let shop = parameters.get("shop").map_or(Ok(0), |shop| shop.parse());
    let Some(shop) = shop.ok().filter(|shop| World::has_shop(*shop)) else {
        return Consent::Refused("no such shop");
    };
    let Some(back) = parameter(["redirectUri", "redirect_uri"]) else {
        return Consent::Code(world.issue_code(platform, shop));
    };
    let Some(mut back) = Url::parse(back).ok().filter(|back| matches!(back.scheme(), "http" | "https"))
    else {
        return Consent::Refused("the address to go back to is not a web address");
    };
    let code = world.issue_code(platform, shop);
    let mut answer = back.query_pairs_mut();
    if platform == Platform::Temu {
        answer.append_pair("app_key", app).append_pair("callback_host", host);
    }
    answer.append_pair("code", &code);
    if let Some(state) = parameters.get("state") {
        answer.append_pair("state", state);
    }
    drop(answer);
    Consent::Redirect(back.into())
}
