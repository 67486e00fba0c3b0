//! Stderr, if progress bars are drawn at the bottom of the terminal: log lines are written above them.

use std::io::{self, Write};
use std::sync::{PoisonError, RwLock};

/// Removes what is drawn, calls the given function, and draws again.
type MakeRoom = Box<dyn Fn(&mut dyn FnMut()) + Send + Sync>;

static MAKE_ROOM: RwLock<Option<MakeRoom>> = RwLock::new(None);

/// From now on, log lines are written within `make_room`. `None`: nothing is drawn any more.
pub fn log_above(make_room: Option<MakeRoom>) {
    *MAKE_ROOM.write().unwrap_or_else(PoisonError::into_inner) = make_room;
}

/// Stderr, for log lines.
pub struct Screen;

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
