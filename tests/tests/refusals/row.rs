//! One row of the table: what is sent, through which doors, and what must come back.

use serde_json::Value;

/// A way into the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// HTTP over TCP.
    Tcp,
    /// HTTP over the Unix socket.
    Unix,
    /// A `request` frame of a WebSocket.
    Request,
}

/// Every door an ordinary call has: its answer is the same behind each.
pub(crate) const DOORS: &[Door] = &[Door::Tcp, Door::Unix, Door::Request];

/// What needs HTTP itself: content types, bytes that are no JSON, streams.
pub(crate) const HTTP: &[Door] = &[Door::Tcp, Door::Unix];

/// The body of a call.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// None.
    Absent,
    /// JSON, its content type said.
    Json(Value),
    /// Bytes, with the content type that the row's headers say.
    Raw(Vec<u8>),
}

/// What is sent.
#[derive(Debug, Clone)]
pub(crate) enum Ask {
    /// A call of the API.
    Call {
        method: &'static str,
        path: String,
        headers: Vec<(&'static str, String)>,
        body: Body,
        doors: &'static [Door],
    },
    /// One text frame of a WebSocket.
    Frame(String),
    /// A command line.
    Cli(Vec<&'static str>),
}

/// A row.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) ask: Ask,
    /// The HTTP status, or the exit code of a command.
    pub(crate) status: u16,
    /// `error.code`
    pub(crate) code: &'static str,
    /// JSON pointers that the details name.
    pub(crate) pointers: Vec<&'static str>,
    /// `pql_code`, line and column.
    pub(crate) pql: Option<(&'static str, u64, u64)>,
    /// Words that the message has.
    pub(crate) words: Vec<&'static str>,
    /// Members of the details and their values.
    pub(crate) details: Vec<(&'static str, Value)>,
    /// What brings the real answer: until then the row holds today's.
    pub(crate) later: Option<&'static str>,
}

impl Row {
    /// A call, through every door.
    pub(crate) fn call(method: &'static str, path: impl Into<String>, body: Value) -> Self {
        let body = if body.is_null() { Body::Absent } else { Body::Json(body) };
        let path = path.into();
        Self::new(Ask::Call { method, path, headers: Vec::new(), body, doors: DOORS })
    }

    /// A call whose body is bytes.
    pub(crate) fn raw(
        method: &'static str,
        path: impl Into<String>,
        kind: &str,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        let headers = if kind.is_empty() { Vec::new() } else { vec![("content-type", kind.to_owned())] };
        let (path, body) = (path.into(), Body::Raw(body.into()));
        Self::new(Ask::Call { method, path, headers, body, doors: HTTP })
    }

    /// A statement over `POST /query`.
    pub(crate) fn statement(pql: &str) -> Self {
        Self::call("POST", "/query", serde_json::json!({ "pql": pql }))
    }

    /// A frame of a WebSocket.
    pub(crate) fn frame(frame: impl ToString) -> Self {
        Self::new(Ask::Frame(frame.to_string()))
    }

    /// A command.
    pub(crate) fn cli(arguments: &[&'static str]) -> Self {
        Self::new(Ask::Cli(arguments.to_vec()))
    }

    fn new(ask: Ask) -> Self {
        Self {
            ask,
            status: 0,
            code: "",
            pointers: Vec::new(),
            pql: None,
            words: Vec::new(),
            details: Vec::new(),
            later: None,
        }
    }

    /// What must come back.
    pub(crate) fn is(self, status: u16, code: &'static str) -> Self {
        Self { status, code, ..self }
    }

    /// `ERR_VALIDATION`, 400, at these places.
    pub(crate) fn invalid(self, pointers: &[&'static str]) -> Self {
        Self { pointers: pointers.to_vec(), ..self.is(400, "ERR_VALIDATION") }
    }

    /// `ERR_PAYLOAD_TOO_LARGE` for the data of an event; the details name it.
    pub(crate) fn too_large(self, name: &'static str, value: &str) -> Self {
        self.is(413, "ERR_PAYLOAD_TOO_LARGE")
            .detail("bytes_max", (1_u64 << 20).into())
            .detail(name, value.into())
    }

    /// `ERR_PQL`, with the language's own code and place.
    pub(crate) fn pql(self, code: &'static str, line: u64, column: u64) -> Self {
        Self { pql: Some((code, line, column)), ..self.is(400, "ERR_PQL") }
    }

    /// A word of the message.
    pub(crate) fn says(mut self, word: &'static str) -> Self {
        self.words.push(word);
        self
    }

    /// A member of the details.
    pub(crate) fn detail(mut self, name: &'static str, value: Value) -> Self {
        self.details.push((name, value));
        self
    }

    /// A header of the call.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        match &mut self.ask {
            Ask::Call { headers, .. } => headers.push((name, value.into())),
            Ask::Frame(_) | Ask::Cli(_) => panic!("only calls have headers"),
        }
        self
    }

    /// Through these doors only.
    pub(crate) fn through(mut self, only: &'static [Door]) -> Self {
        match &mut self.ask {
            Ask::Call { doors, .. } => *doors = only,
            Ask::Frame(_) | Ask::Cli(_) => panic!("only calls have doors"),
        }
        self
    }

    /// What the row waits for.
    pub(crate) fn later(self, brings: &'static str) -> Self {
        Self { later: Some(brings), ..self }
    }

    /// What was sent, for messages.
    pub(crate) fn name(&self) -> String {
        let text = match &self.ask {
            Ask::Call { method, path, body, headers, .. } => {
                let body = match body {
                    Body::Absent => String::new(),
                    Body::Json(body) => body.to_string(),
                    Body::Raw(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                };
                format!("{method} {path} {headers:?} {body}")
            }
            Ask::Frame(text) => format!("frame {text}"),
            Ask::Cli(arguments) => format!("agentpm {}", arguments.join(" ")),
        };
        match text.char_indices().nth(240) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }
}
