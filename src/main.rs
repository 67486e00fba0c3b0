//! The binary: parse, load, trace, dispatch, and the exit code. What a verb does is in `commands`.

use std::io::ErrorKind;
use std::panic;
use std::process::ExitCode;

use clap::Parser;
use shopsync::cli::{Cli, Verb};
use shopsync::config::{Config, LoadOptions, Loaded};
use shopsync::error_text::chain;
use shopsync::exit::{Exit, Failure};
use shopsync::{commands, telemetry, terminal};

fn main() -> ExitCode {
    // The panic has been told by the time it arrives here.
    let exit = panic::catch_unwind(run).unwrap_or(Exit::Bug);
    telemetry::end();
    exit.into()
}

fn run() -> Exit {
    match Cli::try_parse() {
        Ok(cli) => start(cli).unwrap_or_else(|error| fail(&error)),
        Err(answer) => show(&answer),
    }
}

fn fail(error: &anyhow::Error) -> Exit {
    telemetry::last_words(&format!("shopsync: {}", terminal::message(&chain(&**error))));
    Exit::of_error(error)
}

/// What was asked for instead of a verb, such as the help, or what is wrong with the command line.
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

    // Two TLS providers are linked in; whoever opens the first connection must not have to choose.
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    // A level from the command line stays, whatever the config comes to say.
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
