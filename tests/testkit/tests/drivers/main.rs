//! The contract of a driver: those that keep it, and those with one defect each.

mod histories;
mod ours;
mod tasks;
mod threads;
mod year;

use std::time::Duration;

use simacan_auth_testkit::DriverContract;

const MINUTE: Duration = Duration::from_secs(60);

/// What a driver does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    None,
    /// Wakes one of those who wait.
    WakesOne,
    /// Listens once it knows that it has to wait.
    ListensTooLate,
    /// Sends what was answered with a server's error again at once.
    SendsAgain,
    /// Looks under one lock whether to wait, and waits under the next.
    LooksAndWaits,
    /// Does not remember that it was asked for something while it was busy.
    Forgets,
    /// Never polls again because it is time.
    NeverTriesAgain,
    /// Polls again at once, until it is time.
    Spins,
    /// Takes a refresh without an answer for one that was refused.
    StartsAnew,
    /// Keeps the lock of the store.
    KeepsTheLock,
    /// Keeps it after a save that has failed.
    KeepsTheLockUnsaved,
    /// Lets go of the lock while an exchange is under way.
    ExchangesUnlocked,
    /// Does not look at what others have saved.
    LoadsNothing,
    /// Takes what it has saved itself for what is saved.
    LoadsItsOwn,
    /// Takes a password that was refused for one without an answer.
    DoubtsTheRefusal,
    /// Carries its exchange in the task of the caller who came first.
    CarriesInTheCaller,
    /// Goes on with a token that was refused.
    IgnoresThe401,
}

#[track_caller]
fn assert_breaks(contract: &DriverContract, rule: &str, how: &str) {
    let found = contract.check_rule(rule).unwrap_err();
    assert!(found.contains(how), "{rule}: {found}");
}
