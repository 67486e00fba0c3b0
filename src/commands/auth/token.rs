//! `auth token`: an access token for another program, and nothing else.

use secrecy::ExposeSecret;

use super::super::output;
use crate::app::App;
use crate::domain::shop::Shop;
use crate::views::token::as_value;

pub(super) async fn token(app: &App, shop: &Shop, as_json: bool) -> anyhow::Result<()> {
    let lasting = app.tokens.access_for_others(shop).await?;
    if as_json {
        return output::json(&as_value(shop, &lasting));
    }
    output::put(&format!("{}\n", lasting.access.token.expose_secret()))
}
