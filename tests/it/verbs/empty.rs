//! What verbs do where there is nothing yet, and with what is not there: they say so, and make nothing.

use std::path::Path;
use std::process::{Command, Output};

use shopsync::clock::Clock;
use shopsync::store::Store;
use shopsync::store::db::owner::Owner;

use crate::support::databases::{TestDatabase, both_databases};
use crate::support::program::Program;
use crate::support::small_sandbox::small_sandbox;

const READERS: [&[&str]; 7] = [
    &["status"],
    &["runs"],
    &["orders"],
    &["plan"],
    &["auth", "status"],
    &["migrate", "status"],
    &["quarantine", "list"],
];

fn run_in(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shopsync"));
    command.args(words).current_dir(folder).env("LC_ALL", "C").env_remove("SHOPSYNC_CONFIG");
    command.output().unwrap()
}

fn names_in(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn without_any_config_every_verb_says_so_and_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let others: [&[&str]; 4] = [&["sync"], &["verify"], &["check"], &["run"]];
    for words in READERS.into_iter().chain(others) {
        let output = run_in(folder.path(), words);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(78), "{words:?}: {said}");
        assert!(said.contains("shopsync init"), "{words:?}: {said}");
        assert_eq!(names_in(folder.path()), Vec::<String>::new(), "{words:?}");
    }
}

#[test]
fn a_verb_that_reads_makes_no_database_and_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[apps.a]\nplatform = \"temu\"\nzone = \"us\"\napp_key = \"k\"\napp_secret = \"s\"\n[shops.acme]\napp = \"a\"\n";
    std::fs::write(folder.path().join("config.toml"), config).unwrap();
    for words in READERS.into_iter().chain([&["check"] as &[&str]]) {
        let output = run_in(folder.path(), words);
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(0), "{words:?}: {said}");
        assert!(said.contains("is not there yet"), "{words:?}: {said}");
        assert_eq!(names_in(folder.path()), ["config.toml"], "{words:?}");
    }
    assert_eq!(run_in(folder.path(), &["verify"]).status.code(), Some(77));
    assert_eq!(names_in(folder.path()), ["config.toml"]);
}

#[test]
fn help_and_version_are_words_too() {
    let folder = tempfile::tempdir().unwrap();
    for (words, expected) in [
        (&["version"] as &[&str], concat!("shopsync ", env!("CARGO_PKG_VERSION"))),
        (&["help"], "Usage: shopsync"),
        (&["help", "sync"], "Usage: shopsync sync"),
    ] {
        let output = run_in(folder.path(), words);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains(expected), "{words:?}: {said}");
    }
}

#[test]
fn a_shell_offers_files_for_files_and_not_for_shops() {
    let folder = tempfile::tempdir().unwrap();
    let output = run_in(folder.path(), &["completions", "bash"]);
    let script = String::from_utf8(output.stdout).unwrap();
    let after = |option: &str| {
        let case = format!("{option})\n");
        let mut found = script.split(&case).skip(1).map(|rest| rest.lines().next().unwrap().trim());
        found.next().unwrap_or_default().to_owned()
    };
    assert!(!after("--shop").contains("compgen -f"), "{}", after("--shop"));
    assert!(script.contains("compgen -f"));
}

both_databases! {
    async fn an_order_that_is_not_there_is_bad_input_and_no_failure_of_the_shop(database: TestDatabase) {
        let sandbox = small_sandbox().await;
        let program = Program::new(&sandbox, &database);
        program.authorise_all(&sandbox).await;
        program.finish(&["sync"]).await;

        for shop in ["temu-shop", "xhs-shop"] {
            let said = program.fail(&["fetch", shop, "nosuch"], 65).await;
            assert!(!said.contains("ERROR"), "{said}");
        }

        assert_eq!(program.json(&["runs", "--failed", "--json"]).await.as_array().unwrap().len(), 0);
        for line in program.json(&["status", "--json"]).await.as_array().unwrap() {
            assert_eq!(line["last_run"]["outcome"], "ok", "{line}");
        }
    }

    async fn a_shop_that_the_running_daemon_does_not_know_is_named(database: TestDatabase) {
        let sandbox = small_sandbox().await;
        let program = Program::new(&sandbox, &database);
        program.authorise_all(&sandbox).await;
        let hint = "the running daemon does not know this shop";
        assert!(!program.finish(&["status"]).await.contains(hint), "no daemon runs");
        let daemon = Owner::from("elsewhere:1:2:3".to_owned());
        // By the clock that the program goes by.
        let store = Store::connect(&database.settings, Clock::system()).await.unwrap();

        store.daemons().works(&daemon, &["temu-shop".to_owned()]).await.unwrap();

        let status = program.finish(&["status"]).await;
        assert!(status.contains(&format!("xhs-shop: {hint}")), "{status}");
        assert!(!status.contains(&format!("temu-shop: {hint}")), "{status}");
        assert!(program.finish(&["check", "--json"]).await.contains(&format!("xhs-shop: {hint}")));
        store.daemons().ends(&daemon).await.unwrap();
        assert!(!program.finish(&["status"]).await.contains(hint));
    }
}
