//! Addresses with a password in them: how they are shown, and what is wrong with those that hide it badly. The one place
//! that makes text of such an address.

use url::Url;

/// Shown in a secret's place.
pub const HIDDEN: &str = "<hidden>";

/// Settings behind the `?` that hold no secret.
const HARMLESS: &str = "application_name dbname host hostaddr mode options port sslmode sslrootcert user";

/// The address without its password. What cannot be taken apart for certain is hidden as a whole.
pub fn shown(address: &str) -> String {
    const MARK: &str = "shopsync-hides-this";
    // A SQLite path has nothing to hide.
    if address.starts_with("sqlite:") {
        return address.to_owned();
    }
    let Ok(mut url) = Url::parse(address) else {
        return HIDDEN.to_owned();
    };
    let is_harmless = url.query_pairs().all(|(name, _)| HARMLESS.split(' ').any(|word| word == name));
    if !is_harmless || password_in_the_way(address).is_some() {
        return HIDDEN.to_owned();
    }
    if url.password().is_none() {
        return address.to_owned();
    }
    match url.set_password(Some(MARK)) {
        Ok(()) => url.as_str().replacen(MARK, HIDDEN, 1),
        Err(()) => HIDDEN.to_owned(),
    }
}

/// What to do about an address whose user or password holds a character that ends them, so that the rest of the
/// password would be taken for a host, a path or something else that is shown. `None`: it holds none.
pub fn password_in_the_way(address: &str) -> Option<String> {
    let (_, rest) = address.split_once("://")?;
    let end = rest.find(['/', '?', '#', '\\'])?;
    let (authority, tail) = rest.split_at(end);
    let before = &tail[..tail.rfind('@')?];
    // In a setting behind the `?`, or in a path of an address without a password, it is only a character.
    let is_setting = before.find('?').is_some_and(|start| before[start..].contains('='));
    let is_password = authority.contains(':') || before.contains('#');
    (is_password && !is_setting).then(|| {
        "the user or password in this address holds one of `@ : / ? # \\`, which end it: write `%40` for `@`, `%3A` for `:`, \
         `%2F` for `/`, `%3F` for `?`, `%23` for `#`, `%5C` for `\\` and `%25` for `%`"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        for (address, expected) in [
            ("postgres://ann:pw@db/shop", "postgres://ann:<hidden>@db/shop"),
            ("postgres://ann:p@w@db/shop", "postgres://ann:<hidden>@db/shop"),
            ("postgres://ann@db/shop", "postgres://ann@db/shop"),
            ("postgres://ann@db/shop?host=/run/pg", "postgres://ann@db/shop?host=/run/pg"),
            ("postgres://db/shop?user=ann&password=pw", HIDDEN),
            ("postgres://db/shop?user=ann&pasword=pw", HIDDEN),
            ("sqlite://shopsync.db", "sqlite://shopsync.db"),
            ("socks5://u:pw@10.0.0.1:1080", "socks5://u:<hidden>@10.0.0.1:1080"),
            ("https://example.com/a@b", "https://example.com/a@b"),
            ("postgres://ann:p w@[/", HIDDEN),
        ] {
            assert_eq!(shown(address), expected);
        }
    }

    #[test]
    fn no_part_of_a_password_is_shown_whatever_is_in_it() {
        for password in
            ["12#LEAK", "12/LEAK", "12?LEAK", "x@12#LEAK", "x@LEAK/y", "12\\LEAK", "#LEAK", "a/b?c=LEAK#"]
        {
            for begin in ["postgres://ann:", "http://ann:", "socks5://ann:"] {
                let address = format!("{begin}{password}@host.example:80/shop");
                assert!(!shown(&address).contains("LEAK"), "{address}: {}", shown(&address));
            }
        }
        let remedy = password_in_the_way("postgres://ann:pa#LEAK@db/shop").unwrap();
        assert!(remedy.contains("%23") && !remedy.contains("LEAK"), "{remedy}");
        assert_eq!(password_in_the_way("postgres://ann:pa%23ss@db/shop?application_name=a@b"), None);
    }
}
