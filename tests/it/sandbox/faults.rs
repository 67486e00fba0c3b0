//! Each fault is really what a client sees.

use std::error::Error as _;
use std::time::Duration;

use serde_json::{Value, json};
use shopsync::sandbox::{Fault, FaultKind, Platform, Violations};

use super::{Caller, refusal, start, temu_body};

const INFO: &str = "bg.open.accesstoken.info.get";

/// The first of two equal calls meets the fault, the second must be answered.
async fn meet(caller: &Caller, kind: FaultKind) -> reqwest::Result<(u16, Option<String>, String)> {
    caller.world(|world| world.add_fault(Fault::new(kind).on(Platform::Temu).at(INFO).next(1)));
    let met = send(caller).await;

    assert_eq!(send(caller).await.unwrap().0, 200, "the fault strikes once");
    met
}

async fn send(caller: &Caller) -> reqwest::Result<(u16, Option<String>, String)> {
    let body = temu_body(caller.temu_parameters(INFO, json!({})), shopsync::sandbox::TEMU_APP_SECRET);
    let answer = caller.http.post(caller.sandbox.temu_gateway()).body(body).send().await?;
    let retry_after = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    Ok((answer.status().as_u16(), retry_after, answer.text().await?))
}

fn is_reset(error: &reqwest::Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return io.kind() == std::io::ErrorKind::ConnectionReset;
        }
        source = cause.source();
    }
    false
}

#[tokio::test]
async fn the_edge_answers_with_its_own_pages() {
    let caller = Caller::with_orders(0).await;

    let (status, _, _) = meet(&caller, FaultKind::InternalError).await.unwrap();
    assert_eq!(status, 500);
    let (status, _, page) = meet(&caller, FaultKind::BadGateway).await.unwrap();
    assert!(status == 502 && page.starts_with("<html>"));
    let (status, _, page) = meet(&caller, FaultKind::HtmlPage).await.unwrap();
    assert!(status == 200 && page.starts_with("<html>"));
    let busy = |retry_after_seconds| FaultKind::TooManyRequests { retry_after_seconds };
    let (status, pause, _) = meet(&caller, busy(Some(7))).await.unwrap();
    assert_eq!((status, pause.as_deref()), (429, Some("7")));
    let (status, pause, _) = meet(&caller, busy(None)).await.unwrap();
    assert_eq!((status, pause), (429, None));
}

#[tokio::test]
async fn truncated_json_is_not_json() {
    let caller = Caller::with_orders(0).await;

    let (status, _, text) = meet(&caller, FaultKind::Truncated).await.unwrap();

    assert!(status == 200 && text.starts_with("{\"success\":true"));
    assert!(serde_json::from_str::<Value>(&text).unwrap_err().is_eof());
}

#[tokio::test]
async fn a_cut_connection_is_an_error_and_a_lost_reply_acts_first() {
    let caller = Caller::with_orders(0).await;

    for kind in [FaultKind::Reset, FaultKind::LostReply] {
        let error = meet(&caller, kind.clone()).await.unwrap_err();
        assert!(is_reset(&error), "{kind:?}: {error:?}");
    }

    let code = caller.world(|world| {
        world.add_fault(Fault::new(FaultKind::LostReply).next(1));
        world.issue_code(Platform::Temu, 0)
    });
    let asked = json!({"code": code, "access_token": code});
    let parameters = caller.temu_parameters("bg.open.accesstoken.create", asked.clone());
    let body = temu_body(parameters, shopsync::sandbox::TEMU_APP_SECRET);
    assert!(caller.http.post(caller.sandbox.temu_gateway()).body(body).send().await.is_err());
    let again = caller.temu("bg.open.accesstoken.create", asked).await;
    assert_eq!(again["errorCode"], 110_020_002, "the lost call has spent the code");
}

#[tokio::test]
async fn a_stalled_answer_outlasts_the_caller_and_ends_with_the_sandbox() {
    let caller = Caller::with_orders(0).await;
    let stall = FaultKind::Stall { milliseconds: 3_600_000 };
    caller.world(|world| world.add_fault(Fault::new(stall)));
    let body = temu_body(caller.temu_parameters(INFO, json!({})), shopsync::sandbox::TEMU_APP_SECRET);
    let call = caller.http.post(caller.sandbox.temu_gateway()).body(body);

    let impatient = call.try_clone().unwrap().timeout(Duration::from_millis(50)).send().await;
    assert!(impatient.unwrap_err().is_timeout());

    let patient = tokio::spawn(call.send());
    while caller.world(|world| world.calls(INFO)) < 2 {
        tokio::task::yield_now().await;
    }
    caller.sandbox.stop().await;
    assert!(patient.await.unwrap().is_err());
}

#[tokio::test]
async fn the_platforms_own_refusals_come_in_their_own_words() {
    let caller = Caller::with_orders(0).await;
    let business = || FaultKind::Business { code: 4242, message: "no".into() };
    let now = start().timestamp();

    for (kind, temu, xiaohongshu) in [
        (FaultKind::Throttle, 4_000_004, (-9013, "限流")),
        (business(), 4242, (4242, "no")),
        (FaultKind::NotGranted, 3_000_032, (401, "无权限")),
        (FaultKind::TokenExpired, 3_000_034, (401, "accessToken expired")),
        (FaultKind::TokenRevoked, 3_000_031, (401, "accessToken invalid")),
        (FaultKind::StillCalculated, 140_020_009, (-1, "计算中")),
    ] {
        caller.world(|world| world.add_fault(Fault::new(kind.clone()).next(2)));
        let answer = caller.temu(INFO, json!({})).await;
        assert_eq!(answer["errorCode"], temu, "{kind:?}");
        let window = json!({"startTime": now - 60, "endTime": now, "timeType": 2});
        let answer = caller.xiaohongshu("order.getOrderList", window).await;
        let (code, text) = refusal(&answer);
        assert!(code == xiaohongshu.0 && text.contains(xiaohongshu.1), "{kind:?} {answer}");
    }
    assert_eq!(caller.world(|world| world.violations()), Violations::default());
}

#[tokio::test]
async fn the_date_header_and_the_timestamps_follow_the_skew() {
    let caller = Caller::with_orders(0).await;
    for (minutes, date, is_fine) in [
        (0, "Mon, 24 Nov 2025 16:00:00 GMT", true),
        (4, "Mon, 24 Nov 2025 16:04:00 GMT", true),
        (-4, "Mon, 24 Nov 2025 15:56:00 GMT", true),
        (6, "Mon, 24 Nov 2025 16:06:00 GMT", false),
    ] {
        caller.world(|world| world.set_skew(super::minutes(minutes)));
        let body = temu_body(caller.temu_parameters(INFO, json!({})), shopsync::sandbox::TEMU_APP_SECRET);
        let answer = caller.http.post(caller.sandbox.temu_gateway()).body(body).send().await.unwrap();
        let dates: Vec<_> = answer.headers().get_all("date").iter().cloned().collect();
        assert_eq!(dates, [date]);
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(answer["success"], is_fine, "{minutes} min");
    }
    assert_eq!(caller.world(|world| world.violations().stale_timestamp), 1);
}
