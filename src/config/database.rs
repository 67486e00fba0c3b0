//! Database addresses: which are taken, and where a SQLite file lies.

use std::path::{Path, PathBuf};

use url::Url;

use super::address;

const SQLITE: &str = "sqlite:";

/// The address with an absolute path for SQLite, or what is wrong with it. The error never repeats it: it may
/// hold a password.
pub fn effective(address: &str, base: &Path) -> Result<String, String> {
    let Some(rest) = address.strip_prefix(SQLITE) else {
        if let Some(remedy) = address::password_in_the_way(address) {
            return Err(remedy);
        }
        let url = Url::parse(address).map_err(|_| expected())?;
        // Without `//` there is no host in it, and the driver would connect to a server that no one named.
        let has_host = address.contains("://");
        return match url.scheme() {
            "postgres" | "postgresql" if has_host && url.fragment().is_none() => Ok(address.to_owned()),
            _ => Err(expected()),
        };
    };
    let (path, query) = parts(rest);
    if path.is_empty() {
        return Err("this names no file: write sqlite://shopsync.db".to_owned());
    }
    if path.contains(":memory:") || query.contains("mode=memory") {
        return Err("a database in memory loses everything at the end: name a file".to_owned());
    }
    if Path::new(path).is_absolute() {
        return Ok(format!("sqlite://{path}{query}"));
    }
    match base.join(path).to_str() {
        Some(path) if !path.contains('?') => Ok(format!("sqlite://{path}{query}")),
        _ => Err("the folder's name cannot be part of an address: name another folder in full".to_owned()),
    }
}

/// The file of an effective SQLite address. `None` for Postgres.
pub fn sqlite_file(effective: &str) -> Option<PathBuf> {
    let (path, _) = parts(effective.strip_prefix(SQLITE)?);
    Some(PathBuf::from(path))
}

/// Path and query of what follows `sqlite:`; the query keeps its `?`.
fn parts(rest: &str) -> (&str, &str) {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    rest.split_at(rest.find('?').unwrap_or(rest.len()))
}

fn expected() -> String {
    "expected sqlite://FILE or postgres://USER:PASSWORD@HOST/DATABASE".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_sqlite_file_lies_beside_the_config_file() {
        let base = Path::new("/etc/shop sync");
        for (address, expected) in [
            ("sqlite://shopsync.db", "sqlite:///etc/shop sync/shopsync.db"),
            ("sqlite:a/b.db?mode=ro", "sqlite:///etc/shop sync/a/b.db?mode=ro"),
            ("sqlite:///var/lib/x.db", "sqlite:///var/lib/x.db"),
            ("postgres://ann:pw@db/shop", "postgres://ann:pw@db/shop"),
        ] {
            assert_eq!(effective(address, base).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn the_file_of_an_address_is_found_again() {
        let address =
            effective("sqlite://my%20shop.db?mode=ro", Path::new("/srv")).expect("the address is right");
        assert_eq!(sqlite_file(&address), Some(PathBuf::from("/srv/my%20shop.db")));
        assert_eq!(sqlite_file("postgres://db/shop"), None);
    }

    #[test]
    fn only_files_and_servers_are_databases() {
        for wrong in [
            "",
            "shopsync.db",
            "sqlite://",
            "sqlite::memory:",
            "mysql://ann:pw@db/shop",
            "postgres",
            "postgres:/shop",
            "postgres://ann:1#pw@db/shop",
        ] {
            let error = effective(wrong, Path::new("/")).expect_err(wrong);
            assert!(!error.contains("pw"), "{error}");
        }
    }
}
