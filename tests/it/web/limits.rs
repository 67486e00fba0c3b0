//! Bounds on bodies, connections and time, and the end of the daemon: nobody outside holds it up.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use sea_orm::{ConnectionTrait, TransactionTrait};
use secrecy::ExposeSecret;
use shopsync::app::live::Live;
use shopsync::jobs::daemon::Daemon;
use shopsync::web::Http;
use shopsync::web::server::{CONNECTIONS_MAX, END_WITHIN, HEAD_WITHIN};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::daemon::process::sandbox;
use crate::support::databases::{TestDatabase, both_databases, connect};
use crate::support::program::Program;
use crate::web::context::{
    ADMIN, PATIENCE, Served, WITH_ADMIN, browser, error_code, web_config, write_admin_token,
};

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let test = Served::with(TestDatabase::sqlite().await, WITH_ADMIN).await;
    let large = "x".repeat(100_000);
    let request = test.sync_request("temu-shop").bearer_auth(ADMIN).body(large.clone());
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(error_code(response).await, "bad_request");

    let form = test.post("/login").header("content-type", "application/x-www-form-urlencoded");
    let response = form.body(format!("token={large}")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);

    let head = test.get("/healthz").header("x-long", large).send().await.unwrap();
    assert_eq!(head.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    test.stop().await;
}

#[tokio::test]
async fn connections_that_say_nothing_keep_no_one_out() {
    let test = Served::with(TestDatabase::sqlite().await, WITH_ADMIN).await;
    let mut silent = Vec::new();
    for _ in 0..2 * CONNECTIONS_MAX {
        silent.push(TcpStream::connect(test.address).await.unwrap());
    }
    let asked_at = Instant::now();
    let health = browser().get(format!("http://{}/healthz", test.address)).send().await.unwrap();
    assert_eq!(health.status(), StatusCode::OK);
    assert!(asked_at.elapsed() < HEAD_WITHIN / 2, "it waited for the silent ones");
    test.stop().await;
}

#[tokio::test]
async fn a_head_that_never_ends_and_a_connection_that_says_nothing_are_closed() {
    let test = Served::with(TestDatabase::sqlite().await, WITH_ADMIN).await;
    let begun_at = Instant::now();
    let mut slow = TcpStream::connect(test.address).await.unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").await.unwrap();
    let mut kept = TcpStream::connect(test.address).await.unwrap();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();

    for (stream, is_answered) in [(&mut slow, false), (&mut kept, true)] {
        let mut told = Vec::new();
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut told))
            .await
            .expect("it must be closed")
            .unwrap();
        let told = String::from_utf8_lossy(&told).into_owned();
        assert_eq!(told.starts_with("HTTP/1.1 200 "), is_answered, "{told}");
    }
    assert!(begun_at.elapsed() + Duration::from_secs(1) >= HEAD_WITHIN, "not before its time");
    test.stop().await;
}

#[tokio::test]
async fn slow_clients_do_not_hold_up_the_end() {
    let test = Served::with(TestDatabase::sqlite().await, WITH_ADMIN).await;
    let mut clients = Vec::new();
    for begun in [
        "GET /api/v1/status HTTP/1.1\r\nHost: loc".to_owned(),
        format!(
            "POST /api/v1/sync HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {ADMIN}\r\n\
             Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{{\"shop\""
        ),
    ] {
        let mut client = TcpStream::connect(test.address).await.unwrap();
        client.write_all(begun.as_bytes()).await.unwrap();
        clients.push(client);
    }
    assert_eq!(test.get("/healthz").send().await.unwrap().status(), StatusCode::OK);

    let took = test.stop().await;

    assert!(took + 2 * END_WITHIN < HEAD_WITHIN, "{took:?}: it waited for the clients");
    drop(clients);
}

both_databases! {
    async fn health_is_reported_before_the_daemon_works_and_while_it_stops(database: TestDatabase) {
        let sandbox = sandbox(10).await;
        let folder = tempfile::tempdir().unwrap();
        let text = web_config(&sandbox, database.settings.url.expose_secret(), "");
        std::fs::write(folder.path().join("config.toml"), text).unwrap();
        let app = crate::support::context::open_app(&folder, &database, &database.clock).await;
        let http = Http::open(&app.config().http).await.unwrap();
        let client = browser();
        let ask = async |path: &str| {
            let response = client.get(format!("http://{}{path}", http.address().unwrap())).send().await.unwrap();
            (response.status().as_u16(), response.text().await.unwrap())
        };
        for path in ["/healthz", "/readyz", "/api/v1/status"] {
            assert_eq!(ask(path).await, (503, "starting: the database is awaited\n".to_owned()));
        }

        let cancel = CancellationToken::new();
        let daemon = Daemon::new(Live::new(app), cancel.clone());
        http.serve(daemon);
        assert_eq!(ask("/healthz").await, (200, "ok\n".to_owned()));
        assert_eq!(ask("/readyz").await, (200, "ready\n".to_owned()));

        cancel.cancel();
        assert_eq!(ask("/healthz").await.0, 200, "the last runs still come to their end");
        assert_eq!(ask("/readyz").await, (503, "the daemon is stopping\n".to_owned()));
        http.end().await;
    }
}

