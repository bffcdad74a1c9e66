//! Which part of the emulator a request is for.

use http::{HeaderMap, Method, Uri};

use crate::body::Body;
use crate::fault::Endpoint;
use crate::form::{Form, Malformed};

/// A request without its body.
pub(crate) struct Head<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
}

/// Which part of the emulator a request is for.
pub(crate) enum Route {
    Password(Result<Form, Malformed>),
    Refresh(Result<Form, Malformed>),
    OAuth2(Result<Form, Malformed>),
    Target,
    Nowhere,
}

impl Route {
    pub(crate) fn of(head: &Head<'_>, body: &Body) -> Self {
        match head.uri.path() {
            "/api/v1/auth/password" => Self::Password(Form::posted(head, body)),
            "/api/v1/auth/refresh" => Self::Refresh(Form::posted(head, body)),
            "/oauth2/token" => Self::OAuth2(Form::posted(head, body)),
            path if path.starts_with("/api/v1/auth/") || path.starts_with("/oauth2/") => {
                Self::Nowhere
            }
            _ => Self::Target,
        }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        match self {
            Self::Password(_) => Endpoint::Password,
            Self::Refresh(_) => Endpoint::Refresh,
            Self::OAuth2(Ok(form)) => match form.get("grant_type") {
                Some("password") => Endpoint::Password,
                Some("refresh_token") => Endpoint::Refresh,
                _ => Endpoint::Other,
            },
            Self::OAuth2(Err(_)) | Self::Nowhere => Endpoint::Other,
            Self::Target => Endpoint::Target,
        }
    }
}
