//! What can go wrong with a server and with a fleet over it.

use std::env;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use simacan_auth_emulator::{Endpoint, Fault, Reuse};
use simacan_auth_sealed_store::Key;

use crate::servers::{Rights, StoreServer};
use crate::surroundings::settings;
use crate::worker::config;
use crate::workers::{Fleet, Habits};

pub(crate) const WORKERS: usize = 8;
const TOKEN_LIFE: Duration = Duration::from_secs(6);
/// An hour takes 6 s, the life of a token.
const COMPRESSED: u32 = 600;
/// Longer than a lease, see `place`.
const LONG: Duration = Duration::from_secs(2);

pub(crate) struct Ordeal<S> {
    pub(crate) server: Arc<S>,
    pub(crate) fleet: Fleet,
    /// Whether a lock outlives its connection, and a connection outlives what holds it up.
    has_leases: bool,
}

impl<S: StoreServer + 'static> Ordeal<S> {
    pub(crate) fn new(server: S, has_leases: bool) -> Self {
        // The worst that a server does: who sends a spent token ends the session of all.
        let settings = settings()
            .with_access_token_life(TOKEN_LIFE)
            .with_reuse(Reuse::RevokeFamily);
        let key = Key::generate().to_base64().to_string();
        let habits = Habits {
            key: Some(key),
            ..Habits::default()
        };
        let mut fleet = Fleet::start(server.place(), WORKERS, settings, COMPRESSED, &habits);
        fleet.wait_for_all();
        Self {
            server: Arc::new(server),
            fleet,
            has_leases,
        }
    }

    pub(crate) fn try_out(
        &mut self,
        name: &'static str,
        price: usize,
        fault: impl FnOnce(&mut Fleet, &Arc<S>),
    ) {
        let only = env::var("SIMACAN_TRIAL").unwrap_or_default();
        if name.contains(&only) {
            let server = self.server.clone();
            self.fleet
                .try_out(name, price, |fleet| fault(fleet, &server));
        }
    }

    /// The lock is lost with it, or lives on.
    pub(crate) fn connection_ends(&mut self) {
        let price = usize::from(!self.has_leases);
        self.try_out("connection ended", price, |fleet, server| {
            let server = server.clone();
            fleet.in_a_refresh(move |_| server.end_connections());
        });
    }

    pub(crate) fn server_is_away(&mut self) {
        self.try_out("server away", 1, |fleet, server| {
            let stopped = server.clone();
            fleet.in_a_refresh(move |_| stopped.stop());
            fleet.wait_for_failures(1);
            server.start();
        });
    }

    pub(crate) fn exchange_is_slow(&mut self) {
        let price = usize::from(self.has_leases);
        self.try_out("slow exchange", price, |fleet, _| {
            let slow = Fault::Delay(LONG);
            fleet
                .front
                .with(|emulator| emulator.script(Endpoint::Refresh, slow));
            fleet.revoke();
        });
    }

    /// Others log in when its lease has run out, or wait for its connection to end.
    pub(crate) fn process_pauses(&mut self) {
        let price = usize::from(self.has_leases);
        self.try_out("process paused", price, |fleet, _| {
            let logins = |fleet: &Fleet| {
                let counters = fleet.front.with(|emulator| *emulator.ledger().counters());
                counters.passwords_accepted
            };
            let before = logins(fleet);
            let (tell, told) = mpsc::channel();
            fleet.in_a_refresh(move |sender| {
                sender.stop();
                let _ = tell.send(sender.clone());
            });
            if price > 0 {
                fleet.wait("login of another", || logins(fleet) > before);
            } else {
                fleet.wait_for_failures(1);
            }
            told.recv().expect("who it is").go_on();
        });
    }

    pub(crate) fn process_is_killed(&mut self) {
        self.try_out("process killed", 1, |fleet, _| {
            fleet.in_a_refresh(|sender| sender.kill());
        });
    }

    pub(crate) fn backup_comes_back(&mut self) {
        self.try_out("backup", 0, |fleet, server| {
            let backup = server.record();
            fleet.rotate();
            fleet.rotate();
            server.restore(&backup);
        });
    }

    /// It can't know that this is one.
    pub(crate) fn program_starts_on_a_backup(&mut self) {
        self.try_out("start on a backup", 1, |fleet, server| {
            let backup = server.record();
            fleet.rotate();
            fleet.rotate();
            fleet.workers[0].process.kill();
            server.restore(&backup);
        });
    }

    /// The lock is lost, too.
    pub(crate) fn failover_loses_the_last_write(&mut self) {
        self.try_out("failover", 1, |fleet, server| {
            let replicated = server.record();
            fleet.rotate();
            let server = server.clone();
            fleet.in_a_refresh(move |_| {
                server.restore(&replicated);
                server.end_connections();
            });
        });
    }

    pub(crate) fn rights_are_missing(&mut self, name: &'static str, rights: Rights) {
        self.try_out(name, 1, |fleet, server| {
            let taken = server.clone();
            fleet.in_a_refresh(move |_| taken.set_rights(rights));
            fleet.wait_for_failures(WORKERS);
            server.set_rights(Rights::All);
        });
    }

    /// One of them is another for a while, and the first to meet a 401.
    pub(crate) fn member_is_sick(
        &mut self,
        name: &'static str,
        price: usize,
        change: impl FnOnce(&mut Habits, &S),
    ) {
        const N: usize = 5;
        let mut habits = self.fleet.workers[N].habits.clone();
        change(&mut habits, &self.server);
        self.try_out(name, price, |fleet, server| {
            let home = fleet.replace(N, habits);
            fleet.wait_for_all();
            for _ in 0..3 {
                fleet.wait("end of all visits", || !server.is_locked());
                fleet.lead(N);
                fleet.wait_for_all();
            }
            fleet.replace(N, home);
            server.remove_mark();
        });
    }

    /// Everything that was sent is held against the rules.
    pub(crate) fn end(mut self) {
        self.fleet.end();
        let audit = self.fleet.audit();
        println!("{:#?}", audit.figures());
        println!(
            "{} denied for now, {} and {:?} 401s, {} locks lost",
            self.fleet.heard(|heard| heard.again),
            self.fleet.heard(|heard| heard.blocked),
            self.fleet
                .heard(|heard| heard.unauthorized.iter().sum::<usize>()),
            self.fleet.heard(|heard| heard.superseded),
        );
        self.fleet.check_unauthorized();
        self.fleet.check_pushes();
        audit.check(TOKEN_LIFE, &config(COMPRESSED));
    }
}
