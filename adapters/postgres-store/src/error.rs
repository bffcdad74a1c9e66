use std::error::Error as _;
use std::fmt;
use std::io;

use postgres::error::{Severity, SqlState};
use simacan_auth::{ErrorCause, StoreFailure};

use crate::store::Server;

/// The reason why the database could not be used. It names the server and what to do, and holds nothing of the
/// session.
///
/// It prints its cause, so it has no source. A [`StoreFailure`] of the store holds it
/// ([`ErrorCause::get_ref`](simacan_auth::ErrorCause::get_ref)).
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name that was given can't be that of a table.
    #[error("{name:?} can't be the name of a table: give one like `sessions` or `schema.sessions`")]
    InvalidTable {
        /// The name that was given.
        name: String,
    },
    /// The server, or the way to it, could not do it.
    #[error("PostgreSQL at {server}: can't {action}: {said}. {advice}")]
    Postgres {
        /// What was to be done: `connect`, `take the lock` and the like.
        action: &'static str,
        /// The host and port of the server.
        server: String,
        /// The server's own line, with its SQLSTATE. Its details are left out: they may quote the row.
        said: String,
        /// A sentence that says what to do.
        advice: String,
        /// What mends the error: time, or a person.
        remedy: Remedy,
        /// The client's error, if it is not the server's.
        cause: Option<postgres::Error>,
    },
    /// The server is a standby, whose locks hold back nobody who writes.
    #[error(
        "{server} is a standby: connect to the primary server, as with several hosts and \
         `target_session_attrs=read-write`"
    )]
    Standby {
        /// The host and port of the server.
        server: String,
    },
    /// A pooler in transaction mode is in between: another program uses the same connection, or this one got another.
    #[error(
        "a pooler in transaction mode is at {server}, which keeps no lock: connect to the server \
         itself, or to a pooler in session mode that resets its connections"
    )]
    Pooler {
        /// The host and port of the pooler.
        server: String,
    },
}

/// The remedy for an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Time: the error may be over in a minute.
    Time,
    /// A person, who has to do what the error says.
    Person,
    /// One of the two; it can't be told which.
    Either,
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
            Error::Postgres { remedy, .. } => match remedy {
                Remedy::Time => Self::unreachable(error),
                Remedy::Person => Self::denied(error),
                Remedy::Either => Self::new(error),
            },
            // In a failover it is one for a while, and whoever goes on without the lock costs all others.
            Error::Standby { .. } => Self::unreachable(error),
            _ => Self::denied(error),
        }
    }
}

impl Error {
    pub(crate) fn postgres(action: &'static str, server: &Server, error: postgres::Error) -> Self {
        let (remedy, advice) = remedy(server, &error);
        let said = match error.as_db_error() {
            Some(said) => format!("{} ({})", said.message(), said.code().code()),
            None => ErrorCause::text_of(&error),
        };
        Self::Postgres {
            action,
            server: server.to_string(),
            said,
            advice,
            remedy,
            cause: error.as_db_error().is_none().then_some(error),
        }
    }
}

fn remedy(server: &Server, error: &postgres::Error) -> (Remedy, String) {
    use Remedy::{Either, Person, Time};

    let table = server.table.name();
    let role = server.config.get_user().unwrap_or("…");
    let Some(code) = error.code() else {
        let advice = "Check that the server runs and can be reached from here";
        return match io_error(error).map(io::Error::kind) {
            Some(io::ErrorKind::InvalidData) => (
                Person,
                "Give the connector the root of the server's certificate".to_owned(),
            ),
            None if !error.is_closed() => (
                Person,
                "Check the settings of the connection: password, TLS".to_owned(),
            ),
            _ => (Time, advice.to_owned()),
        };
    };
    let (remedy, advice) = match code {
        code if *code == SqlState::UNDEFINED_TABLE
            || *code == SqlState::UNDEFINED_COLUMN
            || *code == SqlState::INVALID_SCHEMA_NAME =>
        {
            let create = server.table.create();
            return (Person, format!("Have an owner make the table: {create}"));
        }
        code if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
            let grant = format!("GRANT SELECT, INSERT, UPDATE ON {table} TO {role}");
            return (Person, format!("Have an owner execute: {grant}"));
        }
        code if *code == SqlState::READ_ONLY_SQL_TRANSACTION => (
            Person,
            "Connect to a server that takes writes, as a role whose transactions may write",
        ),
        code if code.code().starts_with("28") => (
            Person,
            "Give the role and its password, and let pg_hba.conf allow them from here",
        ),
        code if *code == SqlState::INVALID_CATALOG_NAME => {
            (Person, "Give the name of a database that is there")
        }
        code if *code == SqlState::TOO_MANY_CONNECTIONS => (
            Time,
            "Raise its max_connections, or find the programs that leave connections open",
        ),
        code if ["08", "57"].contains(&&code.code()[..2]) => {
            (Time, "The server will be ready in a while")
        }
        code if code.code().starts_with("53") => (
            Either,
            "The server's disk or memory is full: make room there",
        ),
        _ => (Either, "See the log of the server"),
    };
    (remedy, advice.to_owned())
}

fn io_error(error: &postgres::Error) -> Option<&io::Error> {
    error.source().and_then(|source| source.downcast_ref())
}

/// Whether the connection is gone, and the lock with it.
pub(crate) fn is_lost(error: &postgres::Error) -> bool {
    error.as_db_error().map_or_else(
        || error.is_closed() || io_error(error).is_some(),
        |said| {
            matches!(
                said.parsed_severity(),
                Some(Severity::Fatal | Severity::Panic)
            )
        },
    )
}
