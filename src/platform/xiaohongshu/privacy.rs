//! What answers hold about persons and no one requested. It is taken out before an answer goes anywhere, so that
//! neither the `raw` columns nor the quarantine ever hold it; every other byte stays as the platform wrote it.
//!
//! An after-sales case comes with the address, name and phone that goods are returned to (`returnAddress`), the
//! buyer's photographs (`proofPhotos`) and the talk between the two (`negotiateRecords`). Newer fields of the same
//! kind that orders have are named as well, should cases ever get them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::platform::error::ConvertError;
use crate::platform::lenient;

/// Members of a case, and of the answer around it.
const PERSONAL: &[&str] = &[
    "returnAddress",
    "proofPhotos",
    "negotiateRecords",
    "receiverName",
    "receiverPhone",
    "receiverAddress",
    "userName",
    "phone",
    "name",
    "fullAddress",
];

/// The member of a detail that holds the case.
const CASE: &str = "afterSaleInfo";

/// A row of a list of cases.
pub fn row(raw: &str) -> Result<String, ConvertError> {
    Members::read(raw)?.write(|_, value| Ok(value.get().into()))
}

/// The detail of a case, in which the case itself is one member.
pub fn detail(raw: &str) -> Result<String, ConvertError> {
    Members::read(raw)?.write(|name, value| match name {
        CASE if value.get() != "null" => row(value.get()).map(Cow::Owned),
        _ => Ok(value.get().into()),
    })
}

/// An object's members in their order, each as it was written.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Members<'a> {
    fn read(raw: &'a str) -> Result<Self, ConvertError> {
        lenient::object(raw).map_err(|source| ConvertError::Shape { field: String::new(), source })
    }

    /// The object again without what is personal, and with what `value_of` makes of the other members.
    fn write(
        self,
        value_of: impl Fn(&str, &'a RawValue) -> Result<Cow<'a, str>, ConvertError>,
    ) -> Result<String, ConvertError> {
        let mut members = Vec::with_capacity(self.0.len());
        for (name, value) in self.0 {
            if !PERSONAL.contains(&name.as_str()) {
                members.push(format!(
                    "{}:{}",
                    serde_json::Value::from(name.as_str()),
                    value_of(&name, value)?
                ));
            }
        }
        Ok(format!("{{{}}}", members.join(",")))
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::{detail, row};

    #[test]
    fn nothing_of_a_person_is_kept_and_everything_else_as_it_was_written() {
        let raw_detail = r#"{ "afterSaleInfo" : {"returnsId":"R1", "returnAddress":{"phone":"13800000000","name":"王"},
            "refundAmountYuan": 15.010,"proofPhotos":["https://a/1.jpg"],"skus":[ {"variants":[{"name":"颜色"}]} ]},
            "logisticsInfo":{"afterSale":null},"negotiateRecords":[{"title":"t"}]}"#;
        let kept = concat!(
            r#"{"afterSaleInfo":{"returnsId":"R1","refundAmountYuan":15.010,"#,
            r#""skus":[ {"variants":[{"name":"颜色"}]} ]},"logisticsInfo":{"afterSale":null}}"#
        );
        assert_eq!(detail(raw_detail).unwrap(), kept);
        assert_eq!(
            row(r#"{"returnsId":"R1","phone":"1","desc":"裂纹"}"#).unwrap(),
            r#"{"returnsId":"R1","desc":"裂纹"}"#
        );
    }

    #[test]
    fn an_escaped_name_is_no_hiding_place() {
        assert_eq!(row(r#"{"pho\u006ee":"13800000000","a\"b":1}"#).unwrap(), r#"{"a\"b":1}"#);
    }

    #[test]
    fn a_case_of_another_shape_is_no_case() {
        for raw in ["[]", "7", "null", "{\"a\":"] {
            assert!(row(raw).is_err() && detail(raw).is_err(), "{raw}");
        }
        assert!(
            detail(r#"{"afterSaleInfo":[{"phone":"13800000000"}]}"#).is_err(),
            "not searched, so not kept"
        );
        assert_eq!(detail(r#"{"afterSaleInfo":null}"#).unwrap(), r#"{"afterSaleInfo":null}"#);
    }
}
