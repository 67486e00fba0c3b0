//! What root starts in folders of others: nothing there decides what root does. Only root can try most of it.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::{Place, SHOP, assert_tells};

const NOBODY: u32 = 65_534;
const SOMEBODY: u32 = 65_533;
/// How long the program may take to become another user.
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder of root's with the program in it, where every user can start it. `None`: this is not root.
fn as_root(config: &str) -> Option<(Place, PathBuf)> {
    let place = Place::new(config);
    let program = place.path("shopsync");
    fs::copy(env!("CARGO_BIN_EXE_shopsync"), &program).unwrap();
    // A child of another test may still hold the copy open for writing; until then it cannot be started.
    let since = Instant::now();
    while Command::new(&program).arg("--version").output().is_err() {
        assert!(since.elapsed() < PATIENCE, "the program cannot be started");
        std::thread::sleep(Duration::from_millis(10));
    }
    fs::set_permissions(place.folder.path(), Permissions::from_mode(0o755)).unwrap();
    if give(place.folder.path(), 0).is_err() {
        eprintln!("skipped: only root can try this");
        return None;
    }
    Some((place, program))
}

fn give(path: &Path, user: u32) -> std::io::Result<()> {
    lchown(path, Some(user), Some(user))
}

fn run(program: &Path, folder: &Path, arguments: &[&str]) -> Output {
    Command::new(program).env_clear().current_dir(folder).args(arguments).output().unwrap()
}

#[track_caller]
fn assert_refused(output: &Output, parts: &[&str]) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{told}");
    assert_tells(&told, parts);
}

#[test]
fn a_folder_that_its_owner_swaps_for_a_link_makes_root_write_nowhere() {
    let Some((place, program)) = as_root("[database]\nurl = \"sqlite://state/data/shop.db\"") else { return };
    fs::create_dir_all(place.path("state")).unwrap();
    fs::create_dir(place.path("roots")).unwrap();
    symlink("../roots", place.path("state/data")).unwrap();
    give(&place.path("state"), NOBODY).unwrap();
    give(&place.path("state/data"), NOBODY).unwrap();

    let output = run(&program, place.folder.path(), &["auth", "status"]);

    assert_refused(&output, &["state/data is a symbolic link that user 65534 can change"]);
    assert_eq!(fs::read_dir(place.path("roots")).unwrap().count(), 0, "root wrote where a link led");
}

#[test]
fn a_folder_of_roots_in_someone_elses_is_not_worked_in() {
    let Some((place, program)) = as_root("[database]\nurl = \"sqlite://state/data/shop.db\"") else { return };
    fs::create_dir_all(place.path("state/data")).unwrap();
    give(&place.path("state"), NOBODY).unwrap();
    let output = run(&program, place.folder.path(), &["auth", "status"]);
    assert_refused(&output, &["lies in a folder of user 65534"]);
}

