//! The Simacan Auth API: `/auth/password` and `/auth/refresh`.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, PRAGMA};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use crate::entry::{PasswordOutcome, RefreshOutcome, Refusal, What};
use crate::form::{Form, Malformed};
use crate::model::{Answer, Emulator};
use crate::sessions::Grant;
use crate::token::{self, Kind, Token};

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
        (self.answer_or_refuse(grant), what)
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
        (self.answer_or_refuse(grant), what)
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
        let refresh = grant.with_refresh_token;
        let body = TokenAnswer {
            access_token: write(Kind::Access, grant.access_expires(settings)),
            expires_in: settings.access_token_life.as_secs(),
            refresh_expires_in: refresh.then(|| settings.refresh_token_life.as_secs()),
            refresh_token: refresh.then(|| write(Kind::Refresh, grant.refresh_expires(settings))),
            token_type: "bearer",
            not_before_policy: 0,
            session_state: token::session_id(settings.seed, grant.family),
            scope: &settings.scope,
        };
        json(StatusCode::OK, &body)
    }

    /// The tokens, or the bare 401 of the Simacan Auth API.
    fn answer_or_refuse(&self, grant: Option<Grant>) -> Answer {
        match grant {
            Some(grant) => self.answer_tokens(&grant),
            None => bare(StatusCode::UNAUTHORIZED),
        }
    }
}

/// In the order in which Keycloak writes it.
#[derive(Serialize)]
struct TokenAnswer<'a> {
    access_token: String,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_expires_in: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    token_type: &'a str,
    #[serde(rename = "not-before-policy")]
    not_before_policy: u64,
    session_state: String,
    scope: &'a str,
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
