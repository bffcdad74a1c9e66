//! The Simacan Auth API: `/auth/password` and `/auth/refresh`.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, PRAGMA};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;
use serde_json::Value;

use crate::entry::{PasswordOutcome, RefreshOutcome, Refusal, What};
use crate::form::{Form, Malformed};
use crate::model::{Answer, Emulator};
use crate::profile::Profile;
use crate::sessions::Grant;
use crate::token::{self, Kind, Token};
use crate::wording::Case;

impl Emulator {
    /// `POST /auth/password`
    pub(crate) fn auth_password(&mut self, now: u64, form: &Form) -> (Answer, What) {
        let (Some(name), Some(password)) = (form.get("username"), form.get("password")) else {
            return reject(Malformed {
                status: StatusCode::BAD_REQUEST,
                why: "username or password missing",
            });
        };
        let (grant, what) = self.log_in(now, name, password);
        (self.answer_or_refuse(grant, Case::WrongPassword), what)
    }

    /// `POST /auth/refresh`
    pub(crate) fn auth_refresh(&mut self, now: u64, form: &Form) -> (Answer, What) {
        let Some(text) = form.get("refresh_token") else {
            return reject(Malformed {
                status: StatusCode::BAD_REQUEST,
                why: "refresh_token missing",
            });
        };
        let (grant, what) = self.refresh(now, text);
        (self.answer_or_refuse(grant, Case::DeadRefreshToken), what)
    }

    /// Tries a name and password: the decision that both ways to log in share.
    pub(crate) fn log_in(&mut self, now: u64, name: &str, password: &str) -> (Option<Grant>, What) {
        let user = self.accounts.known(name);
        match self.accounts.check(&self.settings, name, password) {
            Ok(index) => {
                let grant = self.sessions.open(&self.settings, now, index);
                let outcome = PasswordOutcome::Accepted {
                    serial: grant.serial,
                };
                (Some(grant), What::Password { user, outcome })
            }
            Err(outcome) => (None, What::Password { user, outcome }),
        }
    }

    /// Tries a refresh token: the decision that both ways to refresh share.
    pub(crate) fn refresh(&mut self, now: u64, text: &str) -> (Option<Grant>, What) {
        let token = Token::read(self.settings.seed, Kind::Refresh, text);
        let serial = token.map(|token| token.serial);
        let refreshed = match token {
            Some(token) => self.sessions.refresh(&self.settings, now, &token),
            None => Err(Refusal::Unknown),
        };
        match refreshed {
            Ok((grant, outcome)) => (Some(grant), What::Refresh { serial, outcome }),
            Err(why) => (
                None,
                What::Refresh {
                    serial,
                    outcome: RefreshOutcome::Refused(why),
                },
            ),
        }
    }

    /// The answer that hands out tokens.
    pub(crate) fn answer_tokens(&self, grant: &Grant) -> Answer {
        let settings = &self.settings;
        let user = self.accounts.name(grant.user);
        let write = |kind, expires| {
            let token = Token {
                kind,
                serial: grant.serial,
                family: grant.family,
                expires,
            };
            token.write(settings.seed, &user, &settings.scope, grant.issued)
        };
        let life = settings.access_token_life.as_secs();
        let shape = settings.profile.shape(grant.serial, life);
        let has_refresh_token = grant.with_refresh_token;
        let refresh_token =
            has_refresh_token.then(|| write(Kind::Refresh, grant.refresh_expires(settings)));
        let refresh_expires_in = settings.refresh_token_life.as_secs();
        let session = || token::session_id(settings.seed, grant.family);
        let body = TokenAnswer {
            access_token: write(Kind::Access, grant.access_expires(settings)),
            expires_in: shape.expires_in,
            refresh_expires_in: (shape.is_keycloak && has_refresh_token)
                .then_some(refresh_expires_in),
            refresh_token: refresh_token.or(shape.refresh_token_instead.map(str::to_owned)),
            token_type: shape.token_type,
            not_before_policy: shape.is_keycloak.then_some(0),
            session_state: shape.is_keycloak.then(session),
            scope: shape.has_scope.then_some(&settings.scope),
        };
        json(shape.status, &body)
    }

    /// The tokens, or why there are none: a bare 401, unless the profile has words for it.
    fn answer_or_refuse(&self, grant: Option<Grant>, case: Case) -> Answer {
        match (grant, self.settings.profile) {
            (Some(grant), _) => self.answer_tokens(&grant),
            (None, Profile::Documented) => bare(StatusCode::UNAUTHORIZED),
            (None, profile) => profile.answer(case),
        }
    }
}

/// In the order in which Keycloak writes it.
#[derive(Serialize)]
struct TokenAnswer<'a> {
    access_token: String,
    expires_in: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_expires_in: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'a str>,
    #[serde(rename = "not-before-policy", skip_serializing_if = "Option::is_none")]
    not_before_policy: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a String>,
}

/// The answer of the Simacan Auth API to a request that is wrong in form.
pub(crate) fn reject(malformed: Malformed) -> (Answer, What) {
    let mut answer = bare(malformed.status);
    if malformed.status == StatusCode::METHOD_NOT_ALLOWED {
        answer
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("POST"));
    }
    (answer, malformed.into())
}

/// An answer without a body.
pub(crate) fn bare(status: StatusCode) -> Answer {
    let mut answer = Response::new(Vec::new());
    *answer.status_mut() = status;
    answer
}

/// An answer with a JSON body that no cache may keep.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    let mut answer = bare(status);
    *answer.body_mut() = serde_json::to_vec(body).expect("answers are plain data");
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    answer
}
