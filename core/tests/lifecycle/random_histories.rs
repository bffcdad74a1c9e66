//! Long random histories under the invariants that the driver checks at every step; a failure
//! prints its seed.

use crate::common::prelude::*;

const REPLIES: &[Reply] = &[
    TOKENS,
    TOKENS,
    TOKENS,
    Reply::Tokens("1"),
    Reply::Tokens("null"),
    Reply::AccessOnly("3600"),
    Reply::AccessOnly("20"),
    Reply::Refused,
    Reply::Refused,
    DOWN,
    DOWN,
    Reply::Status(403),
    Reply::RetryAfter(429, "40"),
    Reply::Body(200, "{"),
    Reply::Lost,
];

/// A server that gives no refresh token: every expiry costs a password.
const WITHOUT_REFRESH: &[Reply] = &[
    Reply::AccessOnly("3600"),
    Reply::AccessOnly("20"),
    Reply::AccessOnly("60"),
    Reply::AccessOnly("null"),
    DOWN,
];

const STEPS: &[Duration] = &[
    Duration::ZERO,
    MILLI,
    SECOND,
    SECOND,
    Duration::from_secs(11),
    MINUTE,
    Duration::from_secs(1750),
    HOUR,
];

struct World {
    driver: Driver,
    dice: Dice,
    /// Each with the number of events when it was told to wait.
    waiting: Vec<(Pending, usize)>,
    sent: Vec<Sent>,
    passwords: u32,
    jumps: bool,
    replies: &'static [Reply],
}

impl World {
    fn new(seed: u64, config: Config, jumps: bool) -> Self {
        Self {
            driver: Driver::new(config),
            dice: Dice(seed),
            waiting: Vec::new(),
            sent: Vec::new(),
            passwords: 1,
            jumps,
            replies: if seed.is_multiple_of(4) {
                WITHOUT_REFRESH
            } else {
                REPLIES
            },
        }
    }

    fn step(&mut self) {
        match self.dice.roll(20) {
            0..5 => {
                let pending = Pending::new();
                self.ask(pending);
            }
            5..9 => self.review(),
            9..14 if self.driver.is_flying() => {
                let reply = self.dice.pick(self.replies);
                self.driver.reply(&reply);
            }
            14 if self.dice.roll(4) == 0 => self.set_credentials(),
            15 if self.jumps && self.dice.roll(4) == 0 => self.jump(),
            16 | 17 => self.ask_again(),
            _ => {
                let by = self.dice.pick(STEPS);
                self.driver.advance(by);
            }
        }
        let alive = self.driver.is_flying() || self.driver.wake.is_some();
        let events = self.driver.events.len();
        let forgotten = self.waiting.iter().any(|&(_, since)| since == events);
        assert!(alive || !forgotten, "I6: a caller waits for nothing");
    }

    fn ask(&mut self, pending: Pending) {
        let uri = self.dice.pick(&[API, OTHER_API]);
        let events = self.driver.events.len();
        match self.driver.ask_for(uri, pending) {
            Authorization::Ready(sent) => self.sent.push(sent),
            Authorization::Wait(pending) => self.waiting.push((pending, events)),
            Authorization::Denied(_) => {}
            Authorization::Foreign(foreign) => panic!("{foreign}"),
        }
    }

    /// Those who wait ask again when there was an event.
    fn ask_again(&mut self) {
        for (pending, _) in std::mem::take(&mut self.waiting) {
            self.ask(pending);
        }
    }

    fn review(&mut self) {
        let count = u64::try_from(self.sent.len()).unwrap();
        if count == 0 {
            return;
        }
        let index = usize::try_from(self.dice.roll(count)).unwrap();
        let sent = self.sent.swap_remove(index);
        let status = self.dice.pick(&[200, 200, 401, 401, 403]);
        let (generation, events) = (self.driver.machine.generation(), self.driver.sent.len());
        let is_late = sent.generation() < generation;
        if let Review::Retry(pending) = self.driver.review(sent, status) {
            assert_eq!(status, 401, "I7");
            if self.dice.roll(4) == 0 {
                self.waiting.push((pending, usize::MAX)); // it takes its time
            } else {
                self.ask(pending);
            }
        } else if is_late {
            assert_eq!(self.driver.sent.len(), events, "I5");
        }
    }

    fn set_credentials(&mut self) {
        self.passwords += 1;
        let username = self.dice.pick(&["fleet", "fleet", "other"]);
        let back = u32::try_from(self.dice.roll(3)).unwrap();
        let number = self.passwords.saturating_sub(back);
        self.driver.set_credentials(username, number);
    }

    fn jump(&mut self) {
        let steps = [MILLI, 30 * SECOND, 61 * SECOND, 10 * MINUTE, 30 * HOUR];
        let by = self.dice.pick(&steps);
        let now = self.driver.now;
        let to = [earlier(now, by), now.saturating_add(by)];
        self.driver.jump_to(self.dice.pick(&to));
    }

    /// Everything works from now on: all who wait are answered, and a new caller gets a token.
    fn come_to_rest(mut self) {
        let good = TOKENS;
        let driver = &mut self.driver;
        (driver.on_password, driver.on_refresh) = (Some(good.clone()), Some(good.clone()));
        if driver.is_flying() {
            driver.reply(&good);
        }
        for _ in 0..10 {
            self.ask_again();
            if let Some(at) = self.driver.wake.filter(|_| !self.waiting.is_empty()) {
                self.driver.advance_to(at);
            }
        }
        assert_eq!(self.waiting.len(), 0, "I6: callers still wait");
        if self.driver.machine.status() == Status::Rejected {
            self.driver.set_credentials("third", 0);
        }
        for _ in 0..10 {
            match self.driver.ask() {
                Authorization::Ready(_) => return,
                Authorization::Denied(Denied::Unavailable { until, .. }) => {
                    self.driver.advance_to(until);
                }
                Authorization::Wait(_) => {
                    if let Some(at) = self.driver.wake {
                        self.driver.advance_to(at);
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        panic!(
            "I6: no token from servers that work: {:?}",
            self.driver.machine
        );
    }
}

/// Prints the seed of a history that panics.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}", self.0);
        }
    }
}

fn histories(seeds: std::ops::Range<u64>, steps: usize, config: &Config, jumps: bool) {
    for seed in seeds {
        let _seed = Seed(seed);
        let mut config = config.clone();
        config.seed = seed;
        let mut world = World::new(seed, config, jumps);
        for _ in 0..steps {
            world.step();
        }
        if !jumps {
            let most = world.driver.most_in_an_hour(true);
            assert!(most <= 12, "I13: {most}");
        }
        world.come_to_rest();
    }
}

#[test]
fn i1_to_i13_hold_in_random_histories() {
    histories(0..300, 400, &Config::default(), false);
}

#[test]
fn i1_to_i12_hold_in_random_histories_with_a_clock_that_jumps() {
    histories(1000..1300, 400, &Config::default(), true);
}

#[test]
fn i1_to_i12_hold_in_random_histories_that_keep_alive() {
    let config = keeping_alive();
    histories(2000..2150, 400, &config, false);
    histories(2150..2300, 400, &config, true);
}

#[test]
fn i1_to_i12_hold_in_random_histories_with_one_attempt_a_round() {
    let config = config(|config| config.attempts = 1);
    histories(3000..3150, 400, &config, false);
}
