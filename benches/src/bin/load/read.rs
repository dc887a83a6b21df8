//! Reads: the whole log as lines, and one row by its key.

use crate::Failure;
use crate::connection::{Address, Connection};
use crate::timing::{Client, Measured, Window};

/// A step that visits every task before it comes back, whatever their number: it is prime.
const STRIDE: u64 = 7_919;

struct Reader {
    connection: Connection,
}

impl Client for Reader {
    async fn once(&mut self) -> Result<Option<u64>, Failure> {
        let mut lines = 0;
        let count = |part: &[u8]| lines += part.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.connection.get_lines("/events", count).await?;
        Ok(Some(lines))
    }
}

/// The whole log as NDJSON, again and again, by one client.
pub(crate) async fn catch_up(address: &Address, window: Window) -> Result<Measured, Failure> {
    let reader = Reader { connection: Connection::open(address).await? };
    Ok(window.drive(vec![reader]).await?.0)
}

pub(crate) struct Asker {
    connection: Connection,
    at: u64,
    tasks: u64,
}

impl Asker {
    /// One that begins at that task of so many.
    pub(crate) fn new(connection: Connection, at: u64, tasks: u64) -> Self {
        Self { connection, at, tasks }
    }
}

impl Client for Asker {
    async fn once(&mut self) -> Result<Option<u64>, Failure> {
        self.at = (self.at + STRIDE) % self.tasks;
        let body = format!(
            r#"{{"pql":"SELECT id, status, title FROM tasks WHERE id = $1","params":["t{}"]}}"#,
            self.at
        );
        let answer = String::from_utf8(self.connection.post("/query", body).await?)?;
        match answer.contains(r#""row_count":1"#) {
            true => Ok(Some(1)),
            false => Err(format!("t{} was not found: {answer}", self.at).into()),
        }
    }
}

/// Queries of one task each, by its id, among so many.
pub(crate) async fn points(
    address: &Address,
    clients: usize,
    tasks: u64,
    window: Window,
) -> Result<Measured, Failure> {
    let mut askers = Vec::new();
    for number in 0..clients as u64 {
        askers.push(Asker::new(Connection::open(address).await?, number, tasks));
    }
    Ok(window.drive(askers).await?.0)
}
