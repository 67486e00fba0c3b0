//! The house rules that a compiler does not check: who may import whom, who may name a platform, how a file
//! begins and how long it gets.

use std::fs;
use std::path::Path;

use shopsync::platform::profiles;
use source::{Source, line_of};

mod circles;
mod snippets;
mod source;
mod spread;

/// What each module at the top of `src` may import besides itself. Whoever is not listed here may import
/// nothing at all, so that a new module has to be given its place.
const LAYERS: &[(&str, &[&str])] = &[
    ("atomic_file", &[]),
    ("clock", &[]),
    ("domain", &[]),
    ("error_text", &[]),
    ("language", &[]),
    ("meters", &["clock"]),
    ("terminal", &[]),
    ("telemetry", &["terminal"]),
    ("platform", &["clock", "domain", "meters"]),
    ("store", &["clock", "domain"]),
    ("auth", &["atomic_file", "clock", "domain", "error_text", "language", "platform", "store"]),
    ("sync", &["clock", "domain", "meters", "platform", "store", "auth"]),
    ("config", &["clock", "domain", "telemetry", "platform"]),
    // Speaks to people's own addresses, not to a shop platform.
    ("notify", &["clock", "domain", "platform", "config"]),
    ("app", &["clock", "domain", "telemetry", "platform", "store", "auth", "sync", "config"]),
    (
        "jobs",
        &[
            "clock",
            "domain",
            "error_text",
            "meters",
            "terminal",
            "platform",
            "store",
            "auth",
            "sync",
            "config",
            "notify",
            "app",
        ],
    ),
    // What verbs and web answers show alike.
    ("views", &["domain", "store", "auth", "app", "jobs"]),
    // The status page and what else is answered over HTTP.
    (
        "web",
        &[
            "clock",
            "domain",
            "error_text",
            "language",
            "meters",
            "terminal",
            "telemetry",
            "platform",
            "store",
            "auth",
            "sync",
            "config",
            "app",
            "jobs",
            "views",
        ],
    ),
    // Independent of the code it tests.
    ("sandbox", &["clock"]),
    // Knows what the errors of the layers below mean to a script.
    ("exit", &["language", "telemetry", "platform", "store", "auth", "sync", "config", "app", "jobs"]),
    // Of the sandbox only the list of its faults, for the help of its verb.
    ("cli", &["domain", "telemetry", "config", "sandbox"]),
    (
        "commands",
        &[
            "atomic_file",
            "clock",
            "domain",
            "error_text",
            "language",
            "meters",
            "terminal",
            "telemetry",
            "platform",
            "store",
            "auth",
            "sync",
            "config",
            "app",
            "jobs",
            "views",
            "web",
            "sandbox",
            "exit",
            "cli",
        ],
    ),
    ("program", &["error_text", "terminal", "telemetry", "config", "exit", "cli", "commands"]),
];

/// External crates that stay behind one door, and where the door is.
const DOORS: &[(&str, &[&str])] = &[
    ("sea_orm", &["src/store/"]),
    ("sqlx", &["src/store/"]),
    ("migrations", &["src/store/"]),
    ("backoff", &["src/platform/retry/"]),
    ("reqwest", &["src/platform/", "src/notify/"]),
    ("tokio_cron_scheduler", &["src/jobs/"]),
    ("anyhow", &["src/app.rs", "src/commands/", "src/exit.rs", "src/jobs/", "src/program.rs"]),
    ("clap", &["src/cli.rs", "src/cli/", "src/commands/", "src/program.rs"]),
    ("indicatif", &["src/commands/"]),
    ("comfy_table", &["src/commands/"]),
    ("qrcode", &["src/commands/"]),
    ("maud", &["src/web/"]),
    ("metrics", &["src/meters.rs", "src/meters/"]),
    ("metrics_exporter_prometheus", &["src/meters.rs", "src/meters/"]),
    ("hyper", &["src/web/"]),
    ("hyper_util", &["src/web/"]),
    ("sd_notify", &["src/jobs/"]),
    ("tracing_journald", &["src/telemetry.rs", "src/telemetry/"]),
    ("clap_mangen", &["src/commands/"]),
    ("schemars", &["src/config.rs", "src/config/"]),
    ("tempfile", &["src/atomic_file.rs", "src/commands/orders.rs"]),
];

