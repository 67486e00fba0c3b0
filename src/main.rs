//! The binary. What it does is in the library, so that a program with a platform of its own does the same.

use std::process::ExitCode;

fn main() -> ExitCode {
    shopsync::program::run()
}
