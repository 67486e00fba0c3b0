//! The daemon's state in a line, for `systemctl status`: `12 shops, lag at most 3m, next orders 12:05 UTC`.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

use crate::app::App;
use crate::app::live::Live;
use crate::config::Config;
use crate::jobs::scheduler::cron;
use crate::jobs::scheduler::schedule::schedule_of;
use crate::store::StoreError;

/// Between two lines.
const EVERY: Duration = Duration::from_mins(1);

/// A state beside that of the shops, such as the last reload, and how it reads. It comes first on the line. `None`: nothing
/// to say.
pub type Notices<T, F> = (watch::Receiver<T>, F);

/// Reports a line each minute, and at once when the app or the notice changes. Never ends.
pub async fn keep_reporting<T, F>(live: Live, (mut notices, describe): Notices<T, F>, report: impl Fn(&str))
where
    F: Fn(&T) -> Option<String>,
{
    let mut app = live.subscribe();
    loop {
        let current = app.borrow_and_update().clone();
        let first = describe(&notices.borrow_and_update());
        let parts: Vec<String> = first.into_iter().chain([line(&current).await]).collect();
        report(&parts.join("; "));
        let is_changed = async {
            tokio::select! {
                Ok(()) = app.changed() => {}
                Ok(()) = notices.changed() => {}
                // Both senders are gone: nothing will change.
                else => std::future::pending().await,
            }
        };
        tokio::time::timeout(EVERY, is_changed).await.ok();
    }
}

/// The line for this moment.
pub async fn line(app: &App) -> String {
    let now = app.clock.now();
    let mut parts = vec![counted(app.shops.len(), "shop")];
    match Progress::of(app).await {
        Ok(progress) => parts.extend(progress.parts()),
        Err(error) if error.is_unavailable() => parts.push("the database is away".to_owned()),
        Err(_) => parts.push("the database cannot be read".to_owned()),
    }
    parts.push(match next_job(app.config(), now) {
        Some((job, at)) => format!("next {job} {} UTC", at.format("%H:%M")),
        None if !app.config().sync.enabled => "no job runs (`[sync] enabled` is false)".to_owned(),
        None => "no job is due".to_owned(),
    });
    parts.join(", ")
}

/// How far behind the shops are.
#[derive(Debug, Default)]
struct Progress {
    /// Shops that wait for their owner.
    paused: usize,
    /// The largest lag of the other shops. `None`: nothing was read yet.
    lag_max: Option<TimeDelta>,
}

impl Progress {
    async fn of(app: &App) -> Result<Self, StoreError> {
        let cursors = app.store.cursors().all().await?;
        let rows = app.store.shops().all().await?;
        let paused: HashSet<&str> =
            rows.iter().filter(|row| row.pause.is_some()).map(|row| row.name.as_str()).collect();
        let mut progress = Self::default();
        for shop in &app.shops {
            if paused.contains(shop.name.as_str()) {
                progress.paused += 1;
                continue;
            }
            for record in shop.records.iter().filter(|record| app.is_covered(shop, **record)) {
                let cursor = cursors.get(&(shop.name.clone(), record.as_str().to_owned()));
                let lag = app.lag(cursor.and_then(|cursor| cursor.last_sync_at));
                progress.lag_max = progress.lag_max.max(lag);
            }
        }
        Ok(progress)
    }

    fn parts(&self) -> impl Iterator<Item = String> + use<> {
        let paused = (self.paused > 0).then(|| format!("{} paused", self.paused));
        let lag = self.lag_max.map(|lag| format!("lag at most {}", length(lag)));
        paused.into_iter().chain(lag)
    }
}

/// The job that comes next, and when.
fn next_job(config: &Config, now: DateTime<Utc>) -> Option<(&str, DateTime<Utc>)> {
    let slot =
        |(name, job, _)| Some((name, schedule_of(job)?.next_slot(now)? + cron::jitter(name, job.jitter)));
    config.enabled_jobs().filter_map(slot).min_by_key(|(_, at)| *at)
}

fn counted(count: usize, of: &str) -> String {
    if count == 1 { format!("1 {of}") } else { format!("{count} {of}s") }
}

/// In one unit, precise enough.
fn length(lag: TimeDelta) -> String {
    let seconds = lag.num_seconds().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lag_is_shown_in_one_unit() {
        for (seconds, expected) in
            [(-5, "0s"), (119, "119s"), (180, "3m"), (7_199, "119m"), (7_200, "2h"), (200_000, "2d")]
        {
            assert_eq!(length(TimeDelta::seconds(seconds)), expected, "{seconds}");
        }
    }

    #[test]
    fn paused_shops_are_shown_before_the_lag_of_the_others() {
        let progress = Progress { paused: 2, lag_max: Some(TimeDelta::minutes(3)) };
        assert_eq!(progress.parts().collect::<Vec<_>>(), ["2 paused", "lag at most 3m"]);
        assert_eq!(Progress::default().parts().count(), 0);
    }
}
