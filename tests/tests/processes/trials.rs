//! A fleet under a fault, until all have got over it.

use std::fmt::Write;
use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use simacan_auth_emulator::Emulator;

use crate::audit::Trial;
use crate::child::{Process, lock};
use crate::front::{Good, Moment};
use crate::surroundings::PATIENCE;
use crate::workers::{Fleet, Habits};

impl Fleet {
    fn place(&self) -> usize {
        self.front
            .with(|emulator| emulator.ledger().entries().len())
    }

    /// Until each has sent something with a good token.
    pub(crate) fn wait_for_all(&mut self) {
        let from = self.place();
        self.wait_until_all("work again", |_, good| good.place >= from);
    }

    /// Until what each has sent last was with the newest token.
    fn wait_for_one_token(&mut self) {
        self.wait_until_all("share a token", |fleet, good| {
            fleet.front.with(|emulator| fleet.lives.read(emulator));
            good.serial == fleet.lives.newest
        });
    }

    fn wait_until_all(&mut self, what: &str, mut is_so: impl FnMut(&mut Self, Good) -> bool) {
        let start = Instant::now();
        loop {
            self.restart();
            let good = self.front.good();
            let mut others = Vec::new();
            for n in 0..self.workers.len() {
                let worker = &self.workers[n];
                let (may_fail, good) = (worker.habits.may_fail, good.get(&worker.incarnation));
                if !may_fail && !good.is_some_and(|&good| is_so(self, good)) {
                    others.push(n);
                }
            }
            if others.is_empty() {
                return;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "{others:?} don't {what}: {}",
                self.story()
            );
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Until what is waited for has come about.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, mut is_there: impl FnMut() -> bool) {
        let start = Instant::now();
        while !is_there() {
            assert!(start.elapsed() < PATIENCE, "no {what}: {}", self.story());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// The last that each has said of the store, and all have sent to the Auth API.
    fn story(&self) -> String {
        let mut story = String::new();
        for (n, worker) in self.workers.iter().enumerate() {
            let heard = lock(&worker.heard);
            let last = heard.store.last();
            let _ = writeln!(
                story,
                "process {} (worker {n}): {} denied, {} failures, {last:?}",
                worker.incarnation,
                heard.again,
                heard.store.len(),
            );
        }
        story + &self.audit().last_words()
    }

    /// A new token, and all use it.
    pub(crate) fn rotate(&mut self) {
        self.revoke();
        self.wait_for_all();
    }

    /// Does something once the refresh token is spent and the answer is on its way.
    pub(crate) fn in_a_refresh(&mut self, strike: impl FnOnce(&Arc<Process>) + Send + 'static) {
        let before = self.front.struck().len();
        self.front.strike(Moment::Decided, Box::new(strike));
        self.revoke();
        self.wait("refresh", || self.front.struck().len() > before);
    }

    /// Until the store has failed somebody.
    pub(crate) fn wait_for_failures(&self, failures: usize) {
        let failed = || self.heard(|heard| heard.store.len());
        let before = failed();
        self.wait("failure of the store", || failed() >= before + failures);
    }

    /// Whoever sits there is another now. Gives what it was.
    pub(crate) fn replace(&mut self, n: usize, habits: Habits) -> Habits {
        self.workers[n].process.kill();
        let before = mem::replace(&mut self.workers[n].habits, habits);
        self.restart();
        before
    }

    /// Ends the token. The others hear of it when this one has done what it can.
    pub(crate) fn lead(&mut self, n: usize) {
        let others = |tell: fn(&Process)| {
            let workers = self.workers.iter().enumerate();
            let others = workers.filter(|&(other, _)| other != n);
            others.for_each(|(_, worker)| tell(&worker.process));
        };
        others(Process::stop);
        let from = self.place();
        let leader = &self.workers[n];
        let failed = || {
            let heard = lock(&leader.heard);
            heard.store.len() as u64 + heard.again
        };
        let before = failed();
        self.front.with(Emulator::revoke_access_tokens);
        self.wait("word of the first one", || {
            let good = self.front.good();
            let is_good = good
                .get(&leader.incarnation)
                .is_some_and(|good| good.place >= from);
            is_good || failed() > before
        });
        others(Process::go_on);
    }

    /// The fault is over when `fault` returns. What it still costs shows in the next rotation; none after
    /// that costs anything.
    pub(crate) fn try_out(
        &mut self,
        name: &'static str,
        price: usize,
        fault: impl FnOnce(&mut Self),
    ) {
        let (start, from) = (Instant::now(), self.place());
        let delivered =
            |fleet: &Self| fleet.heard(|heard| heard.unauthorized.iter().sum::<usize>());
        let (denied, before) = (self.heard(|heard| heard.again), delivered(self));
        fault(self);
        self.wait_for_all();
        self.rotate();
        let places = from..self.place();
        let is_hasty = name.contains("clock");
        let trial = Trial {
            name,
            places,
            price,
            is_hasty,
        };
        let (passwords, reuses) = self.audit().costs(&trial);
        println!(
            "{name}: {} of {price} passwords, {} spent tokens; {} 401s, {} denied; {:.1?}",
            passwords.len(),
            reuses.len(),
            delivered(self) - before,
            self.heard(|heard| heard.again) - denied,
            start.elapsed(),
        );
        self.trials.push(trial);
        self.rotate();
        self.wait_for_one_token();
    }
}
