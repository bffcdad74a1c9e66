//! Other credentials, and whose tokens are whose since.

use simacan_auth::{Credentials, Timestamp};

use super::{Login, Subject, World};

impl<S: Subject> World<S> {
    pub(super) fn change_password(&mut self) {
        let new = Login::AliceNew;
        self.emulator.set_password(new.user(), new.password());
    }

    pub(super) fn replace(&mut self, login: Login) {
        let now = Timestamp::from_millis(self.now);
        self.referee
            .credentials(now, 0, login.user(), login.password());
        let machine = self.subject.machine_mut();
        machine.handle_credentials(now, credentials(login));
    }
}

pub(super) fn credentials(login: Login) -> Credentials {
    Credentials::new(login.user(), login.password())
}
