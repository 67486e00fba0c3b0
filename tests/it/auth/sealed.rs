//! No token is anywhere but where it belongs: the whole life of a grant with everything logged, and then every byte that
//! was written is searched for every token, code and secret there was.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::ExposeSecret;
use shopsync::clock::Clock;
use shopsync::sandbox::{Fault, FaultKind, Platform, Sandbox, SandboxSettings, World};

use crate::support::databases::{TestDatabase, both_databases};
use crate::support::postgres;
use crate::support::program::Program;

/// Also of the crates that send and store, which are quiet otherwise.
pub(crate) const EVERYTHING: &str = "trace,axum=trace,h2=trace,hyper=trace,hyper_util=trace,reqwest=trace,rustls=trace,\
    sea_orm=trace,sqlx=trace,tower=trace";

const REFRESH: &str = "oauth.refreshToken";

/// Files that a person put there or that are the key itself.
const KEPT_APART: &[&str] = &["config.toml", "shopsync.key", "token"];

/// Whatever was seen or written, by where.
pub(crate) type Found = BTreeMap<String, String>;

struct Life {
    sandbox: Sandbox,
    program: Program,
    said: Found,
}

impl Life {
    async fn new(database: &TestDatabase, more: &str) -> Self {
        let sandbox = Sandbox::start(SandboxSettings {
            clock: Clock::system(),
            orders: 3,
            history: chrono::TimeDelta::hours(30),
            ..SandboxSettings::default()
        })
        .await
        .unwrap();
        let program = Program::with(&sandbox, database.settings.url.expose_secret(), more);
        Self { sandbox, program, said: Found::new() }
    }

    /// Runs a verb with everything logged, however it ends.
    async fn run(&mut self, format: &str, words: &[&str]) {
        let all = [&["--log-level", EVERYTHING, "--log-format", format], words].concat();
        let output = self.program.output(&all).await;
        let name = format!("{} {format} {}", self.said.len(), words.join(" "));
        self.said.insert(name, text(&[output.stdout, output.stderr].concat()));
    }

    async fn live(&mut self, format: &str) {
        let token = self.sandbox.world().with(|world| world.issue_token(Platform::Temu, 0).access);
        fs::write(self.program.folder.path().join("token"), token).unwrap();
        self.run(format, &["auth", "set", "temu-shop", "--from", "token"]).await;
        self.log_in(format).await;
        self.run(format, &["sync"]).await;
        self.run(format, &["auth", "refresh", "xhs-shop"]).await;
        self.renew(format, None).await;
        self.renew(format, Some(FaultKind::Throttle)).await;
        self.renew(format, Some(FaultKind::HtmlPage)).await;
        self.renew(format, Some(FaultKind::LostReply)).await;
        self.run(format, &["auth", "status", "--json"]).await;
        self.run(format, &["auth", "rotate-key"]).await;
        self.log_in(format).await;
        self.sandbox.world().with(|world| world.revoke(Platform::Xiaohongshu, 0));
        self.run(format, &["check"]).await;
        self.run(format, &["sync", "--shop", "xhs-shop"]).await;
        self.run(format, &["auth", "code", "xhs-shop", "code-unknown"]).await;
        self.log_in(format).await;
        self.run(format, &["runs", "--json"]).await;
        self.run(format, &["config", "show"]).await;
    }

    async fn log_in(&mut self, format: &str) {
        let code = self.sandbox.world().with(|world| world.issue_code(Platform::Xiaohongshu, 0));
        self.run(format, &["auth", "code", "xhs-shop", &code]).await;
    }

    /// With a grant of its own: one whose token was refused a moment ago is not renewed again so soon.
    async fn renew(&mut self, format: &str, fault: Option<FaultKind>) {
        self.log_in(format).await;
        self.sandbox.world().with(|world| {
            world.expire_access(Platform::Xiaohongshu, 0);
            world.clear_faults();
            if let Some(kind) = fault {
                world.add_fault(Fault::new(kind).at(REFRESH));
            }
        });
        self.run(format, &["sync", "--shop", "xhs-shop"]).await;
        self.sandbox.world().with(World::clear_faults);
    }