#[tokio::test]
async fn a_database_that_hangs_lets_no_one_wait_long() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let test = Served::new(database).await;
    let other = connect(test.database.settings.url.expose_secret()).await;
    let holding = other.begin().await.unwrap();
    holding.execute_unprepared("LOCK TABLE job_runs IN ACCESS EXCLUSIVE MODE").await.unwrap();

    for _ in 0..2 {
        let asked_at = Instant::now();
        let response = test.get("/api/v1/runs").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key("retry-after"));
        assert_eq!(error_code(response).await, "database_away");
        assert!(asked_at.elapsed() < HEAD_WITHIN, "{:?}", asked_at.elapsed());
    }
    assert_eq!(test.get("/healthz").send().await.unwrap().status(), StatusCode::OK);

    holding.rollback().await.unwrap();
    let is_back = async {
        while test.get("/api/v1/runs").send().await.unwrap().status() != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, is_back).await.unwrap();
    test.stop().await;
}

#[tokio::test]
async fn an_address_that_is_taken_is_one_clear_line_and_a_bad_config() {
    let (sandbox, database) = (sandbox(10).await, TestDatabase::sqlite().await);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let program = program(&sandbox, &database, &taken.local_addr().unwrap().to_string());

    let said = program.fail(&["run"], 78).await;

    let line = said.lines().last().unwrap();
    assert!(line.contains("is taken by another program") && line.contains("`[http] listen`"), "{said}");
}

#[tokio::test]
async fn refusals_are_logged_without_the_secrets_that_came_with_them() {
    let (sandbox, database) = (sandbox(10).await, TestDatabase::sqlite().await);
    let program = program(&sandbox, &database, "127.0.0.1:0");
    let mut child = program.start_logging(&["run", "--log-format", "json", "--log-level", "trace"]);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut log = Vec::new();
    let mut address = None;
    let ready = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            let told: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            if told.to_string().contains("http.listening") {
                let at = line.find("http://").unwrap() + "http://".len();
                address = Some(line[at..].split('/').next().unwrap().to_owned());
            }
            let is_ready = line.contains("daemon.ready");
            log.push(line);
            if is_ready {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, ready).await.unwrap();
    let root = format!("http://{}", address.unwrap());
    let client = browser();

    let secrets =
        ["canary-token-0123456789012345678901", "canary-code-5550123", "canarystate0123456789abcdef"];
    let post = |token: &str| client.post(format!("{root}/api/v1/sync")).bearer_auth(token).body("{}");
    assert_eq!(post(secrets[0]).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let foreign = post(ADMIN).header("origin", "https://evil.example").send().await.unwrap();
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    let back = format!("{root}/oauth/xiaohongshu/callback?code={}&state={}", secrets[1], secrets[2]);
    assert_eq!(client.get(&back).send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    let rebound = client.get(&back).header("host", "evil.example").send().await.unwrap();
    assert_eq!(rebound.status(), StatusCode::MISDIRECTED_REQUEST);
    log.extend(crate::daemon::process::stop(&mut child, &mut lines, "TERM").await);

    let count = |event: &str| log.iter().filter(|line| line.contains(&format!("\"{event}\""))).count();
    assert_eq!((count("http.refused"), count("oauth.refused")), (3, 1), "{log:#?}");
    for secret in secrets.iter().chain([&ADMIN]) {
        let leak = log.iter().find(|line| line.contains(secret));
        assert!(leak.is_none(), "{secret} stands in the log: {leak:?}");
    }
}

fn program(sandbox: &shopsync::sandbox::Sandbox, database: &TestDatabase, listen: &str) -> Program {
    let program = Program::new(sandbox, database);
    let text = web_config(sandbox, database.settings.url.expose_secret(), WITH_ADMIN);
    let text = text.replace("127.0.0.1:0\"", &format!("{listen}\""));
    std::fs::write(program.folder.path().join("config.toml"), text).unwrap();
    write_admin_token(&program.folder);
    program
}
