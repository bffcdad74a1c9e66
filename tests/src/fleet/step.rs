use std::fmt;

/// One thing that happens in a [`Fleet`](super::Fleet). One that can't happen just now changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FleetStep {
    /// A process starts, with nothing but its credentials and the store.
    Start(usize),
    /// A process is killed.
    Crash(usize),
    /// Its caller asks for a token: for a new request, or again.
    Ask(usize),
    /// Its caller's target answers.
    Answer(usize),
    /// It gets the lock, if nobody has it.
    Lock(usize),
    /// It waits no longer for the lock.
    LockTimesOut(usize),
    /// It loads.
    Load(usize),
    /// It saves.
    Save(usize),
    /// It saves, but is told that it has not.
    SaveUnreported(usize),
    /// The store fails to do what it is asked to.
    StoreFails(usize),
    /// It loses the lock, and does not know.
    LoseLock(usize),
    /// There is no room for what it saves.
    NoRoom(usize),
    /// It is given the platform's new password.
    SetCredentials(usize),
    /// The auth server handles its exchange.
    Serve(usize),
    /// It gets the answer.
    Deliver(usize),
    /// Its exchange is lost before it was handled.
    LoseRequest(usize),
    /// The answer is lost.
    LoseAnswer(usize),
    /// The request of a process that is dead arrives all the same.
    StrayArrives,
    /// So many seconds go by.
    Pass(u32),
    /// The clock, that of all processes, is set back by so many seconds.
    SetBack(u32),
    /// Time goes by until a machine wants to be polled.
    ToWait,
    /// Time goes by until the last tokens are to be refreshed.
    NearExpiry,
    /// Time goes by until they have expired.
    ToExpiry,
    /// The platform ends all access tokens.
    RevokeAccess,
    /// The platform ends all refresh tokens.
    RevokeRefresh,
    /// The platform changes the password that the processes have.
    ChangePassword,
    /// Somebody removes the saved session.
    Wipe,
    /// Somebody damages it.
    Damage,
}

/// What is wrong with the store, on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreDefect {
    /// Everybody gets the lock.
    LocksNothing,
    /// Nobody hears of what was saved.
    LoadsNothing,
    /// Nothing is saved.
    SavesNothing,
}

impl FleetStep {
    /// As it is written in a test.
    pub(crate) fn code(&self) -> String {
        format!("FleetStep::{self:?}")
    }
}

impl fmt::Display for FleetStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(p) => write!(f, "process {p} starts"),
            Self::Crash(p) => write!(f, "process {p} is killed"),
            Self::Ask(p) => write!(f, "process {p} asks for a token"),
            Self::Answer(p) => write!(f, "the target answers process {p}"),
            Self::Lock(p) => write!(f, "process {p} gets the lock"),
            Self::LockTimesOut(p) => write!(f, "process {p} waits no longer for the lock"),
            Self::Load(p) => write!(f, "process {p} loads"),
            Self::Save(p) => write!(f, "process {p} saves"),
            Self::SaveUnreported(p) => write!(f, "process {p} saves, but is told that it has not"),
            Self::StoreFails(p) => write!(f, "the store fails process {p}"),
            Self::LoseLock(p) => write!(f, "process {p} loses the lock"),
            Self::NoRoom(p) => write!(f, "there is no room for what process {p} saves"),
            Self::SetCredentials(p) => write!(f, "process {p} is given the new password"),
            Self::Serve(p) => write!(f, "the auth server handles the exchange of process {p}"),
            Self::Deliver(p) => write!(f, "process {p} gets the answer"),
            Self::LoseRequest(p) => write!(f, "the exchange of process {p} is lost on its way"),
            Self::LoseAnswer(p) => write!(f, "the answer to process {p} is lost"),
            Self::StrayArrives => f.write_str("a dead process's request arrives"),
            Self::Pass(seconds) => write!(f, "{seconds} s go by"),
            Self::SetBack(seconds) => write!(f, "the clock is set back by {seconds} s"),
            Self::ToWait => f.write_str("time goes by until a machine wants it"),
            Self::NearExpiry => f.write_str("time goes by until 10 s before the tokens expire"),
            Self::ToExpiry => f.write_str("time goes by until the tokens expire"),
            Self::RevokeAccess => f.write_str("the platform ends all access tokens"),
            Self::RevokeRefresh => f.write_str("the platform ends all refresh tokens"),
            Self::ChangePassword => f.write_str("the platform changes the password"),
            Self::Wipe => f.write_str("the saved session is removed"),
            Self::Damage => f.write_str("the saved session is damaged"),
        }
    }
}
