//! What we mean by things: records, windows, orders and what else is copied, money, grants, shops. Pure: no I/O, no serde, no
//! database; time is always an argument.

pub mod activity;
pub mod after_sale;
pub mod again;
pub mod credential;
pub mod entity;
pub mod grant;
pub mod limits;
pub mod moment;
pub mod money;
pub mod order;
pub mod product;
pub mod record;
pub mod shop;
pub mod until;
pub mod window;
