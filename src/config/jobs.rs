//! `[jobs.X]`: what is done when, and for which shops.

use std::time::Duration;

use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;
use wildmatch::WildMatch;

use crate::domain::record::Record;
use crate::domain::shop::Shop;

use super::forms::{Form, HiddenAddress, Length, Maybe, Parsed, Written, section};
use super::problem::nearest;

/// How often records that are mostly read by windows are read whole, where a job does not say.
pub const FULL_DEFAULT: Duration = Duration::from_hours(24);
/// How far back a reconcile job looks, where it does not say.
const DAYS_DEFAULT: u32 = 3;

section! {
    /// `[jobs.X]`. Exactly one of `sync` and `reconcile` is there, and one of `cron` and `every`.
    #[derive(Clone, PartialEq)]
    pub struct JobConfig {
        /// The record that the job brings up to date.
        #[serde(default, with = "Written::<Maybe<Parsed<Record>>>", skip_serializing_if = "Option::is_none")]
        pub sync: Option<Record>,
        /// The record whose last days are read again by creation time; reports what was missed.
        #[serde(default, with = "Written::<Maybe<Parsed<Record>>>", skip_serializing_if = "Option::is_none")]
        pub reconcile: Option<Record>,
        /// Whether the job runs.
        #[serde(default = "yes")]
        pub enabled: bool,
        /// Names or globs; of these shops, those that have the record.
        #[serde(default = "all_shops")]
        pub shops: Vec<String>,
        /// Second, minute, hour, day, month, weekday; five fields begin at the minute.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub cron: Option<String>,
        /// Instead of `cron`: whole multiples since 1970.
        #[serde(default, with = "Written::<Maybe<Length>>", skip_serializing_if = "Option::is_none")]
        pub every: Option<Duration>,
        /// Any IANA zone, for `cron`.
        #[serde(default = "utc", with = "Written::<Zone>")]
        pub timezone: Tz,
        /// The start is delayed by a part of this time, fixed by the job's name.
        #[serde(default)]
        pub jitter: Duration,
        /// How often everything is read, of records of which mostly the changes are read.
        #[serde(default = "full_default")]
        pub full: Duration,
        /// How many days back `reconcile` looks.
        #[serde(default = "days_default")]
        pub days: u32,
        /// An address that is called at each start, success and failure. Empty: none.
        #[serde_with(skip_apply)]
        #[serde(default, with = "Written::<Maybe<HiddenAddress>>")]
        pub dead_man_url: Option<Url>,
    }
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Brings the record up to date.
    Sync(Record),
    /// Reads the last days again by creation time.
    Reconcile { record: Record, days: u32 },
}

/// When a job runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Timing {
    /// Six fields, seconds first, in a time zone.
    Cron {
        pattern: String,
        timezone: Tz,
    },
    Every(Duration),
}

impl JobConfig {
    /// `None` only before validation.
    pub fn work(&self) -> Option<Work> {
        match (self.sync, self.reconcile) {
            (Some(record), None) => Some(Work::Sync(record)),
            (None, Some(record)) => Some(Work::Reconcile { record, days: self.days }),
            _ => None,
        }
    }

    /// `None` only before validation.
    pub fn timing(&self) -> Option<Timing> {
        match (&self.cron, self.every) {
            (Some(cron), None) => Some(Timing::Cron { pattern: with_seconds(cron), timezone: self.timezone }),
            (None, Some(every)) => Some(Timing::Every(every)),
            _ => None,
        }
    }

    /// Whether the job is about this shop: a name or glob matches, and the shop has the record.
    pub fn covers(&self, shop: &Shop) -> bool {
        let named = self.shops.iter().any(|pattern| WildMatch::new(pattern).matches(&shop.name));
        named && self.work().is_some_and(|work| shop.records.contains(&work.record()))
    }
}

impl Work {
    pub fn record(self) -> Record {
        match self {
            Self::Sync(record) | Self::Reconcile { record, .. } => record,
        }
    }
}

/// A pattern of five fields begins with the minute; it runs at second zero.
pub fn with_seconds(cron: &str) -> String {
    let fields: Vec<&str> = cron.split_whitespace().collect();
    if fields.len() == 5 { format!("0 {}", fields.join(" ")) } else { fields.join(" ") }
}

struct Zone;

impl Form for Zone {
    type Value = Tz;

    fn read(text: &str) -> Result<Tz, String> {
        text.parse().map_err(|_| {
            let hint = zone_like(text).map(|name| format!("; did you mean `{name}`?"));
            format!("`{text}` is no time zone of the IANA list{}", hint.unwrap_or_default())
        })
    }

    fn write(value: &Tz) -> String {
        value.name().to_owned()
    }
}

/// Cities and words that people write for the zone of China, which the list names after Shanghai alone.
const IN_CHINA: &str = "beijing peking tianjin shenzhen guangzhou canton hangzhou ningbo yiwu suzhou nanjing wuhan chengdu \
    xian changsha zhengzhou jinan qingdao dalian shenyang xiamen fuzhou quanzhou dongguan foshan hefei \
    kunming china cst bjt";

/// The zone that was probably meant: by its city, then by the likeness of the whole name. `None`: none is near.
fn zone_like(text: &str) -> Option<&'static str> {
    let names = || chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    let city = |name: &str| {
        let city = name.rsplit('/').next().unwrap_or_default();
        city.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
    };
    let wanted = city(text);
    let is_offset_of_china = ["8", "08", "800", "0800"]
        .iter()
        .any(|hours| ["utc", "gmt", ""].iter().any(|word| wanted == format!("{word}{hours}")));
    if IN_CHINA.split(' ').any(|word| word == wanted) || (is_offset_of_china && text.contains('+')) {
        return Some("Asia/Shanghai");
    }
    // `America/New_York` before `US/Eastern` and the like, which have no city.
    let by_city = names().find(|name| name.contains('/') && city(name) == wanted);
    by_city.or_else(|| nearest(text, names()))
}

fn yes() -> bool {
    true
}

fn all_shops() -> Vec<String> {
    vec!["*".to_owned()]
}

fn utc() -> Tz {
    Tz::UTC
}

fn full_default() -> Duration {
    FULL_DEFAULT
}

fn days_default() -> u32 {
    DAYS_DEFAULT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_time_zone_is_answered_with_the_one_of_its_city() {
        for (text, expected) in [
            ("Asia/Beijing", Some("Asia/Shanghai")),
            ("Beijing", Some("Asia/Shanghai")),
            ("Asia/Shenzhen", Some("Asia/Shanghai")),
            ("China/Hangzhou", Some("Asia/Shanghai")),
            ("Asia/Xi'an", Some("Asia/Shanghai")),
            ("CST", Some("Asia/Shanghai")),
            ("UTC+8", Some("Asia/Shanghai")),
            ("GMT+08:00", Some("Asia/Shanghai")),
            ("+08:00", Some("Asia/Shanghai")),
            ("shanghai", Some("Asia/Shanghai")),
            ("Europe/Shanghai", Some("Asia/Shanghai")),
            ("America/New York", Some("America/New_York")),
            ("Los_Angeles", Some("America/Los_Angeles")),
            ("Asia/Tokio", Some("Asia/Tokyo")),
            ("Europe/Belrin", Some("Europe/Berlin")),
            ("?", None),
        ] {
            assert_eq!(zone_like(text), expected, "{text}");
        }
    }
}
