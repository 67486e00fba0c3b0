//! What Temu's error codes mean. The tables are closed: a code that is in none of them is
//! [`Rejection::Unknown`], and never a reason to give up a token.

use crate::platform::error::{PlatformError, Rejection};
use crate::platform::refusal::Refusal::{self, NotGranted, Rejected, Throttled, TokenRefused};

/// A call of an amounts version that the shop's region does not have.
pub const OTHER_AMOUNTS_VERSION: i64 = 140_020_015;

/// An activity that was called off, and one that has ended: their goods are no longer given.
const ACTIVITY_OVER: [i64; 2] = [220_010_003, 220_010_004];

/// The success code of the gateway; the inner envelope of a double one says 0.
const SUCCESS: [i64; 2] = [1_000_000, 0];

/// The error codes page of the documents, then the codes of each domain, then those of the integration guide.
const CODES: &[(i64, Refusal)] = &[
    (2_000_000, Rejected(Rejection::Passing)),
    (3_000_000, Rejected(Rejection::Parameters)),
    (3_000_001, Rejected(Rejection::App)),
    (3_000_002, Rejected(Rejection::Parameters)),
    // "Type not exists" mostly means the gateway of another zone.
    (3_000_003, Rejected(Rejection::Zone)),
    (3_000_004, Rejected(Rejection::Parameters)),
    (3_000_010, Rejected(Rejection::Clock)),
    (3_000_011, Rejected(Rejection::Clock)),
    (3_000_012, Rejected(Rejection::Clock)),
    (3_000_013, Rejected(Rejection::Parameters)),
    (3_000_014, Rejected(Rejection::Parameters)),
    (3_000_019, Rejected(Rejection::App)),
    (3_000_020, Rejected(Rejection::App)),
    (3_000_021, Rejected(Rejection::App)),
    (3_000_022, Rejected(Rejection::App)),
    (3_000_025, Rejected(Rejection::App)),
    (3_000_026, Rejected(Rejection::App)),
    (3_000_027, Rejected(Rejection::App)),
    (3_000_028, Rejected(Rejection::App)),
    (3_000_030, TokenRefused),
    (3_000_031, TokenRefused),
    (3_000_032, NotGranted),
    (3_000_033, TokenRefused),
    (3_000_034, TokenRefused),
    (3_000_040, Rejected(Rejection::App)),
    (4_000_000, Rejected(Rejection::Passing)),
    (4_000_004, Throttled),
    (5_000_000, Rejected(Rejection::App)),
    (5_000_003, Rejected(Rejection::Address)),
    (6_000_001, Rejected(Rejection::Passing)),
    (7_000_000, Rejected(Rejection::Passing)),
    // Authorisation codes: unknown, used, expired. The owner brings a new one.
    (110_020_001, Rejected(Rejection::NotFound)),
    (110_020_002, Rejected(Rejection::NotFound)),
    (110_020_003, Rejected(Rejection::NotFound)),
    // After-sales.
    (130_010_000, Rejected(Rejection::Passing)),
    (130_010_001, Rejected(Rejection::Parameters)),
    // Orders.
    (140_020_001, Rejected(Rejection::Account)),
    (140_020_002, Rejected(Rejection::NotFound)),
    (140_020_003, Rejected(Rejection::Agreement)),
    (140_020_008, Rejected(Rejection::NotYet)),
    (140_020_009, Rejected(Rejection::NotYet)),
    (140_020_012, Rejected(Rejection::Parameters)),
    (140_020_013, Rejected(Rejection::Parameters)),
    (140_020_014, Rejected(Rejection::Parameters)),
    (OTHER_AMOUNTS_VERSION, Rejected(Rejection::Account)),
    // Goods and stock.
    (150_010_002, Rejected(Rejection::Passing)),
    (150_010_003, Rejected(Rejection::Parameters)),
    (150_010_005, Rejected(Rejection::Passing)),
    (150_011_003, Rejected(Rejection::Parameters)),
    (150_013_001, Rejected(Rejection::Parameters)),
    (150_013_002, Rejected(Rejection::Parameters)),
    (150_013_003, Rejected(Rejection::Parameters)),
    // Addresses: a closed country, an agreement on data not signed.
    (180_020_001, Rejected(Rejection::Account)),
    (180_020_008, Rejected(Rejection::Agreement)),
    // Promotions: bad parameters, trouble, canceled, ended.
    (220_010_001, Rejected(Rejection::Parameters)),
    (220_010_002, Rejected(Rejection::Passing)),
    (220_010_003, Rejected(Rejection::NotFound)),
    (220_010_004, Rejected(Rejection::NotFound)),
    // The partner zone's list of goods: trouble, bad parameters, trouble.
    (1_000_001, Rejected(Rejection::Passing)),
    (1_000_003, Rejected(Rejection::Parameters)),
    (1_000_005, Rejected(Rejection::Passing)),
    // The integration guide's.
    (1001, Rejected(Rejection::App)),
    (1002, TokenRefused),
    (1003, Rejected(Rejection::Parameters)),
    (2001, Rejected(Rejection::NotFound)),
    (5001, Rejected(Rejection::Passing)),
];

