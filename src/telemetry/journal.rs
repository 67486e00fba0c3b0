//! Whether systemd's journal reads our stderr.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

/// True if stderr is the stream that systemd named in `$JOURNAL_STREAM` as `device:inode`. The variable alone is not enough: a
/// shell started from a unit passes it on to programs whose stderr is redirected.
pub fn reads_stderr() -> bool {
    let Ok(named) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    stderr_stream().is_ok_and(|stream| parse(&named) == Some(stream))
}

/// Device and inode of stderr.
fn stderr_stream() -> io::Result<(u64, u64)> {
    let stderr = File::from(io::stderr().as_fd().try_clone_to_owned()?);
    let metadata = stderr.metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

fn parse(named: &str) -> Option<(u64, u64)> {
    let (device, inode) = named.split_once(':')?;
    Some((device.parse().ok()?, inode.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_a_device_and_an_inode() {
        assert_eq!(parse("9:132817"), Some((9, 132_817)));
        for nonsense in ["", "9", "9:", ":1", "a:b", "9:1:2", "-1:5"] {
            assert_eq!(parse(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn stderr_has_a_stream_of_its_own() {
        let (_, inode) = stderr_stream().unwrap();
        assert!(inode > 0);
    }
}
