//! Questions before something that cannot be undone.

use std::io::{self, BufRead, IsTerminal};

use anyhow::Context;

use crate::exit::{Exit, Failure};
use crate::language::{Text, text};
use crate::terminal;

/// Goes on only if a person at the terminal types `word`. Where there is none, `--yes` must have been said.
pub(super) fn confirm(question: &Text, word: &str, is_confirmed: bool) -> anyhow::Result<()> {
    if is_confirmed {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        let message = text!(
            "{question} Nothing was changed; use --yes where no one can answer",
            "{question}没有任何改动；在无法回答的地方请加上 --yes"; question
        );
        return Err(Failure::new(Exit::Usage, message).into());
    }
    let asked = text!("{question} Type `{word}` to go on: ", "{question}输入 `{word}` 继续："; question);
    terminal::to_stderr(&terminal::one_line(&asked.to_string()));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).context("reading the answer")?;
    if answer.trim() == word {
        return Ok(());
    }
    let text = text!("not confirmed: nothing was changed", "未确认：没有任何改动");
    Err(Failure::new(Exit::BadInput, text).into())
}
