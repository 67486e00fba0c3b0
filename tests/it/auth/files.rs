//! Grants in files, as a person meets them: the real binary, its folder, and what it refuses.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use shopsync::auth::store::TokenStore;
use shopsync::auth::store::file::FileTokenStore;
use shopsync::auth::store::grants::Grants;
use shopsync::clock::Clock;
use shopsync::sandbox::{Fault, FaultKind, Platform, Sandbox, SandboxSettings};

use crate::auth::context::{Authorised, clear};
use crate::support::databases::{TestDatabase, both_databases};
use crate::support::program::Program;

const FILES: &str = "[tokens]\nstore = \"file\"\n";
const FILES_IN_CLEAR: &str = "[tokens]\nstore = \"file\"\nseal = false\n";

async fn sandbox() -> Sandbox {
    Sandbox::start(SandboxSettings { clock: Clock::system(), ..SandboxSettings::default() }).await.unwrap()
}

async fn program(sandbox: &Sandbox, more: &str) -> (Program, TestDatabase) {
    let database = TestDatabase::sqlite().await;
    (Program::with(sandbox, database.settings.url.expose_secret(), more), database)
}

fn file(program: &Program, name: &str) -> PathBuf {
    program.folder.path().join("tokens").join(name)
}

fn json_in(path: &std::path::Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &std::path::Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A file as `FileTokenStorage` writes it.
fn sdk_file(sandbox: &Sandbox) -> Value {
    let token = sandbox.world().with(|world| world.issue_token(Platform::Xiaohongshu, 0));
    json!({
        "access_token": token.access, "refresh_token": token.refresh,
        "access_token_expires_at": token.access_ends_ms, "refresh_token_expires_at": token.refresh_ends_ms,
        "seller_id": Platform::Xiaohongshu.account(0), "seller_name": "店"
    })
}

fn write(path: &std::path::Path, value: &Value) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    set_mode(path.parent().unwrap(), 0o700);
    fs::write(path, value.to_string()).unwrap();
    set_mode(path, 0o600);
}

#[tokio::test]
async fn a_grant_is_a_sealed_file_that_only_its_owner_reads() {
    let sandbox = sandbox().await;
    let (program, database) = program(&sandbox, FILES).await;
    program.authorise_all(&sandbox).await;
    program.finish(&["sync"]).await;
    program.finish(&["auth", "refresh", "xhs-shop"]).await;

    let path = file(&program, "xhs-shop.json");
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let stored = json_in(&path);
    assert!(stored["refresh_token"].as_str().unwrap().starts_with("v1:"), "{stored}");
    assert!(stored["access_token_expires_at"].is_i64() && stored["shop"] == "xhs-shop", "{stored}");
    assert_eq!(database.number("SELECT COUNT(*) FROM credentials").await, 0);

    program.finish(&["auth", "clear", "xhs-shop"]).await;
    assert!(!path.exists());
    program.fail(&["sync", "--shop", "xhs-shop"], 77).await;
}

#[tokio::test]
async fn a_file_of_the_python_sdk_is_taken_over_and_sealed() {
    let sandbox = sandbox().await;
    let (program, _database) = program(&sandbox, FILES).await;
    let (path, told) = (file(&program, "xhs-shop.json"), sdk_file(&sandbox));
    write(&path, &told);

    program.finish(&["sync", "--shop", "xhs-shop"]).await;

    let text = fs::read_to_string(&path).unwrap();
    for field in ["access_token", "refresh_token"] {
        assert!(!text.contains(told[field].as_str().unwrap()), "{text}");
    }
    assert!(!path.with_extension("json.previous").exists(), "nothing in clear is left");
    sandbox.world().with(|world| world.expire_access(Platform::Xiaohongshu, 0));
    program.finish(&["sync", "--shop", "xhs-shop"]).await;
    assert_eq!(json_in(&path)["version"], 2, "its refresh token was spent");
    assert!(path.with_extension("json.previous").exists());
}