/// The only files of the daemon that start tasks, each with its reason.
const SPAWNERS: &[(&str, &str)] = &[
    ("src/jobs/daemon/background.rs", "the table of all background tasks"),
    ("src/jobs/daemon.rs", "the run of a lane, and the dead man's switch of a slot: each ends with its slot"),
    ("src/jobs/scheduler/ticker.rs", "a slot of a job: it ends when the handler returns"),
    ("src/jobs/token_keeper.rs", "the actions for one shop's token: they end within a check or two"),
];

/// Words that do not reach the main branch.
const BANNED: &[&str] = &["#[ignore", "#[allow", "#![allow", "todo!", "unimplemented!", "dbg!"];

/// The longest a file gets without a reason.
const LINES_MAX: usize = 400;

/// Longer files, each with its reason.
const LONG: &[(&str, &str)] = &[];

#[test]
fn every_file_keeps_the_house_rules() {
    let files = rust_files();
    for expected in
        ["src/lib.rs", "src/jobs/scheduler/ticker.rs", "tests/it/house/tidy.rs", "migrations/src/lib.rs"]
    {
        assert!(files.iter().any(|(path, _)| path == expected), "{expected} was not looked at");
    }
    let findings: Vec<String> = files.iter().flat_map(|(path, text)| findings(path, text)).collect();
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

/// Modules whose files import each other in one direction only.
const WITHOUT_CIRCLES: [&str; 15] = [
    "app",
    "auth",
    "commands",
    "config",
    "domain",
    "jobs",
    "meters",
    "notify",
    "platform",
    "sandbox",
    "store",
    "sync",
    "telemetry",
    "views",
    "web",
];

#[test]
fn the_files_of_a_module_import_each_other_in_one_direction() {
    let files = rust_files();
    for module in WITHOUT_CIRCLES {
        let circle = circles::circle(&format!("src/{module}/"), &files);
        assert_eq!(circle, None, "these files of {module} import each other in a circle");
    }
}

#[test]
fn the_check_of_circles_finds_one() {
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let files = [
        file("src/auth/mod.rs", "pub mod a;"),
        file("src/auth/a.rs", "use super::b::{c::C, d};"),
        file("src/auth/b/c.rs", "use crate::auth::a::A;"),
    ];
    assert_eq!(
        circles::circle("src/auth/", &files),
        Some(vec!["auth::a".to_owned(), "auth::b::c".to_owned()])
    );
    assert_eq!(circles::circle("src/auth/", &files[..2]), None);
}

#[test]
fn every_exception_is_still_needed() {
    let files = rust_files();
    for (path, reason) in LONG {
        let long = files.iter().any(|(file, text)| file == path && text.lines().count() > LINES_MAX);
        assert!(long, "{path} is not long any more: {reason}");
    }
    for (path, reason) in SPAWNERS {
        let spawns =
            files.iter().any(|(file, text)| file == path && !starts_of_tasks(&Source::read(text)).is_empty());
        assert!(spawns, "{path} does not start tasks any more: {reason}");
    }
}

#[test]
fn every_file_of_tests_is_part_of_the_test_binary() {
    let main = fs::read_to_string(root().join("tests/it/main.rs")).unwrap();
    for (path, _) in rust_files() {
        let Some(name) = path.strip_prefix("tests/it/").and_then(|name| name.strip_suffix(".rs")) else {
            continue;
        };
        let top = name.split('/').next().unwrap();
        assert!(
            top == "main"
                || main.lines().any(|line| line.trim_start_matches("pub ") == format!("mod {top};")),
            "{path} is never compiled: tests/it/main.rs does not name it"
        );
    }
}

/// What is wrong with the file at `path`.
fn findings(path: &str, text: &str) -> Vec<String> {
    let source = Source::read(text);
    let mut found = Vec::new();
    if !text.lines().next().is_some_and(|line| line.starts_with("//! ")) {
        found.push(format!("{path}: does not open with `//!` and what it is for"));
    }
    let lines = text.lines().count();
    if lines > LINES_MAX && !LONG.iter().any(|(long, _)| *long == path) {
        found.push(format!("{path}: {lines} lines are more than {LINES_MAX}"));
    }
    for word in BANNED {
        for (position, _) in source.everything.match_indices(word) {
            found.push(format!("{path}:{}: `{word}`", line_of(text, position)));
        }
    }
    if path.starts_with("src/") && !is_test(path) {
        found.extend(wrong_imports(path, &source));
        found.extend(crates_beside_their_door(path, &source));
        found.extend(names_of_platforms(path, &source));
    }
    let is_daemon = path.starts_with("src/jobs/") || path == "src/commands/run.rs";
    if is_daemon && !SPAWNERS.iter().any(|(spawner, _)| *spawner == path) {
        for line in starts_of_tasks(&source) {
            found.push(format!(
                "{path}:{line}: starts a task beside the table in src/jobs/daemon/background.rs"
            ));
        }
    }
    found
}

/// The lines that start a task or a thread. A call without arguments starts a process of its own.
fn starts_of_tasks(source: &Source) -> Vec<usize> {
    let calls =
        source.bare.match_indices("spawn(").filter(|(at, _)| !source.bare[*at..].starts_with("spawn()"));
    calls.map(|(at, _)| line_of(&source.bare, at)).collect()
}

#[test]
fn a_task_is_found_however_it_is_started() {
    let text = "tokio::spawn(work);\nself.tracker\n    .spawn(work);\ncommand.spawn();\n// spawn(work)\nset.spawn(async {});\n";
    assert_eq!(starts_of_tasks(&Source::read(text)), [1, 3, 6]);
}

/// A file of tests beside the code it tests.
fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.ends_with("_tests.rs") || path.contains("/tests/")
}

