//! Rust text with comments, strings and test modules blanked out, so that rules look at code alone.
//!
//! Not a parser: it knows where comments, literals and `#[cfg(test)]` items end, and what paths begin with
//! `crate` or `super`. Lines keep their numbers.

/// The views of one file.
pub(super) struct Source {
    /// Without comments and strings.
    pub(super) everything: String,
    /// Without comments and test modules; strings stay.
    pub(super) code: String,
    /// Without comments, strings and test modules.
    pub(super) bare: String,
}

impl Source {
    pub(super) fn read(text: &str) -> Self {
        let (without_comments, everything) = blank_comments_and_strings(text);
        let tests = test_items(&everything);
        Self { code: blank(&without_comments, &tests), bare: blank(&everything, &tests), everything }
    }

    /// Each path that begins with `crate` or `super`, resolved from the module at `module`, with its line: its
    /// first two parts below the crate, or one where there is no second.
    pub(super) fn paths(&self, module: &[&str]) -> Vec<(usize, Vec<String>)> {
        let mut paths = Vec::new();
        for (position, word) in words(&self.bare) {
            let rest = &self.bare[position + word.len()..];
            if before(&self.bare, position) == "::" {
                continue;
            }
            let (base, rest): (&[&str], &str) = match word {
                "crate" => (&[], rest),
                "super" => {
                    let (more, rest) = supers(rest);
                    let Some(depth) = module.len().checked_sub(1 + more) else {
                        continue;
                    };
                    (&module[..depth], rest)
                }
                _ => continue,
            };
            for tail in tails(rest) {
                let base = base.iter().map(ToString::to_string);
                paths.push((line_of(&self.bare, position), base.chain(tail).take(2).collect()));
            }
        }
        paths
    }

    /// The lines that use the external crate `name`, by path or by import.
    pub(super) fn uses_of_crate(&self, name: &str) -> Vec<usize> {
        words(&self.bare)
            .filter(|(position, word)| {
                let rest = self.bare[position + word.len()..].trim_start();
                let imported = before(&self.bare, *position).ends_with("use");
                *word == name && before(&self.bare, *position) != "::" && (rest.starts_with("::") || imported)
            })
            .map(|(position, _)| line_of(&self.bare, position))
            .collect()
    }
}

/// The line of a byte, from 1.
pub(super) fn line_of(text: &str, position: usize) -> usize {
    text[..position].matches('\n').count() + 1
}

/// Comments blanked; comments and strings blanked. Both as long as `text`.
fn blank_comments_and_strings(text: &str) -> (String, String) {
    let bytes = text.as_bytes();
    let (mut comments, mut strings) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let length = if rest.starts_with("//") {
            let length = rest.find('\n').unwrap_or(rest.len());
            comments.push((at, at + length));
            length
        } else if rest.starts_with("/*") {
            let length = block_comment(rest);
            comments.push((at, at + length));
            length
        } else if rest.starts_with('"') {
            let length = string(rest, raw_hashes(&text[..at]));
            strings.push((at + 1, (at + length).saturating_sub(1).max(at + 1)));
            length
        } else if rest.starts_with('\'') {
            let length = character(rest);
            if length > 1 {
                strings.push((at + 1, at + length - 1));
            }
            length
        } else {
            rest.chars().next().map_or(1, char::len_utf8)
        };
        at += length.max(1);
    }
    let without_comments = blank(text, &comments);
    let without_both = blank(&without_comments, &strings);
    (without_comments, without_both)
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// How many hashes a raw string that begins after `text` has. `None`: it is not raw.
fn raw_hashes(text: &str) -> Option<usize> {
    let without_hashes = text.trim_end_matches('#');
    let before_r = without_hashes.strip_suffix('r')?;
    let prefix = before_r.trim_end_matches(['b', 'c']);
    let is_literal = !prefix.ends_with(|last: char| last.is_alphanumeric() || last == '_');
    is_literal.then_some(text.len() - without_hashes.len())
}

fn string(rest: &str, raw_hashes: Option<usize>) -> usize {
    if let Some(hashes) = raw_hashes {
        let end = format!("\"{}", "#".repeat(hashes));
        return rest[1..].find(&end).map_or(rest.len(), |at| 1 + at + end.len());
    }
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a character literal, or 1 for the quote of a lifetime.
fn character(rest: &str) -> usize {
    let mut characters = rest.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => rest[3.min(rest.len())..].find('\'').map_or(1, |at| 3 + at + 1),
        Some(_) => match characters.next() {
            Some((at, '\'')) => at + 1,
            _ => 1,
        },
        None => 1,
    }
}

/// Where the items marked `#[cfg(test)]` stand.
fn test_items(bare: &str) -> Vec<(usize, usize)> {
    bare.match_indices("#[cfg(test)]")
        .map(|(start, _)| {
            let opening = bare[start..].find(['{', ';']).map_or(bare.len(), |at| start + at);
            let mut depth = 0_usize;
            for (at, byte) in bare.bytes().enumerate().skip(opening) {
                match byte {
                    b'{' => depth += 1,
                    b'}' => depth -= 1,
                    _ => {}
                }
                if depth == 0 {
                    return (start, at + 1);
                }
            }
            (start, bare.len())
        })
        .collect()
}

