//! Finds the calls of `shopsync` in a piece of shell, as far as the papers use the shell's language.

/// The arguments of each call, without the program's name.
pub(crate) fn calls(script: &str) -> Vec<Vec<String>> {
    let commands = script.lines().flat_map(commands);
    commands.filter_map(|command| arguments(&command)).collect()
}

/// What follows `shopsync`, also behind `sudo`, `systemd-run` and `cargo run --`. `None`: another program.
fn arguments(command: &[String]) -> Option<Vec<String>> {
    let (program, rest) = command.split_first()?;
    match program.as_str() {
        "shopsync" => Some(rest.to_vec()),
        "cargo" if rest.first().is_some_and(|word| word == "run") => {
            let own = rest.iter().position(|word| word == "--")?;
            Some(rest[own + 1..].to_vec())
        }
        "sudo" | "systemd-run" => {
            let mut rest = rest;
            while let Some(option) = rest.first().filter(|word| word.starts_with('-')) {
                let takes_value = ["-u", "-p"].contains(&option.as_str());
                rest = &rest[1 + usize::from(takes_value)..];
            }
            arguments(rest)
        }
        _ => None,
    }
}

/// The simple commands of a line, word by word. A substitution is a command of its own, and redirections are left out.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    // The commands that are open, the innermost last, each with the quote in which it began.
    let mut open = vec![(Vec::new(), None)];
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(mark), _) if letter == mark => quote = None,
            (Some('\''), _) => word.get_or_insert_default().push(letter),
            (_, '$') if letters.next_if_eq(&'(').is_some() => {
                end_word(&mut open, &mut word);
                open.push((Vec::new(), quote.take()));
            }
            (None, '\'' | '"') => {
                word.get_or_insert_default();
                quote = Some(letter);
            }
            (None, '#') if word.is_none() => break,
            (None, ')') if open.len() > 1 => {
                end_word(&mut open, &mut word);
                let (command, outer) = open.pop().unwrap();
                found.push(command);
                quote = outer;
            }
            (None, '|' | '&' | ';' | '(' | ')') => {
                end_word(&mut open, &mut word);
                found.push(std::mem::take(&mut open.last_mut().unwrap().0));
            }
            (None, ' ') => end_word(&mut open, &mut word),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    end_word(&mut open, &mut word);
    found.extend(open.into_iter().map(|(command, _)| command));
    found.into_iter().map(without_redirections).filter(|command| !command.is_empty()).collect()
}

fn end_word(open: &mut [(Vec<String>, Option<char>)], word: &mut Option<String>) {
    if let Some(word) = word.take() {
        open.last_mut().unwrap().0.push(word);
    }
}

fn without_redirections(command: Vec<String>) -> Vec<String> {
    let mut words = command.into_iter();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        if ["<", ">", ">>"].contains(&word.as_str()) {
            words.next();
        } else {
            kept.push(word);
        }
    }
    kept
}

#[test]
fn calls_are_found_wherever_the_shell_allows_them() {
    for (line, expected) in [
        ("shopsync sync --shop 'a b'   # a remark", vec!["sync --shop a b"]),
        ("shopsync man | man -l - && shopsync check", vec!["man", "check"]),
        ("sudo -u shopsync shopsync auth status", vec!["auth status"]),
        ("systemd-run --pipe -p User=shopsync shopsync check < file", vec!["check"]),
        ("curl -H \"Bearer $(shopsync auth token x)\" https://example.com", vec!["auth token x"]),
        ("cargo run -- demo --once", vec!["demo --once"]),
        ("systemctl enable --now shopsync", vec![]),
        ("sudo -u postgres createuser --pwprompt shopsync", vec![]),
    ] {
        let found: Vec<String> = calls(line).iter().map(|call| call.join(" ")).collect();
        assert_eq!(found, expected, "{line}");
    }
}
