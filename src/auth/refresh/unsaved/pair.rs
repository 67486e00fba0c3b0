//! A new pair of tokens on its way to the store, sealed, with the claim under which it is stored.

use std::path::PathBuf;

use chrono::{DateTime, Utc};

use crate::auth::store::grants::holds;
use crate::domain::credential::{Claim, Credential, NewTokens};
use crate::domain::grant::Account;

/// A pair the platform gave and no store has taken. Sealed already.
#[derive(Clone)]
pub struct Unsaved {
    pub claim: Claim,
    pub tokens: NewTokens,
    /// What it is sealed for.
    pub shop_id: String,
    /// The attempt that brought it, however often the claim changes.
    pub attempt: String,
    /// Where it waits. `None`: in this process alone.
    pub file: Option<PathBuf>,
    /// `None`: a refresh brought it.
    pub login: Option<LoginDetails>,
}

/// What is known of a login besides its tokens.
#[derive(Clone)]
pub struct LoginDetails {
    pub account: Account,
    /// Whether the platform must be called for the owner of the tokens, where `account` does not say.
    pub asks_account: bool,
    /// When it was made.
    pub asked_at: DateTime<Utc>,
}

/// Where a new pair is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    Stored,
    /// In a file, on its way to the store.
    InFile,
}

impl Unsaved {
    pub fn new(claim: Claim, tokens: NewTokens, shop_id: &str) -> Self {
        let attempt = claim.attempt.clone().unwrap_or_default();
        Self { claim, tokens, shop_id: shop_id.to_owned(), attempt, file: None, login: None }
    }

    /// Whether the row still waits for the successor of the pair ours came from, or is ours already.
    pub fn is_place_free(&self, row: &Credential) -> bool {
        // A grant that was cleared and authorised again begins with the same numbers.
        let is_same_grant = row.granted_at == self.tokens.granted_at && !row.is_copied;
        holds(row, &self.tokens) || (row.version == self.claim.version && is_same_grant)
    }
}
