//! Checks what a provider is made of.

use std::fmt;

use http::Uri;
use thiserror::Error;
use zeroize::Zeroizing;

use super::{ClientAuth, Dialect, Extras, Provider, Targets};
use crate::Origin;

/// A builder of a [`Provider`]: endpoints, scope, and the origins that may see the token.
#[derive(Clone)]
#[must_use]
pub struct ProviderBuilder {
    endpoint: String,
    /// `None`: the Simacan dialect.
    client: Option<ClientAuth>,
    extras: Extras,
    revocation: Option<String>,
    origins: Vec<String>,
    loopback_http: bool,
}

impl ProviderBuilder {
    pub(super) fn new(endpoint: String, client: Option<ClientAuth>) -> Self {
        Self {
            endpoint,
            client,
            extras: Extras::default(),
            revocation: None,
            origins: Vec::new(),
            loopback_http: false,
        }
    }

    /// Lets the bearer token go to this origin, `https://host` or `https://host:port`. Repeatable.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// Sets the scope to ask for at each login, space-delimited (RFC 6749, section 3.3).
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.extras.scope = Some(scope.into());
        self
    }

    /// Asks for the [scope](Self::scope) at each refresh, too. By the RFC a refresh without a scope asks for what was
    /// granted (section 6), but some servers want it.
    pub fn scope_at_refresh(mut self) -> Self {
        self.extras.scope_at_refresh = true;
        self
    }

    /// Adds a member to the form of each login and each refresh: `audience` at some servers, `resource` (RFC 8707) at
    /// others. Repeatable, also with the same name.
    ///
    /// ```
    /// use simacan_auth::{ClientAuth, Provider};
    ///
    /// let provider = Provider::oauth2("https://login.example.com/token", ClientAuth::public("fleet"))
    ///     .scope("positions")
    ///     .scope_at_refresh()
    ///     .form_member("audience", "https://api.example.com")
    ///     .allow_origin("https://api.example.com")
    ///     .build()?;
    /// # Ok::<(), simacan_auth::InvalidProvider>(())
    /// ```
    pub fn form_member(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let member = (name.into(), Zeroizing::new(value.into()));
        self.extras.members.push(member);
        self
    }

    /// Sets the endpoint that revokes tokens (RFC 7009) at a [logout](crate::Machine::forget). The client
    /// authenticates there as at the token endpoint. Default: none.
    pub fn revocation_endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.revocation = Some(endpoint.into());
        self
    }

    /// Accepts `http://` for loopback hosts: `localhost`, 127.0.0.0/8, `[::1]`. For tests.
    pub fn allow_loopback_http(mut self) -> Self {
        self.loopback_http = true;
        self
    }

    /// Builds the provider. Fails if one of the URIs, origins or settings is invalid.
    pub fn build(self) -> Result<Provider, InvalidProvider> {
        let origins = self.origins.iter().map(|origin| {
            let uri = self.parse(origin)?;
            // `Uri` reads a missing path as `/`.
            if uri.path() != "/" || uri.query().is_some() {
                return Err(InvalidProvider::NotAnOrigin(printable(origin)));
            }
            Ok(uri)
        });
        let targets = Targets::Listed(origins.collect::<Result<_, _>>()?);
        let dialect = if let Some(client) = &self.client {
            let mut names = self.extras.members.iter().map(|(name, _)| name);
            if let Some(name) = names.find(|name| RESERVED.contains(&name.as_str())) {
                return Err(InvalidProvider::ReservedMember(name.clone()));
            }
            Dialect::OAuth2 {
                token: self.parse(&self.endpoint)?,
                revocation: (self.revocation.as_deref())
                    .map(|endpoint| self.parse(endpoint))
                    .transpose()?,
                client: client.clone(),
                extras: self.extras.clone(),
            }
        } else if self.extras.scope.is_some() {
            return Err(InvalidProvider::ScopeWithoutOAuth2);
        } else if self.revocation.is_some() {
            return Err(InvalidProvider::RevocationWithoutOAuth2);
        } else if let Some((name, _)) = self.extras.members.first() {
            return Err(InvalidProvider::MemberWithoutOAuth2(name.clone()));
        } else {
            let base = self.endpoint.trim_end_matches('/');
            if self.parse(base)?.query().is_some() {
                return Err(InvalidProvider::QueryInBase(printable(base)));
            }
            Dialect::Simacan {
                password: self.parse(&format!("{base}/auth/password"))?,
                refresh: self.parse(&format!("{base}/auth/refresh"))?,
            }
        };
        Ok(Provider::new(dialect, targets))
    }

    fn parse(&self, text: &str) -> Result<Uri, InvalidProvider> {
        if text.contains('#') {
            return Err(InvalidProvider::Fragment(printable(text)));
        }
        let uri =
            Uri::try_from(text).map_err(|_| InvalidProvider::NotAnHttpUri(printable(text)))?;
        let origin = Origin::of(&uri).ok_or(InvalidProvider::NotAnHttpUri(printable(text)))?;
        if origin.is_https() || (self.loopback_http && origin.is_loopback()) {
            return Ok(uri);
        }
        Err(InvalidProvider::PlainHttp(origin.to_string()))
    }
}

