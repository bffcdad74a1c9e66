//! Plain RFC 6749: `/oauth2/token`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

use crate::auth::{json, reject};
use crate::entry::What;
use crate::form::{Form, Malformed, decode};
use crate::model::{Answer, Emulator};
use crate::settings::Settings;

impl Emulator {
    /// `POST /oauth2/token`
    pub(crate) fn oauth2(
        &mut self,
        now: u64,
        headers: &HeaderMap,
        form: Result<Form, Malformed>,
    ) -> (Answer, What) {
        let form = match form {
            Ok(form) => form,
            Err(malformed) if malformed.status == StatusCode::BAD_REQUEST => {
                return (Error::InvalidRequest.answer(), malformed.into());
            }
            Err(malformed) => return reject(malformed),
        };
        let checked = check_client(&self.settings, headers, &form)
            .and_then(|()| check_scope(&self.settings, &form));
        if let Err(error) = checked {
            let mut answer = error.answer();
            if error == Error::InvalidClient && headers.contains_key(AUTHORIZATION) {
                let challenge = HeaderValue::from_static(r#"Basic realm="simacan""#);
                answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            }
            return (answer, What::Rejected { why: error.code() });
        }

        let field = |name| form.get(name).ok_or(Error::InvalidRequest);
        let granted = match form.get("grant_type") {
            Some("password") => field("username").and_then(|name| {
                let password = field("password")?;
                Ok(self.log_in(now, name, password))
            }),
            Some("refresh_token") => field("refresh_token").map(|text| self.refresh(now, text)),
            Some(_) => Err(Error::UnsupportedGrantType),
            None => Err(Error::InvalidRequest),
        };
        match granted {
            Ok((Some(grant), what)) => (self.answer_tokens(&grant), what),
            Ok((None, what)) => (Error::InvalidGrant.answer(), what),
            Err(error) => (error.answer(), What::Rejected { why: error.code() }),
        }
    }
}

/// The errors of RFC 6749, section 5.2.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Error {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    InvalidScope,
    UnsupportedGrantType,
}

impl Error {
    fn answer(self) -> Answer {
        #[derive(Serialize)]
        struct Body {
            error: &'static str,
        }

        let status = match self {
            Self::InvalidClient => StatusCode::UNAUTHORIZED,
            _ => StatusCode::BAD_REQUEST,
        };
        json(status, &Body { error: self.code() })
    }

    fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidScope => "invalid_scope",
            Self::UnsupportedGrantType => "unsupported_grant_type",
        }
    }
}

/// Whether the request comes from the registered client (section 2.3.1).
fn check_client(settings: &Settings, headers: &HeaderMap, form: &Form) -> Result<(), Error> {
    let mut id = form.get("client_id").map(str::to_owned);
    let mut secret = form.get("client_secret").map(str::to_owned);
    if let Some(value) = headers.get(AUTHORIZATION) {
        // "The client MUST NOT use more than one authentication method in each request."
        if secret.is_some() {
            return Err(Error::InvalidRequest);
        }
        let (basic_id, basic_secret) = read_basic(value).ok_or(Error::InvalidClient)?;
        if id.is_some_and(|id| id != basic_id) {
            return Err(Error::InvalidRequest);
        }
        id = Some(basic_id);
        secret = Some(basic_secret).filter(|secret| !secret.is_empty());
    }
    let secret_fits = match (&settings.client_secret, &secret) {
        (Some(registered), Some(secret)) => registered.is(secret),
        (None, None) => true,
        _ => false,
    };
    if id.as_ref() == Some(&settings.client_id) && secret_fits {
        Ok(())
    } else {
        Err(Error::InvalidClient)
    }
}

/// Id and secret of `Basic …`, each of which is form-encoded inside.
fn read_basic(value: &HeaderValue) -> Option<(String, String)> {
    let (scheme, credentials) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let credentials = String::from_utf8(BASE64.decode(credentials.trim()).ok()?).ok()?;
    let (id, secret) = credentials.split_once(':')?;
    Some((decode(id.as_bytes())?, decode(secret.as_bytes())?))
}

/// Whether no more is asked for than the settings grant.
fn check_scope(settings: &Settings, form: &Form) -> Result<(), Error> {
    let mut asked = form
        .get("scope")
        .unwrap_or_default()
        .split(' ')
        .filter(|s| !s.is_empty());
    if asked.all(|scope| settings.scope.split(' ').any(|granted| granted == scope)) {
        Ok(())
    } else {
        Err(Error::InvalidScope)
    }
}
