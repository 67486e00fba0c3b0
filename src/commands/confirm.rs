//! Questions before something that cannot be undone.

use std::io::{self, BufRead, IsTerminal};

use anyhow::Context;

use crate::exit::{Exit, Failure};

/// Goes on only if a person at the terminal types `word`. Where there is none, `--yes` must have been said.
pub(super) fn confirm(question: &str, word: &str, is_confirmed: bool) -> anyhow::Result<()> {
    if is_confirmed {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        let told = format!("{question} Nothing was changed; say --yes where nobody can be asked");
        return Err(Failure::new(Exit::Usage, told).into());
    }
    ask(&format!("{question} Type `{word}` to go on: "))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).context("reading the answer")?;
    if answer.trim() == word {
        return Ok(());
    }
    Err(Failure::new(Exit::BadInput, "not confirmed: nothing was changed").into())
}

#[expect(
    clippy::print_stderr,
    reason = "a question to a person at the terminal, not data and not a log line"
)]
fn ask(question: &str) -> anyhow::Result<()> {
    eprint!("{question}");
    io::Write::flush(&mut io::stderr()).context("asking")
}
