//! Many callers, one exchange.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use simacan_auth_emulator::{Endpoint, Fault};

use crate::crowd::{self, Took};
use crate::platform::{HOUR, REFRESH_IS_DUE, World, assert_accepted};
use crate::subject::{Flavour as _, MultiThread, Outcome, Reqwest, Subject, Trouble, Ureq, read};

conformance! {
    i4_an_absent_token_costs_the_herd_one_login,
    i4_a_revoked_token_costs_the_herd_one_refresh,
    i4_an_expired_token_costs_the_herd_one_refresh,
    i4_a_token_about_to_expire_costs_the_herd_one_refresh,
    i1_a_refused_refresh_costs_the_herd_one_password,
    i5_late_401s_cost_no_refresh,
}

fn i4_an_absent_token_costs_the_herd_one_login<S: Subject>() {
    let (world, subject) = World::around::<S>();
    world.assert_served(&subject, 200, (1, 0));
    // The token was fresh, so none had to be sent twice.
    assert_eq!(world.counters().targets_received, 200);
}

fn i4_a_revoked_token_costs_the_herd_one_refresh<S: Subject>() {
    let (world, subject) = World::with_a_user::<S>();
    world.revoke();
    world.assert_served(&subject, 200, (0, 1));
    world.assert_none_sent_thrice();
}

fn i4_an_expired_token_costs_the_herd_one_refresh<S: Subject>() {
    let (world, subject) = World::with_a_user::<S>();
    world.skip(HOUR);
    world.assert_served(&subject, 200, (0, 1));
    assert_eq!(world.counters().targets_received, 200);
}

fn i4_a_token_about_to_expire_costs_the_herd_one_refresh<S: Subject>() {
    let (world, subject) = World::with_a_user::<S>();
    world.skip(REFRESH_IS_DUE);
    assert_accepted(&subject.send_all(world.crowd(200)));
    world.until_refreshes(1);
    world.assert_exchanges(0, 1);
    // What was sent with the old token was sent with a good one.
    assert_eq!(world.counters().targets_received, 200);
}

fn i1_a_refused_refresh_costs_the_herd_one_password<S: Subject>() {
    let (world, subject) = World::with_a_user::<S>();
    world.end_session();
    world.assert_served(&subject, 200, (1, 1));
    world.assert_none_sent_thrice();
}

/// The 401s are decided on at once and arrive one after the other, most of them long after the
/// refresh that the first one starts.
fn i5_late_401s_cost_no_refresh<S: Subject>() {
    let (world, subject) = World::with_a_user::<S>();
    world.revoke();
    for i in 0..40 {
        let delay = Duration::from_millis(10 * i);
        world.script(Endpoint::Target, Fault::Delay(delay), 1);
    }
    world.assert_served(&subject, 40, (0, 1));
    world.assert_none_sent_thrice();
}

/// A thousand sockets, twice: one such case at a time.
static THOUSAND: Mutex<()> = Mutex::new(());

/// The same crowd with the same kind of client, without a session.
type Bare = fn(Vec<Request<Bytes>>) -> Vec<Outcome>;

fn bare_ureq(requests: Vec<Request<Bytes>>) -> Vec<Outcome> {
    let agent = ::ureq::Agent::config_builder().proxy(None);
    let agent = ::ureq::Agent::from(agent.http_status_as_error(false).build());
    crowd::threads(requests, |request| {
        let sent = agent.run(request);
        sent.map_err(|error| Trouble::Request(error.to_string()))
    })
}

fn bare_reqwest(requests: Vec<Request<Bytes>>) -> Vec<Outcome> {
    let client = ::reqwest::Client::builder().tls_certs_only([]).no_proxy();
    let client = client.build().expect("a client");
    crowd::tasks(&MultiThread::runtime(), requests, |request| {
        let request = ::reqwest::Request::try_from(request).expect("an absolute URI");
        let sent = client.execute(request);
        async { read(sent.await.expect("an answer")).await }
    })
}

