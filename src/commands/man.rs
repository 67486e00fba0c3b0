//! `man`: the manual page, made from the definition of the command line.

use anyhow::Result;
use clap::{Arg, Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

use crate::cli::Cli;
use crate::exit::Exit;

use super::output;

pub(super) fn man() -> Result<Exit> {
    output::put(&page()?)?;
    Ok(Exit::Done)
}

/// One page for all verbs, so that one search finds every word.
fn page() -> Result<String> {
    let mut command = Cli::command();
    // Makes the options of every verb part of each, as they are when it runs.
    command.build();
    let man = Man::new(command.clone()).date("").manual("shopsync");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    Roff::new().control("SH", ["DESCRIPTION"]).text([roman(DESCRIPTION)]).to_writer(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut verbs = Roff::new();
    verbs.control("SH", ["VERBS"]);
    for verb in command.get_subcommands() {
        add_verb(&mut verbs, "", verb);
    }
    verbs.to_writer(&mut page)?;
    add_list("EXIT STATUS", &EXIT_CODES).to_writer(&mut page)?;
    add_list("FILES", &FILES).to_writer(&mut page)?;
    add_list("ENVIRONMENT", &ENVIRONMENT).to_writer(&mut page)?;
    add_list("SIGNALS", &SIGNALS).to_writer(&mut page)?;
    Ok(String::from_utf8(page)?)
}

const DESCRIPTION: &str = "Copies a seller's orders, products, after-sales cases and activities from shop platforms \
    into SQLite or Postgres, by cron, and never loses one. It keeps the shops' access tokens alive, repeats what \
    failed, and says what it could not do. Results go to stdout, everything else to stderr. The first steps: \
    init, auth login, check, sync, run.";

const EXIT_CODES: [(&str, &str); 9] = [
    ("0", "done"),
    ("2", "wrong arguments on the command line"),
    ("3", "partly done: some shops failed, or a difference or an unreadable record is left"),
    ("65", "bad input: what was handed in cannot be used or does not exist"),
    ("69", "a platform or the database is unavailable"),
    ("70", "a bug; please report it"),
    ("75", "try again later"),
    ("77", "a shop needs its owner"),
    ("78", "bad config"),
];

const FILES: [(&str, &str); 5] = [
    ("./config.toml", "the configuration, unless --config or SHOPSYNC_CONFIG names another file"),
    ("/etc/shopsync/config.toml", "the configuration where there is no nearer one"),
    (
        "/var/lib/shopsync/",
        "with the Debian package: the database, and shopsync.key, which seals the tokens in it",
    ),
    ("shopsync.key", "beside the SQLite file or [tokens] key_file; back it up apart from the database"),
    ("/usr/share/doc/shopsync/docs/", "with the Debian package: the guides and the reference"),
];

const ENVIRONMENT: [(&str, &str); 5] = [
    ("SHOPSYNC_CONFIG", "the config file, as --config"),
    (
        "SHOPSYNC_SECTION__KEY",
        "a value of the configuration, above the file: SHOPSYNC_SYNC__HISTORY, SHOPSYNC_APPS__MYAPP__APP_SECRET",
    ),
    ("CREDENTIALS_DIRECTORY", "where systemd puts the unit's credentials: APP.app_secret, shopsync.key"),
    ("STATE_DIRECTORY", "where systemd lets the unit keep files"),
    (
        "LC_ALL, LC_MESSAGES, LANG",
        "init, check and auth speak Chinese where the first of these begins with zh",
    ),
];

const SIGNALS: [(&str, &str); 1] =
    [("SIGTERM, SIGINT", "end in order, within ten seconds, and lose nothing; a second one ends at once")];

/// A verb under its full name, or the verbs below it.
fn add_verb(page: &mut Roff, above: &str, verb: &Command) {
    let name = format!("{above}{}", verb.get_name());
    if verb.has_subcommands() {
        for below in verb.get_subcommands() {
            add_verb(page, &format!("{name} "), below);
        }
        return;
    }
    let own: Vec<&Arg> = verb
        .get_arguments()
        .filter(|argument| !argument.is_global_set() && argument.get_id() != "help")
        .collect();
    let words: Vec<String> = own
        .iter()
        .filter(|argument| argument.is_positional())
        .map(|argument| placeholder(argument))
        .collect();
    page.control("SS", [format!("{name} {}", words.join(" ")).trim_end()]);
    let text = verb.get_long_about().or(verb.get_about()).map(ToString::to_string).unwrap_or_default();
    page.text([roman(format!("{}.", text.trim_end_matches('.')))]);
    for argument in own {
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        add_entry(page, head(argument), &help);
    }
}

/// `--shop SHOP`, `-n N`, or the placeholder of a word without a name.
fn head(argument: &Arg) -> Vec<Inline> {
    if argument.is_positional() {
        return vec![italic(placeholder(argument))];
    }
    let short = argument.get_short().map(|short| format!("-{short}"));
    let long = argument.get_long().map(|long| format!("--{long}"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    let mut head = vec![bold(names.join(", "))];
    if argument.get_action().takes_values() {
        head.extend([roman(" "), italic(placeholder(argument))]);
    }
    head
}

fn placeholder(argument: &Arg) -> String {
    let named = argument.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
    named.unwrap_or_else(|| argument.get_id().as_str().to_uppercase())
}

fn add_list(title: &str, entries: &[(&str, &str)]) -> Roff {
    let mut page = Roff::new();
    page.control("SH", [title]);
    for (name, text) in entries {
        add_entry(&mut page, vec![bold(*name)], text);
    }
    page
}

fn add_entry(page: &mut Roff, head: Vec<Inline>, text: &str) {
    page.control("TP", []).text(head).text([roman(text)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_verb_every_option_and_every_exit_code() {
        fn walk(command: &Command, page: &str) {
            for argument in command.get_arguments() {
                if let Some(long) = argument.get_long() {
                    let written = format!("--{long}").replace('-', "\\-");
                    assert!(page.contains(&written), "{}: {written}", command.get_name());
                }
            }
            for verb in command.get_subcommands() {
                assert!(
                    page.contains(verb.get_name()) || page.contains(&verb.get_name().replace('-', "\\-"))
                );
                walk(verb, page);
            }
        }
        let page = page().unwrap();
        walk(&Cli::command(), &page);
        for (code, _) in EXIT_CODES {
            assert!(page.contains(&format!("\\fB{code}\\fR")), "{code}");
        }
        for section in ["NAME", "SYNOPSIS", "VERBS", "\"EXIT STATUS\"", "FILES", "ENVIRONMENT", "SIGNALS"] {
            assert!(page.contains(&format!(".SH {section}\n")), "{section}");
        }
    }
}
