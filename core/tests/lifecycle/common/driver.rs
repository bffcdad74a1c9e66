//! A driver that owns a machine without a store, a clock and both servers.

use std::time::Duration;

use simacan_auth::{
    CachedBearer, Config, Event, JobId, Machine, Output, Pending, Provider, Sent, Timestamp,
    Transmit, TransportFailure,
};

use simacan_auth_testkit::referee::{Exchange, Referee, Service};

use super::wire::{Grant, Reply, TOKENS};
use super::{HOUR, SECOND, START, assert_clean, credentials, judge, password, poll};

pub(crate) struct Flight {
    pub(crate) exchange: JobId,
    pub(crate) sent: Grant,
    pub(super) told: Exchange,
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
    /// Answers that are given at once; without one the test gives them.
    pub(crate) on_password: Option<Reply>,
    pub(crate) on_refresh: Option<Reply>,
    /// The `Authorization` of the last request that was let go.
    pub(crate) header: String,
    /// How much had happened when the machine was printed last.
    printed: (usize, usize),
    issued: u64,
    pub(super) referee: Referee,
}

impl Driver {
    pub(crate) fn new(config: Config) -> Self {
        let credentials = credentials("fleet", 1);
        let mut referee = Referee::new(Service::simacan())
            .with_config(&config)
            .exact();
        referee.credentials(START, 0, "fleet", &password(1));
        let machine = Machine::new(Provider::simacan(), credentials, config);
        let mut driver = Self {
            machine,
            now: START,
            flight: None,
            wake: None,
            events: Vec::new(),
            sent: Vec::new(),
            on_password: None,
            on_refresh: None,
            header: String::new(),
            printed: (1, 1),
            issued: 0,
            referee,
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
        self.referee.look_at(self.now);
        for _ in 0..1000 {
            match poll(&mut self.machine, self.now) {
                Output::Event(event) => {
                    assert_clean(&format!("{event} {event:?}"));
                    judge(self.referee.event(self.now, 0, &event));
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
        let told = judge(self.referee.sent(self.now, 0, &request));
        let sent = Grant::read(&request);
        self.sent.push((self.now, sent.clone()));
        let server = if sent.is_password() {
            &self.on_password
        } else {
            &self.on_refresh
        };
        let reply = server.clone();
        self.flight = Some(Flight {
            exchange,
            sent,
            told,
        });
        if let Some(reply) = reply {
            self.land(&reply);
        }
    }

    /// The password is right by now, whatever was said of it.
    pub(crate) fn retry_refused(&mut self) {
        self.referee.retry_refused(0);
        self.machine.retry_refused(self.now);
        self.settle();
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
        let Flight { exchange, told, .. } = self.flight.take().expect("an exchange in flight");
        let now = self.now;
        self.issued += 1;
        if let Some(response) = reply.response(self.issued) {
            self.referee.answered(now, told, &response);
            return self.machine.handle_response(now, exchange, response);
        }
        let failure = if *reply == Reply::NotSent {
            self.sent.pop();
            self.referee.not_sent(now, told);
            TransportFailure::not_sent("no route to host")
        } else {
            self.referee.lost(now, told);
            TransportFailure::timed_out()
        };
        self.machine.handle_failure(now, exchange, failure);
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
        self.now = time;
        self.settle();
    }
}
