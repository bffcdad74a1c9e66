//! A driver that owns a machine without a store, a clock and both servers.

use std::time::Duration;

use simacan_auth::{
    CachedBearer, Config, Event, JobId, Machine, Output, Pending, Provider, Sent, Status,
    Timestamp, Transmit, TransportFailure,
};

use super::wire::{Grant, Reply, TOKENS};
use super::{HOUR, MARK, MINUTE, SECOND, START, assert_clean, credentials, poll};

pub(crate) struct Flight {
    pub(crate) exchange: JobId,
    pub(crate) sent: Grant,
}

/// The tokens that the machine was given last.
#[expect(clippy::struct_excessive_bools, reason = "what is known of them")]
pub(super) struct Held {
    refresh: Option<String>,
    /// Without a refresh token: whether the access token can have ended.
    expires_at: Option<Timestamp>,
    /// A 401, or a clock that was set back.
    pub(super) ended: bool,
    /// A 401 has started something.
    is_condemned: bool,
    received_at: Timestamp,
    /// Whether a password has left since.
    has_sent_password: bool,
    /// The refresh token was, in one answer or in several.
    refused: bool,
    /// When it was answered otherwise, and whether that was unclear.
    answers: Vec<(Timestamp, bool)>,
}

impl Held {
    /// An answer to the refresh token that brought no tokens (`manual::rules`).
    fn answered(&mut self, now: Timestamp, reply: &Reply) {
        for (at, _) in &mut self.answers {
            if *at > now.saturating_add(MINUTE) {
                *at = now; // the clock was ahead
            }
        }
        self.answers.push((now, reply.is_unclear()));
        let unclear: Vec<_> = self
            .answers
            .iter()
            .filter(|(_, unclear)| *unclear)
            .collect();
        let first = |answers: &[&(Timestamp, bool)]| answers.iter().map(|(at, _)| *at).min();
        let age = |first: Option<Timestamp>| now.saturating_since(first.unwrap_or(now));
        let all: Vec<_> = self.answers.iter().collect();
        self.refused |= reply.is_refusal()
            || age(first(&all)) >= 24 * HOUR
            || (reply.is_unclear() && unclear.len() >= 3 && age(first(&unclear)) >= 15 * MINUTE);
    }
}

pub(crate) struct Driver {
    pub(crate) machine: Machine,
    pub(crate) now: Timestamp,
    /// The exchange whose end is yet to be reported.
    pub(crate) flight: Option<Flight>,
    /// What the machine waits for.
    pub(crate) wake: Option<Timestamp>,
    pub(crate) events: Vec<Event>,
    /// When which exchange left.
    pub(crate) sent: Vec<(Timestamp, Grant)>,
    /// Passwords that brought tokens at the end of the life of others, which had no refresh token: they don't
    /// count (I13).
    pub(super) exempt: Vec<Timestamp>,
    is_exempt: bool,
    /// Answers that are given at once; without one the test gives them.
    pub(crate) on_password: Option<Reply>,
    pub(crate) on_refresh: Option<Reply>,
    /// The `Authorization` of the last request that was let go.
    pub(crate) header: String,
    /// How much had happened when the machine was printed last.
    printed: (usize, usize),
    issued: u64,
    pub(super) held: Option<Held>,
    /// With the time of it.
    refused: Vec<(Grant, Timestamp)>,
}

impl Driver {
    pub(crate) fn new(config: Config) -> Self {
        let credentials = credentials("fleet", 1);
        let machine = Machine::new(Provider::simacan(), credentials, config);
        let mut driver = Self {
            machine,
            now: START,
            flight: None,
            wake: None,
            events: Vec::new(),
            sent: Vec::new(),
            exempt: Vec::new(),
            is_exempt: false,
            on_password: None,
            on_refresh: None,
            header: String::new(),
            printed: (1, 1),
            issued: 0,
            held: None,
            refused: Vec::new(),
        };
        driver.settle();
        driver
    }

    pub(crate) fn fresh() -> Self {
        Self::new(Config::default())
    }

    /// A first login is in flight, for this caller.
    pub(crate) fn logging_in() -> (Self, Pending) {
        let mut driver = Self::fresh();
        let pending = driver.wait();
        (driver, pending)
    }

