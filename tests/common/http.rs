//! The least HTTP client that a test needs: one call, one connection.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

/// An answer as it came.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// None when nobody answers.
pub fn get(port: u16, path: &str) -> Option<Answer> {
    call(
        port,
        &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"),
    )
}

/// A body as curl -d sends it.
pub fn put(port: u16, path: &str, body: &str) -> Option<Answer> {
    let head = format!("PUT {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    let kind = "content-type: application/x-www-form-urlencoded";
    call(
        port,
        &format!("{head}{kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len()),
    )
}

fn call(port: u16, request: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some(Answer {
        status: head.get(9..12)?.parse().ok()?,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}
