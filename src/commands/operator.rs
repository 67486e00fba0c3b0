//! Who is at the keyboard, for what is done by hand and remembered.

use std::os::unix::fs::MetadataExt;

/// The user of this process; behind `sudo` also who became it.
pub(super) fn name() -> String {
    let user = std::fs::metadata("/proc/self").map(|process| process.uid()).ok();
    let named = user.and_then(|id| {
        let accounts = std::fs::read_to_string("/etc/passwd").ok()?;
        account(&accounts, id)
    });
    let name = named
        .or_else(|| std::env::var("USER").ok())
        .or_else(|| user.map(|id| format!("user {id}")))
        .unwrap_or_else(|| "an unknown user".to_owned());
    match std::env::var("SUDO_USER") {
        Ok(person) if person != name => format!("{name} (sudo by {person})"),
        _ => name,
    }
}

/// The name of a user id in the text of a passwd file.
fn account(accounts: &str, id: u32) -> Option<String> {
    let fields = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
    fields.filter(|fields| fields.get(2).is_some_and(|field| field.parse() == Ok(id))).find_map(|fields| {
        let name = *fields.first()?;
        (!name.is_empty()).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::account;

    #[test]
    fn a_user_is_named_as_the_machine_names_it() {
        let accounts = "root:x:0:0:root:/root:/bin/bash\nbroken\n\nshop:x:1000:1000::/:/bin/sh\n";
        assert_eq!(account(accounts, 0).as_deref(), Some("root"));
        assert_eq!(account(accounts, 1000).as_deref(), Some("shop"));
        assert_eq!(account(accounts, 7), None);
    }
}
