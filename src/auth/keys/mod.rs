//! Sealing: the keys, the file they lie in, a new key, and the sealed texts.

pub mod file;
pub mod key;
pub mod keyring;
pub(super) mod pair;
pub mod reseal;
pub mod rotation;
pub mod seal;
