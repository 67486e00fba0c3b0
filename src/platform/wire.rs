//! Structs of a platform's JSON without an attribute on each field: the type of a field says how it is read.

use serde_json::value::RawValue;

/// A number that is a hint: see [`hint`](super::lenient::hint).
pub type Hint = Option<i64>;
/// A decimal number as text: see [`decimal`](super::lenient::decimal).
pub type Decimal = Option<String>;
/// The rows of a page: see [`rows`](super::lenient::rows).
pub type Rows<'a> = Option<Vec<&'a RawValue>>;

/// Structs of a platform's JSON. Each field is read by the function for its type, and may be absent.
macro_rules! wire {
    ($($item:item)*) => {$(
        #[serde_with::apply(
            Option<String> => #[serde(default, deserialize_with = "crate::platform::lenient::text")],
            Option<i64> => #[serde(default, deserialize_with = "crate::platform::lenient::integer")],
            Option<bool> => #[serde(default, deserialize_with = "crate::platform::lenient::boolean")],
            Option<WireTime> => #[serde(default, deserialize_with = "crate::platform::lenient::time")],
            Vec => #[serde(default, deserialize_with = "crate::platform::lenient::list")],
            Decimal => #[serde(default, deserialize_with = "crate::platform::lenient::decimal")],
            Hint => #[serde(default, deserialize_with = "crate::platform::lenient::hint")],
            Rows => #[serde(default, borrow, deserialize_with = "crate::platform::lenient::rows")],
        )]
        $item
    )*};
}
pub(super) use wire;
