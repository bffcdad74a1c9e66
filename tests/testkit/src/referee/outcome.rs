//! What has become of what was sent.

use std::sync::Arc;

use http::{Response, StatusCode};
use simacan_auth::Timestamp;

use super::answer::{Answer, Meaning};
use super::party::{Carried, Flight};
use super::tokens::{Held, Standing};
use super::{Exchange, Referee};

#[expect(clippy::needless_pass_by_value, reason = "an exchange ends once")]
impl Referee {
    /// Takes the whole answer to an exchange.
    pub fn answered<B: AsRef<[u8]>>(
        &mut self,
        now: Timestamp,
        exchange: Exchange,
        response: &Response<B>,
    ) {
        self.look_at(now);
        let status = response.status();
        self.tell(exchange.process, || format!("gets {}", status.as_u16()));
        match exchange.carried {
            Carried::Access(origin, token) => {
                self.note_target(exchange.process, &origin, &token, status);
                if let Some(id) = exchange.request_id {
                    let refused = Some(&token).filter(|_| status == StatusCode::UNAUTHORIZED);
                    self.requests.answered(exchange.process, &id, refused);
                }
            }
            Carried::Nothing => {}
            Carried::Password(_) | Carried::Refresh(_) | Carried::Revoked => {
                if let Some(flight) = self.parties[exchange.process].flight.take() {
                    self.note_answer(now.as_millis(), exchange.process, &flight, response);
                }
            }
        }
    }

    /// Takes an answer that has left, of which nobody knows whether it arrived: as seen at the server's end.
    pub fn offered<B: AsRef<[u8]>>(
        &mut self,
        now: Timestamp,
        exchange: Exchange,
        response: &Response<B>,
    ) {
        self.look_at(now);
        let process = exchange.process;
        let is_refresh = matches!(exchange.carried, Carried::Refresh(_));
        self.tell(process, || {
            format!("gets {}, perhaps", response.status().as_u16())
        });
        let party = &mut self.parties[process];
        let Some(flight) = party.flight.take() else {
            return;
        };
        match self.service.read_answer(is_refresh, response) {
            Meaning::Tokens(answer) => {
                let kept = party.held.as_ref().and_then(|held| held.refresh.clone());
                let kept = kept.filter(|_| is_refresh);
                let now = now.as_millis();
                party.offered = Some(Held::new(&answer, kept, flight.sent, now, self.elapsed));
            }
            Meaning::Refused { .. } if is_refresh => {
                (party.held.iter_mut()).for_each(|held| held.may_be_refused = true);
            }
            _ => {}
        }
    }

    /// Says that no answer has come to an exchange, or not all of it.
    pub fn lost(&mut self, now: Timestamp, exchange: Exchange) {
        self.look_at(now);
        self.tell(exchange.process, || "gets no answer".into());
        if exchange.carried.is_exchange() {
            self.parties[exchange.process].flight = None;
        }
    }

    /// Says that the request of an exchange never left: no connection was got.
    pub fn not_sent(&mut self, now: Timestamp, exchange: Exchange) {
        let party = &mut self.parties[exchange.process];
        if matches!(exchange.carried, Carried::Password(_)) {
            let is_expected = party
                .flight
                .as_ref()
                .is_some_and(|flight| flight.is_expected);
            if let Some(held) = party.held.as_mut().filter(|_| is_expected) {
                held.has_sent_password = false;
            }
            self.store.pace(party).take_back();
        }
        self.lost(now, exchange);
    }

    fn note_target(
        &mut self,
        process: usize,
        origin: &Arc<str>,
        token: &Arc<str>,
        status: StatusCode,
    ) {
        let now = self.latest.unwrap_or_default();
        let party = &mut self.parties[process];
        party.accused = None;
        if status != StatusCode::UNAUTHORIZED {
            return party.target(origin).accept(token.clone());
        }
        if let Some(held) = party.held.as_mut().filter(|held| held.access == *token) {
            let is_first = !held.has_sent_refresh && !held.has_sent_password;
            if held.standing == Standing::Good && held.has_expired(now, 0) {
                held.standing = Standing::Unsure;
            }
            party.accused = Some(origin.clone()).filter(|_| is_first && party.flight.is_none());
        }
        let all = self
            .parties
            .iter_mut()
            .filter_map(|party| party.held.as_mut());
        let saved = self.store.saved.as_mut().map(|saved| &mut saved.held);
        for held in all.chain(saved).filter(|held| held.access == *token) {
            held.unauthorized = true;
        }
    }

