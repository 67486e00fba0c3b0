//! Keeps grants alive; the only code that spends refresh tokens.
//!
//! [`tokens::Tokens`] is what the rest of the program talks to. Below it: [`credential`] decides what a grant
//! needs (pure), `flight` and `spend` do it, a [`token_store::TokenStore`] keeps the rows, and [`seal`] and [`key`] see to it
//! that no token is ever stored in clear. What goes wrong on the way into the store is `persist`'s, `login_pair`'s,
//! `spill`'s, `orphans`' and `mend`'s business: no pair that a platform handed out is lost.
//!
//! The order of things that must not change: the intent is written, the refresh token is sent once, the answer
//! is committed under the fence of that intent or lies in a file, and only then does anybody get the new token.

pub mod accounts;
pub mod advice;
pub mod conformance;
pub mod credential;
pub mod device;
pub mod duty;
pub mod error;
pub mod expiry;
pub mod file_store;
pub mod given;
pub mod grants;
pub mod key;
pub mod key_file;
pub mod key_rotation;
pub mod keyring;
pub mod lasting;
pub mod login_link;
pub mod memory;
pub mod needs;
pub mod record;
pub mod rotate;
pub mod scopes;
pub mod seal;
pub mod status;
pub mod token_store;
pub mod tokens;

mod copied;
mod flight;
mod held;
mod login;
mod login_code;
mod login_pair;
mod mend;
mod orphans;
mod outcome;
mod pair;
mod persist;
mod proof;
mod slot;
mod spend;
mod spill;
mod token_file;

pub use error::AuthError;
pub use given::GivenTokens;
pub use key_file::KeyPlaces;
pub use keyring::Keyring;
pub use mend::forget_files;
pub use status::GrantStatus;
pub use tokens::Tokens;
