//! Where to log in, in which dialect, and which origins may see the token.

use std::fmt;
use std::sync::{Arc, LazyLock};

use http::Uri;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::Origin;

/// An authorization server and the target APIs that take its tokens.
///
/// ```
/// use simacan_auth::{ClientAuth, Provider};
///
/// // The platform itself.
/// let production = Provider::simacan();
/// assert!(production.allows(&"https://sct-tracking-data-api.services.simacan.com/api".parse()?));
/// assert!(!production.allows(&"https://sct-tracking-data-api-stg.services.simacan.com/".parse()?));
///
/// // Any password-and-refresh API of RFC 6749.
/// let other = Provider::oauth2("https://login.example.com/token", ClientAuth::public("fleet"))
///     .allow_origin("https://api.example.com")
///     .build()?;
/// assert!(other.allows(&"https://api.example.com/v1/trips".parse()?));
///
/// // An emulator on this machine, over plain http because that is said by name.
/// Provider::simacan_at("http://127.0.0.1:4780/api/v1")
///     .allow_origin("http://127.0.0.1:4780")
///     .allow_loopback_http()
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A clone is a reference count.
#[derive(Clone)]
pub struct Provider(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    dialect: Dialect,
    targets: Targets,
}

/// How the exchanges are spelled.
#[derive(Debug)]
pub(crate) enum Dialect {
    /// Two endpoints, one for each grant, and nothing but the grant in the form.
    Simacan { password: Uri, refresh: Uri },
    /// RFC 6749: one endpoint, the grant named in the form.
    OAuth2 {
        token: Uri,
        client: ClientAuth,
        scope: Option<String>,
    },
}

#[derive(Debug)]
enum Targets {
    /// One label before `.services.simacan.com`; those of staging end in `-stg`.
    Services { staging: bool },
    /// `scheme://host[:port]`, each checked when the provider was built.
    Listed(Vec<Uri>),
}

impl Provider {
    /// The Simacan platform, production.
    pub fn simacan() -> Self {
        static PRODUCTION: LazyLock<Provider> = LazyLock::new(|| {
            let dialect = Dialect::Simacan {
                password: Uri::from_static(
                    "https://auth-service.services.simacan.com/api/v1/auth/password",
                ),
                refresh: Uri::from_static(
                    "https://auth-service.services.simacan.com/api/v1/auth/refresh",
                ),
            };
            Provider::new(dialect, Targets::Services { staging: false })
        });
        PRODUCTION.clone()
    }

    /// The Simacan platform, staging. Its users, tokens and origins are separate ones.
    pub fn simacan_staging() -> Self {
        static STAGING: LazyLock<Provider> = LazyLock::new(|| {
            let dialect = Dialect::Simacan {
                password: Uri::from_static(
                    "https://auth-service-stg.services.simacan.com/api/v1/auth/password",
                ),
                refresh: Uri::from_static(
                    "https://auth-service-stg.services.simacan.com/api/v1/auth/refresh",
                ),
            };
            Provider::new(dialect, Targets::Services { staging: true })
        });
        STAGING.clone()
    }

    /// The Simacan protocol at another place: a gateway, an emulator.
    ///
    /// `base` is what stands before `/auth/password`. No target origin is
    /// allowed but those named by [`allow_origin`](ProviderBuilder::allow_origin).
    pub fn simacan_at(base: impl Into<String>) -> ProviderBuilder {
        ProviderBuilder::new(base.into(), None)
    }

    /// An RFC 6749 authorization server with the resource owner password credentials grant
    /// (section 4.3) and refresh tokens (section 6).
    ///
    /// No target origin is allowed but those named by
    /// [`allow_origin`](ProviderBuilder::allow_origin).
    pub fn oauth2(token_endpoint: impl Into<String>, client: ClientAuth) -> ProviderBuilder {
        ProviderBuilder::new(token_endpoint.into(), Some(client))
    }

    /// Whether the bearer token may go to `uri` (I8).
    pub fn allows(&self, uri: &Uri) -> bool {
        Origin::of(uri).is_some_and(|origin| self.allows_origin(&origin))
    }

    /// Whether the bearer token may go to `origin` (I8).
    pub fn allows_origin(&self, origin: &Origin<'_>) -> bool {
        match &self.0.targets {
            Targets::Services { staging } => {
                let label = service_label(origin.host());
                origin.is_https()
                    && origin.has_default_port()
                    && label.is_some_and(|label| ends_with(label, "-stg") == *staging)
            }
            Targets::Listed(origins) => origins
                .iter()
                .any(|listed| Origin::of(listed).as_ref() == Some(origin)),
        }
    }

