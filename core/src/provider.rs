//! Where to log in, in which dialect, and which origins may see the token.

mod builder;
mod client_auth;

use std::fmt;
use std::sync::{Arc, LazyLock};

use http::Uri;
use zeroize::Zeroizing;

use crate::Origin;
use crate::wire::GrantType;

pub use builder::{InvalidProvider, ProviderBuilder};
pub use client_auth::ClientAuth;

pub(crate) use client_auth::SecretPlace;

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
/// // An emulator on this machine, over plain http, which has to be allowed by name.
/// Provider::simacan_at("http://127.0.0.1:4780/api/v1")
///     .allow_origin("http://127.0.0.1:4780")
///     .allow_loopback_http()
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Clones are cheap: they share one value.
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
        /// RFC 7009.
        revocation: Option<Uri>,
        client: ClientAuth,
        extras: Extras,
    },
}

/// What an RFC 6749 form holds besides grant and client.
#[derive(Clone, Default)]
pub(crate) struct Extras {
    pub(crate) scope: Option<String>,
    pub(crate) scope_at_refresh: bool,
    /// By name. What is secret is the user's to know.
    pub(crate) members: Vec<(String, Zeroizing<String>)>,
}

impl fmt::Debug for Extras {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.members.iter().map(|(name, _)| name).collect();
        f.debug_struct("Extras")
            .field("scope", &self.scope)
            .field("scope_at_refresh", &self.scope_at_refresh)
            .field("members", &names)
            .finish()
    }
}

#[derive(Debug)]
enum Targets {
    /// One label before `.services.simacan.com`; those of staging end in `-stg`.
    Services { staging: bool },
    /// `scheme://host[:port]`, each checked when the provider was built.
    Listed(Vec<Uri>),
}

impl Provider {
    /// Returns the provider of the Simacan platform's production environment. Its token may go to
    /// `https://<service>.services.simacan.com`, but not to staging.
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

    /// Returns the provider of the Simacan platform's staging environment, which has its own users and tokens. Its
    /// token may go to `https://<service>-stg.services.simacan.com`.
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

    /// Returns a builder of a provider that speaks the Simacan protocol at another address: a gateway, an emulator.
    ///
    /// `base` is the URL before `/auth/password`. The token may go to no origin but those of
    /// [`allow_origin`](ProviderBuilder::allow_origin).
    pub fn simacan_at(base: impl Into<String>) -> ProviderBuilder {
        ProviderBuilder::new(base.into(), None)
    }

    /// Returns a builder of a provider for an RFC 6749 authorization server with the resource owner password
    /// credentials grant (section 4.3) and refresh tokens (section 6).
    ///
    /// The token may go to no origin but those of [`allow_origin`](ProviderBuilder::allow_origin).
    pub fn oauth2(token_endpoint: impl Into<String>, client: ClientAuth) -> ProviderBuilder {
        ProviderBuilder::new(token_endpoint.into(), Some(client))
    }

    /// Returns whether the bearer token may go to `uri` (I8).
    pub fn allows(&self, uri: &Uri) -> bool {
        Origin::of(uri).is_some_and(|origin| self.allows_origin(&origin))
    }

    /// Returns whether the bearer token may go to `origin` (I8).
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

    /// Returns whether the bearer token may go to any loopback address.
    pub fn allows_loopback(&self) -> bool {
        match &self.0.targets {
            Targets::Services { .. } => false,
            Targets::Listed(origins) => origins
                .iter()
                .any(|listed| Origin::of(listed).is_some_and(|origin| origin.is_loopback())),
        }
    }

    /// Returns the origin that the credentials go to.
    #[expect(
        clippy::missing_panics_doc,
        reason = "it has one: that was checked when the provider was built"
    )]
    pub fn auth_origin(&self) -> Origin<'_> {
        Origin::of(self.auth_endpoint()).expect("it has one")
    }

    /// Returns the host that the credentials go to.
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

    /// Where this grant goes, for those who read errors: its query may be nobody's business.
    pub(crate) fn endpoint(&self, grant: GrantType) -> String {
        let uri = match self.dialect() {
            Dialect::Simacan { refresh, .. } if grant == GrantType::RefreshToken => refresh,
            _ => self.auth_endpoint(),
        };
        let text = uri.to_string();
        text.split('?').next().unwrap_or_default().to_owned()
    }

    /// What the user of a target can do that is none of those that may see the token.
    pub(crate) fn allowed_origins(&self, target: &Origin<'_>) -> String {
        match self.0.targets {
            Targets::Listed(_) if target.is_https() => {
                format!("if it may, call `allow_origin(\"{target}\")` on the provider's builder")
            }
            Targets::Listed(_) => format!(
                "for a test, call `allow_loopback_http()` and `allow_origin(\"{target}\")` on the provider's builder"
            ),
            Targets::Services { staging: false } => {
                "`Provider::simacan()` allows https://<service>.services.simacan.com, and not staging".to_owned()
            }
            Targets::Services { staging: true } => {
                "`Provider::simacan_staging()` allows https://<service>-stg.services.simacan.com".to_owned()
            }
        }
    }

    pub(crate) fn revocation_endpoint(&self) -> Option<&Uri> {
        match self.dialect() {
            Dialect::Simacan { .. } => None,
            Dialect::OAuth2 { revocation, .. } => revocation.as_ref(),
        }
    }

    /// Whom a refresh token is bound to, besides the user (RFC 6749, section 6).
    pub(crate) fn client_id(&self) -> Option<&str> {
        match self.dialect() {
            Dialect::Simacan { .. } => None,
            Dialect::OAuth2 { client, .. } => Some(&client.id),
        }
    }

    /// What a login sends besides the user's name and password.
    pub(crate) fn login_members(&self) -> impl Iterator<Item = &str> {
        let oauth2 = match self.dialect() {
            Dialect::Simacan { .. } => None,
            Dialect::OAuth2 { client, extras, .. } => Some((client, extras)),
        };
        oauth2.into_iter().flat_map(|(client, extras)| {
            let scope = extras.scope.as_deref();
            client.texts().chain(scope).chain(self.form_members())
        })
    }

    /// The names and values of the members that the user has named.
    pub(crate) fn form_members(&self) -> impl Iterator<Item = &str> {
        let members = match self.dialect() {
            Dialect::Simacan { .. } => &[],
            Dialect::OAuth2 { extras, .. } => &*extras.members,
        };
        members
            .iter()
            .flat_map(|(name, value)| [name.as_str(), value.as_str()])
    }

    /// What the tokens are for.
    pub(crate) fn scope(&self) -> Option<&str> {
        match self.dialect() {
            Dialect::Simacan { .. } => None,
            Dialect::OAuth2 { extras, .. } => extras.scope.as_deref(),
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
    fn listed_origins_are_compared_whole() {
        let provider =
            Provider::oauth2("https://l.example/token?tenant=1", ClientAuth::public("x"))
                .allow_origin("https://api.example:8443")
                .build()
                .unwrap();
        assert_eq!(provider.auth_origin().to_string(), "https://l.example");
        let named = provider.endpoint(GrantType::Password);
        assert_eq!(named, "https://l.example/token", "without its query");
        assert!(!provider.allows_loopback() && !Provider::simacan().allows_loopback());
        assert!(allows(&provider, "https://API.example:8443/x"));
        assert!(!allows(&provider, "https://api.example/x"));
        assert!(!allows(&provider, "http://api.example:8443/x"));
        assert!(!allows(&provider, "https://l.example/x"));
    }
}
