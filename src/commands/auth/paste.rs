//! Reads secrets from a person: by a hidden prompt, on standard input, or in a file. Never from the arguments.

use std::io::{IsTerminal, Read};
use std::path::Path;

use anyhow::Context;
use secrecy::SecretString;

use super::super::chinese::text_of;
use crate::auth::login::token_input;
use crate::config::BYTE_ORDER_MARK;
use crate::exit::{Exit, Failure};
use crate::language::{Text, text};
use crate::terminal;

/// Longest text taken from standard input or a file; tokens are far shorter.
const GIVEN_BYTES_MAX: u64 = 64 * 1024;

pub(super) fn prompt() -> anyhow::Result<SecretString> {
    if std::io::stdin().is_terminal() {
        let answer = rpassword::prompt_password("> ").context("reading the answer")?;
        return Ok(SecretString::from(answer));
    }
    read_given(Path::new("-"))
}

pub(in super::super) fn read_given(from: &Path) -> anyhow::Result<SecretString> {
    let mut text = String::new();
    if from == Path::new("-") {
        read_text(std::io::stdin(), &mut text)
            .map_err(|error| unreadable(&text!("standard input", "标准输入"), error))?;
    } else {
        std::fs::File::open(from)
            .and_then(|file| read_text(file, &mut text))
            .map_err(|error| unreadable(&Text::alike(from.display().to_string()), error))?;
    }
    Ok(SecretString::from(text))
}

/// One byte more than allowed is read, so that a longer text is refused and not cut.
fn read_text(from: impl Read, text: &mut String) -> std::io::Result<usize> {
    let count = from.take(GIVEN_BYTES_MAX + 1).read_to_string(text)?;
    // Editors of Windows begin a file with a mark that is no part of its text.
    if text.starts_with(BYTE_ORDER_MARK) {
        text.drain(..BYTE_ORDER_MARK.len_utf8());
    }
    Ok(count)
}

fn unreadable(place: &Text, error: std::io::Error) -> anyhow::Error {
    // Root works as the daemon's user, who may not read what is root's.
    let text = if error.kind() == std::io::ErrorKind::PermissionDenied {
        text!(
            "{place} cannot be read by the user this runs as; hand it over on standard input: `- < FILE`",
            "运行本程序的用户无法读取 {place}；请从标准输入给出：`- < FILE`"; place
        )
    } else {
        text!("{place} cannot be read", "无法读取 {place}"; place)
    };
    Failure::new(Exit::BadInput, text).because(error).into()
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` wants")]
pub(super) fn unusable(error: token_input::TokenInputError) -> anyhow::Error {
    Failure::new(Exit::BadInput, text_of(&error)).into()
}

/// Says something to the person at the terminal, in as many lines as it takes: neither data nor a log line.
pub(super) fn eprint_line(text: impl std::fmt::Display) {
    terminal::to_stderr(&format!("{}\n", terminal::lines(&text.to_string())));
}