/// Ends the program with the test.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn what_goes_on_as_another_user_keeps_nothing_of_roots() {
    let database = "[database]\nurl = \"sqlite://own/shop.db\"";
    let Some((place, program)) = as_root(&format!("{SHOP}{database}")) else { return };
    fs::set_permissions(place.path("config.toml"), Permissions::from_mode(0o644)).unwrap();
    fs::create_dir(place.path("own")).unwrap();
    give(&place.path("own"), NOBODY).unwrap();
    place.write("roots-own", "a secret");

    // It waits for a token on standard input, and can be looked at meanwhile.
    let words = "exec 9<roots-own; umask 000; exec ./shopsync auth set acme --from -";
    let mut command = Command::new("/bin/sh");
    command.env_clear().env("ROOTS_PASSWORD", "x").env("LANG", "C").env("SHOPSYNC_DEPLOY_KEY", "x");
    command.env("SHOPSYNC_SYNC__HISTORY", "9d").env("PATH", "/roots/bin:/usr/bin:/bin");
    command.args(["-c", words]).current_dir(place.folder.path()).stdin(Stdio::piped());
    let mut started = Started(command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap());
    drop(program);
    let process = PathBuf::from(format!("/proc/{}", started.0.id()));
    let read = |name: &str| fs::read_to_string(process.join(name)).unwrap_or_default();
    let since = Instant::now();
    // Its own database shows that it has begun anew and is past reading its config.
    while !place.path("own/shop.db").exists() {
        assert!(since.elapsed() < PATIENCE && started.0.try_wait().unwrap().is_none(), "{}", read("status"));
        std::thread::sleep(Duration::from_millis(20));
    }

    let environment = read("environ");
    let names: Vec<&str> =
        environment.split('\0').filter_map(|entry| Some(entry.split_once('=')?.0)).collect();
    for name in ["ROOTS_PASSWORD", "SHOPSYNC_DEPLOY_KEY"] {
        assert!(!names.contains(&name), "{name} goes on");
    }
    for name in ["LANG", "PATH", "HOME", "SHOPSYNC_CONFIG", "SHOPSYNC_SYNC__HISTORY"] {
        assert!(names.contains(&name), "{name} does not go on: {names:?}");
    }
    assert!(!environment.contains("/roots/bin"), "{environment}");
    let status = read("status");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(field("Uid:"), vec!["65534"; 4]);
    assert_eq!(field("Gid:"), vec!["65534"; 4]);
    assert!(!field("Groups:").contains(&"0".to_owned()), "{status}");
    assert_eq!(field("Umask:"), ["0077"]);
    for entry in fs::read_dir(process.join("fd")).unwrap() {
        let target = fs::read_link(entry.unwrap().path()).unwrap_or_default();
        assert!(!target.ends_with("roots-own"), "root's open file goes on");
    }
    started.0.stdin.take().unwrap().write_all(b"x").ok();
}

#[test]
fn a_config_in_the_working_folder_is_taken_from_root_and_the_caller_only() {
    let Some((place, program)) = as_root("[sync]\nhistory = \"2d\"") else { return };
    let folder = place.folder.path();
    let config = place.path("config.toml");
    let show = ["config", "show", "--json"];
    let as_user = |user: u32| {
        let mut command = Command::new(&program);
        command.env_clear().current_dir(folder).args(show).uid(user).gid(user).output().unwrap()
    };
    for (owner, mode, by_root, by_nobody) in [
        (0, 0o644, None, None),
        (NOBODY, 0o644, Some("it belongs to user 65534"), None),
        (NOBODY, 0o664, Some("it belongs to user 65534"), None),
        (SOMEBODY, 0o644, Some("it belongs to user 65533"), Some("it belongs to user 65533")),
        (0, 0o666, Some("everybody can write it"), Some("everybody can write it")),
    ] {
        give(&config, owner).unwrap();
        fs::set_permissions(&config, Permissions::from_mode(mode)).unwrap();
        for (output, expected) in [(run(&program, folder, &show), by_root), (as_user(NOBODY), by_nobody)] {
            match expected {
                Some(why) => assert_refused(&output, &["config.toml", why, "`--config`"]),
                None => assert_eq!(output.status.code(), Some(0), "{owner} {mode:o}"),
            }
        }
        let named = run(&program, folder, &["--config", "config.toml", "config", "show"]);
        assert_eq!(named.status.code(), Some(0), "what is named is read: {owner} {mode:o}");
    }
    fs::rename(&config, place.path("real.toml")).unwrap();
    fs::set_permissions(place.path("real.toml"), Permissions::from_mode(0o644)).unwrap();
    symlink("real.toml", &config).unwrap();
    assert_eq!(run(&program, folder, &show).status.code(), Some(0), "root's own link");
    give(&config, NOBODY).unwrap();
    assert_refused(&run(&program, folder, &show), &["it belongs to user 65534"]);
}

#[test]
fn a_command_from_a_file_of_someone_elses_is_not_run_as_root() {
    let config = format!("{SHOP}code_command = [\"/bin/true\"]\n");
    let Some((place, program)) = as_root(&config) else { return };
    let words = ["--config", "config.toml", "auth", "status"];
    let output = run(&program, place.folder.path(), &words);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    chown(place.path("config.toml"), Some(NOBODY), None).unwrap();
    assert_refused(&run(&program, place.folder.path(), &words), &["`code_command`", "chown root"]);
}
