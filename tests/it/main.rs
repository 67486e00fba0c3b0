//! Everything that needs more than one module: conversations with the sandbox over real HTTP, both databases,
//! the real binary. One binary, a file per behaviour.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking, also within its helpers"
)]

mod auth_context;
mod auth_copied;
mod auth_files;
mod auth_flaky;
mod auth_gateway;
mod auth_login;
mod auth_process;
mod auth_rotate;
mod auth_sealed;
mod auth_store;
mod auth_survival;
mod compare;
mod context;
mod daemon;
mod databases;
mod events;
mod every_record;
mod keeper;
mod keeper_command;
mod keeper_context;
mod keeper_daemon;
mod keeper_service;
mod kill;
mod losses;
mod open115;
mod open115_qr;
mod orders;
mod outage;
mod platform_answers;
mod platform_grants;
mod platform_http;
mod platform_sandbox;
mod postgres;
mod program;
mod properties;
mod property;
mod readme;
mod sandbox;
mod scans;
mod schedule;
mod shelf;
mod shop_verbs;
mod store_after_sales;
mod store_amounts;
mod store_cursors;
mod store_events;
mod store_leases;
mod store_orders;
mod store_outage;
mod store_products;
mod store_quarantine;
mod store_queries;
mod store_replay;
mod store_runs;
mod store_scans;
mod store_schema;
mod store_shops;
mod store_upgrade;
mod store_year;
mod temu_asked;
mod temu_records;
mod temu_refusals;
mod ticker;
mod tidy;
mod truth;
mod verbs;
mod verbs_auth;
mod verbs_cursor;
mod verbs_quarantine;
mod xiaohongshu;
