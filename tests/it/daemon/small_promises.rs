//! Details of runs: their record and lane, the numbers of a comparison, and when the money of a new shop comes.

use secrecy::ExposeSecret;

use crate::daemon::process::{PATIENCE, sandbox, start, stop};
use crate::support::databases::{TestDatabase, both_databases};
use crate::support::program::Program;
use crate::support::small_sandbox::small_sandbox;

/// No slot comes within a test; the one that was missed is made up for at the start.
const DAILY: &str = "[jobs.orders]\nevery = \"24h\"\n";

both_databases! {
    async fn a_run_names_its_record_and_its_lane_and_a_comparison_its_numbers(database: TestDatabase) {
        let sandbox = small_sandbox().await;
        let program = Program::new(&sandbox, &database);
        program.authorise_all(&sandbox).await;

        let output = program.output(&["sync", "--log-format", "json"]).await;
        let said = String::from_utf8_lossy(&output.stderr);
        let finished: Vec<&str> = said.lines().filter(|line| line.contains("\"run.finished\"")).collect();
        for lane in ["update", "create"] {
            let lane = format!("\"lane\":\"{lane}\"");
            assert!(finished.iter().any(|line| line.contains(&lane)), "{lane}: {said}");
        }
        assert!(finished.iter().all(|line| line.contains("\"record\":\"orders\"")), "{said}");
        let runs = program.json(&["runs", "--json"]).await;
        for run in runs.as_array().unwrap() {
            assert!(run["record"] == "orders" && (run["lane"] == "update" || run["lane"] == "create"), "{run}");
        }
        let table = program.finish(&["runs"]).await;
        assert!(table.contains("record") && table.contains("lane") && table.contains("update"), "{table}");

        let verified = program.json(&["verify", "--json"]).await;
        for line in verified.as_array().unwrap() {
            assert_eq!((&line["rows"], &line["stored"]), (&30.into(), &30.into()), "{verified}");
        }
        let table = program.finish(&["verify"]).await;
        assert_eq!(table.matches("30").count(), 4, "{table}");
    }

    async fn the_money_of_a_new_shop_comes_without_another_slot(database: TestDatabase) {
        let sandbox = sandbox(20).await;
        let program = Program::with(&sandbox, database.settings.url.expose_secret(), DAILY);
        program.edit(|text| text.replace("amounts = false", "amounts = true"));
        program.authorise_all(&sandbox).await;
        let (mut child, mut log) = start(&program).await;
        let with_money = "SELECT COUNT(*) FROM orders WHERE shop = 'temu-shop' AND amounts_at IS NOT NULL";
        let has_come = async {
            while database.number(with_money).await < 20 {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, has_come).await.is_ok(), "the money waits for the next slot");
        stop(&mut child, &mut log, "TERM").await;
    }
}
