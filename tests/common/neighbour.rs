//! HTTP servers at addresses that only the node's own network has: what is public, link-local or the machine's is played
//! beside the bridge, and nothing of it is ever asked for elsewhere.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Of the node; whatever addresses it has go with it.
const DEVICE: &str = "stationmaster0";

/// Answers every request with one answer, and counts them.
pub struct Neighbour {
    address: Ipv4Addr,
    port: u16,
    added: bool,
    asked: Arc<AtomicUsize>,
}

impl Neighbour {
    /// At an address that the machine has.
    pub fn at(address: Ipv4Addr, answer: String) -> Self {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                count.fetch_add(1, Ordering::Relaxed);
                let _ = answered(stream.unwrap(), &answer);
            }
        });
        Self {
            address,
            port,
            added: false,
            asked,
        }
    }

    /// At an address that the machine gets for it.
    pub fn beside(address: Ipv4Addr, answer: String) -> Self {
        assert!(self::address("replace", address).status().unwrap().success());
        let mut neighbour = Self::at(address, answer);
        neighbour.added = true;
        neighbour
    }

    /// With `/` at its end.
    pub fn url(&self) -> String {
        format!("http://{}:{}/", self.address, self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Connections until now.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        if self.added {
            // Others may have had the same one, which has gone with the first of them.
            let _ = address("del", self.address).stderr(Stdio::null()).status();
        }
    }
}

/// A good answer with this body.
pub fn ok(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

/// One that leads elsewhere.
pub fn redirect(url: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nlocation: {url}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}

fn answered(mut stream: TcpStream, answer: &str) -> std::io::Result<()> {
    let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
    while !text.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            length => text.extend_from_slice(&buffer[..length]),
        }
    }
    stream.write_all(answer.as_bytes())
}

fn address(verb: &str, address: Ipv4Addr) -> Command {
    let mut command = Command::new("ip");
    command.args(["address", verb, &format!("{address}/32"), "dev", DEVICE]);
    command
}
