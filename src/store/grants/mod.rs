//! The rows of grants: credentials, orphans, logins under way, marks of refused calls.

pub mod credentials;
pub mod grant_marks;
pub mod login_attempts;
pub mod login_codes;
pub mod orphans;
mod read_back;
