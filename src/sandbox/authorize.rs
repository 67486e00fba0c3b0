//! The page where a seller says yes, and tokens without it. The simulated seller says yes at once.

use std::collections::HashMap;

use url::Url;

use super::accounts::{Platform, SHOPS_PER_PLATFORM};
use super::grants::IssuedToken;
use super::world::World;
use super::{temu, xiaohongshu};

/// What the browser gets.
pub enum Consent {
    /// Back to the app, with code and state.
    Redirect(String),
    /// The app gave no address to go back to: the code for copying.
    Code(String),
    Refused(&'static str),
}

/// Answers `GET /authorize/<platform>`. `shop` or the seller's id chooses the seller; else it is the first.
pub fn consent(
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
    let seller = parameters.get("sellerId");
    let shop = match (parameters.get("shop"), seller) {
        (Some(shop), _) => shop.parse().ok(),
        // The page for phones names the seller it is for.
        (None, Some(seller)) => (0..SHOPS_PER_PLATFORM).find(|shop| platform.account(*shop) == *seller),
        (None, None) => Some(0),
    };
    let Some(shop) = shop.filter(|shop| World::has_shop(*shop)) else {
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

impl World {
    /// Ready tokens of the platform's default app, as if a code had been exchanged. Those before die.
    pub fn issue_token(&mut self, platform: Platform, shop: usize) -> IssuedToken {
        self.issue_token_to(platform, shop, platform.app().0)
    }

    /// Ready tokens of any registered app.
    pub fn issue_token_to(&mut self, platform: Platform, shop: usize, app_key: &str) -> IssuedToken {
        match platform {
            Platform::Temu => temu::issue(self, shop, app_key),
            Platform::Xiaohongshu => xiaohongshu::issue(self, shop, app_key),
        }
    }
}
