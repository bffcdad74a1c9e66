//! The callers of a machine, its targets and its user.

use std::time::Duration;

use http::StatusCode;
use simacan_auth::{Authorization, Denied, Pending, Review, Sent};

use super::driver::Driver;
use super::wire::Reply;
use super::{API, assert_clean, bearer, credentials, judge, password, request};

#[track_caller]
pub(crate) fn ready(authorization: Authorization) -> Sent {
    match authorization {
        Authorization::Ready(sent) => sent,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(crate) fn waits(authorization: Authorization) -> Pending {
    match authorization {
        Authorization::Wait(pending) => pending,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(crate) fn denied(authorization: Authorization) -> Denied {
    match authorization {
        Authorization::Denied(denied) => {
            assert_clean(&denied.to_string());
            denied
        }
        other => panic!("{other:?}"),
    }
}

impl Driver {
    /// Asks for a token; checks that who waits has something to wait for.
    pub(crate) fn ask_for(&mut self, uri: &str, pending: Pending) -> Authorization {
        let mut request = request(uri);
        let events = self.events.len();
        let authorization = self.machine.authorize(self.now, pending, &mut request);
        assert_clean(&format!("{authorization:?}"));
        let header = bearer(&request);
        assert_eq!(
            header.is_some(),
            matches!(authorization, Authorization::Ready(_))
        );
        self.header = header.unwrap_or_default();
        judge(self.referee.check(self.now, 0, &request.map(|()| [])));
        self.settle();
        if matches!(authorization, Authorization::Wait(_)) {
            let is_alive = self.flight.is_some() || self.wake.is_some();
            assert!(
                is_alive || self.events.len() > events,
                "I6: waits for nothing"
            );
        }
        authorization
    }

    pub(crate) fn ask(&mut self) -> Authorization {
        let pending = Pending::new();
        self.ask_for(API, pending)
    }

    /// A new caller is let go.
    #[track_caller]
    pub(crate) fn go(&mut self) -> Sent {
        self.go_to(API)
    }

    #[track_caller]
    pub(crate) fn go_to(&mut self, uri: &str) -> Sent {
        let pending = Pending::new();
        ready(self.ask_for(uri, pending))
    }

    #[track_caller]
    pub(crate) fn go_with(&mut self, pending: Pending) -> Sent {
        ready(self.ask_for(API, pending))
    }

    /// A new caller has to wait.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> Pending {
        waits(self.ask())
    }

    #[track_caller]
    pub(crate) fn wait_with(&mut self, pending: Pending) -> Pending {
        waits(self.ask_for(API, pending))
    }

    /// A new caller waits, and an answer that comes at once brings its token.
    #[track_caller]
    pub(crate) fn wait_and_go(&mut self) -> Sent {
        let pending = self.wait();
        self.go_with(pending)
    }

    #[track_caller]
    pub(crate) fn wait_all(&mut self, pending: Vec<Pending>) -> Vec<Pending> {
        let again = |pending| self.wait_with(pending);
        pending.into_iter().map(again).collect()
    }

    /// A new caller waits, and this answer brings its token.
    #[track_caller]
    pub(crate) fn wait_and_reply(&mut self, reply: &Reply) -> Sent {
        let pending = self.wait();
        self.reply_to(pending, reply)
    }

    /// A new caller is let go, and gets the target's answer.
    #[track_caller]
    pub(crate) fn go_and_deliver(&mut self, status: u16) {
        let sent = self.go();
        self.deliver(sent, status);
    }

    /// So many new callers, one each so often.
    pub(crate) fn ask_every(&mut self, time: Duration, times: u32) {
        for _ in 0..times {
            let _authorization = self.ask();
            self.advance(time);
        }
    }

    /// A new caller is denied.
    #[track_caller]
    pub(crate) fn denied(&mut self) -> Denied {
        let pending = Pending::new();
        self.denied_with(pending)
    }

    #[track_caller]
    pub(crate) fn denied_with(&mut self, pending: Pending) -> Denied {
        denied(self.ask_for(API, pending))
    }

    /// A new caller is told that the password was refused.
    #[track_caller]
    pub(crate) fn rejected(&mut self) {
        let pending = Pending::new();
        self.rejected_with(pending);
    }

    #[track_caller]
    pub(crate) fn rejected_with(&mut self, pending: Pending) {
        let denied = self.denied_with(pending);
        assert!(matches!(denied, Denied::Rejected { .. }), "{denied:?}");
    }

    pub(crate) fn review(&mut self, sent: Sent, status: u16) -> Review {
        let status = StatusCode::from_u16(status).unwrap();
        let review = self.machine.review(self.now, sent, status);
        assert_clean(&format!("{review:?}"));
        self.settle();
        review
    }

    /// The target answers 401, and another try is worth it.
    #[track_caller]
    pub(crate) fn retry_after_401(&mut self, sent: Sent) -> Pending {
        match self.review(sent, 401) {
            Review::Retry(pending) => pending,
            Review::Deliver => panic!("delivered"),
        }
    }

    /// So does a new caller's.
    #[track_caller]
    pub(crate) fn unauthorized(&mut self) -> Pending {
        let sent = self.go();
        self.retry_after_401(sent)
    }

    #[track_caller]
    pub(crate) fn deliver(&mut self, sent: Sent, status: u16) {
        let review = self.review(sent, status);
        assert!(matches!(review, Review::Deliver), "{review:?}");
    }

    pub(crate) fn set_credentials(&mut self, username: &str, number: u32) {
        self.give_credentials(username, number);
        self.settle();
    }

    /// Without polling.
    pub(crate) fn give_credentials(&mut self, username: &str, number: u32) {
        (self.referee).credentials(self.now, 0, username, &password(number));
        self.machine
            .handle_credentials(self.now, credentials(username, number));
    }

    /// One request, from its beginning to the answer that the caller gets: `None` if there was no
    /// token for it. Lets time go by while it waits.
    pub(crate) fn send(&mut self, uri: &str, mut answer: impl FnMut() -> u16) -> Option<u16> {
        let mut pending = Pending::new();
        loop {
            pending = match self.ask_for(uri, pending) {
                Authorization::Ready(sent) => {
                    let status = answer();
                    match self.review(sent, status) {
                        Review::Deliver => return Some(status),
                        Review::Retry(pending) => pending,
                    }
                }
                Authorization::Wait(pending) => {
                    if let Some(at) = self.wake {
                        self.advance_to(at);
                    }
                    pending
                }
                Authorization::Denied(_) => return None,
                Authorization::Foreign(foreign) => panic!("{foreign}"),
            }
        }
    }
}
