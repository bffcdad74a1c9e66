//! What is said to the server.

use crate::Error;

/// The table of the sessions.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// As it stands in a statement: in quotes, perhaps with a schema.
    name: String,
}

/// A row that is deleted and made again has another version than ever.
const FIRST_VERSION: &str = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// The mark of the connection. It is the server's, so it is lost or another's with the connection.
pub(crate) const CONNECTION: &str = "current_setting('simacan.connection', true)";

impl Table {
    pub(crate) fn new(name: &str) -> Result<Self, Error> {
        let parts: Vec<_> = name.split('.').collect();
        let is_name = |part: &&str| !part.is_empty() && !part.contains(['"', '\'', '\\', '\0']);
        if parts.len() > 2 || !parts.iter().all(is_name) {
            let name = name.to_owned();
            return Err(Error::InvalidTable { name });
        }
        let name = format!("\"{}\"", parts.join("\".\""));
        Ok(Self { name })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn create(&self) -> String {
        format!(
            "CREATE TABLE IF NOT EXISTS {} (
    name text PRIMARY KEY,
    session bytea,
    version bigint NOT NULL,
    written_at timestamptz NOT NULL,
    marked_until timestamptz
)",
            self.name
        )
    }

    /// By the table's own number, so that it is the same lock however the table is named.
    fn key(&self) -> String {
        format!("'{}'::regclass::oid::int, hashtext($1)", self.name)
    }

    /// Marks the connection, and gives what marked it before: nobody has, unless a pooler gives it to
    /// several in turn.
    pub(crate) fn lock(&self) -> String {
        format!(
            "SELECT pg_is_in_recovery(), coalesce({CONNECTION}, ''),
set_config('simacan.connection', clock_timestamp()::text, false)
FROM pg_advisory_lock({})",
            self.key()
        )
    }

    pub(crate) fn unlock(&self) -> String {
        format!("SELECT pg_advisory_unlock({})", self.key())
    }

    pub(crate) fn load(&self) -> String {
        format!("SELECT session, version FROM {} WHERE name = $1", self.name)
    }

    /// Where there was no row.
    pub(crate) fn insert(&self, column: &str) -> String {
        format!(
            "INSERT INTO {} (name, {column}, version, written_at)
SELECT $1, $2, {FIRST_VERSION}, now() WHERE {CONNECTION} = $3
ON CONFLICT DO NOTHING RETURNING version",
            self.name
        )
    }

    /// The row as it was seen.
    pub(crate) fn save(&self) -> String {
        format!(
            "UPDATE {} SET session = $2, version = version + 1, written_at = now()
WHERE name = $1 AND {CONNECTION} = $3 AND version = $4 RETURNING version",
            self.name
        )
    }

    pub(crate) fn mark(&self) -> String {
        format!(
            "UPDATE {} SET marked_until = $2, written_at = now()
WHERE name = $1 AND {CONNECTION} = $3 AND version = $4 RETURNING version",
            self.name
        )
    }

    pub(crate) fn marked(&self) -> String {
        format!("SELECT marked_until FROM {} WHERE name = $1", self.name)
    }
}

/// For the connection of a lock. A patience of 0 would be endless.
///
/// The server is to notice soon that a machine has vanished, and not to cut off who waits for the lock.
/// What it commits is to be on its disk.
pub(crate) fn settings(patience_millis: u128) -> String {
    let lock_timeout = i32::try_from(patience_millis).unwrap_or(i32::MAX).max(1);
    format!(
        "SET lock_timeout = {lock_timeout};
SET statement_timeout = 0;
SET tcp_keepalives_idle = 10;
SET tcp_keepalives_interval = 5;
SET tcp_keepalives_count = 3;
SELECT set_config('synchronous_commit', 'on', false)
WHERE current_setting('synchronous_commit') = 'off'"
    )
}
