//! Grants in messages for developers: what a test prints must not show a token, and where nothing is sealed a stored
//! text is one.

use std::fmt;

use super::{Credential, NewTokens, SealedTokens};

impl fmt::Debug for SealedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedTokens")
            .field("access_sealed", &Stored(self.access_sealed.as_deref()))
            .field("access_ends_at", &self.access_ends_at)
            .field("refresh_sealed", &Stored(self.refresh_sealed.as_deref()))
            .field("refresh_ends_at", &self.refresh_ends_at)
            .field("key_id", &self.key_id)
            .field("obtained_at", &self.obtained_at)
            .finish()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("shop", &self.shop)
            .field("version", &self.version)
            .field("fence", &self.fence)
            .field("condition", &self.condition)
            .field("tokens", &self.tokens)
            .field("granted_at", &self.granted_at)
            .field("previous_refresh_sealed", &Stored(self.previous_refresh_sealed.as_deref()))
            .field("not_before", &self.not_before)
            .field("lease", &self.lease)
            .field("place", &self.place)
            .field("is_copied", &self.is_copied)
            .field("attempt", &self.attempt)
            .field("trouble", &self.trouble)
            .finish()
    }
}

impl fmt::Debug for NewTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewTokens")
            .field("version", &self.version)
            .field("condition", &self.condition)
            .field("tokens", &self.tokens)
            .field("granted_at", &self.granted_at)
            .field("previous_refresh_sealed", &Stored(self.previous_refresh_sealed.as_deref()))
            .field("not_before", &self.not_before)
            .field("trouble", &self.trouble)
            .finish()
    }
}

/// The length of a text is enough.
struct Stored<'a>(Option<&'a str>);

impl fmt::Debug for Stored<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(text) => write!(f, "{} bytes", text.len()),
            None => f.write_str("none"),
        }
    }
}
