//! The real platform, for those who have an account.

use std::env;

use simacan_auth::{Provider, Status};
use simacan_auth_ureq::{Client, CredentialsSource};

use crate::Result;

pub(crate) struct Account {
    provider: Provider,
    credentials: CredentialsSource,
}

impl Account {
    /// `None` if none of the three variables is set.
    pub(crate) fn from_env() -> Option<Result<Self>> {
        const NAMES: [&str; 3] = [
            "SIMACAN_USERNAME",
            "SIMACAN_PASSWORD",
            "SIMACAN_ENVIRONMENT",
        ];
        if NAMES.iter().all(|name| env::var_os(name).is_none()) {
            return None;
        }
        let var = |name| env::var(name).map_err(|error| format!("{name}: {error}"));
        let account = || {
            let [username, password, environment] = NAMES;
            let provider = match var(environment)?.as_str() {
                "production" => Provider::simacan(),
                "staging" => Provider::simacan_staging(),
                other => {
                    let message = format!(
                        "SIMACAN_ENVIRONMENT: {other:?} is neither `production` nor `staging`"
                    );
                    return Err(message.into());
                }
            };
            let credentials = CredentialsSource::variable(var(username)?, password);
            Ok(Self {
                provider,
                credentials,
            })
        };
        Some(account())
    }

    pub(crate) fn log_in(self) -> Result<()> {
        println!("logging in at {} ...", self.provider.auth_host());
        let client = Client::builder(self.provider, self.credentials)
            .on_event(|event| println!("  {event}"))
            .build()?;
        match client.log_in()? {
            Status::Authenticated {
                expires_at: Some(at),
            } => println!("the token expires at {at}"),
            _ => println!("logged in; the server did not say when the token expires"),
        }
        Ok(())
    }
}
