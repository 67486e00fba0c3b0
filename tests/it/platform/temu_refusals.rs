//! Refusals that a person has to do something about: each is one clear line of `check`, with what to do.

use shopsync::clock::Clock;
use shopsync::sandbox::{Fault, FaultKind, Platform, Sandbox, SandboxSettings};

use crate::support::databases::TestDatabase;
use crate::support::program::Program;

#[tokio::test]
async fn every_refusal_a_person_can_mend_is_one_line_with_the_remedy() {
    let sandbox = Sandbox::start(SandboxSettings { clock: Clock::system(), ..SandboxSettings::default() })
        .await
        .unwrap();
    let database = TestDatabase::sqlite().await;
    let program = Program::new(&sandbox, &database);
    program.authorise_all(&sandbox).await;

    for (code, message, remedy) in [
        (
            140_020_001,
            "this API does not support cross-border sellers",
            "take the record out of the shop's `records`",
        ),
        (3_000_003, "type not exists", "set the app's `zone` to the one its key and token were issued in"),
        (5_000_003, "NOT_IN_IP_WHITE_LIST", "add this server's address to the app's allow-list"),
        (140_020_003, "agreement is not signed", "has to sign the agreement in the platform's console"),
        (
            3_000_032,
            "access_token don't have this api access",
            "tick this API's package in the platform's console",
        ),
        (3_000_034, "access_token is expired", "shopsync auth login temu-shop"),
    ] {
        sandbox.world().with(|world| {
            world.clear_faults();
            let kind = FaultKind::Business { code, message: message.to_owned() };
            world.add_fault(Fault::new(kind).on(Platform::Temu));
        });

        let output = program.output(&["check"]).await;

        let told = String::from_utf8(output.stdout).unwrap();
        let line = told.lines().find(|line| line.contains("shop temu-shop")).unwrap();
        assert!(line.contains(&code.to_string()) && line.contains(message), "{line}");
        assert!(line.contains(remedy), "{line}");
        assert!(!output.status.success(), "{line}");
    }
}
