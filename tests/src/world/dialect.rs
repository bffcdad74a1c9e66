//! The two ways in which client and server talk.

use simacan_auth::{ClientAuth, Provider};
use simacan_auth_testkit::referee::Service;

use super::HOSTS;

const TOKEN_ENDPOINT: &str = "https://login.example/oauth2/token";

/// How client and server talk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// The Simacan Auth API.
    #[default]
    Simacan,
    /// RFC 6749, with a public client.
    OAuth2,
}

impl Dialect {
    /// Of the client; both targets are allowed.
    pub(super) fn provider(self) -> Provider {
        match self {
            Self::Simacan => Provider::simacan(),
            Self::OAuth2 => {
                let [target, stubborn] = HOSTS.map(|uri| &uri[..uri.find("/api").unwrap_or(0)]);
                let client = ClientAuth::public("emulator");
                Provider::oauth2(TOKEN_ENDPOINT, client)
                    .allow_origin(target)
                    .allow_origin(stubborn)
                    .build()
                    .expect("https, and origins")
            }
        }
    }

    /// The same, as the referee has it.
    pub(super) fn service(self) -> Service {
        match self {
            Self::Simacan => Service::simacan(),
            Self::OAuth2 => {
                Service::oauth2(TOKEN_ENDPOINT).with_target("https://*.services.simacan.com")
            }
        }
    }
}
