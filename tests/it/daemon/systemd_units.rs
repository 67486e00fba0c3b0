//! The unit files fit the program. `.ci/run` checks that systemd accepts them.

use std::fs;
use std::path::Path;
use std::process::Command;

use shopsync::exit::Exit;

const UNITS: [&str; 2] = ["shopsync.service", "shopsync@.service"];

/// The values of a key, in the order of the file.
fn values(unit: &str, key: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(unit);
    let text = fs::read_to_string(path).unwrap();
    let values = text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    values.map(str::to_owned).collect()
}

fn value(unit: &str, key: &str) -> String {
    let values = values(unit, key);
    assert_eq!(values.len(), 1, "{key} of {unit}: {values:?}");
    values[0].clone()
}

#[test]
fn the_units_start_verbs_that_the_program_knows() {
    for unit in UNITS {
        let start = value(unit, "ExecStart");
        let words: Vec<&str> = start.split(' ').skip(1).collect();
        let output =
            Command::new(env!("CARGO_BIN_EXE_shopsync")).args(&words).arg("--help").output().unwrap();
        assert!(output.status.success(), "{start}");
        // Got as far as the config, which is not there.
        let output = Command::new(env!("CARGO_BIN_EXE_shopsync"))
            .args(words.iter().map(|word| word.replace("/etc/shopsync/", "/nowhere/")))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(Exit::BadConfig as i32), "{start}");
    }
}

#[test]
fn systemd_does_not_restart_after_errors_that_only_a_person_can_fix() {
    let codes = [Exit::Usage, Exit::BadConfig].map(|exit| (exit as i32).to_string());
    for unit in UNITS {
        assert_eq!(value(unit, "RestartPreventExitStatus"), codes.join(" "));
        assert_eq!(value(unit, "Restart"), "on-failure");
    }
}

#[test]
fn the_daemon_may_read_what_shows_that_another_daemon_is_dead() {
    // With ProcSubset=pid there is no /proc/sys, and the leases of a daemon that crashed are waited for.
    for unit in UNITS {
        assert!(values(unit, "ProcSubset").is_empty(), "{unit}");
    }
}

#[test]
fn both_units_have_the_same_hardening_and_timeouts() {
    let differing = [
        "ExecStart",
        "StateDirectory",
        "WorkingDirectory",
        "LoadCredential",
        "Description",
        "EnvironmentFile",
    ];
    let [one, many] = UNITS.map(|unit| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(unit);
        let text = fs::read_to_string(path).unwrap();
        let settings = text.lines().filter(|line| line.contains('=') && !line.starts_with('#'));
        let shared =
            settings.filter(|line| !differing.iter().any(|key| line.starts_with(&format!("{key}="))));
        shared.map(str::to_owned).collect::<Vec<_>>()
    });
    assert!(one.len() > 40, "{one:?}");
    assert_eq!(one, many);
}
