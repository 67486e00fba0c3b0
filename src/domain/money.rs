//! Money: integer minor units and an ISO 4217 currency, read from decimal text without ever being a float.

use std::fmt;

/// An ISO 4217 code: three capital letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

impl Currency {
    pub const CNY: Self = Self(*b"CNY");
    pub const USD: Self = Self(*b"USD");

    /// `None` when `code` is not three ASCII letters. Small letters are taken as capitals.
    pub fn parse(code: &str) -> Option<Self> {
        let bytes: [u8; 3] = code.as_bytes().try_into().ok()?;
        bytes.iter().all(u8::is_ascii_alphabetic).then(|| Self(bytes.map(|byte| byte.to_ascii_uppercase())))
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a currency is made of ASCII letters only")
    }

    /// How many decimals the currency's minor unit has, by ISO 4217: 0 for JPY, 3 for KWD, 2 for most.
    pub fn decimals(self) -> u32 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG" | b"RWF"
            | b"UGX" | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            _ => 2,
        }
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An amount as its platform gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    /// In the currency's minor unit: cents, fen.
    pub minor: i64,
    pub currency: Currency,
}

/// A double distinguishes minor units up to here; beyond, its last digits could be anything.
const EXACT_IN_DOUBLE: u128 = 1_000_000_000_000_000;
/// The part of an amount that a double may be off by, after a sum or two: one in this many.
const NOISE: u128 = 1_000_000_000_000_000;
/// More digits than any amount has, and few enough to count with 128 bits.
const DIGITS_MAX: usize = 24;

impl Money {
    /// Reads decimal text as platforms write it: `12.9`, `1500` of a currency without decimals. The noise of a double
    /// (`1.1400000000000001`) is rounded away; any other digit beyond the currency's decimals is an error, because
    /// cutting it off would be a guess.
    pub fn from_decimal(text: &str, currency: Currency) -> Result<Self, DecimalError> {
        let text = text.trim();
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() && fraction.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return Err(DecimalError::NoNumber);
        }
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        if whole.len() + fraction.len() > DIGITS_MAX {
            return Err(DecimalError::TooManyDigits { currency });
        }
        let number = format!("0{whole}{fraction}").parse().map_err(|_| DecimalError::TooLarge)?;
        let minor = in_minor_units(number, fraction.len(), currency)?;
        let minor = i64::try_from(minor).map_err(|_| DecimalError::TooLarge)?;
        Ok(Self { minor: if is_negative { -minor } else { minor }, currency })
    }
}

/// `number` has `places` decimals.
fn in_minor_units(number: u128, places: usize, currency: Currency) -> Result<u128, DecimalError> {
    let decimals = currency.decimals() as usize;
    if let Some(missing) = decimals.checked_sub(places) {
        return number.checked_mul(power_of_ten(missing)).ok_or(DecimalError::TooLarge);
    }
    let unit = power_of_ten(places - decimals);
    let nearest = (number + unit / 2) / unit;
    let off = number.abs_diff(nearest * unit);
    let is_noise = nearest <= EXACT_IN_DOUBLE && off.checked_mul(NOISE).is_some_and(|off| off <= number);
    if is_noise { Ok(nearest) } else { Err(DecimalError::TooManyDigits { currency }) }
}

/// `exponent` is at most [`DIGITS_MAX`].
fn power_of_ten(exponent: usize) -> u128 {
    (0..exponent).fold(1, |power, _| power * 10)
}

