//! A whole `shopsync` that also knows a platform of its own: `cargo run --example own_platform -- --help`
//!
//! The guide is `docs/guide/adding-a-platform.md`.

use std::process::ExitCode;

mod orders;
mod stall;

fn main() -> ExitCode {
    if let Err(error) = shopsync::platform::register(&stall::PROFILE) {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    shopsync::program::run()
}