#[tokio::test]
async fn without_a_seal_there_is_no_key_and_turning_it_on_seals_what_there_is() {
    let sandbox = sandbox().await;
    let (program, database) = program(&sandbox, FILES_IN_CLEAR).await;
    let key = database.store.sqlite_file().unwrap().with_file_name("shopsync.key");
    let (path, told) = (file(&program, "xhs-shop.json"), sdk_file(&sandbox));
    write(&path, &told);
    program.finish(&["sync", "--shop", "xhs-shop"]).await;
    sandbox.world().with(|world| world.expire_access(Platform::Xiaohongshu, 0));
    program.finish(&["sync", "--shop", "xhs-shop"]).await;

    let renewed = json_in(&path);
    assert_eq!((&renewed["version"], &renewed["kid"]), (&json!(2), &Value::Null), "{renewed}");
    assert!(!renewed["access_token"].as_str().unwrap().starts_with("v1:"));
    assert!(!key.exists());
    program.fail(&["auth", "rotate-key"], 78).await;

    let config = program.folder.path().join("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("seal = false\n", "")).unwrap();
    program.finish(&["sync", "--shop", "xhs-shop"]).await;
    assert!(key.exists());
    assert!(!fs::read_to_string(&path).unwrap().contains(renewed["refresh_token"].as_str().unwrap()));

    fs::write(&config, text).unwrap();
    program.finish(&["sync", "--shop", "xhs-shop"]).await;
    assert_eq!(json_in(&path)["refresh_token"], renewed["refresh_token"], "and off again");
}

#[tokio::test]
async fn a_grant_in_a_file_goes_with_its_shop() {
    let sandbox = sandbox().await;
    let (program, _database) = program(&sandbox, FILES).await;
    program.authorise_all(&sandbox).await;
    let config = program.folder.path().join("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("[shops.xhs-shop]", "[shops.new]")).unwrap();

    program.finish(&["shop", "rename", "xhs-shop", "new"]).await;
    program.finish(&["sync", "--shop", "new"]).await;
    let renamed = file(&program, "new.json");
    assert!(renamed.exists() && !file(&program, "xhs-shop.json").exists());

    fs::write(&config, text.replace("[shops.xhs-shop]", "[shops.new]\nenabled = false")).unwrap();
    program.finish(&["shop", "forget", "new", "--yes"]).await;
    assert!(!renamed.exists());
}

#[tokio::test]
async fn what_others_may_read_or_swap_is_refused() {
    let sandbox = sandbox().await;
    let (program, _database) = program(&sandbox, FILES).await;
    program.authorise_all(&sandbox).await;
    let path = file(&program, "xhs-shop.json");
    let folder = path.parent().unwrap().to_owned();

    for (place, open, closed) in [(&path, 0o640, 0o600), (&path, 0o604, 0o600), (&folder, 0o755, 0o700)] {
        set_mode(place, open);
        let said = program.fail(&["sync", "--shop", "xhs-shop"], 78).await;
        assert!(said.contains(&format!("`chmod {closed:o} {}`", place.display())), "{said}");
        set_mode(place, closed);
    }
    let elsewhere = program.folder.path().join("elsewhere.json");
    fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    let said = program.fail(&["sync", "--shop", "xhs-shop"], 78).await;
    assert!(said.contains("not followed"), "{said}");
    fs::remove_file(&path).unwrap();
    fs::rename(&elsewhere, &path).unwrap();
    program.finish(&["sync", "--shop", "xhs-shop"]).await;
}

#[tokio::test]
async fn a_spoilt_file_stops_its_own_shop_and_its_copy_is_never_used() {
    let sandbox = sandbox().await;
    let (program, _database) = program(&sandbox, FILES).await;
    program.authorise_all(&sandbox).await;
    sandbox.world().with(|world| world.expire_access(Platform::Xiaohongshu, 0));
    program.finish(&["sync", "--shop", "xhs-shop"]).await;
    let path = file(&program, "xhs-shop.json");
    let whole = fs::read_to_string(&path).unwrap();
    let spent = sandbox.world().with(|world| world.calls("oauth.refreshToken"));

    for spoilt in [&whole[..whole.len() / 2], "", "{}"] {
        fs::write(&path, spoilt).unwrap();
        let said = program.fail(&["sync", "--shop", "xhs-shop"], 78).await;
        assert!(said.contains("xhs-shop.json") && said.contains("`shopsync auth clear xhs-shop`"), "{said}");
    }
    fs::write(&path, whole.replacen("v1:", "v1:x", 1)).unwrap();
    program.fail(&["sync", "--shop", "xhs-shop"], 78).await;
    fs::write(&path, &whole[1..]).unwrap();
    program.finish(&["sync", "--shop", "temu-shop"]).await;
    assert_eq!(sandbox.world().with(|world| world.calls("oauth.refreshToken")), spent);
    program.finish(&["auth", "clear", "xhs-shop"]).await;
    program.authorise_all(&sandbox).await;
    program.finish(&["sync"]).await;
}

#[tokio::test]
async fn two_programs_that_refresh_at_once_use_a_token_once() {
    let sandbox = sandbox().await;
    let (program, _database) = program(&sandbox, FILES).await;
    program.authorise_all(&sandbox).await;
    sandbox.world().with(|world| {
        world.expire_access(Platform::Xiaohongshu, 0);
        // Long enough that the others come while the first is at it.
        world.add_fault(Fault::new(FaultKind::Stall { milliseconds: 1_000 }).at("oauth.refreshToken"));
    });

    let words = ["auth", "refresh", "xhs-shop"];
    let (one, other, third) =
        tokio::join!(program.output(&words), program.output(&words), program.output(&words));

    for output in [one, other, third] {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let violations = sandbox.world().with(|world| world.violations());
    assert!(violations.is_empty(), "{violations:?}");
}

#[tokio::test]
async fn a_memory_that_would_lose_single_use_tokens_is_refused() {
    let sandbox = sandbox().await;
    let (program, _database) = program(&sandbox, "[tokens]\nstore = \"memory\"\n").await;
    let said = program.fail(&["auth", "status"], 78).await;
    assert!(said.contains("xhs-shop") && said.contains("`xhs`") && said.contains("allow_memory"), "{said}");

    let allowed = "[tokens]\nstore = \"memory\"\nallow_memory = true\n";
    let (program, database) = self::program(&sandbox, allowed).await;
    let (platform, index) = (shopsync::sandbox::Platform::Xiaohongshu, 0);
    let code = sandbox.world().with(|world| world.issue_code(platform, index));
    let said = program.fail(&["auth", "code", "xhs-shop", &code], 78).await;
    assert!(said.contains("nothing was sent") && said.contains("auth url"), "{said}");
    assert_eq!(database.number("SELECT COUNT(*) FROM credentials").await, 0);
}

#[tokio::test]
async fn a_draft_that_a_crash_left_behind_hinders_no_one() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Clock::system());
    let path = folder.path().join("tokens");
    let store = FileTokenStore::open(&path, clock).unwrap();
    let row = Authorised::new(TestDatabase::sqlite().await).await.row().await;
    assert!(store.swap(None, &row).await.unwrap());
    fs::write(path.join(".acme.json.draft"), "{\"half\":").unwrap();

    assert_eq!(store.load("acme").await.unwrap().as_ref(), Some(&row));
    assert_eq!(store.list().await.unwrap(), std::slice::from_ref(&row));
    let next = row.taken_over(None);
    assert!(store.swap(Some(&row.claim()), &next).await.unwrap());
    assert_eq!(store.load("acme").await.unwrap(), Some(next));
    assert!(!path.join(".acme.json.draft").exists());
}

both_databases! {
    async fn a_folder_that_was_copied_renews_nothing(test: TestDatabase) {
        let test = Authorised::before_login(test, "xiaohongshu").await;
        let folder = tempfile::tempdir().unwrap();
        let (path, copy) = (folder.path().join("tokens"), folder.path().join("copy"));
        let open = |path| -> Arc<dyn TokenStore> {
            Arc::new(FileTokenStore::open(path, test.database.clock.clone()).unwrap())
        };
        let program = test.over(open(&path));
        let code = secrecy::SecretString::from(format!("code-{}", crate::auth::gateway::SELLER));
        program.login_code(&test.shop, code).await.unwrap();
        let ends_at = program.status(&test.shop).await.unwrap().unwrap().access_ends_at;
        fs::create_dir(&copy).unwrap();
        set_mode(&copy, 0o700);
        fs::copy(path.join("acme.json"), copy.join("acme.json")).unwrap();

        let row = Grants::new(open(&copy)).load("acme").await.unwrap().unwrap();
        assert!(row.is_copied);
        test.database.clock.set(ends_at);
        assert!(test.over(open(&copy)).access(&test.shop).await.is_err());
        assert_eq!(test.gateway.refresh_calls(), 0);
        assert_eq!(clear(&program.access(&test.shop).await.unwrap()), test.gateway.access());
    }
}
