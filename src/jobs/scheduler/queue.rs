//! The queue of slots: which are due, which wait and which jobs run. It holds all state of the ticker, and its only lock.
//!
//! Every slot of a job counts exactly once: it is handed out itself, or counted in [`Slot::coalesced`] of a later one. Knows
//! nothing of the crate that wakes us.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::cron;
use super::job::{Job, JobName, Slot, Trigger};

/// After a stall, at most this many slots of a job are counted one by one. Further ones are skipped uncounted, so that a job
/// with a slot each second cannot delay the others after a week of sleep.
const COALESCED_MAX: u32 = 1_000;

/// If the clock is set back by less than this, slots wait until it has caught up. If by more, the slots start again from now:
/// otherwise a machine that woke in the wrong year would be idle for a year.
const CLOCK_STEP_MAX: TimeDelta = TimeDelta::seconds(60);

/// The jobs, their waiting slots, and which jobs run.
pub struct SlotQueue {
    state: Mutex<QueueState>,
}

struct QueueState {
    /// Whether slots are handed out. Once closed, it stays closed.
    open: bool,
    /// The time of the last check.
    checked_at: DateTime<Utc>,
    entries: BTreeMap<JobName, Entry>,
    /// Not part of the entries, so that a job which a reload removes and another adds again does not run twice at a time.
    running: HashSet<JobName>,
}

struct Entry {
    /// The id of the job in the crate.
    id: Uuid,
    job: Job,
    /// The next slot, without jitter. `None`: there is none.
    next: Option<DateTime<Utc>>,
    /// The slot that is due and not handed out yet.
    waiting: Option<Slot>,
}

impl SlotQueue {
    /// The first slot of each job is its first after `now`.
    pub fn new(jobs: Vec<Job>, now: DateTime<Utc>) -> Self {
        let queue = Self {
            state: Mutex::new(QueueState {
                open: true,
                checked_at: now,
                entries: BTreeMap::new(),
                running: HashSet::new(),
            }),
        };
        queue.replace(jobs, now);
        queue
    }

    /// Replaces the list of jobs. Work that runs continues. A job of the same name keeps its waiting slot, and also its next slot
    /// if its schedule is unchanged.
    pub fn replace(&self, jobs: Vec<Job>, now: DateTime<Utc>) {
        let mut state = self.lock();
        let mut former = std::mem::take(&mut state.entries);
        for job in jobs {
            let entry = match former.remove(&job.name) {
                Some(entry) if entry.job == job => entry,
                changed => Entry {
                    id: Uuid::new_v4(),
                    next: job.schedule.next_slot(now),
                    waiting: changed.and_then(|entry| entry.waiting),
                    job,
                },
            };
            state.entries.insert(entry.job.name.clone(), entry);
        }
    }

    /// Lets every slot that is due at `now` wait, and returns the jobs that have a waiting slot and do not run.
    pub fn due(&self, now: DateTime<Utc>) -> Vec<Uuid> {
        let mut state = self.lock();
        if !state.open {
            return Vec::new();
        }
        let set_back = now + CLOCK_STEP_MAX < state.checked_at;
        state.checked_at = now;
        let QueueState { entries, running, .. } = &mut *state;
        let mut due = Vec::new();
        for (name, entry) in entries {
            if set_back {
                entry.next = entry.job.schedule.next_slot(now);
            }
            entry.collect(now);
            if entry.waiting.is_some() && !running.contains(name) {
                due.push(entry.id);
            }
        }
        due
    }

    /// Adds a slot for a job that missed slots while no daemon ran. `false`: there is no such job, or the queue is closed.
    pub fn catch_up(&self, name: &JobName, now: DateTime<Utc>) -> bool {
        let mut state = self.lock();
        if !state.open {
            return false;
        }
        state.entries.get_mut(name).is_some_and(|entry| {
            entry.wait(now, Trigger::CatchUp);
            true
        })
    }

    /// Takes the waiting slot of a job that does not run. The job then counts as running until [`SlotQueue::next_or_finish`]
    /// returns `None`.
    pub fn take(&self, id: Uuid) -> Option<(JobName, Slot)> {
        let mut state = self.lock();
        let QueueState { entries, running, .. } = &mut *state;
        let entry = entries.values_mut().find(|entry| entry.id == id)?;
        if running.contains(&entry.job.name) {
            return None;
        }
        let slot = entry.waiting.take()?;
        running.insert(entry.job.name.clone());
        Some((entry.job.name.clone(), slot))
    }

    /// The next slot of a job that has just finished one. `None`: nothing waits, and the job does not run any more.
    pub fn next_or_finish(&self, name: &JobName) -> Option<Slot> {
        let mut state = self.lock();
        let slot = state.entries.get_mut(name).and_then(|entry| entry.waiting.take());
        if slot.is_none() {
            state.running.remove(name);
        }
        slot
    }

    /// From now on no slot is handed out, not even a waiting one.
    pub fn close(&self) {
        let mut state = self.lock();
        state.open = false;
        for entry in state.entries.values_mut() {
            entry.waiting = None;
        }
    }

    /// A panic elsewhere cannot leave the state half changed: no handler runs under the lock.
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Lets every slot that is due at `now` wait, and finds the next one.
    fn collect(&mut self, now: DateTime<Utc>) {
        let due_before = now - cron::jitter(self.job.name.as_str(), self.job.jitter);
        for _ in 0..COALESCED_MAX {
            let Some(slot) = self.next.filter(|slot| *slot <= due_before) else {
                return;
            };
            self.wait(slot, Trigger::Schedule);
            self.next = self.job.schedule.next_slot(slot);
        }
        if self.next.is_some_and(|slot| slot <= due_before) {
            self.next = self.job.schedule.next_slot(due_before);
        }
    }

    /// Lets a slot wait. It replaces and counts an earlier one.
    fn wait(&mut self, at: DateTime<Utc>, trigger: Trigger) {
        let coalesced = self.waiting.map_or(0, |earlier| earlier.coalesced.saturating_add(1));
        self.waiting = Some(Slot { at, trigger, coalesced });
    }
}

#[cfg(test)]
mod tests;
