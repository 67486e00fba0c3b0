//! The connection to a caller: TCP that can be cut in the middle of an answer, with a reset and not with a
//! polite end.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

const UNCUT: i64 = -1;

/// Cuts one connection. Clones cut the same one.
#[derive(Clone)]
pub struct Scissors {
    /// Bytes still let through; [`UNCUT`]: all.
    left: Arc<AtomicI64>,
}

impl Scissors {
    /// Lets this many more bytes through, then resets the connection.
    pub fn cut_after(&self, bytes: usize) {
        self.left.store(i64::try_from(bytes).unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

impl Connected<IncomingStream<'_, Connections>> for Scissors {
    fn connect_info(stream: IncomingStream<'_, Connections>) -> Self {
        stream.io().scissors.clone()
    }
}

/// Accepts connections that can be cut.
pub struct Connections {
    listener: TcpListener,
}

impl Connections {
    pub fn new(listener: TcpListener) -> Self {
        Self { listener }
    }
}

impl Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // Small answers must not wait for the caller's acknowledgement of the one before. A connection that is
        // already gone tells so on its first read.
        let _gone = stream.set_nodelay(true);
        let left = Arc::new(AtomicI64::new(UNCUT));
        (Connection { stream, scissors: Scissors { left } }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// One connection.
pub struct Connection {
    stream: TcpStream,
    scissors: Scissors,
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let left = self.scissors.left.load(Ordering::SeqCst);
        let Ok(allowed) = usize::try_from(left) else {
            return Pin::new(&mut self.stream).poll_write(context, bytes);
        };
        if allowed == 0 {
            // With no linger the dropped socket sends a reset. If that cannot be set the caller sees an end in
            // the middle of an answer, which is a cut too.
            let _polite = self.stream.set_zero_linger();
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let bytes = &bytes[..bytes.len().min(allowed)];
        let written = std::task::ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.scissors.cut_after(allowed - written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