/// Zone `cn` has numbers of its own for the gateway; some mean something else elsewhere.
const CODES_CN: &[(i64, Refusal)] = &[
    (7_000_000, Rejected(Rejection::Parameters)),
    (7_000_002, Rejected(Rejection::App)),
    (7_000_003, TokenRefused),
    (7_000_005, NotGranted),
    (7_000_006, TokenRefused),
    (7_000_007, TokenRefused),
    (7_000_008, Rejected(Rejection::Clock)),
    (7_000_010, Rejected(Rejection::Clock)),
    (7_000_011, Rejected(Rejection::Clock)),
    (7_000_013, Rejected(Rejection::Parameters)),
    (7_000_014, Rejected(Rejection::App)),
    (7_000_015, Rejected(Rejection::App)),
    (7_000_016, Rejected(Rejection::Zone)),
    (7_000_018, TokenRefused),
    (7_000_019, NotGranted),
    (7_000_020, TokenRefused),
    (7_000_022, NotGranted),
];

pub fn is_success(code: &str) -> bool {
    code.parse().is_ok_and(|code| SUCCESS.contains(&code))
}

pub fn refusal(zone: &str, code: &str) -> Refusal {
    let own: &[_] = if zone == super::ZONE_CN { CODES_CN } else { &[] };
    let Ok(code) = code.parse::<i64>() else {
        return Rejected(Rejection::Unknown);
    };
    own.iter()
        .chain(CODES)
        .find(|(known, _)| *known == code)
        .map_or(Rejected(Rejection::Unknown), |(_, refusal)| *refusal)
}

/// Whether the shop's region has another version of the amounts call.
pub fn is_other_amounts_version(error: &PlatformError) -> bool {
    matches!(error, PlatformError::Rejected { code, .. } if code.parse() == Ok(OTHER_AMOUNTS_VERSION))
}

/// Whether an activity no longer gives its goods.
pub fn is_activity_over(error: &PlatformError) -> bool {
    let PlatformError::Rejected { code, .. } = error else { return false };
    code.parse().is_ok_and(|code| ACTIVITY_OVER.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::{NotGranted, Rejected, Rejection, Throttled, TokenRefused, is_success, refusal};

    #[test]
    fn every_documented_code_has_its_meaning() {
        for (codes, expected) in [
            (
                "3000001 3000040 3000019 3000020 3000021 3000022 3000025 3000026 3000027 3000028 5000000 1001",
                Rejected(Rejection::App),
            ),
            (
                "3000000 3000002 3000004 3000013 3000014 140020012 140020013 140020014 150010003 150011003 \
                 150013001 150013002 150013003 130010001 220010001 1000003 1003",
                Rejected(Rejection::Parameters),
            ),
            ("3000010 3000011 3000012", Rejected(Rejection::Clock)),
            ("3000030 3000031 3000033 3000034 1002", TokenRefused),
            ("3000032", NotGranted),
            ("4000004", Throttled),
            (
                "2000000 4000000 6000001 7000000 130010000 150010002 150010005 220010002 1000001 \
                 1000005 5001",
                Rejected(Rejection::Passing),
            ),
            ("5000003", Rejected(Rejection::Address)),
            ("3000003", Rejected(Rejection::Zone)),
            ("140020001 140020015 180020001", Rejected(Rejection::Account)),
            ("140020003 180020008", Rejected(Rejection::Agreement)),
            (
                "140020002 220010003 220010004 110020001 110020002 110020003 2001",
                Rejected(Rejection::NotFound),
            ),
            ("140020008 140020009", Rejected(Rejection::NotYet)),
        ] {
            for code in codes.split(' ') {
                assert_eq!(refusal("us", code), expected, "{code}");
                assert_eq!(refusal("partner", code), expected, "{code}");
            }
        }
    }

    #[test]
    fn zone_cn_has_numbers_of_its_own() {
        let clock = Rejected(Rejection::Clock);
        for (code, expected) in [
            ("7000000", Rejected(Rejection::Parameters)),
            ("7000002", Rejected(Rejection::App)),
            ("7000003", TokenRefused),
            ("7000005", NotGranted),
            ("7000006", TokenRefused),
            ("7000007", TokenRefused),
            ("7000008", clock),
            ("7000010", clock),
            ("7000011", clock),
            ("7000013", Rejected(Rejection::Parameters)),
            ("7000014", Rejected(Rejection::App)),
            ("7000015", Rejected(Rejection::App)),
            ("7000016", Rejected(Rejection::Zone)),
            ("7000018", TokenRefused),
            ("7000019", NotGranted),
            ("7000020", TokenRefused),
            ("7000022", NotGranted),
            ("4000004", Throttled),
            ("140020002", Rejected(Rejection::NotFound)),
        ] {
            assert_eq!(refusal("cn", code), expected, "{code}");
        }
        for code in ["7000007", "7000018", "7000019"] {
            assert_eq!(refusal("us", code), Rejected(Rejection::Unknown), "{code} outside of zone cn");
        }
    }

    #[test]
    fn an_unknown_code_is_never_a_refused_token() {
        for code in ["", "0", "-1", "401", "3000035", "99999999999999999999", "token expired"] {
            assert_eq!(refusal("us", code), Rejected(Rejection::Unknown), "{code}");
        }
        assert!(is_success("1000000") && is_success("0"));
        assert!(!is_success("1") && !is_success("3000034") && !is_success(""));
    }
}
