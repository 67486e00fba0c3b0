//! Trouble on demand: what goes wrong, at which call or thing, how often.

use std::collections::HashSet;

use chrono::TimeDelta;
use md5::{Digest, Md5};

use super::accounts::Platform;
use super::layout::Layout;

pub mod kinds;
mod table;
mod words;

pub use kinds::{FaultKind, Fits};
pub use table::{NAMED_FAULTS, NamedFault, fault_list};

/// Everything that is to go wrong.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Looked through in order. Of those that change the whole call the first that strikes is the call's fault;
    /// those that change what an answer says all act, one after the other.
    pub list: Vec<Fault>,
    /// How far the platform's clock is ahead of the sandbox's: timestamps, `Date` headers, update times.
    pub skew: TimeDelta,
    /// What has met a fault that strikes each thing once.
    seen: HashSet<String>,
}

/// The call that a fault may strike.
pub struct FaultTarget<'a> {
    pub platform: Option<Platform>,
    pub api: &'a str,
    /// `None`: a call whose answer no one changes.
    pub layout: Option<&'a Layout>,
    /// The things that the call names.
    pub numbers: Vec<String>,
    /// Of the whole sandbox.
    pub seed: u64,
}

/// What happens to one call.
#[derive(Clone, Debug, Default)]
pub struct Struck {
    whole: Option<FaultKind>,
    /// What becomes of the answer, in this order.
    pub strikes: Vec<Strike>,
}

/// A fault that acts on an answer.
#[derive(Clone, Debug)]
pub struct Strike {
    pub kind: FaultKind,
    /// As the fault says, else as the table says.
    pub parameter: u64,
    /// Which of several forms it takes.
    pub form: u64,
    /// The fault itself says the parameter.
    pub has_parameter: bool,
    seed: u64,
    number: Option<String>,
    share: Option<f64>,
    /// Where it stands in the list, if it is to be counted down once it has changed a row.
    counted_at: Option<usize>,
}

impl Struck {
    /// What strikes the whole call.
    pub(super) fn whole(&self) -> Option<&FaultKind> {
        self.whole.as_ref()
    }

    pub(super) fn strike(&self, kind: &FaultKind) -> Option<&Strike> {
        self.strikes.iter().find(|strike| strike.kind == *kind)
    }
}

impl Strike {
    /// Whether it strikes the thing of this number.
    pub(super) fn hits(&self, number: &str) -> bool {
        is_hit(&self.kind, self.number.as_deref(), self.share, self.seed, number)
    }

    /// Whether the rows of an answer decide.
    pub(super) fn is_decided_by_row(&self) -> bool {
        self.kind.fits().is_decided_by_row()
    }
}

impl Faults {
    pub fn new(list: Vec<Fault>) -> Self {
        Self { list, ..Self::default() }
    }

    /// What strikes this call, counted down where it is a counted one.
    pub(super) fn strike(&mut self, target: &FaultTarget<'_>, random: &mut fastrand::Rng) -> Struck {
        let mut struck = Struck::default();
        for (place, fault) in self.list.iter_mut().enumerate() {
            let is_whole = fault.kind.is_about_the_whole_call();
            if (is_whole && struck.whole.is_some()) || !fault.strikes(target, random) {
                continue;
            }
            if fault.kind == FaultKind::MoneyBusy {
                let key = format!("money {} {}", target.api, target.numbers.join(" "));
                if !self.seen.insert(key) {
                    continue;
                }
            }
            let is_counted_later = fault.next.is_some() && fault.kind.fits().is_decided_by_row();
            fault.turn += 1;
            if is_whole {
                struck.whole = Some(fault.with_parameter());
            }
            struck.strikes.push(fault.as_strike(target.seed, is_counted_later.then_some(place)));
        }
        struck
    }

    /// Counts a fault down that has changed a row of an answer.
    pub(super) fn has_struck(&mut self, strike: &Strike) {
        let fault = strike.counted_at.and_then(|place| self.list.get_mut(place));
        if let Some(Fault { next: Some(left), .. }) = fault.filter(|fault| fault.kind == strike.kind) {
            *left = left.saturating_sub(1);
        }
    }

    /// Whether any of them strikes the thing of this number.
    pub(super) fn is_struck(&self, platform: Platform, number: &str, seed: u64) -> bool {
        self.list.iter().any(|fault| {
            fault.platform.is_none_or(|meant| meant == platform)
                && is_hit(&fault.kind, fault.number.as_deref(), fault.share, seed, number)
        })
    }

    /// Whether a thing meets a fault that strikes it once for the first time.
    pub(super) fn is_first(&mut self, key: String) -> bool {
        self.seen.insert(key)
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.seen.clear();
    }
}

