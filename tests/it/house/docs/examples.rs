//! What a reader copies out of the papers works: commands are parsed by the real command line and run on the sandbox,
//! and each piece of a config loads.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use chrono::TimeDelta;
use clap::Parser;
use clap::error::ErrorKind;
use secrecy::ExposeSecret;
use shopsync::cli::Cli;
use shopsync::clock::Clock;
use shopsync::config::{Config, LoadOptions};
use shopsync::sandbox::{Platform, Sandbox, SandboxSettings};

use super::papers::{Block, Paper, papers};
use super::shell::calls;
use crate::support::databases::{TestDatabase, both_databases};
use crate::support::program::Program;

/// Calls of the guides that are not run by the test below, by what they begin with, and why.
const NOT_RUN: &[(&str, &str)] = &[
    ("init", "asks a person; tests/config/init.rs runs it"),
    ("auth login", "asks a person"),
    ("auth qr", "waits for a person"),
    ("auth code", "needs a code of the platform"),
    ("auth set", "needs a token of the platform"),
    ("auth import", "needs the tokens of another program"),
    ("auth token my115", "needs a shop of 115"),
    ("run", "does not end"),
    ("sandbox", "does not end"),
    ("demo", "has a check of its own in .ci/run"),
    ("--config", "names a file of the reader's server"),
    ("shop", "renames or deletes the shop of the other commands"),
];

/// A number in the guides that stands for an order of the reader.
const ANY_ORDER: &str = "PO-1234";

#[test]
fn every_command_of_the_papers_is_one_that_the_program_knows() {
    let mut parsed = 0;
    for paper in papers() {
        let blocks = paper.blocks_of("sh").into_iter().map(|block| block.text);
        let inline = paper.inline_code().into_iter().filter(|code| {
            // A shape with parts to fill in is for the reader, not for the shell.
            code.starts_with("shopsync ") && !code.contains(['…', '[', '<'])
        });
        for text in blocks.chain(inline) {
            for call in calls(&text) {
                check(&paper.path, &call);
                parsed += 1;
            }
        }
    }
    assert!(parsed > 60, "only {parsed} commands were found");
}

fn check(path: &str, call: &[String]) {
    let words = std::iter::once("shopsync").chain(call.iter().map(String::as_str));
    let Err(error) = Cli::try_parse_from(words) else { return };
    let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    // `shopsync auth` alone names a group of verbs.
    let is_group = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    assert!(is_help || is_group, "{path}: shopsync {}: {error}", call.join(" "));
}

/// The calls of a guide's blocks that can be run, and the entries of [`NOT_RUN`] that kept others out.
fn runnable(guide: &Paper) -> (Vec<Vec<String>>, Vec<&'static str>) {
    let mut run = Vec::new();
    let mut kept_out = Vec::new();
    for call in guide.blocks_of("sh").iter().flat_map(|block| calls(&block.text)) {
        let text = call.join(" ");
        let reason =
            NOT_RUN.iter().find(|(begin, _)| text == *begin || text.starts_with(&format!("{begin} ")));
        match reason {
            Some((begin, _)) => kept_out.push(*begin),
            None => run.push(call),
        }
    }
    (run, kept_out)
}

fn guides() -> Vec<Paper> {
    papers()
        .into_iter()
        .filter(|paper| paper.path.contains("/guide/") || paper.path.contains("/zh/"))
        .collect()
}

#[test]
fn every_command_that_is_not_run_still_stands_in_a_guide() {
    let kept_out: Vec<&str> = guides().iter().flat_map(|guide| runnable(guide).1).collect();
    for (begin, reason) in NOT_RUN {
        assert!(kept_out.contains(begin) || ["demo", "sandbox"].contains(begin), "`{begin}`: {reason}");
    }
}

both_databases! {
    async fn the_commands_of_the_guides_work_on_the_sandbox(test: TestDatabase) {
        let settings = SandboxSettings {
            clock: Clock::system(),
            orders: 60,
            // No longer than the history that the program reads.
            history: TimeDelta::hours(30),
            ..SandboxSettings::default()
        };
        let sandbox = Sandbox::start(settings).await.unwrap();
        let program = Program::with(&sandbox, test.settings.url.expose_secret(), "");
        program.edit(|text| text.replace("temu-shop", "acme-us").replace("xhs-shop", "acme-xhs"));
        for (shop, platform) in [("acme-us", Platform::Temu), ("acme-xhs", Platform::Xiaohongshu)] {
            let code = sandbox.world().with(|world| world.issue_code(platform, 0));
            program.finish(&["auth", "code", shop, &code]).await;
        }
        program.finish(&["sync"]).await;
        let orders = program.json(&["orders", "--shop", "acme-us", "-n", "1", "--json"]).await;
        let number = orders[0]["number"].as_str().unwrap().to_owned();
        let mut run = 0;
        for guide in guides() {
            for call in runnable(&guide).0 {
                let words: Vec<String> = call.iter().map(|word| word.replace(ANY_ORDER, &number)).collect();
                let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
                if words.contains(&"--csv") {
                    words.push("--force");
                }
                program.finish(&words).await;
                run += 1;
            }
        }
        assert!(run > 12, "only {run} commands were run");
        sandbox.stop().await;
    }
}

#[test]
fn every_piece_of_a_config_in_the_papers_loads() {
    let mut loaded = 0;
    for paper in papers() {
        for block in paper.blocks_of("toml") {
            let place = format!("{}:{}", paper.path, block.line);
            load(&block).unwrap_or_else(|error| panic!("{place}: {error}"));
            loaded += 1;
        }
    }
    assert!(loaded > 6, "only {loaded} pieces were found");
}

/// Loads a piece with the files that it names.
fn load(block: &Block) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    };
    for (_, after) in
        block.text.match_indices("_file = \"").map(|(at, found)| (at, &block.text[at + found.len()..]))
    {
        let name = after.split('"').next().unwrap();
        let is_address = Path::new(name).extension().is_some_and(|extension| extension == "url");
        let text = if name == "database.url" {
            "postgres://shopsync:word@localhost/shopsync"
        } else if is_address {
            "https://hooks.example.com/one"
        } else {
            "a-secret-of-the-right-length-for-a-token"
        };
        put(name, text);
    }
    let path = put("config.toml", &block.text);
    let options = LoadOptions {
        path: Some(path),
        environment: BTreeMap::new(),
        working_directory: folder.path().to_owned(),
        system_file: folder.path().join("none.toml"),
    };
    Config::load(&options).map(drop).map_err(|error| format!("{error:#}"))
}
