//! A moment as people name it on the command line: a date, a time, or how long ago.

use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};

use crate::config::parse_duration;

/// `2026-07-01`, `2026-07-01T08:00:00Z`, or `2d` for two days ago. Without a zone it is UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    At(DateTime<Utc>),
    Ago(Duration),
}

impl Moment {
    pub fn resolve(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::At(moment) => moment,
            Self::Ago(duration) => TimeDelta::from_std(duration)
                .ok()
                .and_then(|duration| now.checked_sub_signed(duration))
                .unwrap_or(DateTime::UNIX_EPOCH),
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::At(moment.to_utc()));
        }
        if let Ok(date) = text.parse::<NaiveDate>() {
            return Ok(Self::At(date.and_time(NaiveTime::MIN).and_utc()));
        }
        for format in ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"] {
            if let Ok(moment) = NaiveDateTime::parse_from_str(text, format) {
                return Ok(Self::At(moment.and_utc()));
            }
        }
        parse_duration(text).map(Self::Ago).map_err(|_| {
            "expected a date (2026-07-01), a time (2026-07-01T08:00:00Z) or how long ago (2d)".to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_date_a_time_or_how_long_ago() {
        let now: DateTime<Utc> = "2026-07-10T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2026-07-01", "2026-07-01T00:00:00Z"),
            ("2026-07-01T08:00:00+08:00", "2026-07-01T00:00:00Z"),
            ("2026-07-01 08:30", "2026-07-01T08:30:00Z"),
            ("2d", "2026-07-08T12:00:00Z"),
        ] {
            let moment = text.parse::<Moment>().map(|moment| moment.resolve(now));
            assert_eq!(moment, Ok(expected.parse().unwrap()), "{text}");
        }
        for wrong in ["yesterday", "2026-13-01", "12", ""] {
            assert!(wrong.parse::<Moment>().is_err(), "{wrong}");
        }
    }
}
