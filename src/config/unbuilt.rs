//! What the config may already say, but this version does not do: accepted, checked, told once, skipped.

use figment::Figment;
use figment::providers::Serialized;

use crate::domain::record::Record;

use super::problem::dotted;
use super::{Config, JobConfig, Work, layers};

/// What this version copies.
const RECORDS_BUILT: [Record; 1] = [Record::Orders];

/// Whether this version can do a job's work.
pub fn is_built(work: Work) -> bool {
    matches!(work, Work::Sync(record) if RECORDS_BUILT.contains(&record))
}

impl Config {
    /// One line for each thing somebody asked for that is skipped, and one for all that is on by itself.
    pub fn not_built_yet(&self) -> Vec<String> {
        let shipped = shipped();
        let (by_themselves, asked_for) = self.unbuilt_jobs(&shipped);
        let mut lines: Vec<String> =
            asked_for.into_iter().map(|name| told(&["jobs", name], "this kind of job")).collect();
        self.add_shops(&mut lines);
        self.add_sections(&shipped, &mut lines);
        self.add_job_extras(&mut lines);
        if !by_themselves.is_empty() {
            lines.push(format!("not built yet, skipped: the shipped jobs {}", by_themselves.join(", ")));
        }
        lines
    }

    /// The names of enabled jobs this version cannot do: first those shipped, then those somebody wrote.
    fn unbuilt_jobs<'a>(&'a self, shipped: &Config) -> (Vec<&'a str>, Vec<&'a str>) {
        let is_skipped = |job: &JobConfig| job.enabled && job.work().is_some_and(|work| !is_built(work));
        self.jobs
            .iter()
            .filter(|(_, job)| is_skipped(job))
            .map(|(name, _)| name.as_str())
            .partition(|name| shipped.jobs.get(*name) == self.jobs.get(*name))
    }

    fn add_shops(&self, lines: &mut Vec<String>) {
        for (name, shop) in self.shops.iter().filter(|(_, shop)| shop.enabled) {
            let asked_for = shop.records.iter().flatten();
            for record in asked_for.filter(|record| !RECORDS_BUILT.contains(record)) {
                lines.push(told(&["shops", name, "records"], &format!("`{record}`")));
            }
            if shop.stock_detail {
                lines.push(told(&["shops", name, "stock_detail"], "stock per warehouse"));
            }
        }
    }

    fn add_sections(&self, shipped: &Config, lines: &mut Vec<String>) {
        let http = (&self.http.public_url, &self.http.admin_token_file);
        let listen_is_moved = self.http.listen.is_some() && self.http.listen != shipped.http.listen;
        if http != (&None, &None) || listen_is_moved {
            lines.push(told(&["http"], "the status page and the OAuth callback"));
        }
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
