//! Import circles: which files of a folder import which, and whether a way leads back.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Source;

/// The circle, if there is one, as the files on it. `files`: path and text of each file below `folder`. The paths that
/// `use` declarations begin with `crate` or `super` count; a module's index file counts for nothing but its own code.
pub(super) fn circle(folder: &str, files: &[(String, String)]) -> Option<Vec<String>> {
    let modules: BTreeMap<String, Source> = files
        .iter()
        .filter(|(path, _)| path.starts_with(folder))
        .map(|(path, text)| (module_of(path), Source::read(text)))
        .collect();
    let top = module_of(&format!("{}/mod.rs", folder.trim_end_matches('/')));
    let edges: BTreeMap<&String, BTreeSet<String>> =
        modules.iter().map(|(module, source)| (module, imports(module, &top, source, &modules))).collect();
    modules.keys().find_map(|start| way_back(start, &edges))
}

fn module_of(path: &str) -> String {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    path.replace('/', "::")
}

fn imports(module: &str, top: &str, source: &Source, modules: &BTreeMap<String, Source>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for declaration in source.bare.split("use ").skip(1) {
        let declaration: String =
            declaration.split(';').next().unwrap_or_default().split_whitespace().collect();
        for path in expanded(&declaration) {
            let Some(path) = absolute(module, &path) else { continue };
            // The longest part of the path that is a file.
            let mut path = path.as_str();
            while !modules.contains_key(path) {
                match path.rsplit_once("::") {
                    Some((shorter, _)) => path = shorter,
                    None => break,
                }
            }
            // The top module only lists and re-exports.
            if modules.contains_key(path) && path != module && path != top {
                found.insert(path.to_owned());
            }
        }
    }
    found
}

/// Each path of a `use` declaration, without braces.
fn expanded(declaration: &str) -> Vec<String> {
    let Some((head, rest)) = declaration.split_once('{') else {
        return vec![declaration.to_owned()];
    };
    let inner = rest.strip_suffix('}').unwrap_or(rest);
    let (mut depth, mut start, mut paths) = (0_usize, 0, Vec::new());
    for (at, letter) in inner.char_indices().chain([(inner.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                paths.extend(expanded(&inner[start..at]).into_iter().map(|tail| format!("{head}{tail}")));
                start = at + 1;
            }
            _ => {}
        }
    }
    paths
}

fn absolute(module: &str, path: &str) -> Option<String> {
    if let Some(rest) = path.strip_prefix("crate::") {
        return Some(rest.to_owned());
    }
    let (mut base, mut rest) = (module, path);
    if !rest.starts_with("super::") {
        return None;
    }
    while let Some(tail) = rest.strip_prefix("super::") {
        base = base.rsplit_once("::").map_or("", |(parent, _)| parent);
        rest = tail;
    }
    Some(format!("{base}::{rest}"))
}

fn way_back(start: &String, edges: &BTreeMap<&String, BTreeSet<String>>) -> Option<Vec<String>> {
    let (mut queue, mut seen) = (vec![vec![start.clone()]], BTreeSet::new());
    while let Some(way) = queue.pop() {
        let last = way.last().expect("a way begins with a file");
        for next in edges.get(last).into_iter().flatten() {
            if next == start {
                return Some(way);
            }
            if seen.insert(next.clone()) {
                queue.push([way.clone(), vec![next.clone()]].concat());
            }
        }
    }
    None
}
