//! What a platform's grants need of the place they are kept in. Pure.

use std::fmt;

use super::Capabilities;
use crate::platform::{GrantRules, Renewal};

/// What a store lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    Durable,
    CrossProcess,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Durable => "loses them when the process ends",
            Self::CrossProcess => "cannot keep two processes from spending the same one",
        })
    }
}

/// A refresh token that works once must outlive the process that got it, and be spent by one. Where a person replaces
/// the tokens, any store will do. `app_refreshes`: the app's config says that its grants have refresh tokens all the
/// same.
pub fn lacks(rules: &GrantRules, app_refreshes: bool, store: Capabilities) -> Option<Lack> {
    let spends = app_refreshes || !matches!(rules.renewal, Renewal::ByOwner);
    match store {
        _ if !spends => None,
        Capabilities { durable: false, .. } => Some(Lack::Durable),
        Capabilities { cross_process: false, .. } => Some(Lack::CrossProcess),
        Capabilities { durable: true, cross_process: true } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::PLATFORMS;

    #[test]
    fn every_platform_that_renews_wants_a_store_that_lasts_and_is_shared() {
        let store = |durable, cross_process| Capabilities { durable, cross_process };
        for profile in PLATFORMS {
            let renews = !matches!(profile.grant.renewal, Renewal::ByOwner);
            let lacks_of = |capabilities| lacks(&profile.grant, false, capabilities);
            assert_eq!(lacks_of(store(false, false)), renews.then_some(Lack::Durable), "{}", profile.name);
            assert_eq!(lacks_of(store(false, true)), renews.then_some(Lack::Durable));
            assert_eq!(lacks_of(store(true, false)), renews.then_some(Lack::CrossProcess));
            assert_eq!(lacks_of(store(true, true)), None);
            assert_eq!(lacks(&profile.grant, true, store(false, false)), Some(Lack::Durable));
        }
    }
}
