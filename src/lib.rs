//! `shopsync` copies a seller's orders from shop platforms into a database, and never loses one.
//!
//! The route of one order:
//! 1. [`jobs`] wakes at a slot and starts a run for a (shop, record), which takes the lane's lease.
//! 2. [`sync`] reads the cursor and the ledger from [`store`] and lets [`domain::window`] cut the windows.
//! 3. [`auth`] hands out a valid access token, refreshing first if it must.
//! 4. [`sync`] asks the [`platform`] for a page, through its rate limit, backoff and deadline.
//! 5. The platform's own folder signs, sends, parses and makes a [`domain::order::Order`].
//! 6. [`store`] upserts the page; with a window's last page the ledger row and the cursor move in the
//!    same transaction.
//! 7. The summary goes to the log and to `job_runs`.
//!
//! The modules below stand in reading order. Imports go one way: a module may use those above it.

pub mod atomic_file;
pub mod clock;
pub mod domain;
pub mod error_text;
pub mod language;
pub mod meters;
pub mod platform;
pub mod store;
pub mod terminal;

pub mod auth;
pub mod sync;

pub mod config;
pub mod notify;

pub mod app;
pub mod jobs;
pub mod views;
pub mod web;

#[cfg(feature = "sandbox")]
pub mod sandbox;

pub mod cli;
pub mod commands;
pub mod exit;
pub mod program;
pub mod telemetry;
