//! The form of the papers: lines that can be read, links that lead somewhere, facts that stand in one place.

use std::collections::BTreeSet;

use super::papers::{Paper, papers, root};

/// The longest line outside tables, code and what is generated.
const CHARACTERS_MAX: usize = 140;

/// How many first cells two tables may share by chance.
const SHARED_MAX: usize = 2;

/// Folders whose files the papers name.
const FOLDERS: [&str; 10] = [
    "src/",
    "tests/",
    "docs/",
    "migrations/",
    "examples/",
    "monitoring/",
    "packaging/",
    "systemd/",
    ".ci/",
    "proptest-regressions/",
];

#[test]
fn no_line_of_a_paper_is_longer_than_a_reader_likes() {
    for paper in papers() {
        let mut is_generated = false;
        for (number, line) in paper.prose() {
            is_generated = (is_generated || line.starts_with("<!-- generated")) && line != "<!-- end -->";
            let is_free = is_generated || line.trim_start().starts_with('|');
            let length = line.chars().count();
            assert!(is_free || length <= CHARACTERS_MAX, "{}:{number}: {length} characters", paper.path);
        }
    }
}

#[test]
fn every_link_between_papers_leads_somewhere() {
    let mut followed = 0;
    for paper in papers() {
        for link in paper.links().iter().filter(|link| !link.starts_with("http")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = root().join(&paper.path).parent().unwrap().to_owned();
            let target = if file.is_empty() { root().join(&paper.path) } else { folder.join(file) };
            assert!(target.exists(), "{}: `{link}` leads nowhere", paper.path);
            if !anchor.is_empty() {
                let target = target.canonicalize().unwrap();
                let target = target.strip_prefix(root().canonicalize().unwrap()).unwrap();
                let anchors = Paper::read(target.to_str().unwrap()).anchors();
                assert!(anchors.contains(anchor), "{}: `{link}`: no such heading", paper.path);
            }
            followed += 1;
        }
    }
    assert!(followed > 60, "only {followed} links were found");
}

#[test]
fn every_paper_can_be_reached_from_the_readme() {
    let mut reached = BTreeSet::from(["README.md".to_owned()]);
    let mut open = vec!["README.md".to_owned()];
    while let Some(path) = open.pop() {
        let folder = root().join(&path).parent().unwrap().to_owned();
        for link in Paper::read(&path).links().iter().filter(|link| !link.starts_with("http")) {
            let file = link.split('#').next().unwrap();
            let Ok(target) = folder.join(file).canonicalize() else { continue };
            let target = target.strip_prefix(root().canonicalize().unwrap()).unwrap();
            let is_paper = target.extension().is_some_and(|extension| extension == "md");
            let target = target.to_str().unwrap().to_owned();
            if is_paper && reached.insert(target.clone()) {
                open.push(target);
            }
        }
    }
    let all: BTreeSet<String> = papers().into_iter().map(|paper| paper.path).collect();
    assert_eq!(reached, all);
}

#[test]
fn every_file_that_a_paper_names_is_there() {
    let mut found = 0;
    for paper in papers() {
        for code in paper.inline_code() {
            let is_path = FOLDERS.iter().any(|folder| code.starts_with(folder));
            if !is_path || code.contains(['*', ' ']) || code.contains("NAME") {
                continue;
            }
            assert!(root().join(&code).exists(), "{}: `{code}` is not there", paper.path);
            found += 1;
        }
    }
    assert!(found > 20, "only {found} files were named");
}

#[test]
fn no_table_of_facts_stands_in_two_papers() {
    let papers = papers();
    for (position, paper) in papers.iter().enumerate() {
        let others = papers[position + 1..].iter().filter(|other| is_chinese(other) == is_chinese(paper));
        for other in others {
            for table in paper.tables() {
                for twin in other.tables() {
                    let keys = first_cells(&table.rows);
                    let shared: Vec<String> = keys.intersection(&first_cells(&twin.rows)).cloned().collect();
                    assert!(
                        shared.len() <= SHARED_MAX,
                        "{} and {} both explain {shared:?}",
                        paper.path,
                        other.path
                    );
                }
            }
        }
    }
}

fn is_chinese(paper: &Paper) -> bool {
    paper.path.starts_with("docs/zh/")
}

fn first_cells(rows: &[Vec<String>]) -> BTreeSet<String> {
    rows.iter().map(|row| row[0].clone()).filter(|cell| !cell.is_empty()).collect()
}
