//! The status page and the HTTP interface.

pub(super) mod api;
pub(super) mod browser;
pub(super) mod callback;
pub(super) mod context;
pub(super) mod guards;
pub(super) mod limits;
pub(super) mod page;
pub(super) mod page_context;