    /// Each password is answered with this.
    pub(crate) fn answering(reply: Reply) -> Self {
        let mut driver = Self::fresh();
        driver.on_password = Some(reply);
        driver
    }

    /// Logged in with the tokens of `reply`, number 1.
    pub(crate) fn logged_in(config: Config, reply: &Reply) -> Self {
        let mut driver = Self::new(config);
        let pending = driver.wait();
        let _sent = driver.reply_to(pending, reply);
        driver
    }

    pub(crate) fn given(reply: &Reply) -> Self {
        Self::logged_in(Config::default(), reply)
    }

    /// Logged in for an hour, with a refresh token.
    pub(crate) fn for_an_hour() -> Self {
        Self::given(&TOKENS)
    }

    /// Its refreshes bring tokens.
    pub(crate) fn with_refreshes() -> Self {
        let mut driver = Self::for_an_hour();
        driver.on_refresh = Some(TOKENS);
        driver
    }

    /// The refresh is due, and the token good for 50 s.
    pub(crate) fn due() -> Self {
        let mut driver = Self::for_an_hour();
        driver.advance(HOUR - 50 * SECOND);
        driver
    }

    /// An early refresh is in flight.
    pub(crate) fn refreshing_early() -> Self {
        let mut driver = Self::due();
        let _sent = driver.go();
        driver
    }

    /// An early refresh was refused, and the login is in flight.
    pub(crate) fn relogging_in() -> Self {
        let mut driver = Self::refreshing_early();
        driver.reply(&Reply::Refused);
        driver
    }

    pub(crate) fn expired() -> Self {
        let mut driver = Self::for_an_hour();
        driver.advance(HOUR);
        driver
    }

    // The loop.

    /// Polls until `Wait`.
    pub(crate) fn settle(&mut self) {
        for _ in 0..1000 {
            match poll(&mut self.machine, self.now) {
                Output::Event(event) => {
                    assert_clean(&format!("{event} {event:?}"));
                    if let (Event::Unauthorized { .. }, Some(held)) = (&event, &mut self.held) {
                        held.is_condemned = true;
                    }
                    self.events.push(event);
                }
                Output::Transmit(transmit) => self.launch(transmit),
                Output::Store(_) | Output::Credentials(_) => panic!("it has neither"),
                Output::Wait(at) => {
                    assert!(at.is_none_or(|at| at > self.now), "I11: {at:?}");
                    self.wake = at;
                    let in_flight = self.flight.as_ref().map(|flight| flight.exchange);
                    assert_eq!(self.machine.in_flight(), in_flight);
                    if self.printed != (self.events.len(), self.sent.len()) {
                        self.printed = (self.events.len(), self.sent.len());
                        assert_clean(&format!("{:?}", self.machine));
                    }
                    return;
                }
            }
        }
        panic!("I11: poll never says Wait");
    }

    fn launch(&mut self, transmit: Transmit) {
        assert_clean(&format!("{transmit:?}"));
        let Transmit { exchange, request } = transmit;
        assert!(self.flight.is_none(), "I4: a second exchange");
        let sent = Grant::read(&request);
        self.check_refused(&sent);
        match &sent {
            Grant::Password { .. } => {
                assert!(self.may_send_password(), "I1: a password");
                self.is_exempt = self.is_end_of_life();
            }
            Grant::RefreshToken(token) => {
                let held = self.held.as_ref().and_then(|held| held.refresh.as_ref());
                assert_eq!(held, Some(token), "I3: a spent refresh token");
            }
        }
        self.sent.push((self.now, sent.clone()));
        let server = if sent.is_password() {
            &self.on_password
        } else {
            &self.on_refresh
        };
        let reply = server.clone();
        self.flight = Some(Flight { exchange, sent });
        if let Some(reply) = reply {
            self.land(&reply);
        }
    }

    /// A password's refusal is believed for a day; a gateway's, which no reply here is, for less.
    fn check_refused(&mut self, sent: &Grant) {
        let now = self.now;
        for (refused, at) in &self.refused {
            let is_over = refused.is_password() && now.saturating_since(*at) >= 24 * HOUR;
            assert!(
                is_over || refused != sent,
                "I2: a refused one is sent again"
            );
        }
        self.refused.retain(|(refused, _)| refused != sent);
    }

