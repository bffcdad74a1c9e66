//! The testkit's referee at the platform's end of the wire, where one client is alone.
//!
//! It sees what arrives, and not whether an answer does. Several clients of one server are not told apart
//! there: they are judged where their processes are (`processes`, `model`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use http::Request;
use simacan_auth::Config;
use simacan_auth_emulator::Reply;
use simacan_auth_testkit::referee::{Referee, Service, SharedReferee};

#[derive(Clone, Default)]
pub(crate) struct Judge(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Of each client that was built.
    configs: Vec<Config>,
    referee: Option<SharedReferee>,
    /// There are targets elsewhere.
    is_partial: bool,
}

impl Judge {
    pub(crate) fn note_client(&self, config: &Config) {
        self.lock().configs.push(config.clone());
    }

    /// Not every target is this server.
    pub(crate) fn note_other_targets(&self) {
        self.lock().is_partial = true;
    }

    /// Somebody says that a refused password is right by now.
    pub(crate) fn retry_refused(&self) {
        if let Some(referee) = &self.lock().referee {
            referee.tell(|referee| {
                referee.retry_refused(0);
                Ok(())
            });
        }
    }

    /// A request has arrived, and is answered so.
    pub(crate) fn see(&self, now: SystemTime, request: &Request<Vec<u8>>, reply: &Reply) {
        let mut state = self.lock();
        let State {
            configs,
            referee,
            is_partial,
        } = &mut *state;
        let [config] = &configs[..] else {
            return;
        };
        let referee = referee.get_or_insert_with(|| {
            let service = if request.uri().path() == "/oauth2/token" {
                Service::oauth2("http://emulator/oauth2/token")
            } else {
                Service::simacan_at("http://emulator/api/v1")
            };
            let service = service.with_target("http://emulator");
            let referee = Referee::new(service).with_config(config).with_history();
            let referee = if *is_partial {
                referee
            } else {
                referee.with_targets()
            };
            referee.shared()
        });
        referee.see(now, 0, request, reply);
    }

    /// What it has found, if one client was alone.
    pub(crate) fn check(&self) {
        let state = self.lock();
        if let (1, Some(referee)) = (state.configs.len(), &state.referee)
            && let Err(violation) = referee.verdict()
        {
            panic!("{violation}");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
