//! What Temu's lists have in common: a total and rows, called differently in every call; rows that are read one by
//! one; lists that are read whole within a larger answer.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::gateway::{DIALECT, Gateway};
use crate::domain::entity::Kind;
use crate::domain::grant::Access;
use crate::platform::error::{ConvertError, PlatformError, Rejection};
use crate::platform::fingerprint::fingerprint;
use crate::platform::listing::Listing;
use crate::platform::parameters::Parameters;
use crate::platform::refusal::Refusal;
use crate::platform::{ListRow, Row, lenient, listing, part};

/// Pages of a list that is read whole; none is known to be longer.
const PAGES_MAX: u32 = 200;

/// How a call names the parts of its list.
#[derive(Clone, Copy)]
pub struct Names {
    pub(super) total: &'static str,
    pub(super) rows: &'static str,
}

/// How the rows of a list are read.
pub struct Rows {
    pub(super) kind: Kind,
    /// The member that holds the number.
    pub(super) number: &'static str,
    /// Members that change without the thing having changed.
    pub(super) volatile: &'static [&'static str],
}

impl Names {
    /// The `result` of a list.
    pub(super) fn open(self, result: &RawValue) -> Result<Listing<'_>, PlatformError> {
        let members: HashMap<String, &RawValue> = DIALECT.parse(result)?;
        let total = match members.get(self.total) {
            // A total of another shape is no total.
            Some(total) => {
                lenient::integer(&mut serde_json::Deserializer::from_str(total.get())).unwrap_or(None)
            }
            None => None,
        };
        let rows = match members.get(self.rows) {
            Some(rows) => lenient::rows(&mut serde_json::Deserializer::from_str(rows.get()))
                .map_err(|_| DIALECT.malformed(self.rows))?,
            None => None,
        };
        Ok(Listing {
            dialect: DIALECT,
            total,
            total_name: self.total,
            pages: None,
            page_size: None,
            rows,
            rows_name: self.rows,
        })
    }
}

impl Rows {
    /// One row, read as a `T`; one that cannot be read keeps as much of its number as can be read.
    pub(super) fn read<T: DeserializeOwned>(
        &self,
        raw: &RawValue,
        updated_at: impl FnOnce(&T) -> Option<DateTime<Utc>>,
    ) -> Row {
        let number = |raw: &str| text_member(raw, self.number);
        let row = |raw: &str| {
            let (value, row) = part::typed::<T>(raw)?;
            Ok(ListRow {
                kind: self.kind,
                number: number(raw).ok_or(ConvertError::Missing { field: self.number })?,
                updated_at: updated_at(&row),
                list_hash: fingerprint(&[&value], self.volatile),
                raw: raw.to_owned(),
            })
        };
        listing::row(raw, row, number)
    }
}

/// The text of one member of an object. `None`: there is none, or it is of another shape.
pub fn text_member(raw: &str, name: &str) -> Option<String> {
    let members: HashMap<String, &RawValue> = lenient::object(raw).ok()?;
    let member = members.get(name)?;
    lenient::text(&mut serde_json::Deserializer::from_str(member.get())).ok()?
}

/// Every row of a list, page by page from the first, each text once and in an order of its own: what the platform
/// shows first says nothing about the rows. Together they are no longer than one answer. `page` makes the parameters for a page of at most `page_size` rows. The total is a
/// hint: a full page, or one with more rows than the total, is followed by another one until nothing new comes.
pub async fn whole(
    gateway: &Gateway,
    access: &Access,
    (api, names, page_size): (&'static str, Names, u32),
    page: impl Fn(u32) -> Parameters,
) -> Result<BTreeSet<String>, PlatformError> {
    let mut all = BTreeSet::new();
    let mut bytes = 0;
    for number in 1..=PAGES_MAX {
        let before = all.len();
        let understand = |answer: &str| {
            let (page, rows) = names.open(gateway.list(answer)?)?.open(number)?;
            let is_last = rows.len() < page_size as usize;
            for row in rows.into_iter().map(RawValue::get) {
                if !all.contains(row) {
                    // With the comma that will stand behind it.
                    bytes += row.len() + 1;
                    part::check_answer(bytes)?;
                    all.insert(row.to_owned());
                }
            }
            Ok((page.total, is_last))
        };
        let (total, is_last) = gateway.read(api, access, page(number), understand).await?;
        let (seen, has_news) = (all.len() as u64, all.len() > before);
        if seen >= total && (!has_news || (is_last && seen == total)) {
            return Ok(all);
        }
        if !has_news {
            let what = format!("{api} reported {total} rows and showed {}", all.len());
            return Err(PlatformError::NoAnswer { what, source: None });
        }
    }
    Err(DIALECT.malformed(names.total))
}

/// The error for a range that the record is not listed by, which is a fault of this program.
pub fn no_such_range() -> PlatformError {
    Refusal::Rejected(Rejection::Parameters).into_error("", "this record is not listed that way")
}
