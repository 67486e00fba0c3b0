//! A machine without certificates, as slim containers are.

use secrecy::ExposeSecret;

use crate::daemon::process::sandbox;
use crate::support::databases::TestDatabase;
use crate::support::program::Program;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_on_this_machine_needs_none_and_else_the_package_is_named() {
    let (sandbox, database) = (sandbox(20).await, TestDatabase::sqlite().await);
    let program = Program::with(&sandbox, database.settings.url.expose_secret(), "");
    program.authorise_all(&sandbox).await;
    let none = program.folder.path().join("none.pem");
    std::fs::write(&none, "").unwrap();
    let run = async |words: &[&str]| {
        let mut command = program.command(words);
        command
            .env("SSL_CERT_FILE", &none)
            .env("SSL_CERT_DIR", program.folder.path().join("none"))
            .output()
            .await
            .unwrap()
    };
    let output = run(&["sync"]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    program.edit(|text| text.replace("http://", "https://"));
    let output = run(&["status"]).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("ca-certificates"), "{said}");
}
