//! Who may talk to the server: a bearer token, and no web page that was not invited.
//!
//! Both hold for TCP only. The Unix socket is guarded by its file mode.

mod browser;
mod tickets;
mod token;

pub(crate) use browser::Browsers;
pub(crate) use tickets::{TICKET_LIFE, Tickets};
pub(crate) use token::Token;

use crate::error::Error;
use axum::http::{HeaderMap, header};

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
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn the_unix_socket_is_exempt() {
        let policy = Policy { token: Token::new("secret").ok(), browsers: Browsers::default() };
        let mut headers = HeaderMap::new();
        headers.insert("origin", "https://evil.example".parse().unwrap());
        assert!(policy.check(Transport::Unix, &headers, || None).is_ok());
        assert!(policy.check(Transport::Tcp, &headers, || Some(true)).is_err());
    }
}