    /// The password is right by now, whatever was said of it.
    pub(crate) fn retry_refused(&mut self) {
        self.refused.retain(|(refused, _)| !refused.is_password());
        self.machine.retry_refused(self.now);
        self.settle();
    }

    fn is_end_of_life(&mut self) -> bool {
        let Some(held) = &mut self.held else {
            return false;
        };
        let is_first = !std::mem::replace(&mut held.has_sent_password, true);
        let is_paced = self.now.saturating_since(held.received_at) >= 30 * SECOND;
        let has_expired = held.expires_at.is_some_and(|at| self.now >= at);
        is_first && is_paced && has_expired && !held.is_condemned && held.refresh.is_none()
    }

    fn may_send_password(&self) -> bool {
        self.held.as_ref().is_none_or(|held| {
            let has_ended = held.ended || held.expires_at.is_some_and(|at| self.now >= at);
            held.refused || (held.refresh.is_none() && has_ended)
        })
    }

    /// The answer to the exchange in flight.
    pub(crate) fn reply(&mut self, reply: &Reply) {
        self.land(reply);
        self.settle();
    }

    /// It brings this caller a token.
    #[track_caller]
    pub(crate) fn reply_to(&mut self, pending: Pending, reply: &Reply) -> Sent {
        self.reply(reply);
        self.go_with(pending)
    }

    #[track_caller]
    pub(crate) fn cached_bearer(&mut self) -> CachedBearer {
        self.machine.cached_bearer().expect("there is a token")
    }

    fn land(&mut self, reply: &Reply) {
        let Flight { exchange, sent } = self.flight.take().expect("an exchange in flight");
        let generation = self.machine.generation();
        self.issued += 1;
        if let Some(response) = reply.response(self.issued) {
            self.machine.handle_response(self.now, exchange, response);
        } else {
            let failure = match reply {
                Reply::NotSent => TransportFailure::not_sent("no route to host"),
                _ => TransportFailure::timed_out(),
            };
            self.machine.handle_failure(self.now, exchange, failure);
        }
        if *reply == Reply::NotSent {
            self.sent.pop();
            if let Some(held) = self.held.as_mut().filter(|_| sent.is_password()) {
                held.has_sent_password &= !self.is_exempt;
            }
            return;
        }
        if self.machine.generation() > generation {
            return self.take_tokens(reply);
        }
        if let (Grant::RefreshToken(_), Some(held)) = (&sent, &mut self.held)
            && *reply != Reply::Lost
        {
            held.answered(self.now, reply);
            if held.refused {
                self.refused.push((sent, self.now));
            }
        } else if reply.is_refusal() {
            self.refused.push((sent, self.now));
        }
    }

    fn take_tokens(&mut self, reply: &Reply) {
        if std::mem::take(&mut self.is_exempt) {
            self.exempt.extend(self.sent.last().map(|(at, _)| *at));
        }
        let refresh = match reply {
            Reply::Tokens(_) => Some(format!("{MARK}-refresh-{}", self.issued)),
            _ => self
                .held
                .take()
                .filter(|held| !held.refused)
                .and_then(|held| held.refresh),
        };
        self.held = Some(Held {
            refresh,
            expires_at: match self.machine.status() {
                Status::Authenticated { expires_at } => expires_at,
                status => panic!("{status:?} with tokens"),
            },
            ended: false,
            is_condemned: false,
            received_at: self.now,
            has_sent_password: false,
            refused: false,
            answers: Vec::new(),
        });
    }

    // Time.

    /// Lets time go by, waking the machine whenever it asked to be.
    pub(crate) fn advance(&mut self, by: Duration) {
        let end = self.now.saturating_add(by);
        while let Some(at) = self.wake.filter(|&at| at <= end) {
            self.now = at;
            self.settle();
        }
        self.now = end;
        self.settle();
    }

    pub(crate) fn advance_to(&mut self, end: Timestamp) {
        self.advance(end.saturating_since(self.now));
    }

    /// The clock shows another time at once.
    pub(crate) fn jump_to(&mut self, time: Timestamp) {
        if let Some(held) = &mut self.held {
            held.ended |= time < self.now;
        }
        for (_, at) in &mut self.refused {
            if *at > time.saturating_add(MINUTE) {
                *at = time; // the clock was ahead
            }
        }
        self.now = time;
        self.settle();
    }
}
