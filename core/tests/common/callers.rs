//! The callers of a machine, its targets and its user.

use http::StatusCode;
use simacan_auth::{Clearance, Denied, Permit, Ticket, Verdict};

use super::{API, Driver, assert_clean, bearer, credentials, request};

impl Driver {
    /// Asks for a token; checks that who waits has something to wait for.
    pub(crate) fn ask_for(&mut self, uri: &str, permit: Permit) -> Clearance {
        let mut request = request(uri);
        let events = self.events.len();
        let clearance = self.machine.authorize(self.now, permit, &mut request);
        assert_clean(&format!("{clearance:?}"));
        let header = bearer(&request);
        assert_eq!(header.is_some(), matches!(clearance, Clearance::Go(_)));
        self.header = header.unwrap_or_default();
        self.settle();
        if matches!(clearance, Clearance::Wait(_)) {
            let is_alive = self.flight.is_some() || self.wake.is_some();
            assert!(
                is_alive || self.events.len() > events,
                "I6: waits for nothing"
            );
        }
        clearance
    }

    pub(crate) fn ask(&mut self) -> Clearance {
        let permit = self.machine.permit();
        self.ask_for(API, permit)
    }

    /// A new caller is let go.
    #[track_caller]
    pub(crate) fn go(&mut self) -> Ticket {
        self.go_to(API)
    }

    #[track_caller]
    pub(crate) fn go_to(&mut self, uri: &str) -> Ticket {
        let permit = self.machine.permit();
        match self.ask_for(uri, permit) {
            Clearance::Go(ticket) => ticket,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn go_with(&mut self, permit: Permit) -> Ticket {
        match self.ask_for(API, permit) {
            Clearance::Go(ticket) => ticket,
            other => panic!("{other:?}"),
        }
    }

    /// A new caller has to wait.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> Permit {
        match self.ask() {
            Clearance::Wait(permit) => permit,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn wait_with(&mut self, permit: Permit) -> Permit {
        match self.ask_for(API, permit) {
            Clearance::Wait(permit) => permit,
            other => panic!("{other:?}"),
        }
    }

    /// A new caller is denied.
    #[track_caller]
    pub(crate) fn denied(&mut self) -> Denied {
        let permit = self.machine.permit();
        self.denied_with(permit)
    }

    #[track_caller]
    pub(crate) fn denied_with(&mut self, permit: Permit) -> Denied {
        match self.ask_for(API, permit) {
            Clearance::Denied(denied) => {
                assert_clean(&denied.to_string());
                denied
            }
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn review(&mut self, ticket: Ticket, status: u16) -> Verdict {
        if let (401, Some(held)) = (status, &mut self.held) {
            held.ended |= ticket.generation() == self.machine.generation();
        }
        let status = StatusCode::from_u16(status).unwrap();
        let verdict = self.machine.review(self.now, ticket, status);
        assert_clean(&format!("{verdict:?}"));
        self.settle();
        verdict
    }

    /// The target answers 401, and another try is worth it.
    #[track_caller]
    pub(crate) fn retry_after_401(&mut self, ticket: Ticket) -> Permit {
        match self.review(ticket, 401) {
            Verdict::Retry(permit) => permit,
            Verdict::Deliver => panic!("delivered"),
        }
    }

    #[track_caller]
    pub(crate) fn deliver(&mut self, ticket: Ticket, status: u16) {
        let verdict = self.review(ticket, status);
        assert!(matches!(verdict, Verdict::Deliver), "{verdict:?}");
    }

    pub(crate) fn set_credentials(&mut self, username: &str, number: u32) {
        let generation = self.machine.generation();
        let credentials = credentials(username, number);
        self.machine.handle_credentials(self.now, credentials);
        if self.machine.generation() != generation {
            self.held = None; // another user's
        }
        self.settle();
    }

    /// One request, from the permit to the answer that the caller gets: `None` if there was no
    /// token for it. Lets time go by while it waits.
    pub(crate) fn send(&mut self, uri: &str, mut answer: impl FnMut() -> u16) -> Option<u16> {
        let mut permit = self.machine.permit();
        loop {
            permit = match self.ask_for(uri, permit) {
                Clearance::Go(ticket) => {
                    let status = answer();
                    match self.review(ticket, status) {
                        Verdict::Deliver => return Some(status),
                        Verdict::Retry(permit) => permit,
                    }
                }
                Clearance::Wait(permit) => {
                    if let Some(at) = self.wake {
                        self.advance_to(at);
                    }
                    permit
                }
                Clearance::Denied(_) => return None,
                Clearance::Foreign(foreign) => panic!("{foreign}"),
            }
        }
    }
}
