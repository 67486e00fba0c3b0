//! Logs what keeps shops from being read: they were never authorised, or several of them are the same account. The runs of
//! slots skip unauthorised shops without a word.

use crate::app::App;
use crate::auth::required_action::authorise_command;
use crate::domain::shop::Shop;

/// Logs one line for each account that several shops use.
pub async fn log_shared_accounts(app: &App) {
    for shared in app.tokens.shared_accounts().await.unwrap_or_default() {
        let shop = shared.shops.first();
        tracing::warn!(event = "account.shared", shop, "{}", shared.warning().english);
    }
}

/// Logs one line for each of `shops` that was never authorised.
pub async fn log_never_authorised(app: &App, shops: &[Shop]) {
    // The database probe reports a database that is away.
    let Ok(statuses) = app.tokens.statuses(shops).await else {
        return;
    };
    for shop in shops.iter().filter(|shop| !statuses.contains_key(&shop.name)) {
        tracing::warn!(
            event = "shop.unauthorised", shop = %shop.name,
            "`{}` was never authorised and is not read; run `{}`", shop.name,
            authorise_command(&shop.name, shop.platform),
        );
    }
}
