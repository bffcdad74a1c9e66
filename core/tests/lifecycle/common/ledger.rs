//! What a driver has seen leave, and what it expected.

use simacan_auth::{Event, Timestamp};

use super::driver::Driver;
use super::wire::Grant;
use super::{HOUR, MARK};

impl Driver {
    pub(crate) fn is_flying(&self) -> bool {
        self.flight.is_some()
    }

    #[track_caller]
    pub(crate) fn flying(&self) -> &Grant {
        &self.flight.as_ref().expect("an exchange in flight").sent
    }

    /// What `self.header` is with the access token of the `number`th answer.
    pub(crate) fn bearer_of(number: u64) -> String {
        format!("Bearer {MARK}-access-{number}")
    }

    pub(crate) fn refresh_token(number: u64) -> Grant {
        Grant::RefreshToken(format!("{MARK}-refresh-{number}"))
    }

    pub(crate) fn password(username: &str, number: u32) -> Grant {
        Grant::Password {
            username: username.to_owned(),
            password: format!("{MARK}-password-{number}"),
        }
    }

    fn times(&self, of_passwords: bool) -> impl Iterator<Item = Timestamp> {
        let exchanges = self.sent.iter();
        exchanges.filter_map(move |(at, sent)| (sent.is_password() == of_passwords).then_some(*at))
    }

    pub(crate) fn passwords(&self) -> usize {
        self.times(true).count()
    }

    pub(crate) fn refreshes(&self) -> usize {
        self.times(false).count()
    }

    /// How many such events there were.
    pub(crate) fn told(&self, is_one: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| is_one(event)).count()
    }

    pub(crate) fn failed_rounds(&self) -> usize {
        self.told(|event| matches!(event, Event::RoundFailed { .. }))
    }

    /// The most that left within an hour, wherever it begins.
    pub(crate) fn most_in_an_hour(&self, of_passwords: bool) -> usize {
        let times: Vec<_> = self.times(of_passwords).collect();
        let from = |start: &Timestamp| {
            let end = start.saturating_add(HOUR);
            times
                .iter()
                .filter(|at| (*start..end).contains(*at))
                .count()
        };
        times.iter().map(from).max().unwrap_or(0)
    }
}
