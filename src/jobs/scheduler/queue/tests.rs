//! The rules of the queue: each slot is handed out or counted once, and each job runs once at a time.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::jobs::scheduler::cron::Schedule;

/// No job is due.
const NONE: [Uuid; 0] = [];

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
}

fn every(name: &str, seconds: u64) -> Job {
    Job {
        name: name.into(),
        schedule: Schedule::every(Duration::from_secs(seconds)).unwrap(),
        jitter: Duration::ZERO,
    }
}

fn slot(second: i64, coalesced: u32) -> Slot {
    Slot { at: at(second), trigger: Trigger::Schedule, coalesced }
}

/// The slot of the only job that is due, which then runs.
fn take_due(queue: &SlotQueue, now: DateTime<Utc>) -> Option<Slot> {
    let due = queue.due(now);
    assert!(due.len() <= 1, "one job cannot be due twice");
    queue.take(*due.first()?).map(|(_, slot)| slot)
}

#[test]
fn nothing_is_due_before_the_first_slot_after_the_start() {
    let queue = SlotQueue::new(vec![every("orders", 10)], at(0));
    assert_eq!(take_due(&queue, at(0)), None);
    assert_eq!(take_due(&queue, at(9)), None);
    assert_eq!(take_due(&queue, at(10)), Some(slot(10, 0)));
}

#[test]
fn a_slot_that_is_due_twice_is_handed_out_once() {
    let queue = SlotQueue::new(vec![every("orders", 10)], at(0));
    let due = queue.due(at(10));
    assert_eq!(due, queue.due(at(10)), "not taken yet, so still due");
    assert!(queue.take(due[0]).is_some());
    assert!(queue.take(due[0]).is_none());
    assert_eq!(queue.next_or_finish(&"orders".into()), None);
    assert!(queue.take(due[0]).is_none());
    assert_eq!(queue.due(at(11)), NONE);
}

#[test]
fn the_slots_of_a_stall_are_one_run_that_counts_them() {
    let queue = SlotQueue::new(vec![every("orders", 10)], at(0));
    assert_eq!(take_due(&queue, at(45)), Some(slot(40, 3)));
}

#[test]
fn a_job_that_runs_has_one_slot_waiting_at_most() {
    let queue = SlotQueue::new(vec![every("orders", 10)], at(0));
    let orders = "orders".into();
    assert!(take_due(&queue, at(10)).is_some());
    for now in 20..=50 {
        assert_eq!(queue.due(at(now)), NONE, "it runs");
    }
    assert_eq!(queue.next_or_finish(&orders), Some(slot(50, 3)));
    assert_eq!(queue.next_or_finish(&orders), None);
    assert_eq!(take_due(&queue, at(60)), Some(slot(60, 0)));
}

#[test]
fn one_long_job_does_not_delay_another() {
    let queue = SlotQueue::new(vec![every("orders", 10), every("products", 10)], at(0));
    let due = queue.due(at(10));
    let (first, _) = queue.take(due[0]).unwrap();
    let (second, _) = queue.take(due[1]).unwrap();
    assert_eq!(queue.next_or_finish(&second), None);
    assert_eq!(queue.due(at(20)), [due[1]]);
    assert_eq!(queue.next_or_finish(&first), Some(slot(20, 0)));
}

#[test]
fn jitter_delays_the_start_and_leaves_the_slot() {
    let job = Job { jitter: Duration::from_mins(1), ..every("orders", 3_600) };
    let delay = cron::jitter("orders", job.jitter);
    assert!(delay > TimeDelta::zero(), "a name whose delay is 0 would prove nothing");
    let queue = SlotQueue::new(vec![job], at(0));
    assert_eq!(take_due(&queue, at(3_600) + delay - TimeDelta::milliseconds(1)), None);
    assert_eq!(take_due(&queue, at(3_600) + delay), Some(slot(3_600, 0)));
}

#[test]
fn a_catch_up_waits_for_the_running_job_and_joins_a_waiting_slot() {
    let queue = SlotQueue::new(vec![every("orders", 10)], at(0));
    let orders = "orders".into();
    assert!(queue.catch_up(&orders, at(3)));
    let caught_up = take_due(&queue, at(4)).unwrap();
    assert_eq!((caught_up.at, caught_up.trigger), (at(3), Trigger::CatchUp));
    assert!(queue.catch_up(&orders, at(5)));
    assert_eq!(queue.due(at(10)), NONE);
    assert_eq!(queue.next_or_finish(&orders), Some(slot(10, 1)));
    assert!(!queue.catch_up(&"unknown".into(), at(11)));
}

