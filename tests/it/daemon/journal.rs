//! What systemd's journal gets with `log.format = "journald"`: the real binary sends, and the test stands where the
//! journal listens.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::UnixDatagram;
use tokio::process::Command;

use crate::daemon::process::sandbox;
use crate::support::databases::TestDatabase;
use crate::support::program::Program;

const ENTRY_LENGTH_MAX: usize = 256 * 1024;

/// The fields of one entry. Some come several times: the shop of an event, and of the span around it.
type Entry = BTreeMap<String, Vec<String>>;

/// Runs the program where the folder `run` is `/run`, which takes a mount of its own. `None`: this machine does not let
/// us have one, so that the test cannot be made here.
async fn output_where(run: &Path, program: &Program, words: &[&str]) -> Option<Output> {
    // As systemd names the stream behind stderr.
    let inside = "mount --bind \"$0\" /run && export JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) && exec \"$@\"";
    let wrap = |what: &std::process::Command| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", inside]).arg(run);
        command.arg(what.get_program()).args(what.get_args()).stdin(Stdio::null());
        command
    };
    if !wrap(&std::process::Command::new("true")).output().await.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: no mounts of our own here, so nothing can stand in for the journal");
        return None;
    }
    Some(wrap(program.command(words).as_std()).output().await.unwrap())
}

/// Reads the native protocol: `NAME=value`, or `NAME`, a length in eight bytes, and the value.
fn parse(mut entry: &[u8]) -> Entry {
    let mut fields = Entry::new();
    while let Some(end) = entry.iter().position(|byte| *byte == b'\n') {
        let (line, rest) = (&entry[..end], &entry[end + 1..]);
        let (name, value) = if let Some(equals) = line.iter().position(|byte| *byte == b'=') {
            entry = rest;
            (&line[..equals], &line[equals + 1..])
        } else {
            let length = usize::try_from(u64::from_le_bytes(rest[..8].try_into().unwrap())).unwrap();
            entry = &rest[8 + length + 1..];
            (line, &rest[8..8 + length])
        };
        let [name, value] = [name, value].map(|text| String::from_utf8(text.to_vec()).unwrap());
        fields.entry(name).or_default().push(value);
    }
    fields
}

fn received(journal: &UnixDatagram) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut entry = vec![0; ENTRY_LENGTH_MAX];
    while let Ok(length) = journal.try_recv(&mut entry) {
        // The first is the question whether anybody listens.
        if length > 0 {
            entries.push(parse(&entry[..length]));
        }
    }
    entries
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journal_gets_each_event_with_its_fields_and_stderr_nothing() {
    let (sandbox, database) = (sandbox(20).await, TestDatabase::sqlite().await);
    let program = Program::new(&sandbox, &database);
    program.authorise_all(&sandbox).await;
    let run = TempDir::new().unwrap();
    let folder = run.path().join("systemd/journal");
    std::fs::create_dir_all(&folder).unwrap();
    let journal = UnixDatagram::bind(folder.join("socket")).unwrap();
    // The queue of a socket is short: somebody has to read while the program writes.
    let (stop, mut stopped) = tokio::sync::oneshot::channel();
    let reading = tokio::spawn(async move {
        let mut entries = Vec::new();
        loop {
            let ended = tokio::time::timeout(Duration::from_millis(20), &mut stopped).await.is_ok();
            entries.extend(received(&journal));
            if ended {
                return entries;
            }
        }
    });

    for format in ["journald", "auto"] {
        let words = ["--log-format", format, "--log-level", "debug", "sync"];
        let Some(output) = output_where(run.path(), &program, &words).await else { return };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{format}");
    }
    stop.send(()).unwrap();
    let entries = reading.await.unwrap();

    let finished: Vec<&Entry> = entries
        .iter()
        .filter(|entry| entry.get("EVENT").is_some_and(|event| event == &["run.finished"]))
        .collect();
    assert!(finished.len() >= 4, "{entries:#?}");
    for entry in finished {
        assert_eq!(entry["PRIORITY"], ["6"]);
        assert_eq!(entry["SYSLOG_IDENTIFIER"], ["shopsync"]);
        for name in ["MESSAGE", "SHOP", "JOB", "RUN_ID", "RECORD", "ROWS_SEEN"] {
            assert!(entry.contains_key(name), "{name} in {entry:#?}");
        }
        assert!(["temu-shop", "xhs-shop"].contains(&entry["SHOP"][0].as_str()), "{entry:#?}");
    }
    assert!(entries.iter().any(|entry| entry["PRIORITY"] == ["7"]), "debug lines come too");
}

#[tokio::test]
async fn without_a_journal_the_log_is_text_and_says_why() {
    let (sandbox, database) = (sandbox(0).await, TestDatabase::sqlite().await);
    let program = Program::new(&sandbox, &database);
    let nowhere = TempDir::new().unwrap();
    let words = ["--log-format", "journald", "sync"];
    let Some(output) = output_where(nowhere.path(), &program, &words).await else { return };
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("<4>log format") && said.contains("writing text to stderr"), "{said}");
    assert!(said.contains("/run/systemd/journal/socket"), "{said}");
}

/// Its queue takes ten messages or so.
#[tokio::test]
async fn a_journal_that_hangs_stops_nothing() {
    let (sandbox, database) = (sandbox(20).await, TestDatabase::sqlite().await);
    let program = Program::new(&sandbox, &database);
    program.authorise_all(&sandbox).await;
    let run = TempDir::new().unwrap();
    let folder = run.path().join("systemd/journal");
    std::fs::create_dir_all(&folder).unwrap();
    let _journal = UnixDatagram::bind(folder.join("socket")).unwrap();
    let words = ["--log-format", "journald", "--log-level", "debug", "sync"];
    let output = tokio::time::timeout(Duration::from_mins(1), output_where(run.path(), &program, &words));
    let Some(output) = output.await.expect("the sync ends") else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
