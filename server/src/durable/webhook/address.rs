//! Where a webhook may lead: not into the machine, nor into the network it stands in, unless that is configured.
//!
//! Names are looked up here, and the connection is made to what was found here: there is no moment between the look and
//! the connection in which a name could come to mean something else.

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use thiserror::Error;

/// Whether an address is one that the whole internet knows the same way.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_shared = a == 100 && (64..128).contains(&b);
    let is_benchmark = a == 198 && (18..20).contains(&b);
    let is_protocol = (a, b, c) == (192, 0, 0) || (a, b, c) == (192, 88, 99);
    // 0/8 is this network, 240/4 is kept for later.
    let is_kept = a == 0 || a >= 240;
    !(address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || is_shared
        || is_benchmark
        || is_protocol
        || is_kept)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Only 2000::/3 is given out. That leaves out loopback, what is mapped or translated from IPv4 (::ffff:0:0/96,
    // 64:ff9b::/96), unique local, link-local and multicast addresses.
    let [a, b, ..] = address.segments();
    let is_given_out = a & 0xe000 == 0x2000;
    let is_tunnel = a == 0x2002 || (a, b) == (0x2001, 0);
    // 2001::/23 is for protocols, 2001:db8::/32 and 3fff::/20 for documentation.
    let is_special = (a == 0x2001 && (b < 0x200 || b == 0xdb8)) || (a == 0x3fff && b < 0x1000);
    is_given_out && !is_tunnel && !is_special
}

/// A name that leads nowhere a webhook may go.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{host}` is {address}, which is not an address of the public internet")]
pub(crate) struct NotPublic {
    host: String,
    address: IpAddr,
}

/// Looks at the host of a URL that is an address itself; names are looked at when they are looked up.
///
/// # Errors
/// When it is not public.
pub(crate) fn check(url: &Url) -> Result<(), NotPublic> {
    let host = url.host_str().unwrap_or_default();
    let address: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
    match address.filter(|address| !is_public(*address)) {
        None => Ok(()),
        Some(address) => Err(NotPublic { host: host.to_owned(), address }),
    }
}

/// Looks names up, and gives only what is public.
#[derive(Debug, Clone, Copy)]
pub(super) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            Ok(public(host, found)?)
        })
    }
}

fn public(host: &str, found: Vec<SocketAddr>) -> Result<Addrs, NotPublic> {
    let first = found.first().map(SocketAddr::ip);
    let public: Vec<SocketAddr> = found.into_iter().filter(|at| is_public(at.ip())).collect();
    match (public.is_empty(), first) {
        (true, Some(address)) => Err(NotPublic { host: host.to_owned(), address }),
        _ => Ok(Box::new(public.into_iter())),
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn addresses_of_the_machine_and_its_network_are_none() {
        for address in [
            "127.0.0.1",
            "127.255.0.1",
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "192.88.99.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::8.8.8.8",
            "64:ff9b::8.8.8.8",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2001::1",
            "3fff::1",
            "100::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn addresses_of_the_internet_are() {
        for address in [
            "8.8.8.8",
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "198.17.0.1",
            "198.20.0.1",
            "192.0.1.1",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450:4001::1",
            "2001:4860:4860::8888",
            "3fff:1000::1",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn a_url_that_names_an_address_in_any_spelling() {
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0177.0.0.1/",
            "http://[::1]:8080/",
            "http://[::ffff:7f00:1]/",
            "https://169.254.169.254/latest/meta-data",
        ] {
            assert!(check(&Url::parse(url).unwrap()).is_err(), "{url}");
        }
        for url in ["https://8.8.8.8/", "https://hooks.example/", "https://[2606:4700:4700::1111]/"] {
            assert!(check(&Url::parse(url).unwrap()).is_ok(), "{url}");
        }
    }

    #[test]
    fn of_what_a_name_means_only_what_is_public_is_used() {
        let at = |address: &str| SocketAddr::new(address.parse().unwrap(), 0);
        let mixed =
            public("x", vec![at("127.0.0.1"), at("8.8.8.8"), at("::1")]).map(Iterator::collect::<Vec<_>>);
        assert_eq!(mixed.unwrap(), [at("8.8.8.8")]);
        assert!(public("x", vec![at("127.0.0.1"), at("10.0.0.1")]).is_err());
    }
}