/// `text` with spaces in place of everything in `ranges` but the ends of lines.
fn blank(text: &str, ranges: &[(usize, usize)]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for (from, until) in ranges {
        for byte in &mut bytes[*from..*until] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    }
    String::from_utf8(bytes).expect("whole characters are replaced by spaces")
}

/// The words of a text, with the byte each begins at.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let parts_words = |letter: char| !letter.is_alphanumeric() && letter != '_';
    let mut position = 0;
    text.split_inclusive(parts_words)
        .map(move |piece| {
            let start = position;
            position += piece.len();
            (start, piece.trim_end_matches(parts_words))
        })
        .filter(|(_, word)| !word.is_empty())
}

/// What stands before a word: `::`, another word, or nothing of interest.
fn before(text: &str, position: usize) -> &str {
    let text = text[..position].trim_end();
    if text.ends_with("::") {
        return "::";
    }
    text.rsplit(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default()
}

/// How many further `super`s follow, and what comes after them.
fn supers(mut rest: &str) -> (usize, &str) {
    let mut count = 0;
    while let Some(after) = rest.trim_start().strip_prefix("::") {
        match after.trim_start().strip_prefix("super") {
            Some(after) => (count, rest) = (count + 1, after),
            None => break,
        }
    }
    (count, rest)
}

/// The next words of a path after its `::`, one list for each branch of a group.
fn tails(rest: &str) -> Vec<Vec<String>> {
    let Some(rest) = rest.trim_start().strip_prefix("::") else {
        return Vec::new();
    };
    let rest = rest.trim_start();
    if let Some(group) = rest.strip_prefix('{') {
        return branches(group).into_iter().flat_map(|branch| tails(&format!("::{branch}"))).collect();
    }
    let word: String = rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    if word.is_empty() {
        return Vec::new();
    }
    let below = tails(&rest[word.len()..]);
    if below.is_empty() {
        return vec![vec![word]];
    }
    below.into_iter().map(|tail| std::iter::once(word.clone()).chain(tail).collect()).collect()
}

/// The parts of a group, parted by its own commas.
fn branches(group: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0_usize);
    for letter in group.chars() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            _ => {}
        }
        match parts.last_mut() {
            Some(part) if letter != ',' || depth > 0 => part.push(letter),
            _ => parts.push(String::new()),
        }
    }
    parts
}

#[test]
fn comments_strings_and_test_modules_are_not_code() {
    let text = r##"
        let link = "https://a/*b*/"; // crate::one
        /* crate::two /* nested */ crate::three */
        let quote = '"'; let raw = r#"crate::four " "#; let life: &'a str = "\" crate::five";
        let escaped = '\''; let tick = '\u{27}';
        #[cfg(test)]
        mod tests { use crate::six; fn brace() -> &'static str { "}" } }
        use crate::seven;
        #[cfg(test)]
        mod more;
    "##;
    let source = Source::read(text);
    assert_eq!(source.paths(&[]), [(8, vec!["seven".to_owned()])]);
    assert!(source.code.contains("https://a/*b*/") && !source.bare.contains("https"));
    assert!(source.everything.contains("crate::six") && !source.everything.contains("five"));
    assert_eq!(source.bare.lines().count(), text.lines().count());
}

#[test]
fn paths_are_resolved_from_where_they_stand() {
    for (module, text, expected) in [
        (
            &["sync", "orders"][..],
            "use crate::store::{orders, leases::Lease};",
            &["store::orders", "store::leases"][..],
        ),
        (
            &["sync", "orders"],
            "use crate::{clock::Clock, domain::{money, window}};",
            &["clock::Clock", "domain::money", "domain::window"],
        ),
        (&["sync", "orders"], "super::super::jobs::slots::next()", &["jobs::slots"]),
        (&["sync", "orders"], "use super::windows;", &["sync::windows"]),
        (&["app"], "use super::store;", &["store"]),
        (&["platform", "one", "wire"], "use super::super::two::sign;", &["platform::two"]),
        (&["app"], "pub(crate) fn f() { $crate::x::y!() }", &["x::y"]),
        (&["app"], "other::crate_name::x; superb::y", &[]),
    ] {
        let found: Vec<String> =
            Source::read(text).paths(module).into_iter().map(|(_, path)| path.join("::")).collect();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn a_crate_is_used_by_path_or_by_import() {
    for (text, expected) in [
        ("use backoff::ExponentialBackoff;", 1),
        ("use backoff;", 1),
        ("let b = backoff::future::retry(x);", 1),
        ("use crate::backoff::x; self.backoff; let backoff = 3; backoff_min::y", 0),
    ] {
        assert_eq!(Source::read(text).uses_of_crate("backoff").len(), expected, "{text}");
    }
}
