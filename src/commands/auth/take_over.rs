//! `auth take-over`: makes a copied or restored database the one that renews its shops' tokens.

use wildmatch::WildMatch;

use super::super::output;
use crate::app::App;
use crate::auth::AuthError;
use crate::domain::shop::Shop;

pub(super) async fn take_over(app: &App, patterns: &[String]) -> anyhow::Result<()> {
    let shops = matching(app, patterns)?;
    for shop in shops {
        let text = match app.tokens.take_over(shop).await {
            Ok(true) => "taken over: its token is renewed here from now on",
            Ok(false) => "is at home here already",
            // With a pattern, a shop that was never authorised is no mistake.
            Err(AuthError::NeverAuthorised { .. }) if !patterns.contains(&shop.name) => {
                "was never authorised"
            }
            Err(error) => return Err(error.into()),
        };
        output::line(format_args!("{}: {text}", shop.name))?;
    }
    Ok(())
}

/// The shops that any of the patterns names. A pattern that names none is a mistake.
fn matching<'a>(app: &'a App, patterns: &[String]) -> anyhow::Result<Vec<&'a Shop>> {
    for pattern in patterns {
        if !app.shops.iter().any(|shop| WildMatch::new(pattern).matches(&shop.name)) {
            return Err(super::super::unknown_shop(app, pattern).into());
        }
    }
    let is_meant = |shop: &&Shop| patterns.iter().any(|pattern| WildMatch::new(pattern).matches(&shop.name));
    Ok(app.shops.iter().filter(is_meant).collect())
}
