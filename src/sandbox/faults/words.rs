//! Faults as people and scripts write them: `isolated-500=0.02` on the command line, JSON at the control door.

use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error};

use super::table::NAMED_FAULTS;
use super::{Fault, FaultKind, Platform, table};

/// `NAME[:NUMBER][=SHARE]`: the share is of things, always the same ones, where the fault is about things, else
/// of calls. The error is a sentence for the person who wrote it.
impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, share) = match text.split_once('=') {
            Some((name, share)) => (name, Some(share)),
            None => (text, None),
        };
        let (name, parameter) = match name.split_once(':') {
            Some((name, number)) => {
                let number =
                    number.parse().map_err(|_| format!("the number of fault `{name}` is not one"))?;
                (name, Some(number))
            }
            None => (name, None),
        };
        let kind = named(name)?;
        let about_things = kind.fits().is_about_things();
        let mut fault = Self { parameter, ..Self::new(kind) };
        if let Some(share) = share {
            let share = share.parse().ok().filter(|share| (0.0..=1.0).contains(share));
            let share = share.ok_or_else(|| format!("the share of fault `{name}` must be from 0 to 1"))?;
            fault = if about_things { fault.sticky(share) } else { fault.with_probability(share) };
        }
        Ok(fault)
    }
}

fn named(name: &str) -> Result<FaultKind, String> {
    table::find(name).map(|named| named.kind.clone()).ok_or_else(|| {
        let names: Vec<&str> = NAMED_FAULTS.iter().map(|named| named.name).collect();
        format!("no fault is called `{name}`; there are {}", names.join(", "))
    })
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Kind {
    Name(String),
    Detailed(Detailed),
}

/// Faults that need more said than a number.
#[derive(serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Detailed {
    TooManyRequests {
        #[serde(default)]
        retry_after_seconds: Option<u64>,
    },
    Business {
        code: i64,
        message: String,
    },
    Stall {
        milliseconds: u64,
    },
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultText {
    kind: Kind,
    #[serde(default)]
    platform: Option<Platform>,
    #[serde(default)]
    api: Option<String>,
    #[serde(default)]
    number: Option<String>,
    #[serde(default)]
    share: Option<f64>,
    #[serde(default)]
    next: Option<u32>,
    #[serde(default)]
    probability: Option<f64>,
    #[serde(default)]
    parameter: Option<u64>,
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let FaultText { kind, platform, api, number, share, next, probability, parameter } =
            FaultText::deserialize(deserializer)?;
        let kind = match kind {
            Kind::Name(name) => named(&name).map_err(D::Error::custom)?,
            Kind::Detailed(Detailed::TooManyRequests { retry_after_seconds }) => {
                FaultKind::TooManyRequests { retry_after_seconds }
            }
            Kind::Detailed(Detailed::Business { code, message }) => FaultKind::Business { code, message },
            Kind::Detailed(Detailed::Stall { milliseconds }) => FaultKind::Stall { milliseconds },
        };
        Ok(Self { platform, api, number, share, next, probability, parameter, ..Self::new(kind) })
    }
}
