//! Stderr, perhaps with something drawn at its lower end: log lines go above it, and never through it.
//!
//! What is drawn there, and how it makes room, is up to whoever draws it.

use std::io::{self, Write};
use std::sync::{PoisonError, RwLock};

/// Takes what is drawn away, calls what it is given, and draws again.
type MakeRoom = Box<dyn Fn(&mut dyn FnMut()) + Send + Sync>;

static MAKE_ROOM: RwLock<Option<MakeRoom>> = RwLock::new(None);

/// Writes log lines within `make_room` from now on. `None`: nothing is drawn any more.
pub fn log_above(make_room: Option<MakeRoom>) {
    *MAKE_ROOM.write().unwrap_or_else(PoisonError::into_inner) = make_room;
}

/// Stderr, as log lines see it.
pub(super) struct Screen;

impl Write for Screen {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let Some(make_room) = &*MAKE_ROOM.read().unwrap_or_else(PoisonError::into_inner) else {
            return io::stderr().write(line);
        };
        let mut written = Ok(0);
        make_room(&mut || written = io::stderr().write(line));
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
