//! Which slots are due, which wait and which jobs run: the ticker's memory, and its only lock.
//!
//! Every slot of a job is accounted for exactly once: it is handed over itself, or counted in the
//! [`Slot::coalesced`] of a later one. Knows nothing of the crate that does the waking.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::cron;
use super::ticker::{Job, JobName, Slot, Trigger};

/// Slots of one job counted one by one after a stall; further ones are passed over uncounted, so that a
/// second-by-second job cannot hold up the others after a week of sleep.
const COALESCED_MAX: u32 = 1_000;

/// A clock set back by less than this lets the slots rest until it has caught up; by more, they begin anew
/// from the present, or a machine that woke in the wrong year would stay idle for a year.
const CLOCK_STEP_MAX: TimeDelta = TimeDelta::seconds(60);

/// The jobs, what waits for them and what runs.
pub struct Board {
    state: Mutex<State>,
}

struct State {
    /// Whether slots are still handed out. Never opened again.
    open: bool,
    /// The latest moment the board was asked about.
    asked_at: DateTime<Utc>,
    entries: BTreeMap<JobName, Entry>,
    /// Apart from the entries, so that a job taken away and brought back does not run beside itself.
    running: HashSet<JobName>,
}

struct Entry {
    /// What the ticking crate calls the job.
    id: Uuid,
    job: Job,
    /// The next slot, without jitter. `None`: there is none.
    next: Option<DateTime<Utc>>,
    /// The one slot due and not yet handed over.
    waiting: Option<Slot>,
}

impl Board {
    /// A board on which each job's first slot is its first after `now`.
    pub fn new(jobs: Vec<Job>, now: DateTime<Utc>) -> Self {
        let board = Self {
            state: Mutex::new(State {
                open: true,
                asked_at: now,
                entries: BTreeMap::new(),
                running: HashSet::new(),
            }),
        };
        board.replace(jobs, now);
        board
    }

    /// Takes over another list. Running work goes on; a job of the same name keeps what waits for it, and its
    /// next slot too when its times are the same.
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

    /// Moves every slot that is due at `now` to the waiting place of its job, and names the jobs that have
    /// one waiting and do not run.
    pub fn due(&self, now: DateTime<Utc>) -> Vec<Uuid> {
        let mut state = self.lock();
        if !state.open {
            return Vec::new();
        }
        let set_back = now + CLOCK_STEP_MAX < state.asked_at;
        state.asked_at = now;
        let State { entries, running, .. } = &mut *state;
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

    /// Puts a slot in front of a job that shall run now because slots passed while nobody watched. `false`
    /// when there is no such job or the board is closed.
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

    /// The waiting slot of a job that does not run; the job runs from then on, until
    /// [`Board::following`] has nothing more for it.
    pub fn take(&self, id: Uuid) -> Option<(JobName, Slot)> {
        let mut state = self.lock();
        let State { entries, running, .. } = &mut *state;
        let entry = entries.values_mut().find(|entry| entry.id == id)?;
        if running.contains(&entry.job.name) {
            return None;
        }
        let slot = entry.waiting.take()?;
        running.insert(entry.job.name.clone());
        Some((entry.job.name.clone(), slot))
    }

    /// What a job that has just finished runs next. `None`: nothing waits, and the job runs no more.
    pub fn following(&self, name: &JobName) -> Option<Slot> {
        let mut state = self.lock();
        let slot = state.entries.get_mut(name).and_then(|entry| entry.waiting.take());
        if slot.is_none() {
            state.running.remove(name);
        }
        slot
    }

    /// Hands out no slot any more, not even one that waits.
    pub fn close(&self) {
        let mut state = self.lock();
        state.open = false;
        for entry in state.entries.values_mut() {
            entry.waiting = None;
        }
    }

    /// The state stays whole whatever panics: no handler runs under the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Lets every slot due at `now` wait, and finds the next.
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

    /// Lets a slot wait in place of the one that waited before, if any.
    fn wait(&mut self, at: DateTime<Utc>, trigger: Trigger) {
        let coalesced = self.waiting.map_or(0, |earlier| earlier.coalesced.saturating_add(1));
        self.waiting = Some(Slot { at, trigger, coalesced });
    }
}

#[cfg(test)]
mod tests;
