//! One window, page by page: requests side by side, rows converted and stored, and the judgement whether it is complete.

pub(super) mod completeness;
pub(super) mod convert;
pub(super) mod details;
pub(super) mod drift_check;
pub(super) mod page_walk;
pub(super) mod pager;
pub(super) mod pages;
pub(super) mod reason;
pub(super) mod requests;
pub(super) mod seen;
pub(super) mod whole;
pub(super) mod window;
pub(super) mod windows;