/// One kind of trouble. Until it is narrowed down it strikes every call and every thing that its kind fits.
#[derive(Clone, Debug)]
pub struct Fault {
    pub kind: FaultKind,
    /// `None`: on every platform. One that sells nothing is named by the path of its API alone.
    pub platform: Option<Platform>,
    /// The API's name, or its beginning when it ends with `*`. `None`: every API.
    pub api: Option<String>,
    /// The one thing it is about: a number of an order, case, SKU or activity. `None`: everything.
    pub number: Option<String>,
    /// The share of things it is about, from 0 to 1, always the same ones for a seed. `None`: all.
    pub share: Option<f64>,
    /// Strikes this many matching calls, then never again.
    pub next: Option<u32>,
    /// The share of calls, from 0 (never) to 1 (always).
    pub probability: Option<f64>,
    /// The number that the kind takes, or which of its forms it always has. `None`: what the table says.
    pub parameter: Option<u64>,
    /// How often it has struck: which form comes next, where it has several.
    turn: u64,
}

impl Fault {
    /// A fault that strikes every call until it is narrowed down.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            platform: None,
            api: None,
            number: None,
            share: None,
            next: None,
            probability: None,
            parameter: None,
            turn: 0,
        }
    }

    #[must_use]
    pub fn on(mut self, platform: Platform) -> Self {
        self.platform = Some(platform);
        self
    }

    #[must_use]
    pub fn at(mut self, api: &str) -> Self {
        self.api = Some(api.to_owned());
        self
    }

    /// About the one thing of this number.
    #[must_use]
    pub fn about(mut self, number: &str) -> Self {
        self.number = Some(number.to_owned());
        self
    }

    /// About this share of things, always the same ones.
    #[must_use]
    pub fn sticky(mut self, share: f64) -> Self {
        self.share = Some(share);
        self
    }

    #[must_use]
    pub fn next(mut self, calls: u32) -> Self {
        self.next = Some(calls);
        self
    }

    #[must_use]
    pub fn with_probability(mut self, probability: f64) -> Self {
        self.probability = Some(probability);
        self
    }

    #[must_use]
    pub fn parameter(mut self, parameter: u64) -> Self {
        self.parameter = Some(parameter);
        self
    }

    fn strikes(&mut self, target: &FaultTarget<'_>, random: &mut fastrand::Rng) -> bool {
        let fits = self.kind.fits();
        let is_meant = (self.platform.is_none() || self.platform == target.platform)
            && self.api.as_deref().is_none_or(|meant| is_named(meant, target.api))
            && (fits == Fits::Calls || target.layout.is_some_and(|layout| layout.fits(fits)))
            && (fits.is_decided_by_row() || self.is_about_one_of(target));
        if !is_meant || self.probability.is_some_and(|probability| random.f64() >= probability) {
            return false;
        }
        match &mut self.next {
            None => true,
            Some(0) => false,
            // Counted down once a row has been changed.
            Some(_) if fits.is_decided_by_row() => true,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }

    /// Whether one of the things that a call names is meant, if things are meant at all.
    fn is_about_one_of(&self, target: &FaultTarget<'_>) -> bool {
        let hit =
            |number: &String| is_hit(&self.kind, self.number.as_deref(), self.share, target.seed, number);
        (self.number.is_none() && self.share.is_none()) || target.numbers.iter().any(hit)
    }

    fn with_parameter(&self) -> FaultKind {
        match (&self.kind, self.parameter) {
            (FaultKind::Stall { .. }, Some(milliseconds)) => FaultKind::Stall { milliseconds },
            (kind, _) => kind.clone(),
        }
    }

    fn as_strike(&self, seed: u64, counted_at: Option<usize>) -> Strike {
        let default = self.kind.named().and_then(|named| named.parameter);
        Strike {
            kind: self.kind.clone(),
            parameter: self.parameter.or(default).unwrap_or(0),
            form: self.parameter.unwrap_or(self.turn),
            has_parameter: self.parameter.is_some(),
            seed,
            number: self.number.clone(),
            share: self.share,
            counted_at,
        }
    }
}

fn is_named(meant: &str, api: &str) -> bool {
    match meant.strip_suffix('*') {
        Some(beginning) => api.starts_with(beginning),
        None => meant == api,
    }
}

fn is_hit(kind: &FaultKind, meant: Option<&str>, share: Option<f64>, seed: u64, number: &str) -> bool {
    if meant.is_some_and(|meant| meant != number) {
        return false;
    }
    let name = kind.named().map_or("", |named| named.name);
    share.is_none_or(|share| place_of(&format!("{seed} {name} {number}")) < share)
}

/// From 0 to 1, evenly spread, always the same for the same text.
fn place_of(text: &str) -> f64 {
    let digest = Md5::digest(text.as_bytes());
    let first = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    f64::from(first) / (f64::from(u32::MAX) + 1.0)
}
