//! Where a request goes, and whether the bearer token may go with it.

use std::fmt;
use std::net::IpAddr;

use http::Uri;
use serde::{Deserialize, Serialize};

use crate::{Provider, TargetRequest, fnv};

/// The scheme, host and port of a URI: its origin by RFC 6454. `wss` counts as `https`, and `ws` as `http`.
///
/// Borrowed, so that taking the origin of a request costs no allocation.
///
/// ```
/// use simacan_auth::Origin;
///
/// let uri = "https://Example.COM:443/path".parse()?;
/// assert_eq!(Origin::of(&uri), Origin::new("https", "example.com", None));
/// assert_eq!(Origin::of(&"/path".parse()?), None);
/// assert_eq!(Origin::of(&"wss://example.com".parse()?), Origin::of(&uri));
/// assert_eq!(Origin::of(&"ftp://example.com".parse()?), None);
/// assert!(Origin::of(&"http://[::1]:8080/".parse()?).is_some_and(|origin| origin.is_loopback()));
/// # Ok::<(), http::uri::InvalidUri>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    https: bool,
    host: &'a str,
    port: u16,
}

impl<'a> Origin<'a> {
    /// Makes an origin of its parts; `port` defaults to the scheme's. `None` for another scheme than `http`, `https`,
    /// `ws` and `wss`.
    ///
    /// An IPv6 address stands in brackets, as in a URI.
    pub fn new(scheme: &str, host: &'a str, port: Option<u16>) -> Option<Self> {
        let https = Self::is_secure(scheme)?;
        let port = port.unwrap_or(Self::default_port(https));
        Some(Self { https, host, port })
    }

    /// Returns the origin of an absolute URI. `None` for a relative one, for another scheme, and for an authority that
    /// clients read in more than one way: user information, an empty or impossible port.
    pub fn of(uri: &'a Uri) -> Option<Self> {
        Self::parse(uri.scheme_str()?, uri.authority()?.as_str())
    }

    /// Where a request goes, if that is an origin.
    pub(crate) fn of_request(request: &'a impl TargetRequest) -> Option<Self> {
        let (scheme, authority) = request.location()?;
        Self::parse(scheme, authority)
    }

    /// Returns the origin of a URI's scheme and authority, by the same rules as [`of`](Self::of).
    pub fn parse(scheme: &str, authority: &'a str) -> Option<Self> {
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let is_address = host.starts_with('[') && host.ends_with(']');
        if host.is_empty() || host.contains(['@', '/', '?', '#', '\\']) {
            return None;
        }
        if !is_address && host.contains([':', '[', ']']) {
            return None;
        }
        let is_number = |port: &&str| port.bytes().all(|byte| byte.is_ascii_digit());
        let port = match port {
            Some(port) => Some(Some(port).filter(is_number)?.parse().ok()?),
            None => None,
        };
        Self::new(scheme, host, port)
    }

    /// Whether this scheme is encrypted; `None` for another than `http`, `https` and the schemes of web sockets
    /// (RFC 6455, section 3), which count as these.
    #[inline]
    pub(crate) fn is_secure(scheme: &str) -> Option<bool> {
        match scheme {
            "https" | "wss" => Some(true),
            "http" | "ws" => Some(false),
            _ => None,
        }
    }

    fn default_port(https: bool) -> u16 {
        if https { 443 } else { 80 }
    }

    /// Returns whether the origin is reached over TLS.
    pub fn is_https(&self) -> bool {
        self.https
    }

    pub(crate) fn host(&self) -> &'a str {
        self.host
    }

    pub(crate) fn has_default_port(&self) -> bool {
        self.port == Self::default_port(self.https)
    }

    /// Returns whether the host is `localhost`, in 127.0.0.0/8 or `[::1]`: what never leaves the machine. The
    /// adapters use no proxy of the environment for it.
    pub fn is_loopback(&self) -> bool {
        let address = self.host.trim_start_matches('[').trim_end_matches(']');
        self.host.eq_ignore_ascii_case("localhost")
            || address
                .parse()
                .is_ok_and(|address: IpAddr| address.is_loopback())
    }

    /// A number in place of the text, so that a [`Sent`](crate::Sent) owns no memory. Two origins with the
    /// same number would share a pacing guard and nothing else.
    pub(crate) fn id(&self) -> OriginId {
        let [high, low] = self.port.to_be_bytes();
        let hash = fnv::add(fnv::START, [u8::from(self.https), high, low]);
        let host = self.host.bytes().map(|byte| byte.to_ascii_lowercase());
        OriginId(fnv::add(hash, host))
    }
}

