//! Tells of shops that nobody has authorised yet: slots pass them over in silence.

use crate::app::App;
use crate::auth::required_action::authorise_command;
use crate::domain::shop::Shop;

/// One line for each account that several shops are.
pub async fn tell_shared_accounts(app: &App) {
    for shared in app.tokens.shared_accounts().await.unwrap_or_default() {
        let shop = shared.shops.first();
        tracing::warn!(event = "account.shared", shop, "{}", shared.told().english);
    }
}

/// One line for each of `shops` that was never authorised.
pub async fn tell(app: &App, shops: &[Shop]) {
    // A database that is away is told by whoever meets it next.
    let Ok(statuses) = app.tokens.statuses(shops).await else {
        return;
    };
    for shop in shops.iter().filter(|shop| !statuses.contains_key(&shop.name)) {
        tracing::warn!(
            event = "shop.unauthorised", shop = %shop.name,
            "`{}` was never authorised and is left out; run `{}`", shop.name,
            authorise_command(&shop.name, shop.platform),
        );
    }
}