#[test]
fn a_closed_queue_hands_out_nothing() {
    let queue = SlotQueue::new(vec![every("orders", 10)], at(0));
    let orders = "orders".into();
    let id = queue.due(at(10))[0];
    queue.close();
    assert!(queue.take(id).is_none(), "not even a slot that was due before");
    assert_eq!(queue.due(at(20)), NONE);
    assert!(!queue.catch_up(&orders, at(20)));
    assert_eq!(queue.next_or_finish(&orders), None);
}

#[test]
fn another_list_keeps_running_work_and_unchanged_jobs() {
    let queue = SlotQueue::new(vec![every("orders", 10), every("products", 10)], at(0));
    let due = queue.due(at(10));
    let (orders, _) = queue.take(due[0]).unwrap();
    queue.replace(vec![every("products", 10), every("orders", 20), every("fresh", 5)], at(15));
    assert_eq!(queue.take(due[1]).map(|(_, slot)| slot), Some(slot(10, 0)), "it waited before");
    assert_eq!(queue.due(at(19)), NONE);
    let fresh = queue.due(at(20));
    assert_eq!(fresh.len(), 1, "orders and products still run");
    assert_eq!(queue.take(fresh[0]).unwrap(), ("fresh".into(), slot(20, 0)));
    assert_eq!(queue.next_or_finish(&orders), Some(slot(20, 0)));
}

#[test]
fn a_job_that_is_removed_and_added_again_does_not_run_twice() {
    let queue = SlotQueue::new(vec![every("orders", 10)], at(0));
    let orders = "orders".into();
    assert!(take_due(&queue, at(10)).is_some());
    queue.replace(Vec::new(), at(11));
    queue.replace(vec![every("orders", 10)], at(12));
    assert_eq!(queue.due(at(20)), NONE, "its first run has not ended");
    assert_eq!(queue.next_or_finish(&orders), Some(slot(20, 0)));
    queue.replace(Vec::new(), at(21));
    assert_eq!(queue.next_or_finish(&orders), None);
}

#[test]
fn a_clock_set_far_back_does_not_stop_the_jobs_until_it_has_caught_up() {
    let queue = SlotQueue::new(vec![every("orders", 10)], at(100_000));
    assert_eq!(take_due(&queue, at(100_010)), Some(slot(100_010, 0)));
    assert_eq!(queue.next_or_finish(&"orders".into()), None);
    assert_eq!(queue.due(at(99_990)), NONE, "a little back: no slot comes twice");
    assert_eq!(queue.due(at(99_999)), NONE);
    assert_eq!(queue.due(at(0)), NONE);
    assert_eq!(take_due(&queue, at(10)), Some(slot(10, 0)));
}

#[test]
fn a_week_of_sleep_is_one_run_and_the_next_slot_is_in_the_future() {
    let queue = SlotQueue::new(vec![every("orders", 1)], at(0));
    let week = 7 * 24 * 60 * 60;
    assert_eq!(take_due(&queue, at(week)).unwrap().coalesced, COALESCED_MAX - 1);
    assert_eq!(queue.next_or_finish(&"orders".into()), None);
    assert_eq!(take_due(&queue, at(week + 1)), Some(slot(week + 1, 0)));
}

proptest! {
    /// Steps: seconds to pass, whether a due job is taken, whether a running one ends.
    #[test]
    fn every_slot_is_handed_out_or_counted_exactly_once(
        steps in proptest::collection::vec((0i64..40, any::<bool>(), any::<bool>()), 1..200),
    ) {
        let (orders, mut now, mut running) = ("orders".into(), 0, false);
        let queue = SlotQueue::new(vec![every("orders", 10)], at(0));
        let mut handed: Vec<Slot> = Vec::new();
        for (seconds, takes, ends) in steps {
            now += seconds;
            let due = queue.due(at(now));
            prop_assert!(!running || due.is_empty(), "a running job is not due");
            if let (true, Some(id)) = (takes, due.first()) {
                handed.push(queue.take(*id).unwrap().1);
                running = true;
            }
            if running && ends {
                let next = queue.next_or_finish(&orders);
                running = next.is_some();
                handed.extend(next);
            }
        }
        // Let everything end that runs or waits.
        while let Some(slot) = queue.next_or_finish(&orders).or_else(|| take_due(&queue, at(now))) {
            handed.push(slot);
        }
        let accounted: i64 = handed.iter().map(|slot| 1 + i64::from(slot.coalesced)).sum();
        prop_assert_eq!(accounted, now / 10);
        prop_assert!(handed.windows(2).all(|pair| pair[0].at < pair[1].at), "never back, never twice");
    }
}
