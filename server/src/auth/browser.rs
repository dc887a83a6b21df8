//! No web page reaches a local server, unless it was named: a page may send requests to any address its
//! browser can reach, and (by DNS rebinding) under any host name.

use crate::error::{Code, Error};
use axum::http::{HeaderMap, HeaderValue, header};
use serde_json::json;
use std::net::IpAddr;

/// Which web pages may talk to the server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Browsers {
    /// Origins of pages that may, like `https://board.example`.
    pub(crate) allowed_origins: Vec<String>,
    /// Whether requests may come under any host name. A server beyond loopback has names we do not know; it
    /// always has a token, which a rebound page does not.
    pub(crate) any_host: bool,
}

impl Browsers {
    /// Looks at `Host`, `Origin` and `Sec-Fetch-Site`.
    ///
    /// # Errors
    /// `ERR_UNAUTHORIZED` with the rule.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), Error> {
        let refuse = |rule: &str, reason: String| {
            Err(Error::new(Code::Unauthorized, reason.clone())
                .details(json!({"rule": rule, "reason": reason}))
                .hint("start the server with --allow-origin to let that page in"))
        };
        if headers.get_all(header::HOST).iter().count() > 1 {
            return refuse("host", "a request comes under one host".to_owned());
        }
        let host = headers.get(header::HOST).map(|host| String::from_utf8_lossy(host.as_bytes()));
        let host = host.as_deref().unwrap_or("");
        if !self.any_host && !is_local(host) && !self.is_allowed_host(host) {
            return refuse("host", format!("requests to this server do not come under the host `{host}`"));
        }
        let invited = match headers.get(header::ORIGIN) {
            None => false,
            Some(origin) if self.is_allowed(origin) => true,
            Some(origin) => {
                let origin = String::from_utf8_lossy(origin.as_bytes());
                return refuse("origin", format!("pages of `{origin}` may not talk to this server"));
            }
        };
        match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
            // Absent: no browser. `none`: typed into the address bar by a person.
            None | Some(b"none") => Ok(()),
            Some(_) if invited => Ok(()),
            Some(site) => {
                let site = String::from_utf8_lossy(site);
                refuse(
                    "sec_fetch_site",
                    format!("requests of web pages are refused (Sec-Fetch-Site: {site})"),
                )
            }
        }
    }

    /// Whether pages of that origin were invited.
    pub(crate) fn is_allowed(&self, origin: &HeaderValue) -> bool {
        self.allowed_origins.iter().any(|allowed| allowed.as_bytes().eq_ignore_ascii_case(origin.as_bytes()))
    }

    fn is_allowed_host(&self, host: &str) -> bool {
        let authority = |origin: &str| origin.split_once("://").map(|(_, authority)| authority.to_owned());
        self.allowed_origins
            .iter()
            .filter_map(|origin| authority(origin))
            .any(|a| a.eq_ignore_ascii_case(host))
    }
}

/// `localhost` or an address literal, with or without a port: what no DNS answer can rebind.
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(address, _)| address),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod test {
    use super::*;

    fn check(browsers: &Browsers, headers: &[(&'static str, &str)]) -> Result<(), String> {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        browsers
            .check(&headers)
            .map_err(|error| error.to_json()["details"]["rule"].as_str().unwrap().to_owned())
    }

    #[test]
    fn programs_come_in() {
        let browsers = Browsers::default();
        for host in ["localhost", "localhost:80", "127.0.0.1:8080", "[::1]:9", "LOCALHOST:1"] {
            assert_eq!(check(&browsers, &[("host", host)]), Ok(()), "{host}");
        }
    }

    #[test]
    fn other_names_are_rebinding() {
        for host in [
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "",
            "[evil]:1",
            "127.0.0.1.nip.io",
        ] {
            assert_eq!(check(&Browsers::default(), &[("host", host)]), Err("host".to_owned()), "{host}");
        }
        assert_eq!(check(&Browsers::default(), &[]), Err("host".to_owned()));
        let mut two = HeaderMap::new();
        two.append("host", "localhost".parse().unwrap());
        two.append("host", "evil.example".parse().unwrap());
        assert!(Browsers::default().check(&two).is_err());
        let beyond = Browsers { any_host: true, ..Browsers::default() };
        assert_eq!(check(&beyond, &[("host", "agents.example")]), Ok(()));
    }

    #[test]
    fn pages_stay_out_unless_invited() {
        let host = ("host", "127.0.0.1:1");
        let page = [host, ("origin", "https://evil.example")];
        assert_eq!(check(&Browsers::default(), &page), Err("origin".to_owned()));
        for site in ["cross-site", "same-site", "same-origin"] {
            let image = [host, ("sec-fetch-site", site)];
            assert_eq!(check(&Browsers::default(), &image), Err("sec_fetch_site".to_owned()), "{site}");
        }
        assert_eq!(check(&Browsers::default(), &[host, ("sec-fetch-site", "none")]), Ok(()));
        assert_eq!(check(&Browsers::default(), &[host, ("origin", "null")]), Err("origin".to_owned()));

        let inviting =
            Browsers { allowed_origins: vec!["https://board.example".to_owned()], any_host: false };
        let guest = [host, ("origin", "https://board.example"), ("sec-fetch-site", "cross-site")];
        assert_eq!(check(&inviting, &guest), Ok(()));
        assert_eq!(check(&inviting, &page), Err("origin".to_owned()));
        assert_eq!(
            check(&inviting, &[host, ("sec-fetch-site", "cross-site")]),
            Err("sec_fetch_site".to_owned())
        );
    }
}
