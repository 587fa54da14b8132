//! Log lines on their way to stderr: written by a thread of their own from a bounded buffer, so that a request never
//! waits for whoever reads the logs. Lines that find the buffer full are dropped and counted.

use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tracing_subscriber::fmt::MakeWriter;

/// Bytes that may wait for stderr.
const CAPACITY: usize = 4 << 20;
/// How long the first line of a batch waits for company: one system call then writes them all.
const BATCH: Duration = Duration::from_millis(5);
/// How long the end of the process waits for a reader that has stopped reading.
const CLOSE: Duration = Duration::from_secs(1);

/// The buffer; clones share it.
#[derive(Debug, Clone)]
pub struct Lines(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    capacity: usize,
    dropped: Counter,
}

#[derive(Debug, Default)]
struct Waiting {
    buffer: Vec<u8>,
    writing: bool,
    closed: bool,
}

impl Lines {
    /// Starts the thread that writes to stderr.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn to_stderr() -> io::Result<Self> {
        Self::start(io::stderr(), CAPACITY)
    }

    /// Counts the lines that were lost.
    #[must_use]
    pub fn dropped(&self) -> Counter {
        self.0.dropped.clone()
    }

    /// Writes what waits, then stops: lines that come later are lost.
    pub fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        self.0.changed.notify_all();
        let pending = |waiting: &mut Waiting| waiting.writing || !waiting.buffer.is_empty();
        drop(self.0.changed.wait_timeout_while(waiting, CLOSE, pending));
    }

    fn start(target: impl Write + Send + 'static, capacity: usize) -> io::Result<Self> {
        let lines = Self(Arc::new(Shared {
            waiting: Mutex::default(),
            changed: Condvar::new(),
            capacity,
            dropped: Counter::default(),
        }));
        let own = lines.clone();
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || own.write_to(target))?;
        Ok(lines)
    }

    fn write_to(&self, mut target: impl Write) {
        let mut batch = Vec::new();
        while self.next(&mut batch) {
            // Nothing is left to tell of a failure to.
            let _ = target.write_all(&batch).and_then(|()| target.flush());
            batch.clear();
            let mut waiting = self.lock();
            waiting.writing = false;
            self.0.changed.notify_all();
        }
    }

    /// Waits for lines and takes them all; false when no more will come.
    fn next(&self, batch: &mut Vec<u8>) -> bool {
        let idle = |waiting: &mut Waiting| waiting.buffer.is_empty() && !waiting.closed;
        let waiting = self
            .0
            .changed
            .wait_while(self.lock(), idle)
            .unwrap_or_else(PoisonError::into_inner);
        let open = |waiting: &mut Waiting| !waiting.closed;
        let (mut waiting, _) = self
            .0
            .changed
            .wait_timeout_while(waiting, BATCH, open)
            .unwrap_or_else(PoisonError::into_inner);
        mem::swap(batch, &mut waiting.buffer);
        waiting.writing = !batch.is_empty();
        waiting.writing
    }

    fn push(&self, line: &[u8]) {
        let mut waiting = self.lock();
        if waiting.closed || waiting.buffer.len() + line.len() > self.0.capacity {
            self.0.dropped.inc();
            return;
        }
        if waiting.buffer.is_empty() {
            self.0.changed.notify_all();
        }
        waiting.buffer.extend_from_slice(line);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A reader that takes a batch only when told to.
    struct Slow {
        taken: Sender<Vec<u8>>,
        go: Receiver<()>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.taken.send(bytes.to_vec()).unwrap();
            // An error means that the test is over.
            let _ = self.go.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_was_logged_before_the_end_is_written() {
        let (taken, written) = channel();
        let (_, go) = channel();
        let lines = Lines::start(Slow { taken, go }, 100).unwrap();
        lines.push(b"first\n");
        lines.push(b"second\n");
        lines.close();
        assert_eq!(written.try_iter().flatten().collect::<Vec<_>>(), b"first\nsecond\n");
    }

    #[test]
    fn a_reader_that_stops_costs_lines_and_nothing_else() {
        let (taken, written) = channel();
        let (release, go) = channel();
        let lines = Lines::start(Slow { taken, go }, 10).unwrap();
        lines.push(b"first\n");
        assert_eq!(written.recv().unwrap(), b"first\n");
        lines.push(b"second\n");
        lines.push(b"too much\n");
        assert_eq!(lines.dropped().get(), 1);
        drop(release);
        assert_eq!(written.recv().unwrap(), b"second\n");
    }
}
