//! What a world does to a driver, to be read and to be pasted.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::StatusCode;
use simacan_auth::StoreFailure;
use simacan_auth_emulator::{Emulator, Endpoint, Fault};

use crate::driver::{MINUTE, Stage};
use crate::numbers::Numbers;
use crate::{StoreFault, StoreStep};

/// A list of what a world does to a driver, step by step: callers come, time goes by, tokens die, requests are lost.
///
/// [`DriverContract::play`](crate::DriverContract::play) plays it; `histories` makes them, with the feature
/// `proptest`. Its `Debug` output is Rust code.
///
/// No password is refused in it: the contract has a rule for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// The seed of the order in which things happen that can happen at once. If it is odd, each task has a thread of
    /// its own; with every second pair of seeds (2, 3, 6, 7 and so on) requests take no time.
    pub seed: u64,
    /// The steps, in their order.
    pub steps: Vec<Step>,
}

/// A step of a [`History`]: what happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// So many callers come, each with a request. The history goes on when all are answered.
    Push(u32),
    /// So many callers come to another process, at the same time as one to the first. The history goes on when all are
    /// answered. Where no store is shared nothing happens.
    PushElsewhere(u32),
    /// A caller comes, and is not waited for.
    Begin,
    /// The caller that came last goes away, unless it is answered already.
    Cancel,
    /// So many seconds go by.
    Pass(u64),
    /// Targets refuse all access tokens that there are by now.
    AccessTokensDie,
    /// Refreshes are refused, up to the next login.
    RefreshTokensDie,
    /// The next login that is sent meets with this trouble.
    Login(Trouble),
    /// The next refresh that is sent meets with this trouble.
    Refresh(Trouble),
    /// For so many seconds nobody gets a connection.
    CutOff(u64),
    /// The time of day is set by so many seconds, forward or back.
    ClockSet(i64),
    /// The store can't be reached at the next so many visits.
    StoreAway(u32),
    /// The next save is not done.
    SaveFails,
    /// The process ends, and another begins.
    Restart,
}

/// A trouble that one request to the auth endpoint meets with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// The request is lost, and was not handled.
    RequestLost,
    /// The request is handled, and the answer is lost.
    AnswerLost,
    /// The request is handled, and half the answer is lost.
    CutShort,
    /// The request is handled, and the answer takes so many seconds. A client waits for 20.
    Delay(u64),
    /// The request is not handled, but answered with this status.
    Status(u16),
    /// The request is not handled, but answered with a 429, and with so many seconds to wait.
    RetryAfter(u64),
}

/// The failure of a driver in a [`History`]: its text says how, tells the history, and ends with a test to paste.
#[derive(Clone, PartialEq, Eq)]
pub struct HistoryFailure {
    history: History,
    how: String,
}

impl History {
    /// Makes a history of some steps that follow from a seed: for who has no `proptest`.
    pub fn of_seed(seed: u64) -> Self {
        let mut numbers = Numbers(seed);
        let steps = (0..4 + numbers.below(12)).map(|_| Step::of(&mut numbers));
        let steps = steps.collect();
        Self { seed, steps }
    }

    /// At the end, when the longest of all pauses is over, a request gets through.
    pub(crate) async fn play(&self, stage: &mut Stage) -> Result<(), String> {
        for step in &self.steps {
            step.play(stage).await?;
        }
        stage.answers().await?;
        stage.emulator(Emulator::clear_script);
        stage.store.clear_script();
        stage.platform.cut_off(Duration::ZERO);
        stage.pass(61 * MINUTE).await; // a server may ask for an hour
        // A clock that was set back is noticed by the first who asks, and pauses start again from then; but for
        // a mark in the store, which is over when the clock says so.
        let back = |step: &Step| match step {
            Step::ClockSet(by @ ..0) => by.unsigned_abs(),
            _ => 0,
        };
        let back: u64 = self.steps.iter().map(back).sum();
        if back > 0 {
            stage.pass(Duration::from_secs(back)).await;
            stage.push(1).await?;
            stage.pass(61 * MINUTE).await;
        }
        let told = |how| format!("an hour after all troubles are over, {how}");
        stage.get_through(1).await.map_err(told)
    }
}

impl Step {
    fn of(numbers: &mut Numbers) -> Self {
        match numbers.below(13) {
            0..3 => Self::Push([1, 2, 5][numbers.place(3)]),
            3 => Self::Begin,
            4 => Self::Cancel,
            5 => Self::Pass(numbers.below(60)),
            6 => Self::Pass(numbers.below(7_200)),
            7 => Self::AccessTokensDie,
            8 => Self::RefreshTokensDie,
            9 => Self::Login(Trouble::of(numbers)),
            10 => Self::Refresh(Trouble::of(numbers)),
            11 => [Self::CutOff(numbers.below(7_200)), Self::Restart][numbers.place(2)],
            _ => {
                let by = i64::try_from(numbers.below(200_000)).unwrap_or_default();
                let others = [Self::ClockSet(by), Self::ClockSet(-by), Self::SaveFails];
                let away = Self::StoreAway([1, 3, 6][numbers.place(3)]);
                let elsewhere = Self::PushElsewhere([1, 2][numbers.place(2)]);
                [&others[..], &[away, elsewhere]].concat()[numbers.place(5)]
            }
        }
    }

