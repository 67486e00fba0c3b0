//! What Temu's lists of goods, cases and activities are asked with: pages, pairs of times, filters.

use super::{Call, TemuRefusal, refuse};
use crate::sandbox::world::World;

/// More is not a time in seconds; in milliseconds it is the year 1973.
const SECONDS_MAX: i64 = 99_999_999_999;

/// A page of a list, both numbers at least 1.
#[derive(Clone, Copy)]
pub struct Page {
    pub number: usize,
    pub size: usize,
}

impl Page {
    /// The page's part of the whole list.
    pub fn of<T: Clone>(self, rows: &[T]) -> Vec<T> {
        rows.iter().skip((self.number - 1).saturating_mul(self.size)).take(self.size).cloned().collect()
    }
}

/// How an API calls its pages, how large they may be, and its code for a wrong parameter.
pub struct Rules {
    pub page: &'static str,
    /// `None`: it must be given.
    pub page_size: Option<i64>,
    pub page_size_max: i64,
    pub bad_parameter: i64,
}

/// The page requested.
pub fn page(world: &mut World, call: &Call<'_>, rules: &Rules) -> Result<Page, TemuRefusal> {
    let given = [call.body.integer(rules.page)?, call.body.integer("pageSize")?];
    let [number, size] = match rules.page_size {
        Some(page_size) => [given[0].unwrap_or(1), given[1].unwrap_or(page_size)],
        None => [given[0].unwrap_or(0), given[1].unwrap_or(0)],
    };
    if size > rules.page_size_max {
        world.counters.violations.page_too_large += 1;
        return refuse(rules.bad_parameter, format!("pageSize is {} at most", rules.page_size_max));
    }
    match (usize::try_from(number), usize::try_from(size)) {
        (Ok(number @ 1..), Ok(size @ 1..)) => Ok(Page { number, size }),
        _ => wrong(world, rules, &format!("{} and pageSize start at 1", rules.page)),
    }
}

/// Refuses a parameter and counts it.
pub fn wrong<T>(world: &mut World, rules: &Rules, reason: &str) -> Result<T, TemuRefusal> {
    world.counters.violations.bad_parameter += 1;
    refuse(rules.bad_parameter, format!("Invalid Request Parameters [{reason}]"))
}

/// One of a few numbers that must be given.
pub fn one_of(
    world: &mut World,
    call: &Call<'_>,
    rules: &Rules,
    name: &'static str,
    known: &[i64],
) -> Result<i64, TemuRefusal> {
    match call.body.integer(name)? {
        Some(value) if known.contains(&value) => Ok(value),
        _ => wrong(world, rules, name),
    }
}

/// Refuses real filters the sandbox has nothing for, because ignoring one would lie about the rows.
pub fn refuse_not_simulated(call: &Call<'_>, names: &[&str]) -> Result<(), TemuRefusal> {
    match names.iter().find(|name| call.body.raw(name).is_some()) {
        Some(name) => {
            refuse(3_000_000, format!("BAD_PARAMS: the sandbox does not know how to filter by {name}"))
        }
        None => Ok(()),
    }
}

/// A list of numbers, also in quotes. `None`: absent. Something else holds nothing.
pub fn numbers(call: &Call<'_>, name: &str) -> Option<Vec<String>> {
    let values: Vec<serde_json::Value> = serde_json::from_str(call.body.raw(name)?).unwrap_or_default();
    Some(values.iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect())
}

/// Two times in seconds that only make sense together; in milliseconds, the whole last second included.
pub fn pair_of_seconds(
    world: &mut World,
    call: &Call<'_>,
    rules: &Rules,
    [start, end]: [&'static str; 2],
) -> Result<Option<(i64, i64)>, TemuRefusal> {
    let (from, until) = match (call.body.integer(start)?, call.body.integer(end)?) {
        (None, None) => return Ok(None),
        (Some(from), Some(until)) => (from, until),
        _ => return wrong(world, rules, &format!("{start} and {end} come together")),
    };
    if from > SECONDS_MAX || until > SECONDS_MAX {
        world.counters.violations.window_in_milliseconds += 1;
        return refuse(rules.bad_parameter, format!("Invalid Request Parameters [{start}]"));
    }
    if from < 0 || until <= from {
        return wrong(world, rules, &format!("{end} must be later than {start}"));
    }
    Ok(Some((from * 1000, until * 1000 + 999)))
}

/// From and until in milliseconds, either of which may be missing; seconds are misread without a word.
pub fn milliseconds(
    world: &mut World,
    call: &Call<'_>,
    [from, to]: [&'static str; 2],
) -> Result<(i64, i64), TemuRefusal> {
    let given = [call.body.integer(from)?, call.body.integer(to)?];
    if given.into_iter().flatten().any(|time| (1..=SECONDS_MAX).contains(&time)) {
        world.counters.violations.window_in_seconds += 1;
    }
    Ok((given[0].unwrap_or(i64::MIN), given[1].unwrap_or(i64::MAX)))
}
