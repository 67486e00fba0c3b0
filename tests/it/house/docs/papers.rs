//! The papers of the project, taken apart: prose, fenced blocks, tables, headings and links.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;

/// One file of Markdown.
pub(crate) struct Paper {
    /// From the root of the project.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// What stands between two fences.
pub(crate) struct Block {
    /// Where it begins, for people: counted from 1.
    pub(crate) line: usize,
    pub(crate) language: String,
    pub(crate) text: String,
}

/// A table without its head and rule, cell by cell.
pub(crate) struct Table {
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// Every paper: those in the root and those below `docs/`.
pub(crate) fn papers() -> Vec<Paper> {
    let mut paths = Vec::new();
    collect(root(), false, &mut paths);
    collect(&root().join("docs"), true, &mut paths);
    paths.sort_unstable();
    paths.iter().map(|path| Paper::read(path)).collect()
}

fn collect(folder: &Path, is_deep: bool, paths: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if is_deep {
                collect(&path, true, paths);
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            paths.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
        }
    }
}

impl Paper {
    pub(crate) fn read(path: &str) -> Self {
        Self { path: path.to_owned(), text: read(path) }
    }

    /// The part below the heading `## {title}`, up to the next heading of that level.
    pub(crate) fn section(&self, title: &str) -> Self {
        let mut parts = self.text.split("\n## ");
        let found = parts.find(|part| part.starts_with(title));
        let text = found.unwrap_or_else(|| panic!("{} has no section `{title}`", self.path));
        Self { path: self.path.clone(), text: text.to_owned() }
    }

    /// The lines outside fences, with their numbers counted from 1.
    pub(crate) fn prose(&self) -> Vec<(usize, &str)> {
        let mut is_code = false;
        let mut prose = Vec::new();
        for (number, line) in self.text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                is_code = !is_code;
            } else if !is_code {
                prose.push((number + 1, line));
            }
        }
        assert!(!is_code, "{}: a fence is not closed", self.path);
        prose
    }

    /// The fenced blocks, in their order. A block in a list loses the indentation of its fence.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<Block> = None;
        let mut indent = 0;
        for (number, line) in self.text.lines().enumerate() {
            let Some(language) = line.trim_start().strip_prefix("```") else {
                if let Some(block) = &mut open {
                    block.text += line.get(indent..).unwrap_or_default();
                    block.text.push('\n');
                }
                continue;
            };
            if let Some(block) = open.take() {
                blocks.push(block);
            } else {
                indent = line.len() - line.trim_start().len();
                open = Some(Block {
                    line: number + 1,
                    language: language.trim().to_owned(),
                    text: String::new(),
                });
            }
        }
        blocks
    }

    pub(crate) fn blocks_of(&self, language: &str) -> Vec<Block> {
        self.blocks().into_iter().filter(|block| block.language == language).collect()
    }

    pub(crate) fn tables(&self) -> Vec<Table> {
        let mut tables: Vec<Table> = Vec::new();
        let mut previous = 0;
        for (number, line) in self.prose() {
            if !line.trim_start().starts_with('|') {
                continue;
            }
            let cells = cells(line);
            let is_rule = cells.iter().all(|cell| cell.trim_matches(['-', ':']).is_empty());
            if previous + 1 != number {
                tables.push(Table { head: cells, rows: Vec::new() });
            } else if !is_rule {
                tables.last_mut().unwrap().rows.push(cells);
            }
            previous = number;
        }
        tables
    }

    /// The rows of every table whose first column has this head.
    pub(crate) fn rows_of(&self, head: &str) -> Vec<Vec<String>> {
        let rows: Vec<Vec<String>> = self
            .tables()
            .into_iter()
            .filter(|table| table.head[0] == head)
            .flat_map(|table| table.rows)
            .collect();
        assert!(!rows.is_empty(), "{} has no table of `{head}`", self.path);
        rows
    }

    /// The text outside fences, with a blank in the place of each inline code.
    fn without_code(&self) -> String {
        let prose: Vec<&str> = self.prose().into_iter().map(|(_, line)| line).collect();
        Regex::new("`[^`]*`").unwrap().replace_all(&prose.join("\n"), " ").into_owned()
    }

    /// What stands between single backquotes outside fences.
    pub(crate) fn inline_code(&self) -> Vec<String> {
        let prose: Vec<&str> = self.prose().into_iter().map(|(_, line)| line).collect();
        let prose = prose.join("\n");
        let code = Regex::new("`([^`]*)`").unwrap();
        code.captures_iter(&prose).map(|found| found[1].replace('\n', " ")).collect()
    }

    /// Where its links and pictures lead.
    pub(crate) fn links(&self) -> Vec<String> {
        let link = Regex::new(r"\[[^\]]*\]\(([^)\s]+)\)").unwrap();
        link.captures_iter(&self.without_code()).map(|found| found[1].to_owned()).collect()
    }

    /// The anchors of its headings, as GitHub makes them.
    pub(crate) fn anchors(&self) -> BTreeSet<String> {
        self.prose()
            .into_iter()
            .filter(|(_, line)| line.starts_with('#'))
            .map(|(_, line)| slug(line.trim_start_matches('#').trim()))
            .collect()
    }
}

fn slug(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'))
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .collect()
}

/// `\|` within a cell is no border.
fn cells(row: &str) -> Vec<String> {
    let row = row.trim().replace("\\|", "\u{1}");
    let inner = row.strip_prefix('|').unwrap_or(&row);
    let inner = inner.strip_suffix('|').unwrap_or(inner);
    inner.split('|').map(|cell| cell.trim().replace('\u{1}', "|")).collect()
}

/// What stands between backquotes, word by word.
pub(crate) fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).flat_map(str::split_whitespace).map(str::to_owned).collect()
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
