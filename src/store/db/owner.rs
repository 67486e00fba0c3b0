//! Who holds a lease, in a form that another process can check for being alive.

use std::os::unix::fs::MetadataExt;
use std::{fmt, fs};

/// A process that may hold leases: `host:pid:start:scope`.
///
/// `start` is the process's start time, so that a reused process number is not mistaken for it. `scope` stands for
/// what must be the same for another process to judge whether this one lives: boot, process namespace, user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner(String);

impl Owner {
    pub fn this_process() -> Self {
        let pid = std::process::id();
        // Where there is no `/proc`, an owner is never judged dead; its lease just runs out.
        let start = start_of(pid).unwrap_or_else(|| UNKNOWN.to_owned());
        let host = read("/proc/sys/kernel/hostname").unwrap_or_else(|| UNKNOWN.to_owned());
        let scope = scope().unwrap_or_else(|| UNKNOWN.to_owned());
        Self(format!("{host}:{pid}:{start}:{scope}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is sure that this owner's process is gone. `false` when it cannot be known from here.
    pub fn is_gone(&self) -> bool {
        self.is_gone_seen_from(&Self::this_process())
    }

    fn is_gone_seen_from(&self, here: &Self) -> bool {
        let (Some(theirs), Some(ours)) = (self.parts(), here.parts()) else {
            return false;
        };
        let can_be_judged = theirs.host == ours.host
            && theirs.scope == ours.scope
            && theirs.scope != UNKNOWN
            && theirs.start != UNKNOWN;
        can_be_judged && start_of(theirs.pid).as_deref() != Some(theirs.start)
    }

    fn parts(&self) -> Option<Parts<'_>> {
        let mut parts = self.0.rsplitn(4, ':');
        let scope = parts.next()?;
        let start = parts.next()?;
        let pid = parts.next()?.parse().ok()?;
        let host = parts.next()?;
        Some(Parts { host, pid, start, scope })
    }
}

impl From<String> for Owner {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            Some(parts) => write!(f, "process {} on {}", parts.pid, parts.host),
            None => f.write_str(&self.0),
        }
    }
}

const UNKNOWN: &str = "-";

struct Parts<'a> {
    host: &'a str,
    pid: u32,
    start: &'a str,
    scope: &'a str,
}

/// Clock ticks between boot and the start of a process: field 22 of its `stat`. `None` when there is none such.
fn start_of(pid: u32) -> Option<String> {
    let stat = read(&format!("/proc/{pid}/stat"))?;
    // Field 2, the name in parentheses, may itself hold spaces and parentheses.
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(19).map(str::to_owned)
}

/// The user belongs to it because processes of others may be hidden from us.
fn scope() -> Option<String> {
    let boot = read("/proc/sys/kernel/random/boot_id")?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    let namespace: String = namespace.to_str()?.chars().filter(char::is_ascii_digit).collect();
    let user = fs::metadata("/proc/self").ok()?.uid();
    Some(format!("{boot}.{namespace}.{user}"))
}

fn read(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive() {
        let owner = Owner::this_process();
        assert!(!owner.is_gone(), "{}", owner.as_str());
        assert!(owner.to_string().starts_with("process "), "{owner}");
    }

    #[test]
    fn a_process_number_that_was_reused_is_another_process() {
        let here = Owner::this_process();
        let Parts { host, pid, scope, .. } = here.parts().unwrap();
        assert!(Owner(format!("{host}:{pid}:1:{scope}")).is_gone());
    }

    #[test]
    fn a_child_is_gone_after_its_end_and_not_before() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let here = Owner::this_process();
        let parts = here.parts().unwrap();
        let start = start_of(child.id()).unwrap();
        let owner = Owner(format!("{}:{}:{start}:{}", parts.host, child.id(), parts.scope));
        assert!(!owner.is_gone());

        child.kill().unwrap();
        child.wait().unwrap();
        assert!(owner.is_gone());
    }

    #[test]
    fn an_owner_that_cannot_be_seen_from_here_is_never_called_gone() {
        let here = Owner::this_process();
        let parts = here.parts().unwrap();
        for text in [
            format!("elsewhere:1:1:{}", parts.scope),
            format!("{}:1:1:another-boot.1.0", parts.host),
            format!("{}:1:-:{}", parts.host, parts.scope),
            format!("{}:1:1:-", parts.host),
            "nonsense".to_owned(),
        ] {
            assert!(!Owner(text.clone()).is_gone(), "{text}");
        }
    }
}
