//! One window, page by page: requests side by side, rows converted and stored, and the judgement whether it is complete.

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
