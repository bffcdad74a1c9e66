//! Plain RFC 6749: `/oauth2/token`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::auth::reject;
use crate::entry::What;
use crate::form::{Form, Malformed, decode};
use crate::model::{Answer, Emulator};
use crate::profile::BasicDecoding;
use crate::settings::Settings;
use crate::wording::Case;

impl Emulator {
    /// `POST /oauth2/token`
    pub(crate) fn oauth2(
        &mut self,
        now: u64,
        headers: &HeaderMap,
        form: Result<Form, Malformed>,
    ) -> (Answer, What) {
        let profile = self.settings.profile;
        let form = match form {
            Ok(form) => form,
            Err(malformed) if malformed.status == StatusCode::BAD_REQUEST => {
                return (profile.answer(Case::BadRequest), malformed.into());
            }
            Err(malformed) => return reject(malformed),
        };
        let checked = check_client(&self.settings, headers, &form)
            .and_then(|()| check_scope(&self.settings, &form));
        let field = |name| form.get(name).ok_or(Case::BadRequest);
        let granted = checked.and_then(|()| match form.get("grant_type") {
            Some("password") => {
                let (name, password) = (field("username")?, field("password")?);
                Ok((self.log_in(now, name, password), Case::WrongPassword))
            }
            Some("refresh_token") => {
                let text = field("refresh_token")?;
                Ok((self.refresh(now, text), Case::DeadRefreshToken))
            }
            Some(_) => Err(Case::UnknownGrant),
            None => Err(Case::BadRequest),
        });
        match granted {
            Ok(((Some(grant), what), _)) => (self.answer_tokens(&grant), what),
            Ok(((None, what), refusal)) => (profile.answer(refusal), what),
            Err(case) => (profile.answer(case), What::Rejected { why: case.code() }),
        }
    }
}

/// Whether the request comes from the registered client (RFC 6749, section 2.3.1).
fn check_client(settings: &Settings, headers: &HeaderMap, form: &Form) -> Result<(), Case> {
    let wrong_client = Case::WrongClient {
        by_basic: headers.contains_key(AUTHORIZATION),
    };
    let mut id = form.get("client_id").map(str::to_owned);
    let mut secret = form.get("client_secret").map(str::to_owned);
    if let Some(value) = headers.get(AUTHORIZATION) {
        // "The client MUST NOT use more than one authentication method in each request."
        if secret.is_some() {
            return Err(Case::BadRequest);
        }
        let decoding = settings.profile.basic_decoding();
        let (basic_id, basic_secret) = read_basic(value, decoding).ok_or(wrong_client)?;
        if id.is_some_and(|id| id != basic_id) {
            return Err(Case::BadRequest);
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
        Err(wrong_client)
    }
}

/// Id and secret of `Basic …`, each decoded as this server does it.
fn read_basic(value: &HeaderValue, decoding: BasicDecoding) -> Option<(String, String)> {
    let (scheme, credentials) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let credentials = String::from_utf8(BASE64.decode(credentials.trim()).ok()?).ok()?;
    let (id, secret) = credentials.split_once(':')?;
    let decoded = |text: &str| match decoding {
        BasicDecoding::Form => decode(text.as_bytes()),
        BasicDecoding::Percent => decode(text.replace('+', "%2B").as_bytes()),
        BasicDecoding::Nothing => Some(text.to_owned()),
    };
    Some((decoded(id)?, decoded(secret)?))
}

/// Whether no more is asked for than the settings grant.
fn check_scope(settings: &Settings, form: &Form) -> Result<(), Case> {
    let mut asked = form
        .get("scope")
        .unwrap_or_default()
        .split(' ')
        .filter(|s| !s.is_empty());
    if asked.all(|scope| settings.scope.split(' ').any(|granted| granted == scope)) {
        Ok(())
    } else {
        Err(Case::BadScope)
    }
}
