//! The ticker neither loses nor repeats a slot, whatever stalls, runs long or panics.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use shopsync::clock::Clock;
use shopsync::jobs::scheduler::cron::Schedule;
use shopsync::jobs::scheduler::job::{Job, JobName, Slot, Trigger};
use shopsync::jobs::scheduler::ticker::{Handler, Ticker, TickerError};
use tokio::sync::{Semaphore, mpsc};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A job whose handlers no gate holds back.
const FREE: &str = "free";

/// What a ticker under test called, and the means to hold its handlers back.
struct Calls {
    handler: Handler,
    started: mpsc::UnboundedReceiver<(JobName, Slot)>,
    panics: mpsc::UnboundedReceiver<(JobName, Slot, String)>,
    /// A permit for each handler that may end.
    gate: Arc<Semaphore>,
}

/// Handlers that report their slot, panic at the first one on request, and end when the gate lets them.
fn calls(first_panics: bool) -> Calls {
    let (started_tx, started) = mpsc::unbounded_channel();
    let (panics_tx, panics) = mpsc::unbounded_channel();
    let gate = Arc::new(Semaphore::new(0));
    let seen = Arc::new(AtomicU32::new(0));
    let run = {
        let gate = Arc::clone(&gate);
        move |name: JobName, slot: Slot| -> BoxFuture<'static, ()> {
            let is_first = seen.fetch_add(1, Ordering::SeqCst) == 0;
            started_tx.send((name.clone(), slot)).unwrap();
            assert!(!(first_panics && is_first), "the first run goes wrong");
            let gate = Arc::clone(&gate);
            async move {
                if name.as_str() != FREE {
                    gate.acquire().await.unwrap().forget();
                }
            }
            .boxed()
        }
    };
    let panicked = move |name: &JobName, slot: Slot, message: &str| {
        panics_tx.send((name.clone(), slot, message.to_owned())).unwrap();
    };
    let handler = Handler { run: Arc::new(run), panicked: Arc::new(panicked) };
    Calls { handler, started, panics, gate }
}

fn every_minute(name: &str) -> Job {
    Job {
        name: name.into(),
        schedule: Schedule::cron("0 * * * * *", chrono_tz::Europe::Berlin).unwrap(),
        jitter: Duration::ZERO,
    }
}

fn slot(text: &str, coalesced: u32) -> Slot {
    Slot { at: at(text), trigger: Trigger::Schedule, coalesced }
}

#[tokio::test]
async fn a_slot_starts_when_its_time_has_come() {
    let clock = Clock::manual(at("2026-06-01T10:00:30Z"));
    let mut calls = calls(false);
    let ticker = Ticker::start(vec![every_minute("orders")], clock.clone(), calls.handler).await.unwrap();

    calls.gate.add_permits(2);
    clock.set(at("2026-06-01T10:01:00Z"));
    assert_eq!(calls.started.recv().await.unwrap(), ("orders".into(), slot("2026-06-01T10:01:00Z", 0)));
    clock.set(at("2026-06-01T10:02:10Z"));
    assert_eq!(calls.started.recv().await.unwrap(), ("orders".into(), slot("2026-06-01T10:02:00Z", 0)));

    ticker.shutdown().await;
    assert!(calls.started.try_recv().is_err(), "two slots, two runs");
}

#[tokio::test]
async fn slots_that_pass_during_a_run_become_one_more_run() {
    let clock = Clock::manual(at("2026-06-01T10:00:30Z"));
    let mut calls = calls(false);
    let jobs = vec![every_minute("orders"), every_minute(FREE)];
    let ticker = Ticker::start(jobs, clock.clone(), calls.handler).await.unwrap();

    // The free job's run shows that a pass has been made at that minute; the other one is held back.
    let mut orders = Vec::new();
    for minute in 1..=4 {
        clock.set(at(&format!("2026-06-01T10:0{minute}:00Z")));
        loop {
            match calls.started.recv().await.unwrap() {
                (name, _) if name.as_str() == FREE => break,
                (_, slot) => orders.push(slot),
            }
        }
    }
    calls.gate.add_permits(2);
    while orders.len() < 2 {
        orders.push(calls.started.recv().await.unwrap().1);
    }

    ticker.shutdown().await;
    assert!(calls.started.try_recv().is_err());
    assert_eq!(orders, [slot("2026-06-01T10:01:00Z", 0), slot("2026-06-01T10:04:00Z", 2)]);
}

#[tokio::test]
async fn a_stalled_program_neither_loses_nor_doubles_a_slot() {
    let clock = Clock::manual(at("2026-06-01T10:00:30Z"));
    let mut calls = calls(false);
    calls.gate.add_permits(Semaphore::MAX_PERMITS);
    let ticker = Ticker::start(vec![every_minute("orders")], clock.clone(), calls.handler).await.unwrap();
    clock.set(at("2026-06-01T10:01:00Z"));
    assert_eq!(calls.started.recv().await.unwrap().1, slot("2026-06-01T10:01:00Z", 0));

    // The only thread of this runtime is held for longer than two passes take.
    clock.set(at("2026-06-01T10:04:00Z"));
    std::thread::sleep(Duration::from_millis(1_200));

    assert_eq!(calls.started.recv().await.unwrap().1, slot("2026-06-01T10:04:00Z", 2));
    clock.set(at("2026-06-01T10:05:00Z"));
    assert_eq!(calls.started.recv().await.unwrap().1, slot("2026-06-01T10:05:00Z", 0));
    ticker.shutdown().await;
    assert!(calls.started.try_recv().is_err());
}

