use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use postgres::config::Host;
use postgres::error::SqlState;
use postgres::tls::{MakeTlsConnect, TlsConnect};
use postgres::types::Type;
use postgres::{Client, Config, Socket};
use simacan_auth::{LockRequest, LockedStore, SessionStore, StoreFailure};

use crate::Error;
use crate::locked::Locked;
use crate::table::{Table, settings};

/// For the connection, and for what is not acknowledged on it.
const TIMEOUT: Duration = Duration::from_secs(10);
/// What the crate `postgres` has unless told otherwise: it notices a vanished server too late.
const IDLE_BY_DEFAULT: Duration = Duration::from_secs(2 * 60 * 60);

/// A session in PostgreSQL, for programs on several machines.
///
/// It keeps nothing open: each lock has a connection of its own.
#[derive(Clone)]
pub struct PostgresStore {
    pub(crate) server: Server,
    connect: Arc<Connect>,
    pub(crate) name: String,
}

/// With the user's TLS.
type Connect = dyn Fn(&Config) -> Result<Client, postgres::Error> + Send + Sync;

/// Where the sessions are.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) config: Config,
    pub(crate) table: Table,
}

impl PostgresStore {
    /// Makes a store for the session with this name in the table `simacan_sessions`. All that share a session give the
    /// same name.
    ///
    /// Nothing is connected yet. What the configuration leaves open has values that suit a lock: 10 s for
    /// a connection and for what is not acknowledged on it, keep-alive after 10 s.
    ///
    /// ```
    /// use simacan_auth_postgres_store::{PostgresStore, postgres};
    ///
    /// let config: postgres::Config = "postgres://auth:s3cret@db.example/fleet".parse()?;
    /// let store = PostgresStore::new(config, postgres::NoTls, "truck-tracker").table("auth.sessions")?;
    /// assert!(store.table_sql().starts_with(r#"CREATE TABLE IF NOT EXISTS "auth"."sessions" ("#));
    /// assert!(!format!("{store:?}").contains("s3cret"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(clippy::missing_panics_doc, reason = "it never does")]
    pub fn new<T>(mut config: Config, tls: T, name: &str) -> Self
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::TlsConnect: Send,
        T::Stream: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(TIMEOUT);
        }
        if config.get_keepalives_idle() == IDLE_BY_DEFAULT {
            config.keepalives_idle(Duration::from_secs(10));
            config.keepalives_interval(Duration::from_secs(5));
            config.keepalives_retries(3);
        }
        if config.get_application_name().is_none() {
            config.application_name("simacan-auth");
        }
        let table = Table::new("simacan_sessions").expect("a name of ours");
        Self {
            server: Server { config, table },
            connect: Arc::new(move |config| config.connect(tls.clone())),
            name: name.to_owned(),
        }
    }

    /// Sets another table, which can be in a schema: `auth.sessions`. The name is case-sensitive. Fails with
    /// [`Error::InvalidTable`].
    pub fn table(mut self, name: &str) -> Result<Self, Error> {
        self.server.table = Table::new(name)?;
        Ok(self)
    }

    /// Returns the SQL statement that [`create_table`](Self::create_table) executes.
    pub fn table_sql(&self) -> String {
        self.server.table.create()
    }

    /// Makes the table if it is not there. The role needs the right to do so.
    pub fn create_table(&self) -> Result<(), Error> {
        let made = self.connect()?.batch_execute(&self.table_sql());
        match made {
            // Another program was faster.
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Ok(()),
            made => made.map_err(|error| Error::postgres("make the table", &self.server, error)),
        }
    }

    pub(crate) fn connect(&self) -> Result<Client, Error> {
        let connected = (self.connect)(&self.server.config);
        connected.map_err(|error| Error::postgres("connect", &self.server, error))
    }
}

impl SessionStore for PostgresStore {
    fn place(&self) -> String {
        let table = self.server.table.name();
        format!("{table} at {}, as {:?}", self.server, self.name)
    }

    fn lock(&self, request: LockRequest) -> Result<Box<dyn LockedStore>, StoreFailure> {
        let started = Instant::now();
        let mut client = self.connect()?;
        let rest = request.patience.saturating_sub(started.elapsed());
        let (name, table) = (&self.name, &self.server.table);
        let taken = client
            .batch_execute(&settings(rest.as_millis()))
            .and_then(|()| client.query_typed_one(&table.lock(), &[(name, Type::TEXT)]))
            .and_then(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)));
        let (is_standby, before, connection): (_, String, _) = match taken {
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                return Err(StoreFailure::Locked);
            }
            taken => {
                taken.map_err(|error| Error::postgres("take the lock", &self.server, error))?
            }
        };
        let locked = Locked::new(self.clone(), client, connection);
        let server = self.server.to_string();
        match () {
            () if is_standby => Err(Error::Standby { server }.into()),
            () if !before.is_empty() => Err(Error::Pooler { server }.into()),
            () => Ok(Box::new(locked)),
        }
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("server", &self.server)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Hosts and ports.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports = self.config.get_ports();
        for (index, host) in self.config.get_hosts().iter().enumerate() {
            let separator = if index > 0 { "," } else { "" };
            let port = ports.get(index).or(ports.first()).unwrap_or(&5432);
            match host {
                Host::Tcp(host) => write!(f, "{separator}{host}:{port}")?,
                #[cfg(unix)]
                Host::Unix(path) => write!(f, "{separator}{}", path.display())?,
            }
        }
        Ok(())
    }
}
