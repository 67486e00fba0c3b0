//! Whether the daemon is alive: its clock ticks and its database answers. Told at `/healthz`.
//!
//! The facts come from the work itself: a tick from the pass of the scheduler that looks for due slots, an answer from
//! the pool that the runs use. A timer of its own would prove nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::app::live::Live;

/// How old a fact may be. Twice a second is the tick's pace, and [`PROBE_EVERY`] the probe's: only what stands still
/// gets this old, also on a machine that is short of everything.
pub const LATELY: Duration = Duration::from_secs(20);

/// Between an answer of the database and the next question.
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// What is known. Begins well: the database has just been opened.
pub struct Health {
    facts: Mutex<Facts>,
}

struct Facts {
    ticked: Instant,
    /// When the database last answered, with whatever.
    heard: Instant,
    /// When it last answered well.
    answered: Instant,
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

impl Health {
    pub fn new() -> Self {
        let now = Instant::now();
        Self { facts: Mutex::new(Facts { ticked: now, heard: now, answered: now }) }
    }

    /// The scheduler looked for due slots.
    pub fn tick(&self) {
        self.facts().ticked = Instant::now();
    }

    /// The database answered.
    pub fn database_answered(&self) {
        let now = Instant::now();
        let mut facts = self.facts();
        facts.heard = now;
        facts.answered = now;
    }

    /// The database is away, and said so, or the patience with it ended as it should.
    pub fn database_failed(&self) {
        self.facts().heard = Instant::now();
    }

    /// Whether the program itself works: a restart would not bring back a database that is away. `Err` names what
    /// stands still.
    pub fn is_alive(&self, now: Instant) -> Result<(), &'static str> {
        let facts = self.facts();
        if is_old(facts.ticked, now) {
            return Err("the scheduler stands still");
        }
        if is_old(facts.heard, now) {
            return Err("the database does not answer");
        }
        Ok(())
    }

    /// Whether both signs of life came after `moment`: what systemd's watchdog is fed on.
    pub fn has_lived_since(&self, moment: Instant) -> bool {
        let facts = self.facts();
        facts.ticked > moment && facts.heard > moment
    }

    /// Alive, and the database is there. `Err` names what is not well.
    pub fn is_well(&self, now: Instant) -> Result<(), &'static str> {
        self.is_alive(now)?;
        if is_old(self.facts().answered, now) { Err("the database is away") } else { Ok(()) }
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the database again and again, until `cancel` fires.
///
/// A question is waited for however long it takes: giving one up would leave its connection's place in the pool taken
/// (on Postgres its own deadline ends it), and meanwhile the last answer grows old by itself.
pub async fn probe(health: Arc<Health>, live: Live, cancel: CancellationToken) {
    loop {
        let store = live.app().store.clone();
        tokio::select! {
            () = cancel.cancelled() => return,
            answer = store.ping() => match answer {
                Ok(()) => health.database_answered(),
                Err(_) => health.database_failed(),
            },
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(PROBE_EVERY) => {}
        }
    }
}

fn is_old(at: Instant, now: Instant) -> bool {
    now.saturating_duration_since(at) > LATELY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_still_is_named_and_a_database_that_is_away_is_no_reason_to_restart() {
        let later = Instant::now() + LATELY + Duration::from_secs(1);
        let began_at = Instant::now();
        let seen = |is_moved: bool| if is_moved { later } else { began_at };
        for (ticked, heard, answered, is_alive, is_well) in [
            (true, true, true, Ok(()), Ok(())),
            (true, true, false, Ok(()), Err("the database is away")),
            (true, false, false, Err("the database does not answer"), Err("the database does not answer")),
            (false, true, true, Err("the scheduler stands still"), Err("the scheduler stands still")),
        ] {
            let facts = Facts { ticked: seen(ticked), heard: seen(heard), answered: seen(answered) };
            let health = Health { facts: Mutex::new(facts) };
            assert_eq!((health.is_alive(later), health.is_well(later)), (is_alive, is_well));
        }
    }

    #[test]
    fn each_sign_of_life_moves_its_fact() {
        let health = Health::new();
        let begin = Instant::now();
        health.tick();
        health.database_failed();
        assert!(health.facts().ticked >= begin && health.facts().heard >= begin);
        assert!(health.facts().answered <= begin);
        health.database_answered();
        assert!(health.facts().answered >= begin);
    }
}
