//! Tokens in the form of JWTs, of the size that the real ones have.
//!
//! What the emulator needs to know of a token stands in the text of the token, so that its state
//! holds a few integers a login and not the tokens themselves. The signature is a filler that takes
//! the seed to compute: a forged or damaged token does not get past it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};

use crate::mix::{keyed_digest, mix};

/// What a token says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// The number of the answer that the token was handed out in, from 1.
    pub(crate) serial: u64,
    /// The number of the login that it descends from.
    pub(crate) family: u32,
    /// In milliseconds since 1970.
    pub(crate) expires: u64,
}

/// Which of the two tokens of a pair it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Access,
    Refresh,
}

impl Token {
    /// The text of this token, as handed to `user` at `issued` milliseconds.
    pub(crate) fn write(&self, seed: u64, user: &str, scope: &str, issued: u64) -> String {
        let id = uuid(self.id());
        let session = session_id(seed, self.family);
        let subject = uuid(u128::from(keyed_digest(seed, user.as_bytes())) << 64);
        let access = self.kind == Kind::Access;
        let claims = Claims {
            exp: self.expires / 1000,
            iat: issued / 1000,
            jti: &id,
            iss: "https://auth-service.services.simacan.com/realms/simacan",
            aud: if access {
                "account"
            } else {
                "https://auth-service.services.simacan.com"
            },
            sub: &subject,
            typ: self.kind.name(),
            azp: "simacan-auth-service",
            session_state: &session,
            acr: "1",
            scope,
            sid: &session,
            profile: access.then_some(Profile {
                allowed_origins: &["https://control-tower.services.simacan.com"],
                realm_access: Roles {
                    roles: &["offline_access", "uma_authorization"],
                },
                resource_access: Resources {
                    account: Roles {
                        roles: &["manage-account", "view-profile"],
                    },
                },
                email_verified: true,
                name: user,
                preferred_username: user,
                email: user,
            }),
        };
        let claims = serde_json::to_vec(&claims).expect("claims are plain data");
        let mut text = BASE64.encode(HEADER);
        text.push('.');
        BASE64.encode_string(claims, &mut text);
        let signature = signature(seed, &text);
        text.push('.');
        text.push_str(&signature);
        text
    }

    /// The token of this text, if [`write`](Self::write) with the same seed made it.
    pub(crate) fn read(seed: u64, kind: Kind, text: &str) -> Option<Self> {
        let (signed, signed_with) = text.rsplit_once('.')?;
        if signed_with != signature(seed, signed) {
            return None;
        }
        let claims = BASE64.decode(signed.split_once('.')?.1).ok()?;
        let claims: Identity<'_> = serde_json::from_slice(&claims).ok()?;
        let id = number(claims.jti)?;
        let token = Self {
            kind,
            serial: u64::try_from(id & u128::from(u64::MAX)).ok()?,
            family: u32::try_from(number(claims.sid)? & u128::from(u32::MAX)).ok()?,
            expires: u64::try_from(id >> 80).ok()?,
        };
        (claims.typ == kind.name()).then_some(token)
    }

    /// Expiry, kind and serial number in 48, 16 and 64 bits.
    fn id(&self) -> u128 {
        let expires = u128::from(self.expires.min((1 << 48) - 1));
        expires << 80 | u128::from(self.kind as u8) << 64 | u128::from(self.serial)
    }
}

impl Kind {
    /// As Keycloak has it in the claim `typ`.
    fn name(self) -> &'static str {
        match self {
            Self::Access => "Bearer",
            Self::Refresh => "Refresh",
        }
    }
}

/// The member `session_state` of an answer, and the claim `sid` of its tokens.
pub(crate) fn session_id(seed: u64, family: u32) -> String {
    uuid(u128::from(mix(seed)) << 64 | u128::from(family))
}

const HEADER: &str =
    r#"{"alg":"RS256","typ":"JWT","kid":"pV3mC9aYk2oQ7tXhR4eLw8ZsJ1bUgN5dF6iKxT0vHyE"}"#;

#[derive(Serialize)]
struct Claims<'a> {
    exp: u64,
    iat: u64,
    jti: &'a str,
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    typ: &'a str,
    azp: &'a str,
    session_state: &'a str,
    acr: &'a str,
    #[serde(flatten)]
    profile: Option<Profile<'a>>,
    scope: &'a str,
    sid: &'a str,
}

/// What only an access token carries.
#[derive(Serialize)]
struct Profile<'a> {
    #[serde(rename = "allowed-origins")]
    allowed_origins: &'a [&'a str],
    realm_access: Roles<'a>,
    resource_access: Resources<'a>,
    email_verified: bool,
    name: &'a str,
    preferred_username: &'a str,
    email: &'a str,
}

#[derive(Serialize)]
struct Resources<'a> {
    account: Roles<'a>,
}

#[derive(Serialize)]
struct Roles<'a> {
    roles: &'a [&'a str],
}

/// The claims that [`Token::read`] reads back.
#[derive(Deserialize)]
struct Identity<'a> {
    jti: &'a str,
    sid: &'a str,
    typ: &'a str,
}

/// As long as an RS256 signature, 256 bytes.
fn signature(seed: u64, signed: &str) -> String {
    let digest = keyed_digest(seed, signed.as_bytes());
    let filler: Vec<u8> = (0..32)
        .flat_map(|i| mix(digest ^ i).to_le_bytes())
        .collect();
    BASE64.encode(filler)
}

fn uuid(number: u128) -> String {
    let hex = format!("{number:032x}");
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-")
}

fn number(uuid: &str) -> Option<u128> {
    u128::from_str_radix(&uuid.replace('-', ""), 16).ok()
}
