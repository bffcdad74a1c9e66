use std::error::{self, Error as _};
use std::fmt;
use std::io;
use std::sync::Arc;

use redis::{ErrorKind, RedisError, ServerErrorKind};
use simacan_auth::StoreFailure;

/// The reason why Redis could not be used. It names the server and what to do, and holds nothing of the session.
///
/// It prints its cause, so it has no source. A [`StoreFailure`] of the store holds it
/// ([`ErrorCause::get_ref`](simacan_auth::ErrorCause::get_ref)).
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name of the session is empty or has braces, which say in which slot a key is.
    #[error(
        "{name:?} can't be the name of a session: give one that is not empty and has no braces"
    )]
    InvalidName {
        /// The name that was given.
        name: String,
    },
    /// The URL is not one of Redis. It is not shown: it may hold a password.
    #[error(
        "the URL is not one of Redis: {cause}. Give one like rediss://user:password@host:6379/0"
    )]
    InvalidUrl {
        /// What is wrong with the URL.
        cause: RedisError,
    },
    /// The server, or the way to it, could not do it.
    #[error("Redis at {server}: can't {action}: {}. {advice}", cause.to_string().trim_end_matches('.'))]
    Redis {
        /// What was to be done: `connect`, `take the lock` and the like.
        action: &'static str,
        /// The host and port of the server.
        server: String,
        /// A sentence that says what to do.
        advice: &'static str,
        /// The error of the server or the system.
        cause: RedisError,
    },
}

/// The text of `Display`: what a `main` prints that returns this error.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Error> for StoreFailure {
    fn from(error: Error) -> Self {
        match &error {
            Error::Redis { cause, .. } => match Remedy::of(cause) {
                Remedy::Time(_) => Self::unreachable(error),
                Remedy::Person(_) => Self::denied(error),
                Remedy::Either(_) => Self::new(error),
            },
            _ => Self::denied(error),
        }
    }
}

impl Error {
    pub(crate) fn redis(action: &'static str, server: &str) -> impl FnOnce(RedisError) -> Self {
        move |cause| Self::Redis {
            action,
            server: server.to_owned(),
            advice: match Remedy::of(&cause) {
                Remedy::Time(advice) | Remedy::Person(advice) | Remedy::Either(advice) => advice,
            },
            cause,
        }
    }
}

/// What mends it, and how.
enum Remedy {
    Time(&'static str),
    Person(&'static str),
    Either(&'static str),
}

impl Remedy {
    fn of(error: &RedisError) -> Self {
        use ErrorKind::{AuthenticationFailed, Io, Server};
        use ServerErrorKind::{
            Ask, BusyLoading, ClusterDown, CrossSlot, MasterDown, Moved, NoPerm, ReadOnly,
            ResponseError, TryAgain,
        };
        match (error.kind(), error.code().unwrap_or_default()) {
            (Io, _) if is_about_certificates(error) => {
                Self::Person("Give the client the root of the server's certificate")
            }
            (Io, _) if error.is_timeout() => Self::Time(
                "No answer came in time: check that Redis runs there and can be reached, and that the URL says \
                 rediss:// only if it takes TLS",
            ),
            (Io, _) => Self::Time("Check that the server runs and can be reached from here"),
            (Server(BusyLoading | ClusterDown | MasterDown | TryAgain), _) | (_, "BUSY") => {
                Self::Time("The server will be ready in a while")
            }
            (Server(ResponseError), _) if is_crowded(error) => {
                Self::Time("Raise its maxclients, or find the programs that leave connections open")
            }
            (AuthenticationFailed, _) | (_, "NOAUTH" | "WRONGPASS") => {
                Self::Person("Give the right user and password in the URL")
            }
            (Server(NoPerm), _) => Self::Person(
                "Give the user its rights: ACL SETUSER … ~simacan:* +eval +get +set +del +pexpire",
            ),
            // In a failover it is one for a while, and whoever goes on without the lock costs all others.
            (Server(ReadOnly), _) => Self::Time(
                "This is a replica: unless a failover is under way, give the primary's address",
            ),
            (Server(Moved | Ask | CrossSlot), _) => {
                Self::Person("This is a cluster: give the address of a proxy or of one server")
            }
            (_, "OOM") => Self::Either("Redis is full: raise its maxmemory, or remove something"),
            (_, "MISCONF") => Self::Either("Redis can't write to its disk: see its log"),
            (_, "NOREPLICAS") => Self::Either("Redis has too few replicas: start them"),
            _ => Self::Either("See the log of the server"),
        }
    }
}

fn is_crowded(error: &RedisError) -> bool {
    let detail = error.detail().unwrap_or_default();
    detail.contains("max number of clients")
}

/// TLS tells them within an error of the socket, and `redis` has that in an `Arc`.
fn is_about_certificates(error: &RedisError) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref());
    let source = source.and_then(|source: &Arc<dyn error::Error + Send + Sync>| {
        source.downcast_ref::<io::Error>()
    });
    source.is_some_and(|source| source.kind() == io::ErrorKind::InvalidData)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_is_for_time_or_for_a_person() {
        let kinds = [
            (
                "LOADING Redis is loading the dataset in memory",
                "Unreachable",
            ),
            ("BUSY Redis is busy running a script", "Unreachable"),
            ("MASTERDOWN Link with MASTER is down", "Unreachable"),
            ("CLUSTERDOWN The cluster is down", "Unreachable"),
            ("ERR max number of clients reached", "Unreachable"),
            ("NOAUTH Authentication required.", "Denied"),
            ("NOPERM this user has no permissions", "Denied"),
            (
                "READONLY You can't write against a read only replica.",
                "Unreachable",
            ),
            ("MOVED 3999 127.0.0.1:6381", "Denied"),
            (
                "OOM command not allowed when used memory > 'maxmemory'.",
                "Other",
            ),
            ("MISCONF Redis is configured to save RDB snapshots", "Other"),
            ("NOREPLICAS Not enough good replicas to write.", "Other"),
            ("ERR unknown command", "Other"),
        ];
        for (said, expected) in kinds {
            let said = format!("-{said}\r\n");
            let error = redis::parse_redis_value(said.as_bytes());
            let error = error.and_then(redis::Value::extract_error).unwrap_err();
            let failure = StoreFailure::from(Error::redis("save", "redis.example:6379")(error));
            assert!(format!("{failure:?}").starts_with(expected), "{failure:?}");
            assert!(!failure.to_string().contains(".."), "{failure}");
        }
    }
}
