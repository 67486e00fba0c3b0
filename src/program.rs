//! The whole program: parse the command line, load the config, start the log, run the verb, return the exit code. What
//! a verb does is in `commands`.

use std::io::ErrorKind;
use std::panic;
use std::process::ExitCode;

use crate::cli::{Cli, Verb};
use crate::config::{Config, LoadOptions, Loaded};
use crate::error_text::chain;
use crate::exit::{Exit, Failure};
use crate::{commands, telemetry, terminal};
use clap::Parser;

/// Runs the verb of this process's command line. A program with a platform of its own registers it first, with
/// [`register`](crate::platform::register), and then calls this.
pub fn run() -> ExitCode {
    // The panic hook has logged a panic before it is caught here.
    let exit = panic::catch_unwind(parse_and_start).unwrap_or(Exit::Bug);
    telemetry::end();
    exit.into()
}

fn parse_and_start() -> Exit {
    match Cli::try_parse() {
        Ok(cli) => start(cli).unwrap_or_else(|error| fail(&error)),
        Err(answer) => show(&answer),
    }
}

fn fail(error: &anyhow::Error) -> Exit {
    telemetry::last_words(&format!("shopsync: {}", terminal::message(&chain(&**error))));
    Exit::of_error(error)
}

/// Prints the help or the version, or what is wrong with the command line.
fn show(answer: &clap::Error) -> Exit {
    match answer.print() {
        _ if answer.use_stderr() => Exit::Usage,
        Err(error) if error.kind() != ErrorKind::BrokenPipe => fail(&Failure::unwritten(error).into()),
        _ => Exit::Done,
    }
}

fn start(cli: Cli) -> anyhow::Result<Exit> {
    if let Verb::Init(words) = &cli.verb {
        return commands::init(words, cli.global.config);
    }
    let loaded = load(&cli)?;
    let log = loaded.as_ref().map(|loaded| &loaded.config.log);
    let format = cli.global.log_format.or(log.map(|log| log.format));
    let level = cli.global.level().or(log.map(|log| log.level.as_str()));
    let telemetry = telemetry::init(format.unwrap_or_default(), level.unwrap_or("info"))?;

    if let Some(loaded) = &loaded {
        commands::become_owner(loaded)?;
    }

    // Two TLS providers are linked in: choose one before the first connection is opened.
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    // A level from the command line stays when the config is read again.
    let by_config = cli.global.level().is_none().then_some(telemetry);
    commands::dispatch(cli.verb, loaded, by_config)
}

fn load(cli: &Cli) -> anyhow::Result<Option<Loaded>> {
    if !cli.verb.needs_config() {
        return Ok(None);
    }
    let options = LoadOptions::from_process(cli.global.config.clone())?;
    Ok(Some(Config::load(&options)?))
}
