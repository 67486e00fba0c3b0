//! What we mean by things: records, windows, orders, money, grants, shops. Pure: no I/O, no serde, no
//! database; time is always an argument.

pub mod credential;
pub mod grant;
pub mod money;
pub mod order;
pub mod record;
pub mod shop;
pub mod window;
