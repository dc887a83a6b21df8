//! How many requests may come: of one connection, and of one agent over all its connections.
//!
//! By the generic cell rate algorithm: a request that comes too early is told how long to wait, nothing is queued.

use crate::auth::Transport;
use crate::config::Rate;
use crate::error::{Code, Error};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use quick_cache::sync::Cache;
use serde_json::json;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Agents that are remembered, and so the memory that limits take: some 300 bytes each with its name. Beyond it
/// those go that were not heard of for the longest; such a one has rested, nearly always.
const AGENTS_MAX: usize = 16_384;

/// Paths that are never limited by agent: who watches over the server asks them from an address that busy agents
/// may share.
const FREE: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// The limits of a server.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    per_connection: Option<Limit>,
    agents: Option<Agents>,
    /// Whether they hold on the Unix socket too.
    unix: bool,
}

/// One limit.
#[derive(Debug, Clone, Copy)]
struct Limit {
    per_second: u32,
    burst: u32,
    quota: Quota,
}

#[derive(Debug)]
struct Agents {
    limit: Limit,
    known: Cache<String, Arc<DefaultDirectRateLimiter>>,
}

/// What one connection has left; nothing when it has no limit.
#[derive(Debug)]
pub(crate) struct Allowance(Option<(Limit, DefaultDirectRateLimiter)>);

impl Limit {
    fn of(rate: Rate) -> Option<Self> {
        match rate {
            Rate::Off => None,
            Rate::Limit { per_second, burst } => Some(Self {
                per_second: per_second.get(),
                burst: burst.get(),
                quota: Quota::per_second(per_second).allow_burst(burst),
            }),
        }
    }

    /// Takes one request out of what is left.
    fn take(&self, left: &DefaultDirectRateLimiter, scope: Scope) -> Result<(), Error> {
        left.check().map_err(|not_until| {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            self.refuse(scope, wait)
        })
    }

    fn refuse(&self, scope: Scope, wait: Duration) -> Error {
        let Self { per_second, burst, .. } = self;
        // Rounded up: a request that comes when it was told to is not early.
        let wait_ms = u64::try_from(wait.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX);
        Error::new(
            Code::RateLimit,
            format!("{} may make {per_second} requests a second, {burst} at once", scope.whose()),
        )
        .details(json!({
            "scope": scope.as_str(),
            "limit": per_second,
            "burst": burst,
            "retry_after_ms": wait_ms,
        }))
        .hint("wait as long as retry_after_ms says, then send it again; several changes fit into one batch")
        .retry_after(wait)
    }
}

/// Whose limit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Connection,
    Agent,
}

impl Scope {
    /// The word in `details` and in figures.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Agent => "agent",
        }
    }

    fn whose(self) -> &'static str {
        match self {
            Self::Connection => "this connection",
            Self::Agent => "this agent, or the address it comes from,",
        }
    }
}

impl Limits {
    /// Limits by their rates.
    pub(crate) fn new(per_connection: Rate, per_agent: Rate, unix: bool) -> Self {
        let agents = Limit::of(per_agent).map(|limit| Agents { limit, known: Cache::new(AGENTS_MAX) });
        Self { per_connection: Limit::of(per_connection), agents, unix }
    }

    fn holds(&self, transport: Transport) -> bool {
        transport == Transport::Tcp || self.unix
    }

    /// What a new connection may send.
    pub(crate) fn connection(&self, transport: Transport) -> Allowance {
        let limit = self.per_connection.filter(|_| self.holds(transport));
        Allowance(limit.map(|limit| (limit, RateLimiter::direct(limit.quota))))
    }

