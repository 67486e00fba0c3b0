//! `auth take-over`: makes a copied or restored database the one that renews its shops' tokens.

use wildmatch::WildMatch;

use super::super::output;
use crate::app::App;
use crate::auth::AuthError;
use crate::domain::shop::Shop;
use crate::language::text;

pub(super) async fn take_over(app: &App, patterns: &[String]) -> anyhow::Result<()> {
    let shops = matching(app, patterns)?;
    for shop in shops {
        let text = match app.tokens.take_over(shop).await {
            Ok(true) => text!(
                "taken over: its token is renewed here from now on",
                "已接管：从现在起在这里续期它的令牌"
            ),
            Ok(false) => text!("is at home here already", "本来就属于这里"),
            // With a pattern, a shop that was never authorised is no mistake.
            Err(AuthError::NeverAuthorised { .. }) if !patterns.contains(&shop.name) => {
                text!("was never authorised", "从未授权")
            }
            Err(error) => return Err(error.into()),
        };
        let name = &shop.name;
        output::line(text!("{name}: {text}", "{name}：{text}"; text))?;
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
