//! The vocabulary of all histories.

use std::fmt;

use arbitrary::{Arbitrary, Unstructured};

/// The callers of an arbitrary history.
pub(crate) const CALLERS: u16 = 6;

fn any_caller(bytes: &mut Unstructured<'_>) -> arbitrary::Result<u16> {
    bytes.int_in_range(0..=CALLERS - 1)
}

/// As often of a few minutes as of many years.
fn any_seconds(bytes: &mut Unstructured<'_>) -> arbitrary::Result<u32> {
    match bytes.int_in_range(0..=2)? {
        0 => u8::arbitrary(bytes).map(u32::from),
        1 => u16::arbitrary(bytes).map(u32::from),
        _ => u32::arbitrary(bytes),
    }
}

/// One thing that happens in a [`World`](super::World). One that can't happen just now changes
/// nothing.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A caller asks for a token: an idle one for a new request, one that was woken again.
    Ask(#[arbitrary(with = any_caller)] u16),
    /// Someone wants to send the token where it may not go.
    AskForeign,
    /// A caller's target has answered, or not.
    Answer(#[arbitrary(with = any_caller)] u16, AtTarget),
    /// A caller goes away, whatever it was waiting for.
    Leave(#[arbitrary(with = any_caller)] u16),
    /// The auth server receives the exchange and handles it; its answer is on the way.
    Serve,
    /// That answer arrives.
    Deliver(Body),
    /// The exchange never arrives at the server, and its driver says so.
    LoseRequest,
    /// It was handled, but the answer is lost.
    LoseAnswer,
    /// The driver gives up on an exchange whose request is still on its way.
    TimeOut,
    /// A request that the driver has given up on arrives after all.
    StrayArrives,
    /// The auth server answers without handling the request.
    Refuse(AtServer),
    /// The driver reports once more on the exchange that ended last.
    ReportAgain,
    /// The driver reports on an exchange of another machine, with the number of the last one here.
    ReportForeign,
    /// Time goes by, or the clock is set.
    Clock(Clock),
    /// The platform ends all access tokens early.
    RevokeAccess,
    /// The platform ends all refresh tokens early.
    RevokeRefresh,
    /// The platform changes Alice's password, from the first to the second.
    ChangePassword,
    /// The program gets other credentials.
    Replace(Login),
    /// From now on the second target answers 401 whatever the token.
    Stubborn,
}

/// What becomes of a request at its target.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AtTarget {
    /// It is answered according to its token.
    Honest,
    /// It is answered 503.
    Unavailable,
    /// No answer comes.
    Lost,
}

/// How an answer of the auth server arrives.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Body {
    /// As it was sent.
    Intact,
    /// With 201 in place of a 200.
    Created,
    /// Its first half.
    Truncated,
    /// As a 200 with something else in it.
    Garbage,
}

/// An answer of an auth server that has other worries.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AtServer {
    /// 503.
    Unavailable,
    /// 429, with a `Retry-After` of this many seconds.
    TooMany(#[arbitrary(with = any_seconds)] u32),
    /// 404, which is the configuration's fault.
    NotFound,
    /// A redirect.
    Redirect,
    /// 400 without a word, which may mean anything.
    Unclear,
    /// 401 for the client that it does not know, and not for what was sent.
    NotTheClient,
}

/// What the clock does.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Clock {
    /// It comes to the time that the machine waits for.
    ToWait,
    /// It comes to ten seconds before the expiry of the access token: its refresh is due.
    NearExpiry,
    /// It comes to the expiry of the access token.
    ToExpiry,
    /// It goes on by this many seconds.
    On(#[arbitrary(with = any_seconds)] u32),
    /// It is set back by this many seconds.
    Back(#[arbitrary(with = any_seconds)] u32),
}

/// Whose credentials, and which.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Login {
    /// Alice's, good until [`Step::ChangePassword`].
    Alice,
    /// Alice's, good since then.
    AliceNew,
    /// Alice's, never good.
    AliceWrong,
    /// Another user's.
    Bob,
}

impl Login {
    pub(crate) const ALL: [Self; 4] = [Self::Alice, Self::AliceNew, Self::AliceWrong, Self::Bob];

