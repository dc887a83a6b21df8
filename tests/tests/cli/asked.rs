//! A server that gives everybody the same answer and keeps what it was asked: for what a flag becomes on the
//! wire, and for answers that a real server gives only in bad times.

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// A request is on its way long before.
const ASKED_LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Asked {
    pub(crate) url: String,
    requests: Receiver<Request>,
}

#[derive(Debug)]
pub(crate) struct Request {
    /// Method and path, with its query string.
    pub(crate) line: String,
    /// Their names in small letters.
    pub(crate) headers: Vec<(String, String)>,
    /// Null when there is none.
    pub(crate) body: Value,
}

impl Asked {
    /// Answers everything with that status and body.
    pub(crate) fn answering(status: u16, body: &Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = channel();
        let body = body.to_string();
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                // A client that went away in the middle is the test's own affair.
                let _ = connection.and_then(|connection| answer(connection, status, &body, &sender));
            }
        });
        Self { url, requests }
    }

    pub(crate) fn ok() -> Self {
        Self::answering(200, &json!({ "ok": true, "data": {}, "error": null }))
    }

    pub(crate) fn refusing(status: u16, code: &str) -> Self {
        let error = json!({ "code": code, "message": "no", "hint": "wait", "next": [], "retryable": false, "details": null });
        Self::answering(status, &json!({ "ok": false, "data": null, "error": error }))
    }

    /// The next request that came.
    #[track_caller]
    pub(crate) fn next(&self) -> Request {
        self.requests.recv_timeout(ASKED_LIMIT).expect("a request comes")
    }
}

fn answer(connection: TcpStream, status: u16, body: &str, asked: &Sender<Request>) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let (mut first, mut length, mut headers) = (String::new(), 0, Vec::new());
    reader.read_line(&mut first)?;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap();
        }
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut sent = vec![0; length];
    reader.read_exact(&mut sent)?;
    let line = first.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let _ = asked.send(Request { line, headers, body: serde_json::from_slice(&sent).unwrap_or_default() });
    let mut connection = connection;
    let bytes = body.len();
    write!(
        connection,
        "HTTP/1.1 {status} Told\r\ncontent-type: application/json\r\ncontent-length: {bytes}\r\nconnection: close\r\n\r\n{body}"
    )
}
