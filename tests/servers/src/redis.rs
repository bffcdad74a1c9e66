use crate::Program;
use crate::program::{find, new_folder, text};

/// A Redis, empty at first. It keeps what is written (`appendfsync always`) over a restart.
#[derive(Debug)]
pub struct Redis {
    /// Its process.
    pub program: Program,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
}

impl Redis {
    /// With further settings: `["--maxmemory", "2mb"]`.
    ///
    /// # Panics
    ///
    /// If it is installed and does not start.
    pub fn start(settings: &[&str]) -> Option<Self> {
        Self::start_at(|_| settings.iter().map(|word| (*word).to_owned()).collect())
    }

    /// With settings that need to know the port: `--tls-port`.
    ///
    /// # Panics
    ///
    /// If it is installed and does not start.
    pub fn start_at(settings: impl Fn(u16) -> Vec<String>) -> Option<Self> {
        let server = text(&find("redis-server", &[])?);
        let folder = new_folder("redis");
        let dir = text(&folder);
        let (program, port) = Program::start(&folder, "TERM", |port| {
            let mut command = vec![server.clone()];
            let settings = settings(port);
            let port = port.to_string();
            command
                .extend(["--port", &port, "--bind", "127.0.0.1", "--dir", &dir].map(str::to_owned));
            command.extend(["--save", "", "--appendonly", "yes"].map(str::to_owned));
            command.extend(["--appendfsync", "always"].map(str::to_owned));
            command.extend(settings);
            command
        });
        Some(Self { program, port })
    }

    /// `redis://127.0.0.1:…`
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}
