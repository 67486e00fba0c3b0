//! Reads windows page by page: requests in parallel, converts and stores rows, and judges whether a window is complete.

pub mod completeness;
pub mod convert;
pub mod details;
pub mod drift_check;
pub mod page_walk;
pub mod pager;
pub mod pages;
pub mod requests;
pub mod seen;
pub mod whole;
pub mod window;
pub mod windows;
