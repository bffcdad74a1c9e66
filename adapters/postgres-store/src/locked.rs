use std::time::{Duration, SystemTime, UNIX_EPOCH};

use postgres::types::{ToSql, Type};
use postgres::{Client, Row};
use simacan_auth::{LockedStore, StoreFailure, Timestamp, Zeroizing};

use crate::Error;
use crate::PostgresStore;
use crate::error::is_lost;
use crate::table::CONNECTION;

/// The year 9999; PostgreSQL's own end is some way after that.
const LATEST: Timestamp = Timestamp::from_millis(253_402_300_799_000);

/// Holds the lock as long as its connection lives.
pub(crate) struct Locked {
    store: PostgresStore,
    client: Client,
    /// The mark of the connection that has the lock: behind a pooler we may be on another one by now.
    connection: String,
    seen: Seen,
    /// The lock, with its connection. What is there can still be read from another one.
    is_lost: bool,
    is_unlocked: bool,
}

/// What the row is as far as we know; a save compares it.
#[derive(Clone, Copy)]
enum Seen {
    Unknown,
    NoRow,
    Version(i64),
}

type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

impl Locked {
    pub(crate) fn new(store: PostgresStore, client: Client, connection: String) -> Self {
        let seen = Seen::Unknown;
        Self {
            store,
            client,
            connection,
            seen,
            is_lost: false,
            is_unlocked: false,
        }
    }

    fn query(
        &mut self,
        sql: &str,
        others: &[Parameter<'_>],
    ) -> Result<Option<Row>, postgres::Error> {
        let mut parameters: Vec<Parameter<'_>> = vec![(&self.store.name, Type::TEXT)];
        parameters.extend_from_slice(others);
        self.client.query_typed_opt(sql, &parameters)
    }

    fn read<T>(
        &mut self,
        action: &'static str,
        sql: &str,
        read: impl FnOnce(&Row) -> Result<T, postgres::Error>,
    ) -> Result<Option<T>, StoreFailure> {
        let mut row = self.query(sql, &[]);
        if row.as_ref().is_err_and(is_lost) {
            self.is_lost = true;
            self.client = self.store.connect()?;
            row = self.query(sql, &[]);
        }
        let read = row.and_then(|row| row.as_ref().map(read).transpose());
        Ok(read.map_err(|error| Error::postgres(action, &self.store.server, error))?)
    }

    /// Without a connection there is no lock: another may have it by now.
    fn lost_or(&self, action: &'static str, error: postgres::Error) -> StoreFailure {
        if is_lost(&error) {
            return StoreFailure::Superseded;
        }
        Error::postgres(action, &self.store.server, error).into()
    }

    /// Writes a column if the row is as it was seen.
    fn write(
        &mut self,
        action: &'static str,
        column: &str,
        update: &str,
        value: Parameter<'_>,
    ) -> Result<(), StoreFailure> {
        if matches!(self.seen, Seen::Unknown) {
            self.load()?;
        }
        let connection = self.connection.clone();
        let connection: Parameter<'_> = (&connection, Type::TEXT);
        let written = if let Seen::Version(version) = self.seen {
            self.query(update, &[value, connection, (&version, Type::INT8)])
        } else {
            let insert = self.store.server.table.insert(column);
            self.query(&insert, &[value, connection])
        };
        let version = written.and_then(|row| row.map(|row| row.try_get(0)).transpose());
        let version: Option<i64> = version.map_err(|error| self.lost_or(action, error))?;
        self.seen = Seen::Version(version.ok_or(StoreFailure::Superseded)?);
        Ok(())
    }

    /// To close the connection would not be enough: the server notices that a moment later.
    fn free(&mut self) -> Result<(), postgres::Error> {
        let unlock = self.store.server.table.unlock();
        self.query(&unlock, &[]).map(drop)
    }
}

impl LockedStore for Locked {
    fn load(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
        let sql = self.store.server.table.load();
        let row = self.read("load", &sql, |row| {
            let session: Option<Vec<u8>> = row.try_get(0)?;
            Ok((session.map(Zeroizing::new), row.try_get(1)?))
        })?;
        let (session, version) = row.unzip();
        self.seen = version.map_or(Seen::NoRow, Seen::Version);
        Ok(session.flatten())
    }

    /// If the connection breaks before the answer, it may have been saved: the next load tells.
    fn save(&mut self, session: &[u8]) -> Result<(), StoreFailure> {
        let update = self.store.server.table.save();
        self.write("save", "session", &update, (&session, Type::BYTEA))
    }

    /// It needs no time, but whoever asks is about to send a token that is good once.
    fn renew(&mut self) -> Result<(), StoreFailure> {
        if self.is_lost {
            return Err(StoreFailure::Superseded);
        }
        let sql = format!("SELECT {CONNECTION}");
        let connection = self.client.query_typed_one(&sql, &[]);
        let connection = connection.and_then(|row| row.try_get(0));
        let connection: Option<String> =
            connection.map_err(|error| self.lost_or("keep the lock", error))?;
        if connection.as_ref() != Some(&self.connection) {
            let server = self.store.server.to_string();
            return Err(Error::Pooler { server }.into());
        }
        Ok(())
    }

    fn mark(&mut self, until: Timestamp) -> Result<(), StoreFailure> {
        let update = self.store.server.table.mark();
        let until = UNIX_EPOCH + Duration::from_millis(until.min(LATEST).as_millis());
        self.write("mark", "marked_until", &update, (&until, Type::TIMESTAMPTZ))
    }

    fn marked(&mut self) -> Result<Option<Timestamp>, StoreFailure> {
        let sql = self.store.server.table.marked();
        let until: Option<Option<SystemTime>> =
            self.read("look for a mark", &sql, |row| row.try_get(0))?;
        let until = until.flatten().filter(|until| *until > SystemTime::now());
        Ok(until.map(Timestamp::from))
    }

    fn unlock(mut self: Box<Self>) -> Result<(), StoreFailure> {
        self.is_unlocked = true;
        match self.free() {
            // It is free then.
            Err(error) if is_lost(&error) => Ok(()),
            freed => {
                Ok(freed.map_err(|error| Error::postgres("unlock", &self.store.server, error))?)
            }
        }
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        if !self.is_unlocked {
            let _ = self.free(); // the end of the connection does it, too
        }
    }
}
