//! What the tests have in common: two drivers of a machine, one without a store and one with, which check the
//! rules of `manual::rules` at every step, so that each test says only what is particular to it.

mod callers;
mod dice;
mod driver;
mod ledger;
mod process;
mod sessions;
mod wire;

use std::fmt::Debug;
use std::ops::RangeBounds;
use std::time::Duration;

use http::Request;
use simacan_auth::{Config, Credentials, Denied, Machine, Output, Timestamp};
use simacan_auth_testkit::referee::Violation;

/// What nearly every test names.
pub(crate) mod prelude {
    pub(crate) use std::time::Duration;

    pub(crate) use http::{Request, Response, StatusCode};
    pub(crate) use simacan_auth::*;

    pub(crate) use super::callers::{ready, waits};
    pub(crate) use super::dice::Dice;
    pub(crate) use super::driver::Driver;
    #[cfg(any(model, fuzzing))]
    pub(crate) use super::fingerprint;
    pub(crate) use super::process::{LOGIN, Memory, Op, Process, TAKEN_OVER, VISIT, disk_full};
    pub(crate) use super::sessions::{entered, new_session, refreshing};
    pub(crate) use super::wire::{DOWN, Reply, TOKENS};
    pub(crate) use super::{
        API, DAY, HOUR, MARK, MILLI, MINUTE, OTHER_API, SECOND, START, after, assert_clean, bearer,
        config, contains, credentials, earlier, keeping_alive, poll, prints, request, shows, turns,
        until, within,
    };
}

pub(crate) const MILLI: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// Every test starts here: Fri, 15 Jan 2027 08:00:00 GMT.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

pub(crate) const API: &str = "https://sct-tracking-data-api.services.simacan.com/api/v1/x";
pub(crate) const OTHER_API: &str = "https://tracking-device-api.services.simacan.com/api/v1/y";

/// Stands in every password, token and body of these tests, and nowhere else.
pub(crate) const MARK: &str = "s3cr3t";

pub(crate) fn earlier(time: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_millis(time.as_millis() - u64::try_from(by.as_millis()).unwrap())
}

/// So long after [`START`].
pub(crate) fn after(time: Duration) -> Timestamp {
    START.saturating_add(time)
}

pub(crate) fn credentials(username: &str, number: u32) -> Credentials {
    Credentials::new(username, password(number))
}

pub(crate) fn password(number: u32) -> String {
    format!("{MARK}-password-{number}")
}

/// What the referee says of it.
#[track_caller]
pub(crate) fn judge<T>(judgement: Result<T, Violation>) -> T {
    judgement.unwrap_or_else(|violation| panic!("{violation}"))
}

pub(crate) fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    change(&mut config);
    config
}

pub(crate) fn keeping_alive() -> Config {
    config(|config| config.keep_alive = true)
}

pub(crate) fn request(uri: &str) -> Request<()> {
    Request::post(uri).body(()).unwrap()
}

pub(crate) fn bearer<B>(request: &Request<B>) -> Option<String> {
    let header = request.headers().get("authorization")?;
    assert!(header.is_sensitive(), "I9: {header:?}");
    Some(header.to_str().unwrap().to_owned())
}

/// A target that takes turns.
pub(crate) fn turns(answers: &[u16]) -> impl FnMut() -> u16 {
    let mut answers = answers.iter().cycle();
    move || *answers.next().unwrap()
}

/// When who was denied for an outage may ask again.
#[track_caller]
pub(crate) fn until(denied: &Denied) -> Timestamp {
    denied.retry_at().unwrap_or_else(|| panic!("{denied:?}"))
}

pub(crate) fn poll(machine: &mut Machine, now: Timestamp) -> Output {
    #[cfg(any(model, fuzzing))]
    let asked = machine.fork();
    let output = machine.poll(now);
    #[cfg(any(model, fuzzing))]
    check_asked(asked, now, machine, &output);
    output
}

/// To ask before whether it wants anything tells that, and changes nothing.
#[cfg(any(model, fuzzing))]
fn check_asked(mut asked: Machine, now: Timestamp, polled: &Machine, output: &Output) {
    let wants = asked.wants(now);
    assert_eq!(wants, !matches!(output, Output::Wait(_)), "{output:?}");
    let _same = asked.poll(now);
    assert_eq!(fingerprint(&asked), fingerprint(polled), "{output:?}");
}

#[cfg(any(model, fuzzing))]
pub(crate) fn fingerprint(machine: &Machine) -> u64 {
    use std::hash::{DefaultHasher, Hasher};

    let mut hasher = DefaultHasher::new();
    machine.fingerprint(&mut hasher);
    hasher.finish()
}

/// A value of this shape, or a part of it. What it is otherwise is told.
macro_rules! shows {
    ($value:expr, $pattern:pat => $part:expr) => {
        match $value {
            $pattern => $part,
            other => panic!("{other:?}"),
        }
    };
    ($value:expr, $pattern:pat) => {
        match &$value {
            $pattern => {}
            other => panic!("{other:?}"),
        }
    };
}
pub(crate) use shows;

#[track_caller]
pub(crate) fn within(count: usize, range: impl RangeBounds<usize>) {
    assert!(range.contains(&count), "{count}");
}

#[track_caller]
pub(crate) fn prints(value: &impl Debug, text: &str) {
    assert_eq!(format!("{value:?}"), text);
}

#[track_caller]
pub(crate) fn contains(text: &str, part: &str) {
    assert!(text.contains(part), "{text}");
}

/// Whatever a program could log.
pub(crate) fn assert_clean(text: &str) {
    assert!(!text.contains(MARK), "I9: {text}");
}