impl fmt::Debug for ProviderBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origins: Vec<_> = self.origins.iter().map(|text| printable(text)).collect();
        f.debug_struct("ProviderBuilder")
            .field("endpoint", &printable(&self.endpoint))
            .field("client", &self.client)
            .field("extras", &self.extras)
            .field("revocation", &self.revocation.as_deref().map(printable))
            .field("origins", &origins)
            .field("loopback_http", &self.loopback_http)
            .finish()
    }
}

/// What the library puts into a form itself.
const RESERVED: [&str; 7] = [
    "grant_type",
    "username",
    "password",
    "refresh_token",
    "client_id",
    "client_secret",
    "scope",
];

/// The text without what may be user information, which may hold a password (I9).
fn printable(text: &str) -> String {
    match text.rfind('@') {
        Some(end) => format!("[redacted]{}", &text[end..]),
        None => text.to_owned(),
    }
}

/// The reason why a [`ProviderBuilder`] can't build a provider. Its text names the cure.
#[derive(Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidProvider {
    /// A URI is not an absolute `http` or `https` one, or has user information or an impossible port.
    #[error(
        "`{0}` can't be used: give an absolute https URI such as `https://host/path`, without user information"
    )]
    NotAnHttpUri(String),
    /// A URI is plain http to a host that is not loopback, or that was not allowed by name.
    #[error(
        "{0} is plain http: passwords and tokens go over https only \
         (for a test against a loopback address, call `allow_loopback_http()`)"
    )]
    PlainHttp(String),
    /// An endpoint has a fragment, which has no meaning there (RFC 6749, section 3.2).
    #[error("`{0}` has a fragment, which an endpoint can't have: leave it out")]
    Fragment(String),
    /// The base of the Simacan endpoints has a query, but paths are appended to it.
    #[error("`{0}` has a query, but paths are appended to it: leave it out")]
    QueryInBase(String),
    /// An origin is more than a scheme, a host and a port.
    #[error("`{0}` has a path or a query, but an origin is `https://host` or `https://host:port`")]
    NotAnOrigin(String),
    /// A scope was given for the Simacan dialect, which has none.
    #[error(
        "a scope was given, but the Simacan API has none: leave it out, or use `Provider::oauth2`"
    )]
    ScopeWithoutOAuth2,
    /// A revocation endpoint was given for the Simacan dialect, which has none.
    #[error(
        "a revocation endpoint was given, but the Simacan API has none: leave it out, or use `Provider::oauth2`"
    )]
    RevocationWithoutOAuth2,
    /// A further form member was given for the Simacan dialect, which has none.
    #[error(
        "a form member `{0}` was given, but the Simacan API has none: leave it out, or use `Provider::oauth2`"
    )]
    MemberWithoutOAuth2(String),
    /// A further form member has a name that the library sets itself.
    #[error("the form member `{0}` is set by the library itself: leave it out")]
    ReservedMember(String),
}

/// The text of `Display`: what a `main` prints that returns this error.
impl fmt::Debug for InvalidProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_refused_but_for_a_loopback_that_was_allowed_by_name() {
        let build = |url: &str| Provider::simacan_at(url).build().map(|_| ());
        let refused = |origin: &str| Err(InvalidProvider::PlainHttp(origin.to_owned()));
        assert_eq!(
            build("http://auth.example/api"),
            refused("http://auth.example")
        );
        assert_eq!(
            build("http://127.0.0.1:80/api"),
            refused("http://127.0.0.1")
        );
        let loopback = |url: &str| Provider::simacan_at(url).allow_loopback_http().build();
        assert!(loopback("http://127.0.0.1:1/api").is_ok());
        assert!(loopback("http://auth.example/api").is_err());
        let target = Provider::simacan_at("https://auth.example")
            .allow_origin("http://api.example")
            .allow_loopback_http();
        assert!(target.build().is_err());
    }

    #[test]
    fn what_cannot_be_is_refused_by_name_and_without_its_password() {
        let error = |builder: ProviderBuilder| builder.build().unwrap_err().to_string();
        assert!(
            error(Provider::simacan_at("auth.example/api"))
                .contains("`auth.example/api` can't be used")
        );
        let secret = error(Provider::simacan_at("https://me:hunter2@auth.example/api"));
        assert!(!secret.contains("hunter2"), "{secret}");
        let at = |origin: &str| Provider::simacan_at("https://a.example").allow_origin(origin);
        assert!(error(at("https://b.example/path")).contains("an origin is"));
        assert!(error(Provider::simacan_at("https://a.example/?x=1")).contains("query"));
        assert!(error(Provider::simacan_at("https://a.example/#x")).contains("fragment"));
        assert!(error(at("https://b.example").scope("x")).contains("scope"));
        assert!(error(at("https://b.example").form_member("audience", "x")).contains("`audience`"));
        let oauth2 = Provider::oauth2("https://a.example/t", ClientAuth::public("c"));
        assert!(error(oauth2.form_member("scope", "x")).contains("`scope`"));
    }
}
