//! The names this machine has for itself: requests use them, and no page elsewhere can make them point here.

use std::collections::BTreeSet;
use std::fs;
use std::sync::LazyLock;

/// Read once: a machine that is renamed needs a restart.
static OWN: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    own_names(&name, &fs::read_to_string("/etc/hosts").unwrap_or_default())
});

/// Whether this machine calls itself so. `name`: in lower case.
pub(super) fn is_own(name: &str) -> bool {
    OWN.contains(name)
}

/// The host's name, its first label, that label in the local network, and what `/etc/hosts` calls it besides. Other
/// lines of that file are not believed: many hold names of strangers, to block them.
fn own_names(name: &str, hosts: &str) -> BTreeSet<String> {
    let name = name.to_ascii_lowercase();
    if name.is_empty() {
        return BTreeSet::new();
    }
    let label = name.split('.').next().unwrap_or_default().to_owned();
    let mut names = BTreeSet::from([format!("{label}.local"), label, name.clone()]);
    for line in hosts.lines() {
        let line = line.split('#').next().unwrap_or_default().to_ascii_lowercase();
        let listed: Vec<&str> = line.split_whitespace().skip(1).collect();
        if listed.contains(&name.as_str()) {
            names.extend(listed.into_iter().map(str::to_owned));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_the_names_that_it_gives_itself_and_no_others() {
        let hosts = "127.0.0.1 localhost\n127.0.1.1 Box.example.com box # me\n0.0.0.0 blocked.example\n10.0.0.7 other\n";
        let names = own_names("Box", hosts);
        let expected = ["box", "box.example.com", "box.local"].map(str::to_owned);
        assert_eq!(names, BTreeSet::from(expected));
        let expected = ["a.example", "a", "a.local"].map(str::to_owned);
        assert_eq!(own_names("a.example", hosts), BTreeSet::from(expected));
        assert!(own_names("", hosts).is_empty());
    }
}