    fn note_answer<B: AsRef<[u8]>>(
        &mut self,
        now: u64,
        process: usize,
        flight: &Flight,
        response: &Response<B>,
    ) {
        let is_refresh = matches!(flight.carried, Carried::Refresh(_));
        let meaning = self.service.read_answer(is_refresh, response);
        let (elapsed, limits) = (self.elapsed, &self.limits);
        let party = &mut self.parties[process];
        party.save_failed = false;
        match (&flight.carried, &meaning) {
            (Carried::Password(login), Meaning::Tokens(_)) => {
                party.words.trust(login);
                self.store.words.allow(Some(login));
                if flight.is_expected {
                    self.store.pace(party).take_back();
                }
            }
            (Carried::Password(login), Meaning::Refused { by_gateway }) => {
                party.words.refuse(now, limits, login, *by_gateway);
                party.has_unsaved_refusal = party.login.as_ref().is_none_or(|set| set == login);
                // A token that a 401 had condemned is not usable again: the attempts have ended with an answer.
                if let Some(held) = &mut party.held {
                    held.has_ended |= held.standing != Standing::Good;
                }
            }
            (Carried::Password(login), Meaning::Unclear | Meaning::Other) => {
                party.words.doubt(elapsed, login);
            }
            (Carried::Refresh(_), Meaning::Tokens(_)) => {}
            (Carried::Refresh(token), _) if !flight.is_void => {
                let mut is_refused = matches!(meaning, Meaning::Refused { .. });
                if let Some(held) = &mut party.held {
                    held.answer_refresh(now, &meaning, limits);
                    is_refused |= held.is_refused;
                }
                if is_refused && self.shares {
                    party.spend(token.clone());
                }
            }
            _ => {}
        }
        if let Meaning::Tokens(answer) = meaning
            && flight.carried != Carried::Revoked
            && !flight.is_void
        {
            self.remember([Some(answer.access.clone()), answer.refresh.clone()]);
            self.hold(now, process, flight, &answer);
        }
    }

    fn hold(&mut self, now: u64, process: usize, flight: &Flight, answer: &Answer) {
        let elapsed = self.elapsed;
        let party = &mut self.parties[process];
        let kept = match &flight.carried {
            Carried::Refresh(token) => Some(token.clone()),
            _ => None,
        };
        let mut held = Held::new(answer, kept, flight.sent, now, elapsed);
        held.is_first = !party.held.as_ref().is_some_and(|held| held.is_good(now));
        if let Carried::Refresh(token) = &flight.carried
            && held.refresh.as_ref() != Some(token)
            && self.shares
        {
            party.spend(token.clone());
        }
        party.offered = None;
        self.adopt(process, held);
        if self.shares {
            let others = self
                .parties
                .iter_mut()
                .enumerate()
                .filter(|(other, _)| *other != process);
            for held in others.filter_map(|(_, party)| party.held.as_mut()) {
                held.is_superseded = true;
            }
        }
    }

    /// They were received by another, perhaps before what ended those before: no target's 401 was in vain.
    pub(super) fn take_over(&mut self, process: usize, held: Held) {
        let party = &mut self.parties[process];
        if party
            .held
            .as_ref()
            .is_none_or(|before| before.access != held.access)
        {
            party
                .targets
                .iter_mut()
                .for_each(|(_, target)| target.prove_nothing());
        }
        self.adopt(process, held);
    }

    /// These are the process's tokens from now on.
    fn adopt(&mut self, process: usize, mut held: Held) {
        let until = self.elapsed + self.limits.slack;
        let party = &mut self.parties[process];
        held.is_superseded = false;
        if party
            .offered
            .as_ref()
            .is_some_and(|offered| offered.access == held.access)
        {
            party.offered = None;
        }
        let before = party.held.replace(held);
        if self.limits.slack > 0 {
            party.previous = before.map(|before| (before.access, until));
        }
        party.has_held = true;
    }
}
