//! Other credentials, and whose tokens are whose since.

use simacan_auth::{Credentials, Event, Output, Timestamp};

use super::targets::Target;
use super::{Login, Subject, World};

impl<S: Subject> World<S> {
    pub(super) fn change_password(&mut self) {
        let new = Login::AliceNew;
        self.emulator.set_password(new.user(), new.password());
    }

    pub(super) fn replace(&mut self, login: Login) {
        let now = Timestamp::from_millis(self.now);
        let machine = self.subject.machine_mut();
        machine.handle_credentials(now, credentials(login));
        // A refused one is taken or not, as the clock has jumped: which it was, the machine says.
        let mut asked = machine.fork();
        let mut is_taken = false;
        while let Output::Event(event) = asked.poll(now) {
            is_taken |= matches!(event, Event::CredentialsReplaced { .. });
        }
        let ghost = &mut self.ghost;
        if login == ghost.login || (ghost.words.has_refused(login) && !is_taken) {
            return;
        }
        let is_other_user = login.user() != ghost.login.user();
        ghost.login = login;
        if is_other_user {
            ghost.held = None;
            ghost.door_open = false;
            ghost.targets.iter_mut().for_each(Target::reset);
        }
        if let Some(wire) = &mut self.wire {
            wire.is_void |= is_other_user;
        }
    }
}

pub(super) fn credentials(login: Login) -> Credentials {
    Credentials::new(login.user(), login.password())
}
