//! A grant as it was read: the row, opened, with the shop and the rules it belongs to.

use crate::auth::AuthError;
use crate::auth::error::Delay;
use crate::auth::keys::pair::Pair;
use crate::auth::policy::{Need, Rules};
use crate::auth::required_action::authorise_command;
use crate::domain::credential::{Condition, Credential};
use crate::domain::grant::Access;
use crate::store::shops::ShopRow;

/// A grant as it was read, with its tokens in the clear. Has no `Debug`.
pub struct LoadedGrant {
    pub(super) credential: Credential,
    pub(super) pair: Pair,
    pub(super) row: ShopRow,
    pub(super) rules: Rules,
}

impl LoadedGrant {
    /// `None` when the grant holds only a refresh token.
    pub(super) fn access(&self) -> Option<Access> {
        self.pair.access.as_ref().map(|token| Access {
            token: token.clone(),
            generation: self.credential.version,
            region: self.row.account.region.clone(),
        })
    }

    /// Why nothing can be handed out.
    pub(super) fn without_token(&self, need: Need) -> AuthError {
        let shop = self.credential.shop.clone();
        let until = match need {
            Need::Owner(reason) => {
                let command = authorise_command(&shop, &self.row.platform);
                return AuthError::NeedsOwner { shop, reason, command };
            }
            Need::Copied => return AuthError::Copied { shop },
            Need::Rest { until } => until,
            Need::Busy | Need::Refresh | Need::Replay => self.credential.tokens.access_ends_at,
        };
        let why = delay(&self.credential);
        AuthError::Later { shop, until, why }
    }
}

/// Why a grant that no one has to authorise again gives no token at the moment.
fn delay(credential: &Credential) -> Delay {
    match (&credential.trouble, credential.condition) {
        (Some(trouble), _) => Delay::Troubled(trouble.message.clone()),
        (None, _) if credential.attempt.is_none() => Delay::NeverRenewed,
        (None, Condition::Refreshing | Condition::Replaying | Condition::Unknown) => Delay::AnswerMissing,
        (None, Condition::Active | Condition::Throttled | Condition::NeedsOwner) => Delay::JustRenewed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::policy::tests::{attempt, credential};

    #[test]
    fn a_grant_is_renewed_just_now_only_when_the_answer_came() {
        for (condition, expected) in [
            (Condition::Active, Delay::JustRenewed),
            (Condition::Throttled, Delay::JustRenewed),
            (Condition::Refreshing, Delay::AnswerMissing),
            (Condition::Replaying, Delay::AnswerMissing),
            (Condition::Unknown, Delay::AnswerMissing),
        ] {
            let grant = credential();
            let tried = Some(attempt(grant.granted_at));
            let grant = Credential { condition, attempt: tried, ..grant };
            assert_eq!(delay(&grant), expected, "{condition}");
        }
    }
}