/// Without regard to the case of the host (RFC 9110, section 4.2.3).
impl PartialEq for Origin<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.https == other.https
            && self.port == other.port
            && self.host.eq_ignore_ascii_case(other.host)
    }
}

impl Eq for Origin<'_> {}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.host)?;
        if !self.has_default_port() {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct OriginId(u64);

impl OriginId {
    /// Of no request.
    pub(crate) const NONE: Self = Self(0);

    /// Of all those that are too many to be told apart.
    pub(crate) const OTHERS: Self = Self(1);

    /// Of a request to this origin, by its method and its path.
    pub(crate) fn resource(self, request: &impl TargetRequest) -> ResourceId {
        request
            .resource()
            .map_or(ResourceId::NONE, |(method, path)| {
                let bytes = method.bytes().chain([b' ']).chain(path.bytes());
                ResourceId(fnv::add(self.0, bytes))
            })
    }
}

/// A number in place of a method and a path. Two requests with the same one would vouch for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ResourceId(u64);

impl ResourceId {
    /// Nobody has asked what the request is.
    pub(crate) const NONE: Self = Self(0);
}

/// The error of a request to an origin that may not see the bearer token (I8). Nothing was sent. It prints the origin
/// and the cure.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForeignOrigin {
    /// The origin, such as `https://example.com:8443`; `None` if the URI has none.
    pub origin: Option<String>,
    text: String,
}

impl ForeignOrigin {
    pub(crate) fn new(provider: &Provider, request: &impl TargetRequest) -> Self {
        let Some(origin) = Origin::of_request(request) else {
            let (scheme, given) = match (request.location(), request.resource()) {
                (Some(location), _) => location,
                (None, resource) => ("", resource.map_or("", |(_, path)| path)),
            };
            // What stands before it may be a password.
            let given = given.rsplit_once('@').map_or(given, |(_, host)| host);
            let text = if scheme.is_empty() {
                format!(
                    "`{given}` does not say where it goes: give the whole URI, such as https://host/path"
                )
            } else {
                format!(
                    "`{scheme}://{given}` has no origin that the bearer token may go to: give an https URI without \
                     user information, with a port from 1 to 65535 or none"
                )
            };
            let origin = None;
            return Self { origin, text };
        };
        let text = if origin.is_https() || origin.is_loopback() {
            let cure = provider.allowed_origins(&origin);
            format!("{origin} is not among the origins that may see the bearer token: {cure}")
        } else {
            format!(
                "{origin} is plain http, and the bearer token goes over https only: give an https URI"
            )
        };
        let origin = Some(origin.to_string());
        Self { origin, text }
    }
}

impl fmt::Display for ForeignOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused before anything was sent: {}", self.text)
    }
}

impl std::error::Error for ForeignOrigin {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i8_an_authority_that_clients_could_read_in_two_ways_has_no_origin() {
        for uri in [
            "https://user@a.services.simacan.com/",
            "https://a.services.simacan.com:/",
            "https://a.services.simacan.com:99999/",
            "https://user:443@evil.example/",
        ] {
            let Ok(uri) = uri.parse::<Uri>() else {
                continue;
            };
            assert_eq!(Origin::of(&uri), None, "{uri}");
        }
        let v6 = "http://[::1]:8080/".parse().unwrap();
        assert_eq!(
            Origin::of(&v6).map(|o| o.to_string()).as_deref(),
            Some("http://[::1]:8080")
        );
    }

    #[test]
    fn the_id_of_an_origin_ignores_case_and_spells_out_the_port() {
        let id = |uri: &str| Origin::of(&uri.parse().unwrap()).unwrap().id();
        assert_eq!(id("https://A.example"), id("https://a.EXAMPLE:443/x"));
        assert_ne!(id("https://a.example"), id("https://a.example:444"));
        assert_ne!(id("http://a.example:443"), id("https://a.example:443"));
    }

    #[test]
    fn loopback_is_what_never_leaves_the_machine() {
        for (uri, loopback) in [
            ("http://localhost:1", true),
            ("http://127.8.9.1", true),
            ("http://[::1]", true),
            ("http://localhost.example", false),
            ("http://128.0.0.1", false),
            ("http://127.0.0.1.example", false),
        ] {
            let uri = uri.parse().unwrap();
            assert_eq!(Origin::of(&uri).unwrap().is_loopback(), loopback, "{uri}");
        }
    }
}
