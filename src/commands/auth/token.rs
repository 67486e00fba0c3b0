//! `auth token`: an access token for another program, and nothing else.

use secrecy::ExposeSecret;
use serde_json::json;

use super::super::output;
use crate::app::App;
use crate::domain::shop::Shop;

pub(super) async fn token(app: &App, shop: &Shop, as_json: bool) -> anyhow::Result<()> {
    let lasting = app.tokens.access_for_others(shop).await?;
    let token = lasting.access.token.expose_secret();
    if as_json {
        return output::json(&json!({
            "shop": shop.name,
            "access_token": token,
            "access_ends_at": output::instant(Some(lasting.ends_at)),
        }));
    }
    output::line(token)
}
