//! Everything that needs more than one module: conversations with the sandbox over real HTTP, both databases,
//! the real binary. One binary, a file per behaviour.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking, also within its helpers"
)]

mod auth;
mod daemon;
mod house;
mod platform;
mod sandbox;
mod store;
mod support;
mod sync;
mod verbs;
mod web;
