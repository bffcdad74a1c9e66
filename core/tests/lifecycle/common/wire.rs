//! What is sent to the auth endpoint and how it answers.

use http::{Request, Response};
use simacan_auth::RequestBody;

use super::{MARK, assert_clean};

/// For an hour.
pub(crate) const TOKENS: Reply = Reply::Tokens("3600");
pub(crate) const DOWN: Reply = Reply::Status(503);

/// How the auth endpoint answers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    /// A new pair; the text is the JSON of `expires_in`.
    Tokens(&'static str),
    /// An access token without a refresh token.
    AccessOnly(&'static str),
    /// The documented refusal.
    Refused,
    Status(u16),
    RetryAfter(u16, &'static str),
    Body(u16, &'static str),
    /// No answer.
    Lost,
    /// Nor any connection.
    NotSent,
}

impl Reply {
    /// Whether it refuses what was sent (`manual::rules`).
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::Refused => true,
            Self::Status(status) => *status == 401,
            Self::Body(200..300 | 400..500, body) if body.contains("invalid_grant") => true,
            Self::Body(status, body) => *status == 401 && !body.contains("invalid_client"),
            _ => false,
        }
    }

    pub(crate) fn text(&self) -> Response<String> {
        self.answer(0).map(|body| String::from_utf8(body).unwrap())
    }

    /// One that comes.
    pub(crate) fn answer(&self, number: u64) -> Response<Vec<u8>> {
        self.response(number).unwrap()
    }

    /// `None` if none comes.
    pub(crate) fn response(&self, number: u64) -> Option<Response<Vec<u8>>> {
        let access = format!(r#""access_token":"{MARK}-access-{number}","token_type":"bearer""#);
        let (status, body) = match self {
            Self::Tokens(life) => (
                200,
                format!(
                    r#"{{{access},"refresh_token":"{MARK}-refresh-{number}","expires_in":{life}}}"#
                ),
            ),
            Self::AccessOnly(life) => (200, format!(r#"{{{access},"expires_in":{life}}}"#)),
            Self::Refused => (401, format!(r#"{{"error":"{MARK}"}}"#)),
            Self::Status(status) | Self::RetryAfter(status, _) => (*status, MARK.to_owned()),
            Self::Body(status, body) => (*status, (*body).to_owned()),
            Self::Lost | Self::NotSent => return None,
        };
        let mut response = Response::builder().status(status);
        if let Self::RetryAfter(_, wait) = self {
            response = response.header("retry-after", *wait);
        }
        Some(response.body(body.into_bytes()).unwrap())
    }
}

/// What an exchange sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Grant {
    Password { username: String, password: String },
    RefreshToken(String),
}

impl Grant {
    pub(super) fn read(request: &Request<RequestBody>) -> Self {
        assert_clean(&format!("{request:?} {}", request.uri()));
        let mut form = form_urlencoded::parse(request.body());
        let mut next = |name| {
            let (key, value) = form.next().unwrap();
            assert_eq!(key, name);
            value.into_owned()
        };
        if request.uri().path().ends_with("/auth/refresh") {
            return Self::RefreshToken(next("refresh_token"));
        }
        assert!(request.uri().path().ends_with("/auth/password"));
        Self::Password {
            username: next("username"),
            password: next("password"),
        }
    }

    pub(crate) fn is_password(&self) -> bool {
        matches!(self, Self::Password { .. })
    }
}
