//! What is about to leave.

use http::header::{AUTHORIZATION, HeaderMap};
use http::{Request, Uri};
use simacan_auth::Timestamp;

use super::party::{Carried, Flight};
use super::passwords::Login;
use super::service::{Secret, holds_secret};
use super::{Exchange, Referee, Violation};

impl Referee {
    /// Takes a request that is about to leave, to the auth server or to a target, and judges it.
    pub fn sent<B: AsRef<[u8]>>(
        &mut self,
        now: Timestamp,
        process: usize,
        request: &Request<B>,
    ) -> Result<Exchange, Violation> {
        self.look_at(now);
        let now = now.as_millis();
        self.party(process);
        let sent = self.read(request.uri(), request.headers(), request.body().as_ref());
        let sent = sent.and_then(|carried| {
            let request_id = self.request_id_in(request.headers(), &carried);
            if let (Some(id), Carried::Access(_, token)) = (&request_id, &carried) {
                self.requests
                    .i7_a_request_goes_out_twice_at_most(process, id, token)?;
            }
            let taken = self.review(now, process, &carried)?;
            Ok((carried, request_id, taken))
        });
        let (carried, request_id, taken) = sent.map_err(|violation| self.with_story(violation))?;
        if let Some(taken) = taken {
            self.take_over(process, taken);
        }
        self.note_sent(now, process, &carried);
        Ok(Exchange {
            process,
            carried,
            request_id,
        })
    }

    /// Takes a request that has left, whether it might or not: for a violation that is known of, and a sender who was
    /// not himself.
    pub fn sent_anyhow<B: AsRef<[u8]>>(
        &mut self,
        now: Timestamp,
        process: usize,
        request: &Request<B>,
    ) -> Exchange {
        self.look_at(now);
        self.party(process);
        let carried = self.read(request.uri(), request.headers(), request.body().as_ref());
        let carried = carried.unwrap_or(Carried::Nothing);
        self.note_sent(now.as_millis(), process, &carried);
        Exchange {
            process,
            carried,
            request_id: None,
        }
    }

    /// Judges a request as [`sent`](Self::sent) does, without noting it.
    pub fn check<B: AsRef<[u8]>>(
        &self,
        now: Timestamp,
        process: usize,
        request: &Request<B>,
    ) -> Result<(), Violation> {
        if self.parties.len() <= process {
            return self.clone().sent(now, process, request).map(drop);
        }
        let carried = self.read(request.uri(), request.headers(), request.body().as_ref())?;
        self.review(now.as_millis(), process, &carried).map(drop)
    }

    fn read(&self, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<Carried, Violation> {
        match self.service.secret_in(uri, body) {
            Some(Secret::Password { user, password }) => {
                return Ok(Carried::Password(Login {
                    user: user.into(),
                    password: password.into(),
                }));
            }
            Some(Secret::Refresh(token)) => return Ok(Carried::Refresh(token.into())),
            Some(Secret::Revoked) => return Ok(Carried::Revoked),
            None => {}
        }
        let bearer = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let bearer = bearer.and_then(|value| value.split_once(' '));
        if let Some((_, token)) = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        {
            let origin = self.i8_secrets_go_where_they_may(uri)?;
            return Ok(Carried::Access(origin, token.into()));
        }
        if self.service.is_auth(uri) || holds_secret(body) {
            self.i8_secrets_go_where_they_may(uri)?;
        }
        Ok(Carried::Nothing)
    }

    fn request_id_in(&self, headers: &HeaderMap, carried: &Carried) -> Option<Vec<u8>> {
        let name = self
            .request_id
            .as_ref()
            .filter(|_| matches!(carried, Carried::Access(..)))?;
        Some(headers.get(name)?.as_bytes().to_vec())
    }

    fn note_sent(&mut self, now: u64, process: usize, carried: &Carried) {
        self.tell(process, || match carried {
            Carried::Password(login) => format!("sends the password of {}", login.user),
            Carried::Refresh(_) => "sends a refresh token".into(),
            Carried::Revoked => "revokes a token".into(),
            Carried::Access(origin, _) => format!("sends a request to {origin}"),
            Carried::Nothing => "sends something without a secret".into(),
        });
        let is_expected =
            matches!(carried, Carried::Password(_)) && Self::is_expected(&self.parties[process]);
        let party = &mut self.parties[process];
        match carried {
            Carried::Password(login) => {
                let before = party.user.replace(login.user.clone());
                if party.login.is_none() && before.is_some_and(|user| user != login.user) {
                    party.forget_tokens();
                }
                if let Some(held) = &mut party.held {
                    held.has_sent_password = true;
                }
                let at = party.locked.unwrap_or(self.elapsed);
                self.store.pace(party).count(at, &self.limits);
                self.remember([Some(login.password.clone())]);
                if self.parties[process].next_login.as_ref() == Some(login) {
                    self.set_login(process, login.clone());
                }
            }
            Carried::Refresh(token) => {
                if let Some(held) = &mut party.held {
                    held.has_sent_refresh = true;
                }
                self.remember([Some(token.clone())]);
            }
            Carried::Access(..) | Carried::Revoked | Carried::Nothing => {}
        }
        if carried.is_exchange() {
            let flight = Flight {
                carried: carried.clone(),
                sent: now,
                is_void: false,
                is_expected,
            };
            self.parties[process].flight = Some(flight);
        }
    }
}