    async fn play(self, stage: &mut Stage) -> Result<(), String> {
        let script = |endpoint, trouble: Trouble| {
            stage.emulator(|emulator| emulator.script(endpoint, trouble.into()));
        };
        match self {
            Self::Push(callers) => return stage.push(callers).await.map(drop),
            Self::PushElsewhere(callers) => return stage.push_elsewhere(callers).await,
            Self::Begin => stage.begin(),
            Self::Cancel => stage.cancel(),
            Self::Pass(seconds) => stage.pass(Duration::from_secs(seconds)).await,
            Self::AccessTokensDie => stage.emulator(Emulator::revoke_access_tokens),
            Self::RefreshTokensDie => stage.emulator(Emulator::revoke_refresh_tokens),
            Self::Login(trouble) => script(Endpoint::Password, trouble),
            Self::Refresh(trouble) => script(Endpoint::Refresh, trouble),
            Self::CutOff(seconds) => stage.platform.cut_off(Duration::from_secs(seconds)),
            Self::ClockSet(seconds) => {
                // Not between two things of this moment, such as a token that is put on a request, and its sending.
                stage.pass(Duration::from_millis(1)).await;
                let (now, by) = (
                    stage.time.now(),
                    Duration::from_secs(seconds.unsigned_abs()),
                );
                stage
                    .time
                    .set_clock(if seconds < 0 { now - by } else { now + by });
            }
            Self::StoreAway(visits) => {
                let away = StoreFault::Fails(StoreFailure::unreachable("no route to host"));
                stage.store.script_n(StoreStep::Lock, away, visits as usize);
            }
            Self::SaveFails => {
                let full = StoreFault::Fails(StoreFailure::new("no space left on device"));
                stage.store.script(StoreStep::Save, full);
            }
            Self::Restart => {
                stage.answers().await?;
                stage.restart();
            }
        }
        Ok(())
    }
}

impl Trouble {
    fn of(numbers: &mut Numbers) -> Self {
        match numbers.below(6) {
            0 => Self::RequestLost,
            1 => Self::AnswerLost,
            2 => Self::CutShort,
            3 => Self::Delay(numbers.below(30)),
            4 => Self::Status([408, 500, 502, 503][numbers.place(4)]),
            _ => Self::RetryAfter(numbers.below(100)),
        }
    }
}

impl From<Trouble> for Fault {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::RequestLost => Self::RequestLost,
            Trouble::AnswerLost => Self::AnswerLost,
            Trouble::CutShort => Self::CutShort,
            Trouble::Delay(seconds) => Self::Delay(Duration::from_secs(seconds)),
            Trouble::Status(status) => {
                let status = StatusCode::from_u16(status);
                Self::Status(status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE))
            }
            Trouble::RetryAfter(seconds) => {
                Self::RetryAfter(StatusCode::TOO_MANY_REQUESTS, seconds.into())
            }
        }
    }
}

impl HistoryFailure {
    pub(crate) fn new(history: &History, how: String) -> Self {
        let history = history.clone();
        Self { history, how }
    }

    /// Returns how the driver has failed.
    pub fn how(&self) -> &str {
        &self.how
    }

    /// Returns the code of a test that plays this history, to be pasted where `contract()` gives the
    /// [`DriverContract`](crate::DriverContract) of the driver.
    pub fn test(&self) -> String {
        let History { seed, steps } = &self.history;
        let steps = steps.iter().map(|step| format!("            {step:?},\n"));
        format!(
            "#[test]
fn a_history_that_was_found() {{
    use simacan_auth_testkit::{{History, Step::*, Trouble::*}};
    let history = History {{
        seed: {seed},
        steps: vec![
{}        ],
    }};
    contract().play(&history).unwrap();
}}
",
            steps.collect::<String>()
        )
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let where_ = ["one thread", "many threads"][usize::from(!self.seed.is_multiple_of(2))];
        write!(f, "on {where_} (seed {})", self.seed)?;
        (self.steps.iter()).try_for_each(|step| write!(f, "\n- {step}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Push(1) => f.write_str("a caller comes, and is answered"),
            Self::Push(callers) => write!(f, "{callers} callers come, and are answered"),
            Self::PushElsewhere(callers) => {
                write!(
                    f,
                    "{callers} callers come to another process, as one comes here, and are answered"
                )
            }
            Self::Begin => f.write_str("a caller comes"),
            Self::Cancel => f.write_str("the caller that came last goes away"),
            Self::Pass(seconds) => write!(f, "{seconds} s go by"),
            Self::AccessTokensDie => f.write_str("all access tokens die"),
            Self::RefreshTokensDie => f.write_str("all refresh tokens die"),
            Self::Login(trouble) => write!(f, "the next login: {trouble}"),
            Self::Refresh(trouble) => write!(f, "the next refresh: {trouble}"),
            Self::CutOff(seconds) => write!(f, "nobody gets a connection for {seconds} s"),
            Self::ClockSet(seconds) => write!(f, "the clock is set by {seconds} s"),
            Self::StoreAway(visits) => write!(f, "the store is away for {visits} visits"),
            Self::SaveFails => f.write_str("the next save fails"),
            Self::Restart => f.write_str("the process ends, and another begins"),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RequestLost => f.write_str("it is lost"),
            Self::AnswerLost => f.write_str("its answer is lost"),
            Self::CutShort => f.write_str("its answer breaks off"),
            Self::Delay(seconds) => write!(f, "its answer takes {seconds} s"),
            Self::Status(status) => write!(f, "it is answered with {status}"),
            Self::RetryAfter(seconds) => write!(f, "it is answered with 429, for {seconds} s"),
        }
    }
}

impl fmt::Display for HistoryFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { history, how } = self;
        write!(f, "{how}\n\n{history}\n\n{}", self.test())
    }
}

/// As it is displayed, so that `unwrap` can be read.
impl fmt::Debug for HistoryFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for HistoryFailure {}