    /// The host that the credentials go to, as errors and events name it.
    pub fn auth_host(&self) -> &str {
        let authority = self.auth_endpoint().authority();
        authority.map_or("", |authority| authority.as_str())
    }

    fn new(dialect: Dialect, targets: Targets) -> Self {
        Self(Arc::new(Parts { dialect, targets }))
    }

    pub(crate) fn dialect(&self) -> &Dialect {
        &self.0.dialect
    }

    /// Where the password goes.
    pub(crate) fn auth_endpoint(&self) -> &Uri {
        let (Dialect::Simacan { password: uri, .. } | Dialect::OAuth2 { token: uri, .. }) =
            self.dialect();
        uri
    }

    /// Whom a refresh token is bound to, besides the user (RFC 6749, section 6).
    pub(crate) fn client_id(&self) -> Option<&str> {
        match self.dialect() {
            Dialect::Simacan { .. } => None,
            Dialect::OAuth2 { client, .. } => Some(&client.id),
        }
    }

    /// What the tokens are for.
    pub(crate) fn scope(&self) -> Option<&str> {
        match self.dialect() {
            Dialect::Simacan { .. } => None,
            Dialect::OAuth2 { scope, .. } => scope.as_deref(),
        }
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("dialect", &self.0.dialect)
            .field("targets", &self.0.targets)
            .finish()
    }
}

/// The single label before `.services.simacan.com`.
fn service_label(host: &str) -> Option<&str> {
    const DOMAIN: &str = ".services.simacan.com";
    let label = host.get(..host.len().checked_sub(DOMAIN.len())?)?;
    let is_label = !label.is_empty()
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (is_label && ends_with(host, DOMAIN)).then_some(label)
}

fn ends_with(text: &str, end: &str) -> bool {
    text.len()
        .checked_sub(end.len())
        .and_then(|at| text.get(at..))
        .is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

/// How the client identifies itself at an RFC 6749 token endpoint (section 2.3).
#[derive(Clone)]
pub struct ClientAuth {
    pub(crate) id: String,
    pub(crate) secret: Option<(Zeroizing<String>, SecretPlace)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecretPlace {
    Header,
    Form,
}

impl ClientAuth {
    /// A public client: `client_id` in the form, no secret.
    pub fn public(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            secret: None,
        }
    }

    /// A secret in an HTTP Basic header: what the RFC asks servers to support.
    pub fn basic(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self::confidential(id, secret, SecretPlace::Header)
    }

    /// `client_id` and `client_secret` in the form: what the RFC advises against and some servers ask for.
    pub fn form(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self::confidential(id, secret, SecretPlace::Form)
    }

    fn confidential(id: impl Into<String>, secret: impl Into<String>, place: SecretPlace) -> Self {
        Self {
            id: id.into(),
            secret: Some((Zeroizing::new(secret.into()), place)),
        }
    }
}

impl fmt::Debug for ClientAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAuth")
            .field("id", &self.id)
            .field("secret", &self.secret.as_ref().map(|_| crate::Redacted))
            .finish()
    }
}

/// Builds a [`Provider`] that is not the platform's own.
#[derive(Clone)]
#[must_use]
pub struct ProviderBuilder {
    endpoint: String,
    /// `None`: the Simacan dialect.
    client: Option<ClientAuth>,
    scope: Option<String>,
    origins: Vec<String>,
    loopback_http: bool,
}

impl ProviderBuilder {
    fn new(endpoint: String, client: Option<ClientAuth>) -> Self {
        Self {
            endpoint,
            client,
            scope: None,
            origins: Vec::new(),
            loopback_http: false,
        }
    }

    /// Lets the bearer token go to this origin, `https://host` or `https://host:port`. Repeatable.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// The scope to ask for at each login, space-delimited (RFC 6749, section 3.3).
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Accepts `http://` for loopback hosts: `localhost`, 127.0.0.0/8, `[::1]`. For tests.
    pub fn allow_loopback_http(mut self) -> Self {
        self.loopback_http = true;
        self
    }

