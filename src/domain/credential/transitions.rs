//! How a row becomes its successor. Pure: the store only has to replace the one by the other,
//! and only if no one else did so before.

use chrono::{DateTime, Utc};

use super::{Claim, Credential, Intent, NewTokens, RefreshLease, SealedTokens, Settlement};

/// The fence of a shop's first grant.
const FIRST_FENCE: i64 = 1;

impl Credential {
    /// The row of a shop that had none.
    #[must_use]
    pub fn first(shop: &str, tokens: &NewTokens) -> Self {
        let blank = Self {
            shop: shop.to_owned(),
            version: tokens.version,
            fence: FIRST_FENCE - 1,
            condition: tokens.condition,
            tokens: tokens.tokens.clone(),
            granted_at: tokens.granted_at,
            previous_refresh_sealed: None,
            not_before: None,
            lease: None,
            place: None,
            is_copied: false,
            attempt: None,
            trouble: None,
        };
        blank.renewed(tokens)
    }

    /// With the intent to use its refresh token. `None` while a pause lasts or another has the right. `now`: by the
    /// store's clock.
    #[must_use]
    pub fn begun(&self, intent: &Intent, now: DateTime<Utc>) -> Option<Self> {
        let is_paused = self.not_before.is_some_and(|until| until > intent.pauses_until);
        if is_paused || self.lease.is_some() || self.is_copied {
            return None;
        }
        Some(Self {
            condition: intent.condition,
            lease: Some(RefreshLease { owner: intent.owner.clone(), until: now + intent.lease }),
            attempt: Some(intent.attempt.clone()),
            ..self.next()
        })
    }

    /// With what a renewal brought.
    #[must_use]
    pub fn renewed(&self, tokens: &NewTokens) -> Self {
        Self {
            version: tokens.version,
            condition: tokens.condition,
            tokens: tokens.tokens.clone(),
            granted_at: tokens.granted_at,
            previous_refresh_sealed: tokens.previous_refresh_sealed.clone(),
            not_before: tokens.not_before,
            lease: None,
            trouble: tokens.trouble.clone(),
            ..self.next()
        }
    }

    /// With the end of a renewal that brought nothing. No token changes.
    #[must_use]
    pub fn settled(&self, settlement: &Settlement) -> Self {
        let mut next = Self {
            condition: settlement.condition,
            not_before: settlement.not_before,
            lease: None,
            trouble: settlement.trouble.clone(),
            ..self.next()
        };
        if let Some(end) = settlement.access_ends_at {
            next.tokens.access_ends_at = end;
        }
        next
    }

    /// With what an owner brought. Whatever was under way is of no interest any more.
    #[must_use]
    pub fn replaced(&self, tokens: &NewTokens) -> Self {
        Self { attempt: None, ..self.renewed(tokens) }
    }

    /// The same tokens, sealed with another key. `None` while they are renewed.
    #[must_use]
    pub fn resealed(&self, tokens: &SealedTokens, previous_refresh_sealed: Option<&str>) -> Option<Self> {
        self.lease.is_none().then(|| Self {
            tokens: tokens.clone(),
            previous_refresh_sealed: previous_refresh_sealed.map(str::to_owned),
            ..self.next()
        })
    }

    /// The same grant, at home in `place`, whose original is no longer used.
    #[must_use]
    pub fn taken_over(&self, place: Option<String>) -> Self {
        Self { lease: None, place, is_copied: false, ..self.next() }
    }

    /// The right to change this row as it was read.
    pub fn claim(&self) -> Claim {
        Claim {
            shop: self.shop.clone(),
            version: self.version,
            fence: self.fence,
            attempt: self.attempt.as_ref().map(|attempt| attempt.id.clone()),
        }
    }

    fn next(&self) -> Self {
        Self { fence: self.fence + 1, ..self.clone() }
    }
}
