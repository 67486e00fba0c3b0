//! Refusals, and the codes they have in the CN zone.

use crate::sandbox::flat::NotANumber;

/// A "no" of the gateway or of the API, by the platform's own code.
pub struct TemuRefusal {
    pub code: i64,
    pub message: String,
}

pub fn refuse<T>(code: i64, message: impl Into<String>) -> Result<T, TemuRefusal> {
    Err(TemuRefusal { code, message: message.into() })
}

impl From<NotANumber> for TemuRefusal {
    fn from(NotANumber(name): NotANumber) -> Self {
        Self { code: 3_000_000, message: format!("BAD_PARAMS: {name}") }
    }
}

/// What the CN gateway calls a refusal of the others; those it has no name for keep theirs.
pub fn in_cn(code: i64) -> i64 {
    match code {
        3_000_002 => 7_000_000,
        3_000_025 => 7_000_002,
        3_000_030 => 7_000_003,
        3_000_033 => 7_000_006,
        3_000_034 => 7_000_007,
        3_000_010 => 7_000_008,
        3_000_012 => 7_000_010,
        3_000_011 => 7_000_011,
        3_000_013 | 3_000_014 => 7_000_013,
        3_000_040 => 7_000_014,
        3_000_001 => 7_000_015,
        3_000_003 => 7_000_016,
        3_000_031 => 7_000_018,
        3_000_032 => 7_000_019,
        _ => code,
    }
}