    /// What is looked for.
    fn secrets(&self, keys: &Path) -> Vec<String> {
        let mut secrets = self.sandbox.world().with(|world| world.handed_out());
        assert!(secrets.len() > 20, "{} codes and tokens were handed out", secrets.len());
        secrets.extend([Platform::Temu, Platform::Xiaohongshu].map(|platform| platform.app().1.to_owned()));
        secrets.extend(fs::read_to_string(keys).unwrap().lines().map(str::to_owned));
        secrets
    }
}

/// Bytes that are no text are none of a secret's either.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Every file below a folder.
fn collect(folder: &Path, found: &mut Found) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if !KEPT_APART.iter().any(|apart| path.ends_with(apart)) {
            found.insert(path.display().to_string(), text(&fs::read(&path).unwrap()));
        }
    }
}

/// Where a secret turns up, in any of the forms that programs write bytes in.
pub(crate) fn places(secret: &str, found: &Found) -> Vec<String> {
    let bytes = secret.as_bytes();
    let mut forms = vec![secret.to_owned(), hex::encode(bytes), hex::encode_upper(bytes)];
    for skipped in 0..3 {
        // Cut where its neighbours in a longer text would change it.
        let inner = &bytes[skipped..];
        let inner = &inner[..inner.len() / 3 * 3];
        forms.extend([STANDARD_NO_PAD.encode(inner), URL_SAFE_NO_PAD.encode(inner)]);
    }
    let holds = |text: &String| forms.iter().any(|form| text.contains(form.as_str()));
    found.iter().filter(|(_, text)| holds(text)).map(|(place, _)| place.clone()).collect()
}

async fn no_secret_is_where_it_does_not_belong(database: TestDatabase, more: &str) {
    let mut life = Life::new(&database, more).await;
    for format in ["text", "json"] {
        life.live(format).await;
    }

    let mut found = std::mem::take(&mut life.said);
    let spoken: usize = found.values().map(String::len).sum();
    assert!(spoken > 50_000, "everything is logged: {spoken} bytes");
    collect(life.program.folder.path(), &mut found);
    let keys = if let Some(file) = database.store.sqlite_file() {
        collect(file.parent().unwrap(), &mut found);
        file.with_file_name("shopsync.key")
    } else {
        found.insert("pg_dump".to_owned(), text(&postgres::dump(&database.settings)));
        life.program.folder.path().join("shopsync.key")
    };
    let stored = found.values().any(|text| text.contains("v1:"));
    assert!(stored, "sealed grants are among what is searched");

    for secret in &life.secrets(&keys) {
        let places = places(secret, &found);
        assert!(places.is_empty(), "a secret of {} bytes is in {places:?}", secret.len());
    }
    life.sandbox.stop().await;
}

both_databases! {
    async fn no_secret_is_in_a_log_or_in_the_database(database: TestDatabase) {
        no_secret_is_where_it_does_not_belong(database, "").await;
    }
}

#[tokio::test]
async fn no_secret_is_in_the_folder_of_tokens() {
    let files = "[tokens]\nstore = \"file\"\n";
    no_secret_is_where_it_does_not_belong(TestDatabase::sqlite().await, files).await;
}

#[test]
fn a_secret_is_found_in_whatever_form_it_is_written() {
    let secret = "token-1f2e3d4c5b6a";
    let longer = format!("ab{secret}cd");
    let forms = [
        longer.clone(),
        hex::encode(&longer),
        hex::encode_upper(&longer),
        STANDARD_NO_PAD.encode(&longer),
        STANDARD_NO_PAD.encode(&longer[1..]),
        URL_SAFE_NO_PAD.encode(&longer[2..]),
    ];
    for form in forms {
        let found = Found::from([("log".to_owned(), format!("x={form};"))]);
        assert_eq!(places(secret, &found), ["log"], "{form}");
    }
    assert!(places(secret, &Found::from([("log".to_owned(), "token-".to_owned())])).is_empty());
}
