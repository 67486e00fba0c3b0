//! What platforms and buyers write reaches no terminal as it is, whichever verb shows it.

use std::fs::OpenOptions;
use std::process::Stdio;

use crate::support::databases::TestDatabase;
use crate::support::program::Program;
use crate::support::small_sandbox::small_sandbox;

/// Clears a screen, forges a line, turns the reading direction, begins a sequence of one byte.
const HOSTILE: &str = "\u{1b}[2J\nshopsync: all is well\r\u{202e}\u{2066}\u{9b}31m\u{200f}\u{7}";

/// Columns whose text comes from outside. Keys too: an order number is a platform's word.
const COLUMNS: [(&str, &[&str]); 7] = [
    ("orders", &["number", "platform_status", "currency", "country", "buyer_note", "seller_note", "carrier"]),
    ("order_items", &["order_number", "name", "spec"]),
    ("order_events", &["number", "platform_status"]),
    ("job_runs", &["error"]),
    ("quarantine", &["number", "reason", "raw"]),
    ("shops", &["account_name", "paused_reason"]),
    ("credentials", &["last_error"]),
];

fn is_harmful(character: char) -> bool {
    (character.is_control() && character != '\n')
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}')
}

/// A database in which every text from outside is hostile, and the number of an order.
async fn hostile(program: &Program, database: &TestDatabase) -> String {
    program.finish(&["sync"]).await;
    database
        .execute(
            "INSERT INTO quarantine (shop, record, number, reason, raw, attempts, first_seen_at, last_seen_at)
             SELECT shop, 'orders', 'aside', 'reason', '{}', 1, first_seen_at, first_seen_at FROM orders LIMIT 1",
        )
        .await;
    let quoted = format!("'{}'", HOSTILE.replace('\'', "''"));
    for (table, columns) in COLUMNS {
        for column in columns {
            database
                .execute(&format!("UPDATE {table} SET {column} = COALESCE({column}, '') || {quoted}"))
                .await;
        }
    }
    database.execute("UPDATE credentials SET last_error_class = 'throttled'").await;
    let number = "SELECT number FROM orders WHERE shop = 'temu-shop' ORDER BY number LIMIT 1";
    database.query(number).await[0].try_get_by_index(0).unwrap()
}

#[tokio::test]
async fn no_verb_sends_a_terminal_what_a_platform_wrote() {
    let (sandbox, database) = (small_sandbox().await, TestDatabase::sqlite().await);
    let program = Program::new(&sandbox, &database);
    program.authorise_all(&sandbox).await;
    let number = hostile(&program, &database).await;
    assert!(number.contains('\u{1b}'), "the number is not hostile");

    let verbs: [&[&str]; 12] = [
        &["orders", "-n", "100"],
        &["orders", "--csv", "-"],
        &["status"],
        &["runs", "-n", "50"],
        &["explain", "temu-shop", &number],
        &["fetch", "temu-shop", &number],
        &["quarantine", "list"],
        &["quarantine", "retry"],
        &["auth", "status"],
        &["check"],
        &["cursor", "get"],
        &["sync", "--shop", "temu-shop"],
    ];
    let mut shown = 0;
    for words in verbs {
        let output = program.output(words).await;
        for (stream, text) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            let text = String::from_utf8_lossy(text);
            let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
            let found = text.chars().find(|character| is_harmful(*character));
            assert_eq!(found, None, "{words:?} on {stream}: {text:?}");
            let is_csv = words.contains(&"--csv");
            let is_forged = text.lines().any(|line| line.starts_with("shopsync: all is well"));
            assert!(is_csv || !is_forged, "{words:?} forged a line: {text:?}");
            shown += text.matches("\\u{1b}[2J").count();
        }
    }
    assert!(shown > 100, "the hostile text was hardly shown: {shown}");

    let exact = program.json(&["orders", "--json", "-n", "100"]).await;
    let numbers: Vec<&str> =
        exact.as_array().unwrap().iter().filter_map(|order| order["number"].as_str()).collect();
    assert!(numbers.contains(&&*number), "JSON is exact");
}

#[tokio::test]
async fn a_full_output_is_unavailable_and_a_closed_one_nobodys_fault() {
    let (sandbox, database) = (small_sandbox().await, TestDatabase::sqlite().await);
    let program = Program::new(&sandbox, &database);
    for words in [
        &["status"][..],
        &["status", "--json"],
        &["config", "show"],
        &["completions", "bash"],
        &["man"],
        &["check", "--offline"],
        &["--help"],
    ] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let child = program.command(words).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
        let output = child.wait_with_output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(69), "{words:?}: {said}");
        assert!(said.contains("cannot be written to standard output"), "{words:?}: {said}");
    }
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let deaf = program.command(&["status", "--nonsense"]).stderr(full).status().await.unwrap();
    assert_eq!(deaf.code(), Some(2), "an error that nobody can read keeps its code");
}
