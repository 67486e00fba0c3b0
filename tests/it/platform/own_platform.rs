//! The example of a platform that a program of its own registers: built, given a config, and run against a small server
//! that answers as the example's platform does.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use shopsync::clock::Clock;
use tokio::process::Command;

const TOKEN: &str = "stall-token";
const SYNCS_MAX: u32 = 50;

type Orders = Arc<Mutex<Vec<Value>>>;

#[tokio::test]
async fn a_program_registers_a_platform_of_its_own_and_its_orders_arrive() {
    let orders = Orders::default();
    let example = Example::new(&serve(orders.clone()).await).await;
    let created = now() - 3600;
    let order = |id: &str, state: &str, updated: i64| {
        json!({"id": id, "state": state, "created": created, "updated": updated, "city": "Lyon",
            "total_cents": 2_500, "currency": "EUR",
            "lines": [{"sku": "jam", "title": "Plum jam", "count": 2, "cents_each": 1_250}]})
    };
    orders.lock().unwrap().extend([
        order("S-1", "paid", created),
        order("S-2", "paid", created),
        json!({"id": "S-3", "state": {}}),
    ]);
    example.finish(&["auth", "set", "corner", "--from", "token.txt"]).await;

    // The row that cannot be read waits aside and does not stop the others.
    assert_eq!(example.run(&["sync"]).await.status.code(), Some(3));
    assert_eq!(example.orders().await, [("S-1".into(), "to_ship".into()), ("S-2".into(), "to_ship".into())]);
    let aside: Value =
        serde_json::from_str(&example.finish(&["quarantine", "list", "--json"]).await).unwrap();
    assert_eq!(aside[0]["number"], "S-3");

    // What changed is read once it is older than the settle time, and so is the row that can be read by now.
    orders.lock().unwrap()[1..]
        .clone_from_slice(&[order("S-2", "shipped", now()), order("S-3", "cancelled", now())]);
    let expected = [("S-1", "to_ship"), ("S-2", "shipped"), ("S-3", "canceled")]
        .map(|(number, status)| (number.to_owned(), status.to_owned()));
    for _ in 0..SYNCS_MAX {
        example.run(&["sync"]).await;
        if example.orders().await == expected {
            break;
        }
    }
    assert_eq!(example.orders().await, expected);
    example.finish(&["sync"]).await;
}

/// The example's program, in a folder with a config.
struct Example {
    program: PathBuf,
    folder: tempfile::TempDir,
}

impl Example {
    async fn new(gateway: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "[database]\nurl = \"sqlite:orders.db\"\n[sync]\nhistory = \"2d\"\nsettle = \"1s\"\n\
             [apps.market]\nplatform = \"stall\"\ngateway = \"{gateway}\"\napp_key = \"key\"\n\
             [shops.corner]\napp = \"market\"\n"
        );
        write_private(&folder.path().join("config.toml"), &config);
        write_private(&folder.path().join("token.txt"), TOKEN);
        Self { program: build().await, folder }
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        Command::new(&self.program)
            .args(arguments)
            .current_dir(self.folder.path())
            .env("LC_ALL", "C")
            .output()
            .await
            .unwrap()
    }

    async fn finish(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Number and status of what is stored, by number.
    async fn orders(&self) -> Vec<(String, String)> {
        let rows: Vec<Value> = serde_json::from_str(&self.finish(&["orders", "--json"]).await).unwrap();
        let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
        let mut orders: Vec<_> = rows.iter().map(|row| (text(row, "number"), text(row, "status"))).collect();
        orders.sort();
        orders
    }
}

/// Builds the example in the folder of the binary under test, where `cargo test` has mostly built it already.
async fn build() -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_shopsync"));
    let profile = binary.parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--example", "own_platform"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.arg("--target-dir").arg(profile.parent().unwrap());
    // What `cargo test` sets for this test would make build scripts run again.
    for (name, _) in std::env::vars()
        .filter(|(name, _)| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
    {
        cargo.env_remove(name);
    }
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let output = cargo.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    profile.join("examples/own_platform")
}

/// In seconds since 1970.
fn now() -> i64 {
    Clock::system().now().timestamp()
}

fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Serves `orders` as the platform does; the address.
async fn serve(orders: Orders) -> String {
    let router = Router::new().route("/call", post(answer)).with_state(orders);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/call")
}

async fn answer(State(orders): State<Orders>, Json(request): Json<Value>) -> Json<Value> {
    if request["token"] != TOKEN {
        return Json(json!({"success": false, "code": "bad_token", "msg": "unknown token"}));
    }
    let data = match request["call"].as_str() {
        Some("shop.show") => json!({"id": 7, "name": "Corner stall"}),
        Some("orders.list") => list(&orders.lock().unwrap(), &request),
        _ => return Json(json!({"success": false, "code": "no_such_call", "msg": "no such call"})),
    };
    Json(json!({"success": true, "code": 0, "data": data}))
}

/// A page of the orders in the window. One without a time is in every window.
fn list(orders: &[Value], request: &Value) -> Value {
    let number = |value: &Value| value.as_u64().unwrap();
    let (from, until) = (number(&request["from"]), number(&request["until"]));
    let by = request["by"].as_str().unwrap();
    let in_window = |order: &&Value| order[by].as_u64().is_none_or(|at| (from..=until).contains(&at));
    let found: Vec<&Value> = orders.iter().filter(in_window).collect();
    let size = usize::try_from(number(&request["size"])).unwrap();
    let page = usize::try_from(number(&request["page"])).unwrap();
    json!({"total": found.len(), "orders": found.into_iter().skip((page - 1) * size).take(size).collect::<Vec<_>>()})
}