/// Why a text is no amount of a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    #[error("not a decimal number")]
    NoNumber,
    #[error("more digits than an amount in {currency} has")]
    TooManyDigits { currency: Currency },
    #[error("larger than any amount")]
    TooLarge,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Currency, DecimalError, Money};

    fn minor(text: &str, currency: &str) -> Result<i64, DecimalError> {
        let money = Money::from_decimal(text, Currency::parse(currency).unwrap())?;
        assert_eq!(money.currency.as_str(), currency);
        Ok(money.minor)
    }

    #[test]
    fn decimal_text_is_read_digit_by_digit() {
        for (text, currency, expected) in [
            ("15.01", "CNY", 1501),
            ("7.99", "USD", 799),
            ("7.9", "USD", 790),
            ("8", "USD", 800),
            ("8.", "USD", 800),
            (".5", "USD", 50),
            ("0", "USD", 0),
            ("0.00", "USD", 0),
            (" 12.50 ", "USD", 1250),
            ("-3.20", "EUR", -320),
            ("+3.20", "EUR", 320),
            ("007.10", "USD", 710),
            ("12.9900000", "USD", 1299),
            ("1500", "JPY", 1500),
            ("1500.00", "JPY", 1500),
            ("1.234", "KWD", 1234),
            ("1.2", "KWD", 1200),
            ("10000000000000.01", "USD", 1_000_000_000_000_001),
            ("92233720368547758.07", "USD", i64::MAX),
        ] {
            assert_eq!(minor(text, currency), Ok(expected), "{text} {currency}");
        }
    }

    #[test]
    fn the_noise_of_a_double_is_rounded_away() {
        for (text, currency, expected) in [
            ("1.1400000000000001", "CNY", 114),
            ("0.30000000000000004", "USD", 30),
            ("0.06999999999999999", "USD", 7),
            ("434.99999999999994", "JPY", 435),
            ("2.0049999999999999", "KWD", 2005),
            ("1234567890123.4501", "USD", 123_456_789_012_345),
        ] {
            assert_eq!(minor(text, currency), Ok(expected), "{text} {currency}");
        }
    }

    #[test]
    fn any_other_digit_too_many_is_an_error_and_never_a_guess() {
        for (text, currency) in [
            ("1.145", "USD"),
            ("1.999", "USD"),
            ("0.5", "JPY"),
            ("1.2345", "KWD"),
            ("1.1400001", "USD"),
            ("1.14000000001", "USD"),
            ("1.145000000000001", "USD"),
            ("0.00000000000000004", "USD"),
            ("12345678901234567.891", "USD"),
            ("1.000000000000000000000000001", "USD"),
        ] {
            let currency_of = Currency::parse(currency).unwrap();
            let error = DecimalError::TooManyDigits { currency: currency_of };
            assert_eq!(minor(text, currency), Err(error), "{text} {currency}");
        }
        for text in ["92233720368547758.08", "999999999999999999999999"] {
            assert_eq!(minor(text, "USD"), Err(DecimalError::TooLarge), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_an_error() {
        for text in
            ["", " ", ".", "-", "--1", "1,50", "1.2.3", "1e3", "NaN", "$5", "５", "0x1", "1 2", "test"]
        {
            assert_eq!(minor(text, "USD"), Err(DecimalError::NoNumber), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_amount_survives_its_own_decimal_text(minor in -1_000_000_000_000_000_i64..=1_000_000_000_000_000) {
            let sign = if minor < 0 { "-" } else { "" };
            let (whole, cents) = (minor.abs() / 100, minor.abs() % 100);
            let text = format!("{sign}{whole}.{cents:02}");
            prop_assert_eq!(Money::from_decimal(&text, Currency::USD).unwrap().minor, minor);
        }

        #[test]
        #[expect(clippy::cast_precision_loss, reason = "a double is what the test is about")]
        fn a_double_and_its_neighbours_are_the_amount_they_stand_for(minor in 1_i64..=1_000_000_000_000_000) {
            let double = minor as f64 / 100.0;
            for double in [double, double.next_up(), double.next_down()] {
                let read = Money::from_decimal(&double.to_string(), Currency::USD).unwrap();
                prop_assert_eq!(read.minor, minor, "{}", double);
            }
        }

        #[test]
        fn no_text_panics(text: String) {
            for currency in ["JPY", "USD", "KWD"] {
                let _ = Money::from_decimal(&text, Currency::parse(currency).unwrap());
            }
        }
    }
}
