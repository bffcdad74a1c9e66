//! Requests to target APIs, whatever an HTTP client calls them.

use http::{HeaderValue, Request, header};

/// A request to a target API, as far as authorizing it goes: its origin, and its `Authorization` header.
///
/// [`http::Request`] is one. For another client's, or for what is no request at all:
///
/// ```
/// use http::HeaderValue;
/// use simacan_auth::TargetRequest;
///
/// /// What a WebSocket begins with.
/// struct Handshake {
///     host: String,
///     authorization: Option<HeaderValue>,
/// }
///
/// impl TargetRequest for Handshake {
///     fn location(&self) -> Option<(&str, &str)> {
///         Some(("wss", &self.host))
///     }
///
///     fn set_authorization(&mut self, value: HeaderValue) {
///         self.authorization = Some(value);
///     }
/// }
/// ```
pub trait TargetRequest {
    /// Returns the scheme and the authority of the request's URI, such as `("https", "api.example.com:8443")`. `None`
    /// if it has none.
    fn location(&self) -> Option<(&str, &str)>;

    /// Sets the request's `Authorization`, in place of any that it has. The value is marked sensitive.
    fn set_authorization(&mut self, value: HeaderValue);

    /// Returns the request's method, and its path without the query. `None`, as by default, if it has none.
    ///
    /// It is asked for only where an origin has caused many refreshes with its 401s: then those for a request
    /// that it has answered otherwise with the same token count for more.
    fn resource(&self) -> Option<(&str, &str)> {
        None
    }
}

impl<B> TargetRequest for Request<B> {
    #[inline]
    fn location(&self) -> Option<(&str, &str)> {
        let scheme = self.uri().scheme_str().unwrap_or_default(); // without one it goes nowhere
        Some((scheme, self.uri().authority()?.as_str()))
    }

    #[inline]
    fn set_authorization(&mut self, value: HeaderValue) {
        self.headers_mut().insert(header::AUTHORIZATION, value);
    }

    fn resource(&self) -> Option<(&str, &str)> {
        Some((self.method().as_str(), self.uri().path()))
    }
}
