//! Whether the daemon is alive: its scheduler ticks, and its database answers and takes writes. `/healthz` shows it.
//!
//! The facts come from the work itself: ticks from the scheduler's passes, and answers from the pool that the runs use. A
//! timer of its own would prove nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How old a fact may be. The scheduler ticks twice a second, and the [database probe](crate::jobs::daemon::background)
/// runs every few seconds. So only what hangs gets this old, also on a slow machine.
pub const LATELY: Duration = Duration::from_secs(20);

/// How long the database may take writes of new connections and none of ours. After that, only a restart helps.
const STUCK_MAX: Duration = Duration::from_mins(1);

/// The known facts. At the start all is well: the database has just been opened.
pub struct Health {
    facts: Mutex<Facts>,
}

struct Facts {
    ticked: Instant,
    /// When the database last answered, also with an error.
    heard: Instant,
    /// When it last took a write.
    answered: Instant,
    /// It was reported as lost and is not back yet.
    is_lost: bool,
    /// Since when it has taken writes of new connections and none of ours. `None`: it takes ours, or none at all.
    stuck_since: Option<Instant>,
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

impl Health {
    pub fn new() -> Self {
        let now = Instant::now();
        Self {
            facts: Mutex::new(Facts {
                ticked: now,
                heard: now,
                answered: now,
                is_lost: false,
                stuck_since: None,
            }),
        }
    }

    /// The scheduler looked for due slots.
    pub fn tick(&self) {
        self.facts().ticked = Instant::now();
    }

    /// The database answered, and takes writes.
    pub fn database_answered(&self) {
        let now = Instant::now();
        let mut facts = self.facts();
        facts.heard = now;
        facts.answered = now;
        facts.is_lost = false;
        facts.stuck_since = None;
    }

    /// The database was reported as lost, until it takes writes again.
    pub fn database_lost(&self) {
        self.facts().is_lost = true;
    }

    /// The database takes writes, but none of ours.
    pub fn database_stuck(&self) {
        let now = Instant::now();
        let mut facts = self.facts();
        facts.heard = now;
        facts.stuck_since.get_or_insert(now);
    }

    /// The database answered with an error, or a call of ours ended by its deadline, or it is not known yet whether it takes
    /// writes.
    pub fn database_heard(&self) {
        self.facts().heard = Instant::now();
    }

    /// Whether the program itself works. A restart would not bring back a database that is away. `Err` names what hangs.
    pub fn is_alive(&self, now: Instant) -> Result<(), &'static str> {
        let facts = self.facts();
        if is_old(facts.ticked, now) {
            return Err("the scheduler stands still");
        }
        if is_old(facts.heard, now) {
            return Err("the database does not answer");
        }
        if facts.is_stuck(now) {
            return Err("the database takes writes, but none of this process");
        }
        Ok(())
    }

    /// Whether both signs of life came after `moment`, and a restart would not help. Then the watchdog of systemd is fed.
    pub fn has_lived_since(&self, moment: Instant) -> bool {
        let facts = self.facts();
        facts.ticked > moment && facts.heard > moment && !facts.is_stuck(Instant::now())
    }

    /// Whether the program works and the database is there. `Err` names what is wrong.
    pub fn is_well(&self, now: Instant) -> Result<(), &'static str> {
        self.is_alive(now)?;
        let facts = self.facts();
        if facts.is_lost || is_old(facts.answered, now) {
            return Err("the database is away or takes no writes");
        }
        Ok(())
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Facts {
    fn is_stuck(&self, now: Instant) -> bool {
        self.stuck_since.is_some_and(|since| now.saturating_duration_since(since) > STUCK_MAX)
    }
}

fn is_old(at: Instant, now: Instant) -> bool {
    now.saturating_duration_since(at) > LATELY
}

#[cfg(test)]
mod tests {
    use super::*;

    const AWAY: &str = "the database is away or takes no writes";
    const SILENT: &str = "the database does not answer";
    const STILL: &str = "the scheduler stands still";
    const STUCK: &str = "the database takes writes, but none of this process";

    #[test]
    fn what_hangs_is_named_and_a_database_that_is_away_is_no_reason_to_restart() {
        let old = Instant::now();
        let later = old + STUCK_MAX + Duration::from_secs(1);
        let well = Facts { ticked: later, heard: later, answered: later, is_lost: false, stuck_since: None };
        for (facts, is_alive, is_well) in [
            (Facts { ..well }, Ok(()), Ok(())),
            (Facts { answered: old, ..well }, Ok(()), Err(AWAY)),
            (Facts { is_lost: true, ..well }, Ok(()), Err(AWAY)),
            (Facts { heard: old, answered: old, ..well }, Err(SILENT), Err(SILENT)),
            (Facts { ticked: old, ..well }, Err(STILL), Err(STILL)),
            (Facts { stuck_since: Some(later), answered: old, ..well }, Ok(()), Err(AWAY)),
            (Facts { stuck_since: Some(old), ..well }, Err(STUCK), Err(STUCK)),
        ] {
            let health = Health { facts: Mutex::new(facts) };
            assert_eq!((health.is_alive(later), health.is_well(later)), (is_alive, is_well));
        }
    }

    #[test]
    fn the_watchdog_is_not_fed_when_the_database_takes_all_writes_but_ours() {
        let Some(long_ago) = Instant::now().checked_sub(STUCK_MAX * 2) else { return };
        let health = Health::new();
        let before = health.facts().ticked.checked_sub(Duration::from_secs(1)).unwrap_or(long_ago);
        assert!(health.has_lived_since(before));
        health.database_stuck();
        assert!(health.has_lived_since(before), "new connections may cure it");
        health.facts().stuck_since = Some(long_ago);
        assert!(!health.has_lived_since(before));
        health.database_answered();
        assert!(health.has_lived_since(before));
    }

    #[test]
    fn each_sign_of_life_moves_its_fact() {
        let health = Health::new();
        let begin = Instant::now();
        health.tick();
        health.database_heard();
        assert!(health.facts().ticked >= begin && health.facts().heard >= begin);
        assert!(health.facts().answered <= begin);
        health.database_lost();
        assert!(health.is_well(begin).is_err());
        health.database_answered();
        assert!(health.facts().answered >= begin && health.is_well(Instant::now()).is_ok());
    }
}
