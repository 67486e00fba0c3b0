//! Keeps the shops' tokens alive. No other code sends a refresh token.
//!
//! [`tokens::Tokens`] is what the rest of the program uses; everything below it works on `context`. [`policy`] decides what a grant needs; it is pure.
//! [`refresh`] sends the refresh token and stores the answer, [`login`] brings a new grant, [`store`] keeps the rows, and
//! [`keys`] seals them, so that no token is stored in clear. `refresh::unsaved` holds what could not be stored: no pair
//! that a platform handed out is lost.
//!
//! This order must not change: write the intent; send the refresh token once; commit the answer under the fence of
//! that intent, or write it to a file; only then hand out the new token.

pub mod error;
pub mod expiry;
pub mod external_access;
pub mod keys;
pub mod login;
pub mod policy;
pub mod required_action;
pub mod status;
pub mod store;
pub mod tokens;

mod context;
mod loaded_grant;
mod refresh;
mod shop_state;

pub use context::TokenParts;
pub use error::AuthError;
pub use keys::file::KeyPlaces;
pub use keys::keyring::Keyring;
pub use login::token_input::TokenInput;
pub use refresh::unsaved::recovery::forget_files;
pub use status::GrantStatus;
pub use tokens::Tokens;
