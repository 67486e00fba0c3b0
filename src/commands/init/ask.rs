//! Questions and answers, one line each. The secret is not shown while it is typed, and never stands in the arguments
//! of a command.

use std::io::{self, BufRead, IsTerminal};

use anyhow::Context;
use secrecy::SecretString;

use crate::exit::{Exit, Failure};
use crate::language::{Text, text};
use crate::terminal;

/// Who misses so often wants to look something up first.
const TRIES_MAX: usize = 3;
/// Longer than any answer.
const ANSWER_BYTES_MAX: u64 = 4 * 1024;

/// Requests what `flag` would have said. `check` makes the answer a value, or says what is wrong with it.
pub(super) fn ask<T>(
    question: &Text,
    flag: &str,
    check: impl Fn(&str) -> Result<T, Text>,
) -> anyhow::Result<T> {
    for _ in 0..TRIES_MAX {
        show(&format!("{question}: "));
        let Some(answer) = read_line()? else {
            return Err(unanswered(question, flag));
        };
        match check(answer.trim()) {
            Ok(value) => return Ok(value),
            Err(wrong) => show(&format!("  {wrong}\n")),
        }
    }
    let text = text!(
        "no usable answer for `{flag}`; nothing was written",
        "`{flag}` 没有得到可用的回答，未写入任何文件"
    );
    Err(Failure::new(Exit::BadInput, text).into())
}

/// Requests a secret: hidden on a terminal, a line like the others elsewhere.
pub(super) fn ask_secret(question: &Text, flag: &str) -> anyhow::Result<SecretString> {
    if !io::stdin().is_terminal() {
        return ask(question, flag, |answer| match answer {
            "" => Err(text!("it is empty", "内容为空")),
            answer => Ok(SecretString::from(answer)),
        });
    }
    show(&format!("{question}: "));
    let answer = rpassword::read_password().context("reading the answer")?;
    if answer.trim().is_empty() {
        return Err(unanswered(question, flag));
    }
    Ok(SecretString::from(answer.trim()))
}

/// No one answers: standard input is at its end.
pub(super) fn unanswered(question: &Text, flag: &str) -> anyhow::Error {
    let text = text!(
        "no answer ({question}); give it with `{flag}`. Nothing was written",
        "没有得到回答（{question}），请用 `{flag}` 指定。未写入任何文件"; question
    );
    Failure::new(Exit::Usage, text).into()
}

fn read_line() -> anyhow::Result<Option<String>> {
    let mut line = String::new();
    let mut stdin = io::Read::take(io::stdin().lock(), ANSWER_BYTES_MAX);
    let count = stdin.read_line(&mut line).context("reading the answer")?;
    Ok((count > 0).then_some(line))
}

/// A question to a person, neither data nor a log line.
fn show(text: &str) {
    terminal::to_stderr(&terminal::lines(text));
}
