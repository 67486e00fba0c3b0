//! What was read and what is due: cursors, windows, and the leases that fence their writers.

pub mod cursors;
pub mod leases;
pub(super) mod merge;
pub(super) mod rules;
pub mod window_repo;
pub mod windows;
