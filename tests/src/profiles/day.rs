//! One program, its machine and its server, minute for minute.

use simacan_auth::Pending;
use std::time::{Duration, SystemTime};

use http::{Request, Response};
use simacan_auth::{
    Authorization, ClientAuth, Config, Credentials, Machine, Output, Provider, Review, Timestamp,
    Transmit, TransportFailure,
};
use simacan_auth_emulator::{BasicDecoding, Case, Emulator, Endpoint, Profile, Settings};

use super::{
    GATEWAY_FAILS, NETWORK_COMES, NETWORK_GOES, PASSWORD_CHANGES, PASSWORD_IS_KNOWN, SESSION_DIES,
    TOKEN_DIES, Tally,
};

const START: u64 = 1_700_000_000_000;
const MINUTE: u64 = 60_000;
/// How long an exchange takes, in milliseconds.
const EXCHANGE: u64 = 200;
/// How long a caller waits for a token, in milliseconds.
const TOKEN_TIMEOUT: u64 = 30_000;

const USER: &str = "foo@bar.com";
const OLD: &str = "open sesame";
const NEW: &str = "open barley";

/// The machine and all that is around it: the loop that a driver runs, without threads.
pub(super) struct Day {
    profile: Profile,
    machine: Machine,
    emulator: Emulator,
    target: &'static str,
    has_network: bool,
    now: u64,
    /// When the machine wants to be polled, if not before.
    wait: Option<u64>,
    served: u64,
}

impl Day {
    pub(super) fn new(profile: Profile, seed: u64) -> Self {
        let (id, secret) = ("fleet", "s3cr+t/%&");
        // Without a lock-out, which would make each later password a wrong one.
        let settings = Settings::new()
            .with_seed(seed)
            .with_user(USER, OLD)
            .with_client(id, Some(secret))
            .with_lock_out_after(None)
            .with_profile(profile);
        let (provider, target) = if profile.speaks_rfc_6749() {
            let client = match profile.basic_decoding() {
                BasicDecoding::Form => ClientAuth::basic(id, secret),
                BasicDecoding::Percent => ClientAuth::form(id, secret),
                BasicDecoding::Nothing => ClientAuth::basic_unencoded(id, secret),
            };
            let provider = Provider::oauth2("https://login.example.com/oauth2/token", client)
                .allow_origin("https://api.example.com");
            let provider = provider.build().expect("https, and an origin");
            (provider, "https://api.example.com/positions")
        } else {
            (
                Provider::simacan(),
                "https://sct-tracking-data-api.services.simacan.com/api/v1/realisation",
            )
        };
        let mut config = Config::default();
        config.seed = seed;
        Self {
            profile,
            machine: Machine::new(provider, Credentials::new(USER, OLD), config),
            emulator: Emulator::new(settings),
            target,
            has_network: true,
            now: START,
            wait: None,
            served: 0,
        }
    }

    /// Lives one minute, and calls once in it.
    pub(super) fn live(&mut self, minute: u64) {
        self.sleep_until(START + minute * MINUTE);
        self.happen(minute);
        self.served += u64::from(self.call());
    }

    pub(super) fn tally(&self) -> Tally {
        let counters = self.emulator.ledger().counters();
        Tally {
            served: self.served,
            passwords: counters.passwords_received,
            refreshes: counters.refreshes_received,
        }
    }

    fn happen(&mut self, minute: u64) {
        match minute {
            TOKEN_DIES => self.emulator.revoke_access_tokens(),
            SESSION_DIES => self.end_session(),
            PASSWORD_CHANGES => {
                self.emulator.set_password(USER, NEW);
                self.end_session();
            }
            PASSWORD_IS_KNOWN => {
                let now = self.timestamp();
                let credentials = Credentials::new(USER, NEW);
                self.machine.handle_credentials(now, credentials);
            }
            NETWORK_GOES => self.has_network = false,
            NETWORK_COMES => self.has_network = true,
            GATEWAY_FAILS if self.profile == Profile::Gateway => {
                let page = self.profile.answer(Case::WrongPassword);
                for endpoint in [Endpoint::Password, Endpoint::Refresh, Endpoint::Target] {
                    let many = 100; // more than a minute sees
                    self.emulator.script_n(endpoint, page.clone().into(), many);
                }
            }
            _ => self.emulator.clear_script(), // the gateway's minute is over
        }
    }

    fn end_session(&mut self) {
        self.emulator.revoke_access_tokens();
        self.emulator.revoke_refresh_tokens();
    }

    /// One call of the program. Whether the target did what it asked for.
    fn call(&mut self) -> bool {
        let deadline = self.now + TOKEN_TIMEOUT;
        let mut request = Request::post(self.target)
            .body("<realisation/>")
            .expect("it is well formed");
        let mut pending = Pending::new();
        loop {
            let now = self.timestamp();
            pending = match self.machine.authorize(now, pending, &mut request) {
                Authorization::Ready(sent) => {
                    let Some(answer) = self.send(&request) else {
                        self.drain();
                        return false;
                    };
                    let (now, status) = (self.timestamp(), answer.status());
                    let review = self.machine.review(now, sent, status);
                    self.drain();
                    match review {
                        Review::Deliver => return status.is_success(),
                        Review::Retry(pending) => pending,
                    }
                }
                Authorization::Wait(pending) => {
                    if !self.wait_for_news(deadline) {
                        return false;
                    }
                    pending
                }
                Authorization::Denied(_) => {
                    self.drain();
                    return false;
                }
                Authorization::Foreign(error) => panic!("{error}"),
            };
        }
    }

    /// Polls until there is an event, and as the machine asks for it. `false`: the caller's time is up.
    fn wait_for_news(&mut self, deadline: u64) -> bool {
        while !self.drain() {
            match self.wait {
                Some(until) if until <= deadline => self.now = self.now.max(until),
                _ => {
                    self.now = self.now.max(deadline);
                    return false;
                }
            }
        }
        self.now <= deadline
    }

    fn sleep_until(&mut self, time: u64) {
        while let Some(until) = self.wait.filter(|until| *until < time) {
            self.now = self.now.max(until);
            self.drain();
        }
        self.now = self.now.max(time);
    }

    /// Does what the machine wants done, until it waits. Whether anything has happened.
    fn drain(&mut self) -> bool {
        let mut is_news = false;
        loop {
            match self.machine.poll(self.timestamp()) {
                Output::Transmit(Transmit { exchange, request }) => {
                    let answer = self.send(&request);
                    self.now += EXCHANGE;
                    let now = self.timestamp();
                    match answer {
                        Some(answer) => self.machine.handle_response(now, exchange, answer),
                        None => self.machine.handle_failure(now, exchange, no_connection()),
                    }
                }
                Output::Event(_) => is_news = true,
                Output::Store(_) | Output::Credentials(_) => unreachable!("it has neither"),
                Output::Wait(until) => {
                    self.wait = until.map(Timestamp::as_millis);
                    return is_news;
                }
            }
        }
    }

    /// `None`: there is no connection to be had.
    fn send(&mut self, request: &Request<impl AsRef<[u8]>>) -> Option<Response<Vec<u8>>> {
        if !self.has_network {
            return None;
        }
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(self.now);
        self.emulator.respond(time, request)
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::from_millis(self.now)
    }
}

/// Nothing has left.
fn no_connection() -> TransportFailure {
    TransportFailure::new("no route to host")
}