#[tokio::test]
async fn a_panic_is_reported_and_the_next_slot_comes_as_usual() {
    let clock = Clock::manual(at("2026-06-01T10:00:30Z"));
    let mut calls = calls(true);
    let ticker = Ticker::start(vec![every_minute("orders")], clock.clone(), calls.handler).await.unwrap();
    clock.set(at("2026-06-01T10:01:00Z"));
    let (name, told, message) = calls.panics.recv().await.unwrap();
    assert_eq!((name.as_str(), told), ("orders", slot("2026-06-01T10:01:00Z", 0)));
    assert!(message.contains("the first run goes wrong"), "{message}");
    calls.gate.add_permits(1);
    clock.set(at("2026-06-01T10:02:00Z"));
    assert_eq!(calls.started.recv().await.unwrap().1, slot("2026-06-01T10:01:00Z", 0));
    assert_eq!(calls.started.recv().await.unwrap().1, slot("2026-06-01T10:02:00Z", 0));
    ticker.shutdown().await;
}

#[tokio::test]
async fn shutdown_waits_for_what_runs_and_starts_nothing_more() {
    let clock = Clock::manual(at("2026-06-01T10:00:30Z"));
    let mut calls = calls(false);
    let ticker =
        Arc::new(Ticker::start(vec![every_minute("orders")], clock.clone(), calls.handler).await.unwrap());
    clock.set(at("2026-06-01T10:01:00Z"));
    calls.started.recv().await.unwrap();
    assert!(ticker.catch_up(&"orders".into()), "it waits behind the run");

    let ending = tokio::spawn({
        let ticker = Arc::clone(&ticker);
        async move { ticker.shutdown().await }
    });
    // Both the run and the shutdown are under way now; only the run's end lets the shutdown end.
    tokio::task::yield_now().await;
    assert!(!ending.is_finished());
    clock.set(at("2026-06-01T10:05:00Z"));
    calls.gate.add_permits(10);
    ending.await.unwrap();

    assert!(!ticker.catch_up(&"orders".into()));
    assert!(calls.started.try_recv().is_err(), "neither the catch-up nor a later slot began");
    assert_eq!(calls.gate.available_permits(), 9, "one run ended");
}

#[tokio::test]
async fn a_missed_slot_is_caught_up_once() {
    let clock = Clock::manual(at("2026-06-03T10:00:30Z"));
    let mut calls = calls(false);
    calls.gate.add_permits(10);
    let job = every_minute("orders");
    let two_days_ago = at("2026-06-01T10:00:00Z");
    assert!(job.schedule.missed(Some(two_days_ago), clock.now()));
    let ticker = Ticker::start(vec![job], clock.clone(), calls.handler).await.unwrap();
    ticker.catch_up(&"orders".into());
    let (_, caught_up) = calls.started.recv().await.unwrap();
    assert_eq!((caught_up.trigger, caught_up.coalesced), (Trigger::CatchUp, 0));
    clock.set(at("2026-06-03T10:01:00Z"));
    assert_eq!(calls.started.recv().await.unwrap().1, slot("2026-06-03T10:01:00Z", 0));
    ticker.shutdown().await;
}

#[tokio::test]
async fn hundreds_of_jobs_due_at_once_all_run() {
    let clock = Clock::manual(at("2026-06-01T10:00:30Z"));
    let done = Arc::new(Mutex::new(Vec::new()));
    let (last_tx, mut last) = mpsc::unbounded_channel();
    let run = {
        let done = Arc::clone(&done);
        move |name: JobName, _: Slot| -> BoxFuture<'static, ()> {
            let mut done = done.lock().unwrap();
            done.push(name);
            if done.len() == 256 {
                last_tx.send(()).unwrap();
            }
            std::future::ready(()).boxed()
        }
    };
    let handler = Handler { run: Arc::new(run), panicked: Arc::new(|_, _, message| panic!("{message}")) };
    let jobs: Vec<Job> = (0..256).map(|number| every_minute(&format!("job{number}"))).collect();
    let ticker = Ticker::start(jobs, clock.clone(), handler).await.unwrap();
    clock.set(at("2026-06-01T10:01:00Z"));
    last.recv().await.unwrap();
    ticker.shutdown().await;
    let mut names = done.lock().unwrap().clone();
    assert_eq!(names.len(), 256);
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 256, "none twice");
}

#[tokio::test]
async fn an_invalid_list_of_jobs_is_refused() {
    let start = |jobs| Ticker::start(jobs, Clock::manual(at("2026-06-01T10:00:00Z")), calls(false).handler);
    let twice = vec![every_minute("orders"), every_minute("products"), every_minute("orders")];
    assert!(
        matches!(start(twice).await.err(), Some(TickerError::Twice { name }) if name.as_str() == "orders")
    );
    let many = (0..257).map(|number| every_minute(&format!("job{number}"))).collect();
    assert!(matches!(start(many).await.err(), Some(TickerError::TooMany { found: 257 })));
}
