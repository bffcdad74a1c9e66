use std::time::Duration;

use redis::{Client, Cmd, Connection, FromRedisValue};

use crate::Error;

/// For a connection, and for each answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where the sessions are.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    client: Client,
}

impl Server {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    pub(crate) fn name(&self) -> String {
        self.client.get_connection_info().addr().to_string()
    }

    pub(crate) fn connect(&self) -> Result<Connection, Error> {
        #[cfg(feature = "rustls")]
        provide_cryptography(self.client.get_connection_info().addr());
        let connected = self.client.get_connection_with_timeout(TIMEOUT);
        let connected = connected.and_then(|connection| {
            connection.set_read_timeout(Some(TIMEOUT))?;
            connection.set_write_timeout(Some(TIMEOUT))?;
            Ok(connection)
        });
        connected.map_err(Error::redis("connect", &self.name()))
    }

    /// `command` may arrive twice: a connection that breaks is made again, once.
    pub(crate) fn ask<T: FromRedisValue>(
        &self,
        connection: &mut Connection,
        action: &'static str,
        command: &Cmd,
    ) -> Result<T, Error> {
        let mut answer = command.query(connection);
        if answer.as_ref().is_err_and(redis::RedisError::is_io_error) {
            *connection = self.connect()?;
            answer = command.query(connection);
        }
        answer.map_err(Error::redis(action, &self.name()))
    }
}

/// The client takes the process's provider, and panics where there is none and several are compiled in.
#[cfg(feature = "rustls")]
fn provide_cryptography(address: &redis::ConnectionAddr) {
    use rustls::crypto::{CryptoProvider, ring};

    let is_tls = matches!(address, redis::ConnectionAddr::TcpTls { .. });
    if is_tls && CryptoProvider::get_default().is_none() {
        let _ = ring::default_provider().install_default(); // another thread may be faster
    }
}
