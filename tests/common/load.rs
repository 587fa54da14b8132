//! Clients that ask a worker all the while, each over a connection that it keeps for as long as the server does.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::cluster::eventually;

/// Between two requests of a client, so that the machine has time for what is measured.
const PAUSE: Duration = Duration::from_millis(20);
/// Whoever has not answered by then has failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// What one client has seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// Requests that were answered well.
    pub answered: usize,
    /// Connections.
    pub opened: usize,
    /// Requests that met with a kept connection's end, and were sent again over a new one.
    pub resent: usize,
    /// Answers in their order, each as often as it came again after another one.
    pub answers: Vec<String>,
    /// Requests that were not.
    pub failures: Vec<String>,
}

/// Clients at work.
pub struct Load {
    done: Arc<AtomicBool>,
    clients: Vec<(Arc<Mutex<Seen>>, JoinHandle<()>)>,
}

impl Load {
    /// So many, at `http://IP:PORT/`.
    pub fn start(address: &str, clients: usize) -> Self {
        let address = address.trim_start_matches("http://").trim_end_matches('/');
        let address: SocketAddr = address.parse().unwrap();
        let done = Arc::new(AtomicBool::new(false));
        let client = |_| {
            let (seen, done) = (Arc::<Mutex<Seen>>::default(), Arc::clone(&done));
            let theirs = Arc::clone(&seen);
            (seen, std::thread::spawn(move || client(address, &theirs, &done)))
        };
        Self {
            clients: (0..clients).map(client).collect(),
            done: Arc::clone(&done),
        }
    }

    /// Waits until each of them gets this answer, and ends them.
    pub fn end(self, last: &str) -> Vec<Seen> {
        eventually(&format!("{last:?} for every client"), || {
            let mut all = self.clients.iter().map(|(seen, _)| seen.lock().unwrap());
            all.all(|seen| seen.answers.last().is_some_and(|answer| answer == last))
                .then_some(())
        });
        self.done.store(true, Ordering::Relaxed);
        let ended = self.clients.into_iter().map(|(seen, client)| {
            client.join().unwrap();
            std::mem::take(&mut *seen.lock().unwrap())
        });
        ended.collect()
    }
}

fn client(address: SocketAddr, seen: &Mutex<Seen>, done: &AtomicBool) {
    let mut connection = Connection::default();
    while !done.load(Ordering::Relaxed) {
        let outcome = connection.ask(address);
        seen.lock().unwrap().take(outcome, &connection);
        std::thread::sleep(PAUSE);
    }
}

impl Seen {
    fn take(&mut self, outcome: io::Result<String>, connection: &Connection) {
        (self.opened, self.resent) = (connection.opened, connection.resent);
        match outcome {
            Ok(answer) => {
                self.answered += 1;
                if self.answers.last() != Some(&answer) {
                    self.answers.push(answer);
                }
            }
            Err(error) => {
                let last = self.answers.last();
                self.failures.push(format!("after {last:?}: {error}"));
            }
        }
    }
}

/// The connection of a client, while there is one; that on which a request has failed is not kept.
#[derive(Default)]
struct Connection {
    kept: Option<TcpStream>,
    opened: usize,
    resent: usize,
}

impl Connection {
    /// Whoever keeps a connection cannot see that it is being closed, and sends again what went into its end: so does
    /// every HTTP client, for what is safe to ask twice. What goes wrong on a new connection has gone wrong.
    fn ask(&mut self, address: SocketAddr) -> io::Result<String> {
        if let Some(stream) = self.kept.take()
            && is_open(&stream)?
        {
            match self.over(stream) {
                Err(error) if is_end(&error) => self.resent += 1,
                outcome => return outcome,
            }
        }
        self.opened += 1;
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        self.over(stream)
    }

    fn over(&mut self, mut stream: TcpStream) -> io::Result<String> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: worker\r\n\r\n")?;
        let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            match stream.read(&mut buffer) {
                Ok(0) if text.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length @ 1..) => text.extend_from_slice(&buffer[..length]),
                Err(error) if text.is_empty() => return Err(error),
                other => return Err(io::Error::other(format!("{other:?} after {text:?}"))),
            }
            if let Some(body) = body(&text)? {
                self.kept = Some(stream);
                return Ok(body);
            }
        }
    }
}

/// Whether the connection ended before a byte of the answer.
fn is_end(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | ConnectionReset | BrokenPipe)
}

/// Whether the server has not closed it since the last answer.
fn is_open(stream: &TcpStream) -> io::Result<bool> {
    stream.set_nonblocking(true)?;
    let peeked = stream.peek(&mut [0]);
    stream.set_nonblocking(false)?;
    match peeked {
        Err(error) => Ok(error.kind() == io::ErrorKind::WouldBlock),
        Ok(0) => Ok(false),
        Ok(_) => Err(io::Error::other("an answer to nothing")),
    }
}

/// The body, once all of it has come.
fn body(text: &[u8]) -> io::Result<Option<String>> {
    let text = String::from_utf8_lossy(text).into_owned();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return Ok(None);
    };
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    match length.and_then(|length| length.parse::<usize>().ok()) {
        Some(length) if head.starts_with("http/1.1 200 ") => Ok((body.len() >= length).then(|| body.to_owned())),
        _ => Err(io::Error::other(head)),
    }
}
