//! `completions`: a script that teaches a shell our words.

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::exit::Exit;

use super::output;

pub(super) fn completions(shell: Shell) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "shopsync", &mut script);
    output::put(&String::from_utf8(script)?)?;
    Ok(Exit::Done)
}
