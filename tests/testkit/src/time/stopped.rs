//! Why nothing goes on.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// The reason why [`Time::run`](super::Time::run) can't come to its end. All times count from the beginning.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stopped {
    /// Nobody can go on, and there is no timer that could change that, or none before the
    /// [limit](super::Time::set_limit): somebody has not been woken, or waits for something that does not
    /// happen.
    #[non_exhaustive]
    Hangs {
        /// The tasks and threads that are not done, those that wait in `run` itself excepted.
        waiting: Vec<Waiting>,
        /// The time at which nobody can go on.
        at: Duration,
    },
    /// Somebody is busy again and again, while no time goes by: a loop that waits for nothing.
    #[non_exhaustive]
    Spins {
        /// The name of the task or thread that is busy.
        name: String,
        /// The time that does not go by.
        at: Duration,
    },
    /// A thread has the turn for seconds of real time. It blocks in something that is not of this time: a
    /// lock that another holds who waits, `std::sync::Condvar`, a channel, `std::thread::sleep`, a socket.
    #[non_exhaustive]
    Blocks {
        /// The name of the thread that blocks.
        name: String,
        /// The time at which it blocks.
        at: Duration,
    },
}

/// A task or thread that is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiting {
    /// The name that it was spawned with.
    pub name: String,
    /// The time since which nothing has woken it.
    pub since: Duration,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hangs { waiting, at } => {
                write!(f, "it hangs, after {at:?}")?;
                let mut separator = ": ";
                for Waiting { name, since } in waiting {
                    write!(f, "{separator}`{name}` waits since {since:?}")?;
                    separator = ", ";
                }
                Ok(())
            }
            Self::Spins { name, at } => {
                write!(
                    f,
                    "`{name}` spins, after {at:?}: it is busy while no time goes by"
                )
            }
            Self::Blocks { name, at } => write!(
                f,
                "`{name}` blocks, after {at:?}, in something that virtual time knows nothing of"
            ),
        }
    }
}

/// As it is displayed, so that `unwrap` can be read.
impl fmt::Debug for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for Stopped {}
