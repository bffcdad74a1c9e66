//! Known servers, each as far as a client can tell it from the others.
//!
//! What is written here was read in the servers' sources or in public reports of their clients'
//! users. The files or the reports are named at each profile.

use std::fmt;
use std::time::Duration;

use crate::settings::{Reuse, Rotation};

/// A server that the emulator answers like: [`Settings::with_profile`](crate::Settings::with_profile).
///
/// A profile speaks at all ways in, `/api/v1/auth/…` as well as `/oauth2/token`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// The Simacan Auth API as it is documented, and RFC 6749 to the letter at `/oauth2/token`.
    #[default]
    Documented,
    /// Keycloak before 26.6: a wrong password is a **401** with `invalid_grant`, as it is in Apereo
    /// CAS and doorkeeper. "Revoke Refresh Token" is switched on: a reuse ends the session.
    ///
    /// Read in `ValidatePassword`, `TokenManager` and `ClientAuthUtil`.
    KeycloakOld,
    /// Keycloak since 26.6: a wrong password is a 400. All else is as before.
    Keycloak,
    /// Auth0 with rotation: `invalid_grant` comes with **403**, and a client that it does not know
    /// is a 401 with `access_denied`. A reuse ends the family.
    ///
    /// From reports of its users; its source is not public.
    Auth0,
    /// league/oauth2-server 8, which is in Laravel's Passport, too: a dead refresh token is a **401**
    /// with `invalid_request`. A refresh ends the access token before. Basic is not decoded.
    ///
    /// Read in `OAuthServerException`, `RefreshTokenGrant` and `AbstractGrant`.
    League,
    /// Authlib 1.9: a wrong password is a 400 with **`invalid_request`**. A refresh brings no new
    /// refresh token. In Basic, `%20` is a space and `+` is a plus.
    ///
    /// Read in `ResourceOwnerPasswordCredentialsGrant`, `RefreshTokenGrant` and
    /// `extract_basic_authorization`.
    Authlib,
    /// django-oauth-toolkit 3.4 with `REFRESH_TOKEN_REUSE_PROTECTION` and a grace period of two
    /// minutes, in which the same pair is answered again. A rotation ends the old access token, a
    /// reuse the family.
    ///
    /// Read in `OAuth2Validator`, and in the errors of oauthlib 4.
    Django,
    /// glewlwyd 2: refusals **without a body**, 403 for a wrong password and 400 for all else. A
    /// refresh brings no new refresh token. Basic is not decoded.
    ///
    /// Read in `protocol_oauth2.c`.
    Glewlwyd,
    /// node-oauth2-server 3: worded as RFC 6749 has it, but Basic is not decoded.
    ///
    /// Read in `TokenHandler`, `PasswordGrantType` and `RefreshTokenGrantType`.
    NodeOauth2Server,
    /// A server whose errors come with **200**, and whose lifetimes are text.
    ///
    /// From reports to simple-oauth2 and gram.
    AlwaysOk,
    /// Token responses as they were reported, in one server: with **201**; without a `token_type` or
    /// with an odd one; an `expires_in` that is empty, a word, a list or null; and where no new
    /// refresh token is given, an empty one. What is odd changes from answer to answer.
    ///
    /// From reports to openid-client, oauth2-rs and openHAB; to deno-oauth2, Duende's BFF and
    /// crystal; to go-autorest, githits and the SDKs of MCP.
    Patchwork,
    /// A gateway before the documented API, which puts a page of its own in place of each refusal:
    /// **401 with HTML** and a challenge for Basic.
    Gateway,
}

impl Profile {
    /// All profiles.
    pub const ALL: [Self; 12] = [
        Self::Documented,
        Self::KeycloakOld,
        Self::Keycloak,
        Self::Auth0,
        Self::League,
        Self::Authlib,
        Self::Django,
        Self::Glewlwyd,
        Self::NodeOauth2Server,
        Self::AlwaysOk,
        Self::Patchwork,
        Self::Gateway,
    ];

    /// Returns the profile's name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::KeycloakOld => "keycloak-old",
            Self::Keycloak => "keycloak",
            Self::Auth0 => "auth0",
            Self::League => "league",
            Self::Authlib => "authlib",
            Self::Django => "django",
            Self::Glewlwyd => "glewlwyd",
            Self::NodeOauth2Server => "node-oauth2-server",
            Self::AlwaysOk => "always-ok",
            Self::Patchwork => "patchwork",
            Self::Gateway => "gateway",
        }
    }

    /// Returns whether the server speaks RFC 6749 at one token endpoint. Else it is the documented API, with a gateway
    /// before it or not.
    pub fn speaks_rfc_6749(self) -> bool {
        !matches!(self, Self::Documented | Self::Gateway)
    }

    /// Returns what the server does to a client's id and secret that come by HTTP Basic.
    pub fn basic_decoding(self) -> BasicDecoding {
        match self {
            Self::Authlib => BasicDecoding::Percent,
            Self::League | Self::Glewlwyd | Self::NodeOauth2Server => BasicDecoding::Nothing,
            _ => BasicDecoding::Form,
        }
    }

    /// What becomes of its tokens.
    pub(crate) fn policy(self) -> Policy {
        let documented = Policy {
            rotation: Rotation::Rotate,
            reuse: Reuse::Refuse,
            grace: Duration::ZERO,
            same_pair_in_grace: false,
            rotation_ends_access: false,
        };
        match self {
            Self::Documented | Self::NodeOauth2Server | Self::AlwaysOk | Self::Gateway => {
                documented
            }
            Self::KeycloakOld | Self::Keycloak | Self::Auth0 => Policy {
                reuse: Reuse::RevokeFamily,
                ..documented
            },
            Self::League => Policy {
                rotation_ends_access: true,
                ..documented
            },
            Self::Authlib | Self::Glewlwyd | Self::Patchwork => Policy {
                rotation: Rotation::KeepOld,
                ..documented
            },
            Self::Django => Policy {
                reuse: Reuse::RevokeFamily,
                grace: Duration::from_secs(120),
                same_pair_in_grace: true,
                rotation_ends_access: true,
                ..documented
            },
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A server's way to read a client's id and secret that come by HTTP Basic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BasicDecoding {
    /// Id and secret are form-decoded, as RFC 6749, section 2.3.1, has it.
    Form,
    /// Only `%` and two digits are decoded; a `+` is a plus.
    Percent,
    /// Id and secret are taken as they are.
    Nothing,
}

/// What becomes of a server's tokens.
#[derive(Clone, Copy)]
pub(crate) struct Policy {
    pub(crate) rotation: Rotation,
    pub(crate) reuse: Reuse,
    pub(crate) grace: Duration,
    pub(crate) same_pair_in_grace: bool,
    pub(crate) rotation_ends_access: bool,
}