fn wrong_imports(path: &str, source: &Source) -> Vec<String> {
    let module = module_of(path);
    // The crate's root names everything, and `main` is no part of it.
    let Some(own) = module.first() else {
        return Vec::new();
    };
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| name == own) else {
        return vec![format!("{path}: module `{own}` has no place in the layers of tests/it/house/tidy.rs")];
    };
    let mut found = Vec::new();
    for (line, target) in source.paths(&module) {
        let top = target[0].as_str();
        let is_module = LAYERS.iter().any(|(name, _)| *name == top);
        if is_module && top != *own && !allowed.contains(&top) {
            found.push(format!("{path}:{line}: `{own}` must not import `{top}`"));
        }
    }
    found
}

/// `src/a/b.rs` is `a::b`; `src/a/mod.rs` is `a`; `src/lib.rs` and `src/main.rs` are the root.
fn module_of(path: &str) -> Vec<&str> {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    let mut module: Vec<&str> = path.split('/').collect();
    if matches!(module.last(), Some(&("mod" | "lib" | "main"))) {
        module.pop();
    }
    module
}

fn crates_beside_their_door(path: &str, source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (name, doors) in DOORS {
        if doors.iter().any(|door| path.starts_with(door)) {
            continue;
        }
        for line in source.uses_of_crate(name) {
            found.push(format!("{path}:{line}: `{name}` is only for {}", doors.join(", ")));
        }
    }
    found
}

/// A platform's name in code or strings outside its own folder, its sandbox file and the table of built-in ones.
fn names_of_platforms(path: &str, source: &Source) -> Vec<String> {
    if path.starts_with("src/sandbox/") {
        return Vec::new();
    }
    let mut found = Vec::new();
    for profile in profiles() {
        let own_folder = path
            .strip_prefix("src/platform/")
            .and_then(|rest| rest.split_once('/'))
            .is_some_and(|(folder, _)| folder.contains(profile.name));
        if own_folder {
            continue;
        }
        for (number, line) in source.code.lines().enumerate() {
            let is_table = path == "src/platform/mod.rs"
                && (line.starts_with("pub mod ") || line.starts_with("static BUILT_IN"));
            if !is_table && names(line, profile.name) {
                let number = number + 1;
                found.push(format!("{path}:{number}: names the platform `{}`", profile.name));
            }
        }
    }
    found
}

/// Whether a line holds a platform's name, whatever the case; a name of digits only as a number of its own.
fn names(line: &str, platform: &str) -> bool {
    let line = line.to_lowercase();
    let is_number = platform.bytes().all(|byte| byte.is_ascii_digit());
    let mut hits = line.match_indices(platform);
    hits.any(|(at, _)| {
        let part_of_number =
            |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_digit() || *byte == b'_');
        let (head, tail) = (&line.as_bytes()[..at], &line.as_bytes()[at + platform.len()..]);
        !is_number || !(part_of_number(head.last()) || part_of_number(tail.first()))
    })
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of Rust of ours: its path from the root and its text.
pub(crate) fn rust_files() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for folder in ["src", "tests", "migrations/src"] {
        collect(&root().join(folder), &mut files);
    }
    files.sort_unstable();
    files
}

fn collect(folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
            files.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}
