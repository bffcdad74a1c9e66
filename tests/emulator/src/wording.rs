//! How each profile words its answers: two tables, of what is refused and of tokens.

use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use crate::auth;
use crate::model::Answer;
use crate::profile::Profile;

/// The reason why a token endpoint gives no tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Case {
    /// There is no such user, or the password is wrong, or the account is locked.
    WrongPassword,
    /// The refresh token is unknown, expired, spent or revoked.
    DeadRefreshToken,
    /// The client's id or its secret is wrong.
    WrongClient {
        /// Whether id and secret came by HTTP Basic.
        by_basic: bool,
    },
    /// A field is missing, or the form can't be read.
    BadRequest,
    /// More is asked for than is granted.
    BadScope,
    /// The grant type is one that the server does not know.
    UnknownGrant,
}

impl Case {
    /// Its error code by RFC 6749, section 5.2.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::WrongPassword | Self::DeadRefreshToken => "invalid_grant",
            Self::WrongClient { .. } => "invalid_client",
            Self::BadRequest => "invalid_request",
            Self::BadScope => "invalid_scope",
            Self::UnknownGrant => "unsupported_grant_type",
        }
    }
}

impl Profile {
    /// Returns the answer of such a server at a token endpoint: to hand to a test as it is, or to a
    /// [`Fault`](crate::Fault).
    ///
    /// ```
    /// use simacan_auth_emulator::{Case, Emulator, Endpoint, Profile, Settings};
    ///
    /// let answer = Profile::Auth0.answer(Case::WrongPassword);
    /// assert_eq!(answer.status(), 403);
    ///
    /// // For one request, a gateway stands in front of the documented API.
    /// let mut emulator = Emulator::new(Settings::new());
    /// emulator.script(Endpoint::Refresh, Profile::Gateway.answer(Case::DeadRefreshToken).into());
    /// ```
    pub fn answer(self, case: Case) -> Response<Vec<u8>> {
        use Case::{DeadRefreshToken, WrongClient, WrongPassword};
        use Profile::{
            AlwaysOk, Auth0, Authlib, Django, Gateway, Glewlwyd, Keycloak, KeycloakOld, League,
            NodeOauth2Server,
        };
        const GRANT: &str = "invalid_grant";
        const CLIENT: &str = "invalid_client";
        const REQUEST: &str = "invalid_request";
        match (self, case) {
            (KeycloakOld, WrongPassword) => error(401, GRANT, "Invalid user credentials"),
            (Keycloak, WrongPassword) => error(400, GRANT, "Invalid user credentials"),
            (KeycloakOld | Keycloak, DeadRefreshToken) => error(400, GRANT, "Session not active"),
            (KeycloakOld | Keycloak, WrongClient { .. }) => {
                error(401, CLIENT, "Invalid client or Invalid client credentials")
            }

            (Auth0, WrongPassword) => error(403, GRANT, "Wrong email or password."),
            (Auth0, DeadRefreshToken) => error(403, GRANT, "Unknown or invalid refresh token."),
            (Auth0, WrongClient { .. }) => error(401, "access_denied", "Unauthorized"),

            (League, WrongPassword) => error(400, GRANT, "The user credentials were incorrect."),
            (League, DeadRefreshToken) => error(401, REQUEST, "The refresh token is invalid."),
            (League, WrongClient { .. }) => challenge(
                r#"Basic realm="OAuth""#,
                error(401, CLIENT, "Client authentication failed"),
            ),

            (Authlib, WrongPassword) => {
                error(400, REQUEST, "Invalid 'username' or 'password' in request.")
            }
            (Authlib, WrongClient { .. }) => challenge(
                r#"Basic error="invalid_client""#,
                error(401, CLIENT, "The client cannot authenticate"),
            ),

            (Django, WrongPassword) => error(400, GRANT, "Invalid credentials given."),
            (Django, WrongClient { .. }) => {
                challenge(r#"Bearer error="invalid_client""#, code(401, CLIENT))
            }

            (Glewlwyd, WrongPassword) => bare(403),
            (Glewlwyd, _) => bare(400),

            (NodeOauth2Server, WrongPassword) => {
                error(400, GRANT, "Invalid grant: user credentials are invalid")
            }
            (NodeOauth2Server, DeadRefreshToken) => {
                error(400, GRANT, "Invalid grant: refresh token is invalid")
            }
            (NodeOauth2Server, WrongClient { by_basic: true }) => challenge(
                r#"Basic realm="Service""#,
                error(401, CLIENT, "Invalid client: client is invalid"),
            ),
            (NodeOauth2Server, WrongClient { by_basic: false }) => {
                error(400, CLIENT, "Invalid client: client is invalid")
            }

            (AlwaysOk, _) => code(200, case.code()),

            (Gateway, WrongPassword | DeadRefreshToken) => {
                challenge(r#"Basic realm="Restricted""#, page(401))
            }

            // What is not said in another way, as in RFC 6749, section 5.2.
            (_, WrongClient { by_basic: true }) => {
                challenge(r#"Basic realm="simacan""#, code(401, CLIENT))
            }
            (_, WrongClient { by_basic: false }) => code(401, CLIENT),
            (_, _) => code(400, case.code()),
        }
    }

    /// What its token responses look like. Those of [`Patchwork`](Self::Patchwork) go by the serial
    /// number of the tokens.
    pub(crate) fn shape(self, serial: u64, life: u64) -> Shape {
        let rfc = Shape {
            status: StatusCode::OK,
            token_type: Some("Bearer"),
            expires_in: life.into(),
            is_keycloak: false,
            has_scope: true,
            refresh_token_instead: None,
        };
        match self {
            Self::Documented | Self::Gateway => Shape {
                token_type: Some("bearer"),
                is_keycloak: true,
                ..rfc
            },
            Self::KeycloakOld | Self::Keycloak => Shape {
                is_keycloak: true,
                ..rfc
            },
            Self::Auth0 | Self::Authlib | Self::Django | Self::NodeOauth2Server => rfc,
            Self::League => Shape {
                has_scope: false,
                ..rfc
            },
            Self::Glewlwyd => Shape {
                token_type: Some("bearer"),
                ..rfc
            },
            Self::AlwaysOk => Shape {
                expires_in: life.to_string().into(),
                ..rfc
            },
            Self::Patchwork => Shape {
                status: StatusCode::CREATED,
                token_type: [None, Some("BEARER"), Some("access_token"), Some("")]
                    [(serial % 4) as usize],
                expires_in: match serial % 5 {
                    0 => json!(""),
                    1 => json!("soon"),
                    2 => json!([life]),
                    3 => json!(-1),
                    _ => Value::Null,
                },
                has_scope: false,
                refresh_token_instead: Some(""),
                ..rfc
            },
        }
    }
}

fn code(status: u16, code: &str) -> Answer {
    auth::json(number(status), &json!({ "error": code }))
}

fn error(status: u16, code: &str, description: &str) -> Answer {
    let body = json!({ "error": code, "error_description": description });
    auth::json(number(status), &body)
}

fn bare(status: u16) -> Answer {
    auth::bare(number(status))
}

fn page(status: u16) -> Answer {
    let mut answer = bare(status);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    let title = answer.status().to_string();
    *answer.body_mut() = format!("<html><body><h1>{title}</h1></body></html>").into_bytes();
    answer
}

fn challenge(challenge: &'static str, mut answer: Answer) -> Answer {
    let headers = answer.headers_mut();
    headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    answer
}

fn number(status: u16) -> StatusCode {
    StatusCode::from_u16(status).expect("those of the table are statuses")
}

/// What a token response has beside the tokens, and what it lacks.
pub(crate) struct Shape {
    pub(crate) status: StatusCode,
    pub(crate) token_type: Option<&'static str>,
    pub(crate) expires_in: Value,
    /// Whether it has the members that only Keycloak writes.
    pub(crate) is_keycloak: bool,
    pub(crate) has_scope: bool,
    /// What stands in place of a refresh token where none is given.
    pub(crate) refresh_token_instead: Option<&'static str>,
}
