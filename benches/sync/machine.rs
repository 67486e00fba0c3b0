//! The machine a benchmark ran on, and the middle of several measurements.

use std::fs;

/// Processors, memory, kernel, as one line.
pub fn describe() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let memory = read("/proc/meminfo");
    let total = memory.lines().next().unwrap_or_default();
    format!(
        "{cpus} processors ({}), {}, Linux {}",
        model.trim_start_matches([' ', '\t', ':']).trim(),
        total.split_whitespace().collect::<Vec<_>>().join(" "),
        read("/proc/sys/kernel/osrelease").trim()
    )
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