    /// Counts a request of an agent, or of an address when no agent is named.
    ///
    /// # Errors
    /// `ERR_RATE_LIMIT` when there were too many.
    pub(crate) fn agent(
        &self,
        transport: Transport,
        path: &str,
        agent: Option<&[u8]>,
        address: Option<IpAddr>,
    ) -> Result<(), Error> {
        let Some(Agents { limit, known }) = self.agents.as_ref().filter(|_| self.holds(transport)) else {
            return Ok(());
        };
        if FREE.contains(&path) {
            return Ok(());
        }
        // An agent that is called like an address is not the address.
        let key = match (agent, address) {
            (Some(agent), _) => format!("agent {}", String::from_utf8_lossy(agent)),
            (None, Some(address)) => format!("address {address}"),
            (None, None) => "unix".to_owned(),
        };
        let fresh = || Ok::<_, std::convert::Infallible>(Arc::new(RateLimiter::direct(limit.quota)));
        let left = match known.get_or_insert_with(key.as_str(), fresh) {
            Ok(left) => left,
            Err(never) => match never {},
        };
        limit.take(&left, Scope::Agent)
    }
}

impl Allowance {
    /// Counts a request.
    ///
    /// # Errors
    /// `ERR_RATE_LIMIT` when there were too many.
    pub(crate) fn take(&self) -> Result<(), Error> {
        self.0.as_ref().map_or(Ok(()), |(limit, left)| limit.take(left, Scope::Connection))
    }
}

#[cfg(test)]
mod test {
    use super::*;

    /// One a second at most, so that a slow test is no other.
    fn limits(burst: u32, unix: bool) -> Limits {
        let rate: Rate = format!("1:{burst}").parse().unwrap();
        Limits::new(rate, rate, unix)
    }

    #[test]
    fn a_burst_and_then_no_more() {
        let limits = limits(3, false);
        let connection = limits.connection(Transport::Tcp);
        for _ in 0..3 {
            connection.take().unwrap();
        }
        let refused = connection.take().unwrap_err();
        assert_eq!(refused.code(), Code::RateLimit);
        let details = &refused.to_json()["details"];
        assert_eq!(
            (&details["scope"], &details["limit"], &details["burst"]),
            (&json!("connection"), &json!(1), &json!(3))
        );
        let wait = details["retry_after_ms"].as_u64().unwrap();
        assert!((1..=1_000).contains(&wait), "{wait}");
        limits.connection(Transport::Tcp).take().unwrap();
    }

    #[test]
    fn each_agent_has_its_own_and_each_address() {
        let limits = limits(1, false);
        let address = |last| Some(IpAddr::from([127, 0, 0, last]));
        let ask = |agent: Option<&str>, address| {
            limits.agent(Transport::Tcp, "/tasks", agent.map(str::as_bytes), address)
        };
        assert!(ask(Some("ada"), address(1)).is_ok());
        assert!(ask(Some("ada"), address(2)).is_err(), "wherever it comes from");
        assert!(ask(Some("bob"), address(1)).is_ok());
        assert!(ask(None, address(1)).is_ok());
        assert!(ask(None, address(1)).is_err());
        assert!(ask(None, address(2)).is_ok());
        assert!(ask(Some("127.0.0.1"), address(3)).is_ok());
        assert!(limits.agent(Transport::Tcp, "/healthz", None, address(1)).is_ok(), "never limited");
    }

    #[test]
    fn the_unix_socket_is_free_unless_it_was_said() {
        let free = limits(1, false);
        let connection = free.connection(Transport::Unix);
        for _ in 0..3 {
            connection.take().unwrap();
            free.agent(Transport::Unix, "/tasks", Some(b"ada"), None).unwrap();
        }
        let limited = limits(1, true);
        assert!(limited.agent(Transport::Unix, "/tasks", None, None).is_ok());
        assert!(limited.agent(Transport::Unix, "/tasks", None, None).is_err());
        let connection = limited.connection(Transport::Unix);
        assert!(connection.take().is_ok() && connection.take().is_err());
    }

    #[test]
    fn so_many_agents_are_remembered_and_no_more() {
        let limits = limits(1, false);
        for n in 0..2 * AGENTS_MAX {
            limits.agent(Transport::Tcp, "/tasks", Some(n.to_string().as_bytes()), None).unwrap();
        }
        assert!(limits.agents.unwrap().known.len() <= AGENTS_MAX);
    }
}
