//! Rules about the sources and the papers themselves.

pub(super) mod docs;
mod tidy;