    /// Checks all that was given.
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
            Dialect::OAuth2 {
                token: self.parse(&self.endpoint)?,
                client: client.clone(),
                scope: self.scope.clone(),
            }
        } else if self.scope.is_some() {
            return Err(InvalidProvider::ScopeWithoutOAuth2);
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
            .field("scope", &self.scope)
            .field("origins", &origins)
            .field("loopback_http", &self.loopback_http)
            .finish()
    }
}

/// The text without what may be user information, which may hold a password (I9).
fn printable(text: &str) -> String {
    match text.rfind('@') {
        Some(end) => format!("[redacted]{}", &text[end..]),
        None => text.to_owned(),
    }
}

/// A [`ProviderBuilder`] was given something that can't be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidProvider {
    /// Not an absolute `http` or `https` URI, or one with user information or an impossible port.
    #[error(
        "`{0}` is not an absolute https URI such as `https://host/path`, without user information"
    )]
    NotAnHttpUri(String),
    /// Plain http to a host that is not loopback, or that was not allowed by name.
    #[error(
        "{0} is plain http: passwords and tokens go over https only \
         (for a test against a loopback address, say `allow_loopback_http()`)"
    )]
    PlainHttp(String),
    /// A fragment has no meaning in an endpoint (RFC 6749, section 3.2).
    #[error("`{0}` has a fragment, which an endpoint can't have")]
    Fragment(String),
    /// The base of the Simacan endpoints gets a path appended.
    #[error("`{0}` has a query, but paths are appended to it")]
    QueryInBase(String),
    /// An origin is scheme, host and port.
    #[error("`{0}` has a path or a query, but an origin is `https://host` or `https://host:port`")]
    NotAnOrigin(String),
    /// The Simacan dialect has no scope.
    #[error("a scope was given, but the Simacan API knows none")]
    ScopeWithoutOAuth2,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(provider: &Provider, uri: &str) -> bool {
        provider.allows(&uri.parse().unwrap())
    }

    #[test]
    fn i8_production_is_one_label_without_stg_on_https_443() {
        let provider = Provider::simacan();
        for (uri, allowed) in [
            ("https://sct-tracking-data-api.services.simacan.com/x", true),
            ("https://A.Services.Simacan.Com:443/", true),
            ("https://a.services.simacan.com:8443/", false),
            ("http://a.services.simacan.com/", false),
            ("http://a.services.simacan.com:443/", false),
            ("https://a-stg.services.simacan.com/", false),
            ("https://A-STG.services.simacan.com/", false),
            ("https://services.simacan.com/", false),
            ("https://.services.simacan.com/", false),
            ("https://a.b.services.simacan.com/", false),
            ("https://a.services.simacan.com.evil.example/", false),
            ("https://a.services.simacan.com./", false),
            ("https://aservices.simacan.com/", false),
            ("https://evil.example/a.services.simacan.com", false),
            ("https://user@a.services.simacan.com/", false),
            ("/relative", false),
        ] {
            assert_eq!(allows(&provider, uri), allowed, "{uri}");
        }
    }

    #[test]
    fn i8_staging_is_the_labels_that_end_in_stg() {
        let provider = Provider::simacan_staging();
        assert!(allows(&provider, "https://a-stg.services.simacan.com/"));
        assert!(!allows(&provider, "https://a.services.simacan.com/"));
        assert!(!allows(
            &provider,
            "https://a-stg.services.simacan.com:444/"
        ));
    }

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
            error(Provider::simacan_at("auth.example/api")).contains("`auth.example/api` is not")
        );
        let secret = error(Provider::simacan_at("https://me:hunter2@auth.example/api"));
        assert!(!secret.contains("hunter2"), "{secret}");
        let at = |origin: &str| Provider::simacan_at("https://a.example").allow_origin(origin);
        assert!(error(at("https://b.example/path")).contains("an origin is"));
        assert!(error(Provider::simacan_at("https://a.example/?x=1")).contains("query"));
        assert!(error(Provider::simacan_at("https://a.example/#x")).contains("fragment"));
        assert!(error(at("https://b.example").scope("x")).contains("scope"));
    }

    #[test]
    fn listed_origins_are_compared_whole() {
        let provider =
            Provider::oauth2("https://l.example/token?tenant=1", ClientAuth::public("x"))
                .allow_origin("https://api.example:8443")
                .build()
                .unwrap();
        assert!(allows(&provider, "https://API.example:8443/x"));
        assert!(!allows(&provider, "https://api.example/x"));
        assert!(!allows(&provider, "http://api.example:8443/x"));
        assert!(!allows(&provider, "https://l.example/x"));
    }
}
