//! What the config may already say, but this version does not do: accepted, checked, told once, skipped.

use figment::Figment;
use figment::providers::Serialized;

use super::problem::dotted;
use super::{Config, layers};

impl Config {
    /// One line for each thing somebody asked for that is skipped.
    pub fn not_built_yet(&self) -> Vec<String> {
        let shipped = shipped();
        let mut lines = Vec::new();
        self.add_sections(&shipped, &mut lines);
        self.add_job_extras(&mut lines);
        lines
    }

    fn add_sections(&self, shipped: &Config, lines: &mut Vec<String>) {
        let lag_limit_is_moved = self.notify.lag_limit != shipped.notify.lag_limit;
        if lag_limit_is_moved || !self.notify.webhooks.is_empty() {
            lines.push(told(&["notify"], "telling by webhook"));
        }
    }

    fn add_job_extras(&self, lines: &mut Vec<String>) {
        for (name, job) in self.jobs.iter().filter(|(_, job)| job.enabled) {
            if job.dead_man_url.is_some() {
                lines.push(told(&["jobs", name, "dead_man_url"], "the dead man's switch"));
            }
        }
    }
}

fn told(path: &[&str], what: &str) -> String {
    format!("not built yet, skipped: {what} (`{}`)", dotted(path))
}

/// The built-in defaults, to tell what somebody changed.
fn shipped() -> Config {
    Figment::from(Serialized::defaults(layers::defaults()))
        .extract()
        .expect("a test loads the built-in defaults")
}
