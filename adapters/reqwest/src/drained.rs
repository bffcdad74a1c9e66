//! What the machine wants done.

use simacan_auth::{Event, Machine, Output, Timestamp, Transmit};

use crate::carrier::Job;

/// What the machine has said.
pub(crate) struct Drained {
    pub(crate) events: Vec<Event>,
    /// One at most: the machine waits for its end (I4).
    pub(crate) job: Option<Job>,
    pub(crate) until: Option<Timestamp>,
}

impl Drained {
    pub(crate) fn of(machine: &mut Machine, now: Timestamp) -> Self {
        let mut drained = Self {
            events: Vec::new(),
            job: None,
            until: None,
        };
        loop {
            match machine.poll(now) {
                Output::Event(event) => drained.events.push(event),
                Output::Transmit(Transmit { exchange, request }) => {
                    drained.job = Some(Job::Exchange(exchange, request));
                }
                Output::Store(op) => drained.job = Job::at_store(op),
                Output::Wait(until) => {
                    drained.until = until;
                    return drained;
                }
            }
        }
    }
}
