//! What is sent, where, and in which words: written from the API's documentation and the RFC, so that a
//! mistake of the core is not repeated here.

use http::Request;
use simacan_auth::{ClientAuth, Provider};

use super::HOSTS;

/// How client and server talk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// The Simacan Auth API.
    #[default]
    Simacan,
    /// RFC 6749, with a public client.
    OAuth2,
}

/// The part of a request that only its sender knows.
pub(super) enum Secret<'a> {
    Password { user: &'a str, password: &'a str },
    Refresh(&'a str),
}

impl Dialect {
    /// Of the client; both targets are allowed.
    pub(super) fn provider(self) -> Provider {
        match self {
            Self::Simacan => Provider::simacan(),
            Self::OAuth2 => {
                let [target, stubborn] = HOSTS.map(|uri| &uri[..uri.find("/api").unwrap_or(0)]);
                let client = ClientAuth::public("emulator");
                Provider::oauth2("https://login.example/oauth2/token", client)
                    .allow_origin(target)
                    .allow_origin(stubborn)
                    .build()
                    .expect("https, and origins")
            }
        }
    }

    /// `None`: a secret goes elsewhere, or in another form.
    pub(super) fn read(self, request: &Request<Vec<u8>>) -> Option<Secret<'_>> {
        const API: &str = "https://auth-service.services.simacan.com/api/v1/auth";
        let body = std::str::from_utf8(request.body()).ok()?;
        let uri = request.uri().to_string();
        let (refresh, password) = match self {
            Self::Simacan => match uri.strip_prefix(API)? {
                "/refresh" => (body.strip_prefix("refresh_token="), None),
                "/password" => (None, Some(body)),
                _ => return None,
            },
            Self::OAuth2 if uri == "https://login.example/oauth2/token" => {
                let refresh = "grant_type=refresh_token&client_id=emulator&refresh_token=";
                let password = body.strip_prefix("grant_type=password&");
                let password = password.and_then(|rest| rest.strip_suffix("&client_id=emulator"));
                (body.strip_prefix(refresh), password)
            }
            Self::OAuth2 => return None,
        };
        let password = password.and_then(|rest| rest.strip_prefix("username="));
        let password = password.and_then(|rest| rest.split_once("&password="));
        let password = password.map(|(user, password)| Secret::Password { user, password });
        refresh.map(Secret::Refresh).or(password)
    }
}
