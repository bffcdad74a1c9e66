//! What becomes of the exchanges on their way.

use std::sync::Arc;

use http::Response;
use simacan_auth::TransportFailure;

use super::{Fleet, TOKEN_LIFE};
use crate::world::Violation;

impl Fleet {
    pub(super) fn serve(&mut self, p: usize) {
        let time = self.time();
        if let Some(process) = &mut self.processes[p]
            && let Some(wire) = process.wire.as_mut().filter(|wire| wire.answer.is_none())
        {
            wire.answer = self.emulator.respond(time, &wire.request).map(Arc::new);
        }
    }

    pub(super) fn deliver(&mut self, p: usize) -> Result<(), Violation> {
        let now = self.timestamp();
        let Some(process) = &mut self.processes[p] else {
            return Ok(());
        };
        let Some(wire) = process.wire.take_if(|wire| wire.answer.is_some()) else {
            return Ok(());
        };
        let Some(answer) = wire.answer else {
            return Ok(());
        };
        let response: Response<Vec<u8>> = (*answer).clone();
        let has_tokens = response.status() == 200;
        if has_tokens {
            self.expires = self.now + TOKEN_LIFE;
        }
        self.referee.answered(now, wire.sent, &response);
        process
            .machine
            .handle_response(now, wire.exchange, response);
        if has_tokens {
            process.probe(now)?;
        }
        Ok(())
    }

    /// No answer comes, and the driver says so.
    pub(super) fn lose(&mut self, p: usize) {
        let now = self.timestamp();
        if let Some(process) = &mut self.processes[p]
            && let Some(wire) = process.wire.take()
        {
            let failure = TransportFailure::abandoned();
            self.referee.lost(now, wire.sent);
            process.machine.handle_failure(now, wire.exchange, failure);
        }
    }

    pub(super) fn stray_arrives(&mut self) {
        if !self.strays.is_empty() {
            let request = self.strays.remove(0);
            let time = self.time();
            let _ = self.emulator.respond(time, &request);
        }
    }
}
