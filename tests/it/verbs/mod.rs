//! The verbs of the command line, as scripts see them.

pub(super) mod auth;
pub(super) mod cursor;
pub(super) mod empty;
pub(super) mod hostile;
pub(super) mod language;
pub(super) mod output;
pub(super) mod quarantine;
pub(super) mod read_only;
pub(super) mod shop;
