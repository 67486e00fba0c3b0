//! `init`: what it writes loads, is private, and never costs anybody what was there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use assert_cmd::Command;
use secrecy::ExposeSecret;
use shopsync::clock::Clock;
use shopsync::config::{Config, LoadOptions};
use tempfile::TempDir;

use super::{SHOP, assert_tells};

const SECRET: &str = "a-secret-nobody-sees";

fn empty() -> TempDir {
    TempDir::new().unwrap()
}

fn init(folder: &TempDir, words: &[&str], stdin: &str) -> std::process::Output {
    let mut command = Command::cargo_bin("shopsync").unwrap();
    command.env_clear().current_dir(folder.path()).arg("init").args(words);
    command.write_stdin(stdin).output().unwrap()
}

fn done(folder: &TempDir, words: &[&str], stdin: &str) -> String {
    let output = init(folder, words, stdin);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{words:?}: {said}");
    assert!(!said.contains(SECRET), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

fn refused(folder: &TempDir, words: &[&str], stdin: &str, code: i32) -> String {
    let before = files(folder.path());
    let output = init(folder, words, stdin);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
    assert_eq!(files(folder.path()), before, "{words:?} left something behind");
    assert!(!said.contains(SECRET), "{said}");
    said
}

fn config(folder: &TempDir) -> Config {
    let loaded = Config::load(&LoadOptions {
        path: None,
        environment: std::collections::BTreeMap::new(),
        working_directory: folder.path().to_owned(),
        system_file: folder.path().join("none"),
    });
    let loaded = loaded.unwrap_or_else(|error| panic!("{error}"));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    loaded.config
}

/// Every file with its mode and content.
fn files(folder: &Path) -> Vec<(String, u32, String)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            (path.display().to_string(), mode, fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn what_it_writes_for_each_platform_loads_as_it_was_said() {
    for (words, app, has_secret, next) in [
        (&["--platform", "temu", "--zone", "eu"][..], "temu-eu", true, "auth login acme"),
        (
            &["--platform", "xiaohongshu", "--redirect-uri", "https://example.com/back"],
            "xiaohongshu",
            true,
            "auth login acme",
        ),
        (&["--platform", "115"], "115", false, "auth qr acme"),
    ] {
        let folder = empty();
        let mut words = words.to_vec();
        words.extend(["--shop", "acme", "--app-key", "00\"12\\3"]);
        if has_secret {
            words.extend(["--secret-from", "-"]);
        }
        let said = done(&folder, &words, &format!("{SECRET}\n"));

        assert_tells(&said, &[next, "config.toml"]);
        let config = config(&folder);
        assert_eq!(config.shops()[0].name, "acme");
        let settings = config.app_settings(app, &Clock::system()).unwrap();
        assert_eq!(settings.app_key, "00\"12\\3");
        assert_eq!(settings.app_secret.expose_secret(), if has_secret { SECRET } else { "" });
        let files = files(folder.path());
        assert_eq!(files.len(), if has_secret { 2 } else { 1 }, "{files:?}");
        for (file, mode, text) in files {
            assert_eq!(mode, 0o600, "{file}");
            assert_eq!(text.contains(SECRET), file.ends_with(".secret"), "{file}");
        }
    }
}

#[test]
fn what_is_missing_is_asked_and_a_slip_is_asked_again() {
    let folder = empty();
    let answers = format!("temo\ntemu\nus\nkey-1\n\nacme us\nacme-us\n{SECRET}\n");
    let output = init(&folder, &[], &answers);
    let asked = String::from_utf8(output.stderr).unwrap();
    // The empty line is the first answer for the shop's name.
    assert_eq!(output.status.code(), Some(0), "{asked}");
    assert_tells(
        &asked,
        &["temu | xiaohongshu | 115", "did you mean `temu`?", "us | eu", "a name has 1 to 64"],
    );
    let config = config(&folder);
    assert_eq!(config.apps["temu-us"].app_key, "key-1");
    assert_eq!(config.shops()[0].name, "acme-us");
}

#[test]
fn it_adds_to_a_config_and_changes_nothing_that_stands_in_it() {
    let folder = empty();
    let path = folder.path().join("config.toml");
    let before = format!("# mine\n[sync]\nhistory = \"9d\"  # long\n{SHOP}");
    fs::write(&path, before.trim_end()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();

    let words = ["--platform", "xiaohongshu", "--shop", "b", "--app-key", "k", "--secret-from", "-"];
    let words = [&words[..], &["--redirect-uri", "https://example.com"]].concat();
    let told = done(&folder, &words, SECRET);
    assert!(told.contains("systemctl reload shopsync"), "a daemon that runs has to hear of it: {told}");
    // Another shop of an app that is there needs neither key nor secret.
    done(&folder, &["--app", "temu-us", "--shop", "c"], "");

    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with(before.trim_end()), "{text}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    let shops: Vec<String> = config(&folder).shops().into_iter().map(|shop| shop.name).collect();
    assert_eq!(shops, ["acme", "b", "c"]);
}

#[test]
fn what_cannot_be_written_whole_is_not_written_at_all() {
    let folder = empty();
    let app = ["--platform", "temu", "--zone", "us", "--app-key", "k"];
    let with = |more: &[&'static str]| [&app[..], more].concat();
    assert_tells(&refused(&folder, &with(&["--secret-from", "-"]), SECRET, 2), &["`--shop`"]);
    assert_tells(&refused(&folder, &["--platform", "temo"], "", 2), &["did you mean `temu`?"]);
    assert_tells(&refused(&folder, &["--platform", "115", "--zone", "us"], "", 2), &["no zones"]);
    assert_tells(&refused(&folder, &with(&["--shop", "a b"]), SECRET, 2), &["`--shop`", "a name has"]);
    let words = with(&["--shop", "a", "--secret-from", "none"]);
    assert_tells(&refused(&folder, &words, "", 65), &["none cannot be read"]);
    let words = with(&["--shop", "a", "--app", "x/y", "--secret-from", "-"]);
    assert_tells(&refused(&folder, &words, SECRET, 2), &["`--app`", "a name has"]);
    let words = with(&["--shop", "a", "--secret-from", "-"]);
    assert_tells(&refused(&folder, &words, "\n", 65), &["empty"]);

    // A secret that lies there may be another app's.
    fs::write(folder.path().join("temu-us.secret"), "older").unwrap();
    assert_tells(&refused(&folder, &words, SECRET, 65), &["temu-us.secret is there already"]);
    fs::remove_file(folder.path().join("temu-us.secret")).unwrap();

    fs::write(folder.path().join("config.toml"), "[sync]\nhistroy = \"1d\"").unwrap();
    assert_tells(&refused(&folder, &words, SECRET, 78), &["did you mean `sync.history`?"]);
    fs::write(folder.path().join("config.toml"), SHOP).unwrap();
    let words = ["--app", "temu-us", "--shop", "acme"];
    assert_tells(&refused(&folder, &words, "", 2), &["there is a shop `acme` already"]);
}

#[test]
fn it_asks_and_answers_in_chinese_where_the_environment_says_so() {
    let folder = empty();
    let mut command = Command::cargo_bin("shopsync").unwrap();
    command.env_clear().env("LANG", "zh_CN.UTF-8").current_dir(folder.path()).arg("init");
    let output = command.write_stdin(format!("temu\nus\nk\nacme\n{SECRET}\n")).output().unwrap();
    let asked = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{asked}");
    assert_tells(&asked, &["平台（temu | xiaohongshu | 115）", "区域", "app secret（输入时不显示）"]);
    assert_tells(&String::from_utf8(output.stdout).unwrap(), &["已写入", "shopsync auth login acme"]);
}

#[test]
fn a_run_that_was_killed_is_finished_by_the_same_words() {
    let folder = empty();
    let words =
        ["--platform", "temu", "--zone", "eu", "--app-key", "k", "--secret-from", "-", "--shop", "acme"];
    // What is left when the end comes before the config has its name.
    for (name, content) in
        [("temu-eu.secret", SECRET), (".temu-eu.secret.new", "ha"), (".config.toml.new", "[app")]
    {
        fs::write(folder.path().join(name), format!("{content}\n")).unwrap();
    }
    fs::set_permissions(folder.path().join("temu-eu.secret"), fs::Permissions::from_mode(0o600)).unwrap();
    done(&folder, &words, SECRET);
    assert_eq!(
        config(&folder).apps["temu-eu"].app_secret_file.as_deref().map(Path::file_name),
        Some(Some("temu-eu.secret".as_ref()))
    );
    assert_eq!(files(folder.path()).len(), 2, "nothing staged is left");
}

#[test]
fn a_mark_in_front_of_a_secret_is_no_part_of_it() {
    let folder = empty();
    let words =
        ["--platform", "temu", "--zone", "eu", "--app-key", "k", "--secret-from", "-", "--shop", "acme"];
    done(&folder, &words, &format!("\u{feff}{SECRET}\r\n"));
    let secret = folder.path().join("temu-eu.secret");
    assert_eq!(fs::read_to_string(&secret).unwrap(), format!("{SECRET}\n"));
    fs::write(&secret, format!("\u{feff}{SECRET}\r\n")).unwrap();
    let settings = config(&folder).app_settings("temu-eu", &Clock::system()).unwrap();
    assert_eq!(settings.app_secret.expose_secret(), SECRET);
}

#[test]
fn another_key_beside_an_app_of_the_platform_is_not_dropped() {
    let folder = empty();
    let first =
        ["--platform", "temu", "--zone", "eu", "--app-key", "k", "--secret-from", "-", "--shop", "acme"];
    done(&folder, &first, SECRET);
    let second = [
        "--platform",
        "temu",
        "--zone",
        "eu",
        "--app-key",
        "other",
        "--secret-from",
        "-",
        "--shop",
        "second",
    ];
    let said = refused(&folder, &second, SECRET, 2);
    assert_tells(&said, &["`--app-key`", "`temu-eu` is there with another key", "`--app`"]);
    let named = [&second[..], &["--app", "another"]].concat();
    done(&folder, &named, SECRET);
    assert_eq!(config(&folder).apps["another"].app_key, "other");
}
