//! One kind of work beside another, both at a fixed rate: what waits behind what.

use crate::Failure;
use crate::append::Appender;
use crate::connection::{Address, Connection};
use crate::read::Asker;
use crate::timing::{Measured, Window};

/// Connections of each rate: more than are ever under way at once while the server keeps up.
const CONNECTIONS: usize = 32;
/// Events appended a second, one a request.
pub(crate) const APPENDS: u64 = 1_000;
/// Point queries a second.
pub(crate) const QUERIES: u64 = 500;

/// Every event with every other, and each of those with every event: it ends with its connection.
const RUNAWAY: &str = r#"{"pql":"SELECT count(*) AS n FROM (SELECT a.position FROM events a JOIN events b ON a.position != b.position + 0 JOIN events c ON b.position != c.position + 0) AS x"}"#;

/// What appends at their rate have beside them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Company {
    /// Nothing.
    None,
    /// Point queries at theirs.
    Queries,
    /// Those, and a query that does not end.
    Runaway,
}

impl Company {
    pub(crate) const ALL: [Self; 3] = [Self::None, Self::Queries, Self::Runaway];

    /// What it is called in a figure's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "appends alone",
            Self::Queries => "appends and point queries",
            Self::Runaway => "appends, point queries and a query that does not end",
        }
    }
}

/// The appends, and the point queries if there are any.
pub(crate) async fn appends(
    company: Company,
    address: &Address,
    tasks: u64,
    window: Window,
) -> Result<(Measured, Option<Measured>), Failure> {
    let mut appenders = Vec::new();
    for number in 0..CONNECTIONS {
        appenders.push(Appender::new(Connection::open(address).await?, number, 1));
    }
    let mut askers = Vec::new();
    for number in 0..CONNECTIONS as u64 {
        askers.push(Asker::new(Connection::open(address).await?, number, tasks));
    }
    match company {
        Company::None => Ok((window.pace(APPENDS, appenders).await?, None)),
        Company::Queries => both(appenders, askers, window).await,
        Company::Runaway => {
            let mut connection = Connection::open(address).await?;
            let query = tokio::spawn(async move { connection.post("/query", RUNAWAY.to_owned()).await });
            let measured = both(appenders, askers, window).await?;
            if query.is_finished() {
                let told = query.await?.map(|answer| String::from_utf8_lossy(&answer).into_owned());
                return Err(format!("the query that does not end has ended: {told:?}").into());
            }
            // The connection goes with it, and the query with the connection.
            query.abort();
            let _ = query.await;
            Ok(measured)
        }
    }
}

async fn both(
    appenders: Vec<Appender>,
    askers: Vec<Asker>,
    window: Window,
) -> Result<(Measured, Option<Measured>), Failure> {
    let (appends, queries) = (window.pace(APPENDS, appenders), window.pace(QUERIES, askers));
    let (appends, queries) = futures::future::try_join(appends, queries).await?;
    Ok((appends, Some(queries)))
}
