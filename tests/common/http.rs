//! The least HTTP client that a test needs: one call, one connection.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

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

/// A body with headers of the caller's.
pub fn post(port: u16, path: &str, headers: &str, body: &str) -> Option<Answer> {
    let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}");
    call(port, &format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
}

/// Takes one request, head and body, and answers it with this status.
pub fn take(listener: &TcpListener, status: u16) -> String {
    let (mut stream, _) = listener.accept().unwrap();
    let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let length = stream.read(&mut buffer).unwrap();
        text.extend_from_slice(&buffer[..length]);
        let request = String::from_utf8_lossy(&text).into_owned();
        let (head, body) = request.split_once("\r\n\r\n").unwrap_or((&request, ""));
        let announced = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let is_whole = announced.is_some_and(|announced| body.len() >= announced.parse().unwrap());
        if is_whole || length == 0 {
            let answer = format!("HTTP/1.1 {status} Test\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).unwrap();
            return request;
        }
    }
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
