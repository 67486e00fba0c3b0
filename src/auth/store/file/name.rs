//! Shops' names as names of files: readable where they can be, and never another file's.

use sha2::{Digest, Sha256};

pub(super) const ENDING: &str = ".json";
/// Of a name without its ending. File systems take 255 bytes with all endings.
const LENGTH_MAX: usize = 180;
/// Of a name that is too long, before its hash.
const HEAD_LENGTH: usize = 100;
/// Between the head of a name that is too long and its hash; never part of another name.
const CUT: char = '~';

/// Letters, digits, `-`, `_` and dots stand for themselves; every other byte is `%` and two hex digits, as in an
/// address. A dot at the beginning is one of the others, so that no file is hidden or a folder.
pub(super) fn of_shop(shop: &str) -> String {
    let mut name = String::new();
    for (index, byte) in shop.bytes().enumerate() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-_".contains(&byte) || (byte == b'.' && index > 0);
        if is_plain {
            name.push(char::from(byte));
        } else {
            name.push('%');
            name.push_str(&hex::encode_upper([byte]));
        }
    }
    if name.len() > LENGTH_MAX {
        name.truncate(HEAD_LENGTH);
        name.push(CUT);
        name.push_str(&hex::encode(Sha256::digest(shop.as_bytes())));
    }
    name + ENDING
}

/// The shop a file is named after. `None`: it is none of ours, or the name was cut and only the file says it.
pub(super) fn shop_of(file: &str) -> Option<String> {
    let name = file.strip_suffix(ENDING)?;
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'%' {
            let (digits, tail) = tail.split_at_checked(2)?;
            bytes.extend(hex::decode(digits).ok()?);
            rest = tail;
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    let shop = String::from_utf8(bytes).ok()?;
    // Only the one way we would write it: two files are never one shop's.
    (of_shop(&shop) == file).then_some(shop)
}

/// Whether the name was too long to be read back.
pub(super) fn is_cut(file: &str) -> bool {
    file.ends_with(ENDING) && file.contains(CUT)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_plain_name_stays_as_it_is_and_no_name_leads_elsewhere() {
        for (shop, file) in [
            ("acme-us_1.de", "acme-us_1.de.json"),
            ("..", "%2E..json"),
            ("../x", "%2E.%2Fx.json"),
            (".lock", "%2Elock.json"),
            ("a b", "a%20b.json"),
            ("店", "%E5%BA%97.json"),
            ("50%", "50%25.json"),
            ("a~b", "a%7Eb.json"),
        ] {
            assert_eq!(of_shop(shop), file);
            assert_eq!(shop_of(file).as_deref(), Some(shop));
        }
        for foreign in ["tokens.JSON", "a%2.json", "a%zz.json", "a%61.json", "a b.json", "x.json.previous"] {
            assert_eq!(shop_of(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_long_name_is_cut_and_stays_its_own() {
        let (one, other) = ("店".repeat(90), "店".repeat(91));
        assert!(of_shop(&one).len() < 200 && is_cut(&of_shop(&one)));
        assert_ne!(of_shop(&one), of_shop(&other));
    }

    proptest! {
        #[test]
        fn every_name_is_a_file_in_the_folder_and_reads_back(shop in "\\PC{1,40}") {
            let file = of_shop(&shop);
            prop_assert!(!file.contains('/') && !file.starts_with('.') && file.len() < 256);
            prop_assert!(is_cut(&file) || shop_of(&file) == Some(shop));
        }
    }
}
