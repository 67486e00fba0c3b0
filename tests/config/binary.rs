//! The real binary: exit codes, and what it prints.

use std::time::Duration;

use super::{Place, SHOP, assert_tells};

#[test]
fn a_bad_config_ends_with_78_and_says_where() {
    let place = Place::new("[sync]\nhistroy = \"1d\"");
    let output = place.binary().args(["config", "show"]).output().unwrap();
    assert_eq!(output.status.code(), Some(78));
    let stderr = String::from_utf8(output.stderr).unwrap();
    let path = place.path("config.toml").display().to_string();
    assert_tells(&stderr, &["shopsync: ", &path, "`sync.histroy`", "did you mean `sync.history`?"]);
    assert!(output.stdout.is_empty());

    let output = place.binary().args(["--config", "other.toml", "config", "show"]).output().unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert_tells(&String::from_utf8(output.stderr).unwrap(), &["other.toml", "does not exist"]);
}

#[test]
fn the_file_is_named_or_found() {
    let place = Place::new("[sync]\nhistory = \"1d\"");
    std::fs::create_dir(place.path("etc")).unwrap();
    place.write("etc/other.toml", "[sync]\nhistory = \"2d\"");
    let history = |place: &Place, arguments: &[&str]| {
        let output = place.binary().args(arguments).args(["config", "show", "--json"]).output().unwrap();
        let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (shown["sync"]["history"].clone(), shown["tokens"]["directory"].clone())
    };
    let at = |name: &str| serde_json::Value::from(place.path(name).display().to_string());

    assert_eq!(history(&place, &[]), ("1d".into(), at("tokens")));
    assert_eq!(history(&place, &["--config", "etc/other.toml"]), ("2d".into(), at("etc/tokens")));

    let directory = at("etc/tokens");
    let place = place.set("SHOPSYNC_CONFIG", "etc/other.toml");
    assert_eq!(history(&place, &[]), ("2d".into(), directory));
}

#[test]
fn show_hides_secrets_and_can_be_read_again() {
    let place = Place::new(&format!("{SHOP}[database]\nurl = \"postgres://ann:pass-word@db/shop\""))
        .set("SHOPSYNC_SYNC__HISTORY", "9d")
        .set("SHOPSYNC_APPS__TEMU_US__PROXY", "http://u:proxy-word@10.0.0.1:3128");
    for arguments in [&["config", "show"][..], &["config", "show", "--json"], &["-vv", "config", "show"]] {
        let output = place.binary().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        let all = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        for secret in ["a-secret-nobody-sees", "pass-word", "proxy-word"] {
            assert!(!all.contains(secret), "{secret}");
        }
        assert_tells(&all, &["<hidden>", "postgres://ann:<hidden>@db/shop"]);
    }

    let output = place.binary().args(["config", "show"]).output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_tells(&shown, &["history = \"9d\"  # SHOPSYNC_SYNC__HISTORY", "app_key = \"00123\"  # file"]);
    let again = Place::new(&shown.replace(":<hidden>@10.0.0.1", "@10.0.0.1")).config();
    assert_eq!(again.sync.history, Duration::from_hours(9 * 24));
    assert_eq!(again.shops().len(), 1);
}

#[test]
fn migrate_makes_the_database_beside_the_config_file() {
    let place = Place::new("");
    let up = place.binary().args(["migrate", "up"]).output().unwrap();
    assert_eq!(up.status.code(), Some(0), "{}", String::from_utf8_lossy(&up.stderr));
    assert!(place.path("shopsync.db").exists());

    let status = place.binary().args(["migrate", "status", "--json"]).output().unwrap();
    let steps: Vec<serde_json::Value> = serde_json::from_slice(&status.stdout).unwrap();
    assert!(!steps.is_empty() && steps.iter().all(|step| step["applied"] == true));

    let place = Place::new("[database]\nurl = \"sqlite://no/such/folder/shop.db\"");
    let up = place.binary().args(["migrate", "up"]).output().unwrap();
    assert_eq!(up.status.code(), Some(78));
}

#[test]
fn completions_need_no_config() {
    let place = Place::new("this is no TOML");
    let output = place.binary().args(["completions", "bash"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_tells(&String::from_utf8(output.stdout).unwrap(), &["shopsync", "migrate"]);

    let output = place.binary().arg("synk").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// A key or a database that root made the daemon's user could not open.
#[test]
fn what_root_starts_goes_on_as_the_owner_of_the_database() {
    use std::os::unix::fs::{MetadataExt, chown};
    const NOBODY: u32 = 65_534;
    let place = Place::new("[database]\nurl = \"sqlite://own/shop.db\"");
    let own = place.path("own");
    std::fs::create_dir(&own).unwrap();
    // The folder of the build may be root's alone.
    let program = place.path("shopsync");
    std::fs::copy(env!("CARGO_BIN_EXE_shopsync"), &program).unwrap();
    let all = [place.folder.path().to_owned(), place.path("config.toml"), own.clone()];
    if all.iter().any(|path| chown(path, Some(NOBODY), Some(NOBODY)).is_err()) {
        eprintln!("skipped: only root can try this");
        return;
    }

    let mut root = std::process::Command::new(&program);
    root.env_clear().current_dir("/").arg("--config").arg(place.path("config.toml"));
    let output = root.args(["migrate", "up"]).output().unwrap();

    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let mut found = 0;
    for entry in std::fs::read_dir(&own).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().uid(), NOBODY, "{:?}", entry.file_name());
        found += 1;
    }
    assert!(found > 0, "no database was made");
}
