//! Tells people and their monitoring what happened: messages to webhooks, pings to a dead man's switch.
//!
//! Knows how each receiver wants to be spoken to. What is worth telling, and what was told already, is decided in `jobs`.
//! An address is a secret here, because whoever knows it can write to the group behind it.

pub mod courier;
pub mod dead_man;
pub mod hook;
pub mod message;
pub mod webhook;

mod sign;

pub use courier::Courier;
pub use message::{Item, Message, State};
