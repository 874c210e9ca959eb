//! Small messages in one write.
//!
//! hyper hands the head of a message and its body to the socket as two slices. Where both are small, putting them
//! together costs less than the kernel takes to gather them, and over TLS they become one record instead of two.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use smallvec::SmallVec;

/// Most bytes that are put together. More of them cost more to copy than is gained.
const MOST_BYTES: usize = 4096;

/// What writes slices to `S` one by one, or all of them at once where that is cheaper.
///
/// ```
/// use hyper::rt::Write as _;
/// use modelpool_providers::http_transport::JoinedWrites;
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let stream = tokio::net::TcpStream::connect(listener.local_addr()?).await?;
/// assert!(JoinedWrites::new(hyper_util::rt::TokioIo::new(stream)).is_write_vectored());
/// # std::io::Result::Ok(()) })?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct JoinedWrites<S> {
    stream: S,
}

impl<S> JoinedWrites<S> {
    /// Writes to `stream`.
    #[must_use]
    pub fn new(stream: S) -> Self {
        Self { stream }
    }
}

impl<S: Read + Unpin> Read for JoinedWrites<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: Write + Unpin> Write for JoinedWrites<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.stream);
        let bytes: usize = slices.iter().map(|slice| slice.len()).sum();
        if slices.len() < 2 || bytes > MOST_BYTES {
            return stream.poll_write_vectored(context, slices);
        }
        // What is not taken now is put together again the next time: sockets seldom refuse so little.
        let mut whole = SmallVec::<[u8; MOST_BYTES]>::new();
        for slice in slices {
            whole.extend_from_slice(slice);
        }
        stream.poll_write(context, &whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes at a time; each write is noted.
    struct Slow {
        takes: usize,
        writes: Vec<Vec<u8>>,
    }

    impl Write for Slow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let taken = bytes.len().min(self.takes);
            self.writes.push(bytes[..taken].to_vec());
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn written(slices: &[&[u8]], takes: usize) -> (usize, Vec<Vec<u8>>) {
        let mut joined = JoinedWrites::new(Slow {
            takes,
            writes: Vec::new(),
        });
        let slices: Vec<IoSlice<'_>> = slices.iter().map(|slice| IoSlice::new(slice)).collect();
        let mut context = Context::from_waker(std::task::Waker::noop());
        match Pin::new(&mut joined).poll_write_vectored(&mut context, &slices) {
            Poll::Ready(Ok(taken)) => (taken, joined.stream.writes),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_small_goes_out_in_one_write() {
        assert_eq!(
            written(&[b"head", b"", b"body"], 100),
            (8, vec![b"headbody".to_vec()])
        );
        // Taken in part, across the border.
        assert_eq!(written(&[b"head", b"body"], 6), (6, vec![b"headbo".to_vec()]));
    }

    #[test]
    fn what_is_large_is_not_copied() {
        let large = vec![b'x'; MOST_BYTES];
        let (taken, writes) = written(&[b"head", &large], usize::MAX);
        // The first slice, as writers without vectors take it.
        assert_eq!((taken, writes), (4, vec![b"head".to_vec()]));
    }
}
