//! Sends messages to webhooks, and pings to dead man's switches.
//!
//! Knows the format of each receiver. `jobs` decides what is sent and what was sent already. An address is a secret here,
//! because everyone who knows it can write to the group behind it.

pub mod dead_man;
pub mod message;
pub mod sender;
pub mod webhook;
pub mod webhook_protocol;

mod sign;

pub use message::{AlertState, Item, Message};
pub use sender::Sender;
