//! What a person hands over: by a hidden prompt, on standard input, or in a file. Never in the words of a command.

use std::io::{IsTerminal, Read};
use std::path::Path;

use anyhow::Context;
use secrecy::SecretString;

use crate::auth::given;
use crate::exit::{Exit, Failure};

/// Longest text taken from standard input or a file; tokens are far shorter.
const GIVEN_BYTES_MAX: u64 = 64 * 1024;

pub(super) fn prompt() -> anyhow::Result<SecretString> {
    if std::io::stdin().is_terminal() {
        let answer = rpassword::prompt_password("> ").context("reading the answer")?;
        return Ok(SecretString::from(answer));
    }
    read_given(Path::new("-"))
}

pub(super) fn read_given(from: &Path) -> anyhow::Result<SecretString> {
    let mut text = String::new();
    if from == Path::new("-") {
        read_text(std::io::stdin(), &mut text).map_err(|error| unreadable("standard input", error))?;
    } else {
        std::fs::File::open(from)
            .and_then(|file| read_text(file, &mut text))
            .map_err(|error| unreadable(&from.display().to_string(), error))?;
    }
    Ok(SecretString::from(text))
}

/// One byte more than allowed is read, so that a longer text is refused and not cut.
fn read_text(from: impl Read, text: &mut String) -> std::io::Result<usize> {
    from.take(GIVEN_BYTES_MAX + 1).read_to_string(text)
}

fn unreadable(place: &str, error: std::io::Error) -> anyhow::Error {
    Failure::new(Exit::BadInput, format!("{place} cannot be read")).because(error).into()
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` wants")]
pub(super) fn unusable(error: given::GivenError) -> anyhow::Error {
    Failure::new(Exit::BadInput, error.to_string()).into()
}

#[expect(
    clippy::print_stderr,
    reason = "a question to a person at the terminal, not data and not a log line"
)]
pub(super) fn eprint_line(text: &str) {
    eprintln!("{text}");
}
