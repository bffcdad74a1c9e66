//! Where the secrets of a session may go, and in which form.

use form_urlencoded::parse;
use http::{Response, Uri};

use super::answer::Meaning;

/// The servers that a session is for: its auth endpoints, and the targets that may get a token.
///
/// It is written from RFC 6749 and from the Simacan Auth API, and asks nothing of the library that is judged.
#[derive(Clone, Debug)]
pub struct Service {
    password: String,
    refresh: String,
    revocation: Option<String>,
    targets: Vec<String>,
    is_simacan: bool,
}

/// What a request to the auth server carries that only its sender knows.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Secret {
    Password { user: String, password: String },
    Refresh(String),
    Revoked,
}

impl Service {
    /// Returns Simacan's production platform.
    pub fn simacan() -> Self {
        Self::simacan_at("https://auth-service.services.simacan.com/api/v1")
            .with_target("https://*.services.simacan.com")
    }

    /// Makes a platform with Simacan's API below this URI, with no target yet.
    pub fn simacan_at(base: &str) -> Self {
        Self {
            password: format!("{base}/auth/password"),
            refresh: format!("{base}/auth/refresh"),
            revocation: None,
            targets: Vec::new(),
            is_simacan: true,
        }
    }

    /// Makes a server that speaks RFC 6749 at this token endpoint, with no target yet.
    pub fn oauth2(token_endpoint: &str) -> Self {
        Self {
            password: token_endpoint.to_owned(),
            refresh: token_endpoint.to_owned(),
            revocation: None,
            targets: Vec::new(),
            is_simacan: false,
        }
    }

    /// Adds an origin that may get the token. `https://*.example.com` stands for each host with one label there.
    #[must_use]
    pub fn with_target(mut self, origin: &str) -> Self {
        self.targets.push(origin.trim_end_matches('/').to_owned());
        self
    }

    /// Sets where tokens are revoked (RFC 7009).
    #[must_use]
    pub fn with_revocation(mut self, endpoint: &str) -> Self {
        self.revocation = Some(endpoint.to_owned());
        self
    }

    /// `None`: it goes to no auth endpoint, or says what is not said there.
    pub(super) fn secret_in(&self, uri: &Uri, body: &[u8]) -> Option<Secret> {
        let member = |name| {
            let (_, value) = parse(body).find(|(found, _)| found == name)?;
            Some(value.into_owned())
        };
        let uri = uri.to_string();
        if self.revocation.as_ref() == Some(&uri) {
            return member("token").map(|_| Secret::Revoked);
        }
        let grant = (!self.is_simacan).then(|| member("grant_type"));
        let is = |wanted| {
            grant
                .as_ref()
                .is_none_or(|grant| grant.as_deref() == Some(wanted))
        };
        if uri == self.refresh
            && is("refresh_token")
            && let Some(token) = member("refresh_token")
        {
            return Some(Secret::Refresh(token));
        }
        let (user, password) = (member("username")?, member("password")?);
        (uri == self.password && is("password")).then_some(Secret::Password { user, password })
    }

    /// Whether it goes to the auth server.
    pub(super) fn is_auth(&self, uri: &Uri) -> bool {
        let uri = uri.to_string();
        [
            Some(&self.password),
            Some(&self.refresh),
            self.revocation.as_ref(),
        ]
        .into_iter()
        .flatten()
        .any(|endpoint| *endpoint == uri)
    }

    /// The origin that it goes to, if that may get the token.
    pub(super) fn target(&self, uri: &Uri) -> Option<String> {
        let scheme = match uri.scheme_str()? {
            "wss" => "https",
            "ws" => "http",
            scheme => scheme,
        };
        let authority = uri.authority()?.as_str().to_ascii_lowercase();
        let default = if scheme == "https" { ":443" } else { ":80" };
        let authority = authority.strip_suffix(default).unwrap_or(&authority);
        let origin = format!("{scheme}://{authority}");
        let is_this = |target: &String| match target.split_once("://*") {
            Some((its_scheme, suffix)) => {
                let label = authority.strip_suffix(suffix);
                its_scheme == scheme
                    && label.is_some_and(|label| !label.is_empty() && !label.contains('.'))
            }
            None => *target == origin,
        };
        let is_auth = self.password.starts_with(&format!("{origin}/"));
        let is_staging = self.is_simacan && authority.split('.').next()?.ends_with("-stg");
        let is_allowed =
            self.targets.iter().any(is_this) && (!is_staging || self.targets.contains(&origin));
        (is_allowed && (!is_auth || self.targets.contains(&origin))).then_some(origin)
    }
}

impl Service {
    pub(super) fn read_answer<B: AsRef<[u8]>>(
        &self,
        is_refresh: bool,
        response: &Response<B>,
    ) -> Meaning {
        let (status, body) = (response.status().as_u16(), response.body().as_ref());
        Meaning::of(
            self.is_simacan,
            is_refresh,
            status,
            response.headers(),
            body,
        )
    }
}

/// Whether it is a form with a password or a refresh token.
pub(super) fn holds_secret(body: &[u8]) -> bool {
    parse(body).any(|(name, _)| name == "password" || name == "refresh_token")
}
