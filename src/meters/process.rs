//! What the kernel knows about this process, under the names that every Prometheus client uses.

use std::fs;

use rustix::param::{clock_ticks_per_second, page_size};

use super::catalogue::{PROCESS_CPU, PROCESS_MEMORY, PROCESS_OPEN_FDS, PROCESS_START};
use super::text;

/// Adds the process's metrics. Adds none where there is no `/proc`.
pub fn write(out: &mut String) {
    let Some(process) = Process::read() else { return };
    for (meter, value) in [
        (&PROCESS_CPU, process.cpu_seconds),
        (&PROCESS_MEMORY, process.memory_bytes),
        (&PROCESS_OPEN_FDS, process.open_fds),
        (&PROCESS_START, process.started_at),
    ] {
        text::family(out, meter, [([""; 0], value)]);
    }
}

struct Process {
    cpu_seconds: f64,
    memory_bytes: f64,
    open_fds: f64,
    /// Unix time in seconds.
    started_at: f64,
}

impl Process {
    #[expect(clippy::cast_precision_loss, reason = "none of the numbers comes near 2^53")]
    fn read() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // The name in brackets may hold spaces and brackets itself. Behind it the fields begin with the third.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let seconds = |ticks: u64| ticks as f64 / clock_ticks_per_second() as f64;
        let boot = fs::read_to_string("/proc/stat").ok()?;
        let boot: u64 = boot.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())?;
        Some(Self {
            cpu_seconds: seconds(field(14)? + field(15)?),
            memory_bytes: field(24)? as f64 * page_size() as f64,
            open_fds: fs::read_dir("/proc/self/fd").ok()?.count() as f64,
            started_at: boot as f64 + seconds(field(22)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use super::*;
    use crate::clock::Clock;

    #[test]
    fn the_kernel_knows_this_process() {
        let process = Process::read().expect("tests run on Linux");
        let started = UNIX_EPOCH + Duration::from_secs_f64(process.started_at);
        let now = SystemTime::from(Clock::system().now());
        assert!(started < now + Duration::from_secs(5) && started > now - Duration::from_hours(24));
        assert!(process.memory_bytes > 1_000_000.0 && process.open_fds >= 3.0);
        assert!(process.cpu_seconds >= 0.0 && process.cpu_seconds < 86_400.0);
    }
}
