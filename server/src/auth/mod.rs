//! Who may talk to the server: a bearer token, and no web page that was not invited.
//!
//! Both hold for TCP only. The Unix socket is guarded by its file mode.

mod browser;
mod tickets;
mod token;

pub(crate) use browser::Browsers;
pub(crate) use tickets::{TICKET_LIFE, Tickets};
pub(crate) use token::Token;

use crate::error::{Code, Error};
use axum::http::{HeaderMap, header};
use serde_json::json;

/// How a request reached the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// The Unix socket.
    Unix,
    /// A TCP connection.
    Tcp,
}

impl Transport {
    /// Its word in figures.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unix => "unix",
            Self::Tcp => "tcp",
        }
    }
}

/// What is asked of requests that come over TCP.
#[derive(Debug, Clone, Default)]
pub(crate) struct Policy {
    /// The token every request must carry, if there is one.
    pub(crate) token: Option<Token>,
    /// The token other nodes show, if they may come.
    pub(crate) sync_token: Option<Token>,
    /// Which web pages may come.
    pub(crate) browsers: Browsers,
}

impl Policy {
    /// Lets a request in or says why not. `ticket` says whether one was given and is good, which uses it up; it is
    /// asked only when a token would be.
    ///
    /// # Errors
    /// `ERR_UNAUTHORIZED`.
    pub(crate) fn check(
        &self,
        transport: Transport,
        headers: &HeaderMap,
        ticket: impl FnOnce() -> Option<bool>,
    ) -> Result<(), Error> {
        match transport {
            Transport::Unix => Ok(()),
            Transport::Tcp => {
                self.browsers.check(headers)?;
                let Some(token) = &self.token else { return Ok(()) };
                match ticket() {
                    Some(true) => Ok(()),
                    Some(false) if !headers.contains_key(header::AUTHORIZATION) => Err(tickets::stale()),
                    _ => token.check(headers),
                }
            }
        }
    }

    /// Whether a request shows that another node makes it. Then it needs no other token, for what is nodes' to
    /// ask for.
    pub(crate) fn is_peer(&self, headers: &HeaderMap) -> bool {
        self.sync_token.as_ref().is_some_and(|token| token.check(headers).is_ok())
    }

    /// Lets another node's events in or says why not. Over the Unix socket they come as everything does there: who
    /// may open it may write. A frame of a WebSocket carries no token, so none comes that way.
    ///
    /// # Errors
    /// `ERR_FORBIDDEN` when this server takes none, `ERR_UNAUTHORIZED` when the token is not its own.
    pub(crate) fn check_peer(&self, transport: Option<Transport>, headers: &HeaderMap) -> Result<(), Error> {
        if transport == Some(Transport::Unix) {
            return Ok(());
        }
        let Some(token) = &self.sync_token else {
            let reason = "this server takes events of other nodes over its Unix socket only";
            return Err(Error::new(Code::Forbidden, reason)
                .details(json!({"rule": "sync_token", "reason": reason}))
                .hint(
                    "start it with AGENTPM_SYNC_TOKEN (or --sync-token-file) and send that token as the bearer",
                ));
        };
        token.check(headers).map_err(|error| {
            error.hint(
                "send `Authorization: Bearer TOKEN` with the token of AGENTPM_SYNC_TOKEN, in a request of its own",
            )
        })
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn the_unix_socket_is_exempt() {
        let policy = Policy { token: Token::new("secret").ok(), ..Policy::default() };
        let mut headers = HeaderMap::new();
        headers.insert("origin", "https://evil.example".parse().unwrap());
        assert!(policy.check(Transport::Unix, &headers, || None).is_ok());
        assert!(policy.check(Transport::Tcp, &headers, || Some(true)).is_err());
    }
}
