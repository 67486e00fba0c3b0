//! What is promised of grants, in ten properties, each on SQLite and on Postgres, and what happens to a thousand shops.

mod cancellation_safe;
mod crash_safe;
mod early_jittered_and_stale_while_refreshing;
mod fenced_leases;
mod honest_clocks;
mod keeping_process;
mod load;
mod load_platform;
mod no_blind_replay;
mod no_silent_end;
mod one_spend_per_generation;
mod right_diagnosis;
mod sealed;
