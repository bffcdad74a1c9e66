//! Users, their passwords, and the lock-out.

use std::sync::Arc;

use crate::entry::PasswordOutcome;
use crate::settings::{Secret, Settings};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Accounts(Vec<Account>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Account {
    name: Arc<str>,
    password: Secret,
    wrong_in_a_row: u32,
}

impl Accounts {
    pub(crate) fn new(settings: &Settings) -> Self {
        let account = |(name, password): &(Arc<str>, Secret)| Account {
            name: name.clone(),
            password: password.clone(),
            wrong_in_a_row: 0,
        };
        Self(settings.users.iter().map(account).collect())
    }

    /// The user who may log in with this name and password.
    pub(crate) fn check(
        &mut self,
        settings: &Settings,
        name: &str,
        password: &str,
    ) -> Result<usize, PasswordOutcome> {
        let user = self.position(name).ok_or(PasswordOutcome::UnknownUser)?;
        let account = &mut self.0[user];
        // A locked account stops counting: its state stays the same however long it is tried.
        if settings
            .lock_out_after
            .is_some_and(|limit| account.wrong_in_a_row >= limit)
        {
            return Err(PasswordOutcome::LockedOut);
        }
        if !account.password.is(password) {
            account.wrong_in_a_row = account.wrong_in_a_row.saturating_add(1);
            return Err(PasswordOutcome::WrongPassword);
        }
        account.wrong_in_a_row = 0;
        Ok(user)
    }

    /// The name of a user, if there is one of that name.
    pub(crate) fn known(&self, name: &str) -> Option<Arc<str>> {
        self.position(name).map(|user| self.name(user))
    }

    pub(crate) fn name(&self, user: usize) -> Arc<str> {
        self.0[user].name.clone()
    }

    /// A new user, or another password of one.
    pub(crate) fn put(&mut self, name: &str, password: &str) {
        if self.position(name).is_some() {
            return self.set_password(name, password);
        }
        self.0.push(Account {
            name: name.into(),
            password: Secret::new(password),
            wrong_in_a_row: 0,
        });
    }

    pub(crate) fn set_password(&mut self, name: &str, password: &str) {
        self.named(name).password = Secret::new(password);
    }

    pub(crate) fn unlock(&mut self, name: &str) {
        self.named(name).wrong_in_a_row = 0;
    }

    fn named(&mut self, name: &str) -> &mut Account {
        let user = self
            .position(name)
            .unwrap_or_else(|| panic!("there is no user {name}"));
        &mut self.0[user]
    }

    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|account| *account.name == *name)
    }
}
