//! `completions`: prints a completion script for a shell.

use anyhow::Result;
use clap::{Command, CommandFactory, ValueHint};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::exit::Exit;

use super::output;

pub(super) fn completions(shell: Shell) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut without_files(Cli::command()), "shopsync", &mut script);
    output::put(&String::from_utf8(script)?)?;
    Ok(Exit::Done)
}

/// Files are offered only for what is a file: not for the name of a shop.
fn without_files(command: Command) -> Command {
    let command = command.mut_args(|argument| match argument.get_value_hint() {
        ValueHint::Unknown if argument.get_action().takes_values() => argument.value_hint(ValueHint::Other),
        _ => argument,
    });
    command.mut_subcommands(without_files)
}