    pub(super) fn user(self) -> &'static str {
        if self == Self::Bob { "bob" } else { "alice" }
    }

    pub(super) fn password(self) -> &'static str {
        match self {
            Self::Alice => "first-pa55word",
            Self::AliceNew => "second-pa55word",
            Self::AliceWrong => "wrong-pa55word",
            Self::Bob => "bobs-pa55word",
        }
    }
}

impl Step {
    /// As it is written in a test.
    pub(crate) fn code(&self) -> String {
        match self {
            Self::Answer(caller, answer) => format!("Step::Answer({caller}, AtTarget::{answer:?})"),
            Self::Deliver(body) => format!("Step::Deliver(Body::{body:?})"),
            Self::Refuse(how) => format!("Step::Refuse(AtServer::{how:?})"),
            Self::Clock(clock) => format!("Step::Clock(Clock::{clock:?})"),
            Self::Replace(login) => format!("Step::Replace(Login::{login:?})"),
            other => format!("Step::{other:?}"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ask(caller) => write!(f, "caller {caller} asks for a token"),
            Self::AskForeign => f.write_str("someone asks for foreign targets"),
            Self::Answer(caller, AtTarget::Honest) => {
                write!(f, "the target answers caller {caller}")
            }
            Self::Answer(caller, AtTarget::Unavailable) => {
                write!(f, "the target answers caller {caller} with 503")
            }
            Self::Answer(caller, AtTarget::Lost) => {
                write!(f, "the target's answer to caller {caller} is lost")
            }
            Self::Leave(caller) => write!(f, "caller {caller} goes away"),
            Self::Serve => f.write_str("the auth server handles the exchange"),
            Self::Deliver(Body::Intact) => f.write_str("its answer arrives"),
            Self::Deliver(Body::Created) => f.write_str("its answer arrives, and says 201"),
            Self::Deliver(Body::Truncated) => f.write_str("half of its answer arrives"),
            Self::Deliver(Body::Garbage) => f.write_str("garbage arrives in place of its answer"),
            Self::LoseRequest => f.write_str("the exchange is lost on its way to the server"),
            Self::LoseAnswer => f.write_str("the answer of the auth server is lost"),
            Self::TimeOut => f.write_str("the driver gives up on the exchange, still on its way"),
            Self::StrayArrives => f.write_str("an exchange that was given up arrives after all"),
            Self::Refuse(AtServer::Unavailable) => f.write_str("the auth server answers 503"),
            Self::Refuse(AtServer::TooMany(seconds)) => {
                write!(f, "the auth server answers 429, retry after {seconds} s")
            }
            Self::Refuse(AtServer::NotFound) => f.write_str("the auth server answers 404"),
            Self::Refuse(AtServer::Redirect) => f.write_str("the auth server redirects"),
            Self::Refuse(AtServer::Unclear) => f.write_str("the auth server answers an empty 400"),
            Self::Refuse(AtServer::NotTheClient) => {
                f.write_str("the auth server does not know the client")
            }
            Self::ReportAgain => f.write_str("the driver reports again on what has ended"),
            Self::ReportForeign => f.write_str("the driver reports on another machine's exchange"),
            Self::Clock(Clock::ToWait) => f.write_str("time goes by until the machine wants it"),
            Self::Clock(Clock::NearExpiry) => {
                f.write_str("time goes by until 10 s before the token expires")
            }
            Self::Clock(Clock::ToExpiry) => f.write_str("time goes by until the token expires"),
            Self::Clock(Clock::On(seconds)) => write!(f, "{seconds} s go by"),
            Self::Clock(Clock::Back(seconds)) => write!(f, "the clock is set back by {seconds} s"),
            Self::RevokeAccess => f.write_str("the platform ends all access tokens"),
            Self::RevokeRefresh => f.write_str("the platform ends all refresh tokens"),
            Self::ChangePassword => f.write_str("the platform changes Alice's password"),
            Self::Replace(Login::Alice) => f.write_str("credentials: Alice's first"),
            Self::Replace(Login::AliceNew) => f.write_str("credentials: Alice's second"),
            Self::Replace(Login::AliceWrong) => f.write_str("credentials: Alice's, wrong"),
            Self::Replace(Login::Bob) => f.write_str("credentials: Bob's"),
            Self::Stubborn => f.write_str("the second target begins to answer 401 only"),
        }
    }
}