/// The caller who has waited the longest.
fn slowest(outcomes: &[Outcome]) -> Duration {
    let took = |outcome: &Outcome| {
        let response = outcome.as_ref().expect("an answer");
        response.extensions().get::<Took>().expect("it was taken").0
    };
    outcomes.iter().map(took).max().expect("a crowd")
}

/// What a herd finds.
struct Situation {
    name: &'static str,
    begin: fn(&World),
    passwords: u64,
    refreshes: u64,
    /// How often a caller sends its request, at most.
    sends: u32,
    /// The answers to the first requests trickle in.
    is_late: bool,
}

const SITUATIONS: [Situation; 5] = [
    Situation {
        name: "absent",
        begin: |_| (),
        passwords: 1,
        refreshes: 0,
        sends: 1,
        is_late: false,
    },
    Situation {
        name: "revoked",
        begin: World::revoke,
        passwords: 0,
        refreshes: 1,
        sends: 2,
        is_late: false,
    },
    Situation {
        name: "expired",
        begin: |world| world.skip(HOUR),
        passwords: 0,
        refreshes: 1,
        sends: 1,
        is_late: false,
    },
    Situation {
        name: "about to expire",
        begin: |world| world.skip(REFRESH_IS_DUE),
        passwords: 0,
        refreshes: 1,
        sends: 1,
        is_late: false,
    },
    Situation {
        name: "revoked, with 401s that trickle in",
        begin: World::revoke,
        passwords: 0,
        refreshes: 1,
        sends: 2,
        is_late: true,
    },
];

const CALLERS: usize = 1000;

impl Situation {
    fn script(&self, world: &World) {
        if self.is_late {
            for i in 0..CALLERS {
                let delay = Duration::from_micros(500 * i as u64);
                world.script(Endpoint::Target, Fault::Delay(delay), 1);
            }
        }
    }

    /// How long the slowest caller took, as a multiple of an exchange and as many requests as it sent
    /// itself: of an exchange that nobody else waits for, and of the slowest request of a bare client's
    /// herd, both in the same run.
    fn measure<S: Subject>(&self, bare: Bare) -> f64 {
        let (world, subject) = World::around::<S>();
        if self.passwords == 0 {
            subject.log_in().expect("logged in");
            world.forget();
        }
        (self.begin)(&world);
        self.script(&world);
        let outcomes = subject.send_all(world.crowd(CALLERS));
        assert_accepted(&outcomes);
        // An early one may be behind them.
        world.until_refreshes(self.refreshes);
        world.assert_exchanges(self.passwords, self.refreshes);
        world.assert_none_sent_thrice();
        if self.sends == 1 {
            assert_eq!(world.counters().targets_received, CALLERS as u64);
        }
        drop(subject);

        let (world, alone) = World::around::<S>();
        let began = Instant::now();
        alone.log_in().expect("logged in");
        let exchange = began.elapsed();
        self.script(&world);
        let request = slowest(&bare(world.crowd(CALLERS)));
        let took = slowest(&outcomes);
        let factor = took.as_secs_f64() / (exchange + self.sends * request).as_secs_f64();
        println!(
            "{}: the slowest of {CALLERS} took {took:.1?}; an exchange takes {exchange:.1?}, \
             the slowest bare request {request:.1?}: {factor:.2}",
            self.name
        );
        factor
    }
}

/// The factor has little to do with the machine's speed, but with what else it does meanwhile: one quiet try
/// of five is enough.
fn a_thousand<S: Subject>(bare: Bare) {
    const MOST: f64 = 4.0;
    let _alone = THOUSAND.lock().unwrap_or_else(PoisonError::into_inner);
    for situation in SITUATIONS {
        let least = (0..5)
            .map(|_| situation.measure::<S>(bare))
            .find(|&factor| factor <= MOST);
        assert!(least.is_some(), "{}: five times too slow", situation.name);
    }
}

#[test]
fn i4_a_thousand_callers_of_ureq_are_as_fast_as_a_bare_client_and_one_exchange() {
    a_thousand::<Ureq>(bare_ureq);
}

#[test]
fn i4_a_thousand_callers_of_reqwest_are_as_fast_as_a_bare_client_and_one_exchange() {
    a_thousand::<Reqwest<MultiThread>>(bare_reqwest);
}
