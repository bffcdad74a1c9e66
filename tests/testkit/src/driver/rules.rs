//! The rules of the contract.

use std::pin::Pin;
use std::time::Duration;

use http::StatusCode;
use simacan_auth::StoreFailure;
use simacan_auth_emulator::{Emulator, Endpoint, Fault, Place, Times};

use super::stage::{MINUTE, Stage, expect};
use crate::{History, StoreFault, StoreStep};

/// Each rule is tried with the seeds from 1 to this, and each with as many histories.
pub(super) const SEEDS: u64 = 8;

const HOUR: Duration = Duration::from_secs(3600);
/// After which the longest of all pauses is over.
const SOON: Duration = Duration::from_secs(16 * 60);

type Checking<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + 'a>>;
type Checked = Result<(), String>;

pub(super) type Rule = for<'a> fn(&'a mut Stage) -> Checking<'a>;

/// The rule that is no check of its own.
pub(super) const HISTORIES: &str = "histories";

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|(name, _)| *name).chain([HISTORIES])
}

pub(super) fn named(name: &str) -> Rule {
    let rule = RULES.iter().find(|(rule, _)| *rule == name);
    rule.unwrap_or_else(|| panic!("no rule is called {name}")).1
}

const RULES: &[(&str, Rule)] = &[
    ("a-request-gets-through", |stage| {
        Box::pin(gets_through(stage))
    }),
    ("callers-share-one-login", |stage| {
        Box::pin(one_login(stage))
    }),
    ("callers-share-one-refresh", |stage| {
        Box::pin(one_refresh(stage))
    }),
    ("a-token-is-fresh", |stage| Box::pin(fresh(stage))),
    ("what-fails-is-tried-again", |stage| {
        Box::pin(tried_again(stage))
    }),
    ("an-outage-ends", |stage| Box::pin(outage(stage))),
    ("a-refused-refresh-costs-one-password", |stage| {
        Box::pin(refused_refresh(stage))
    }),
    ("a-refused-password-is-not-sent-again", |stage| {
        Box::pin(refused_password(stage))
    }),
    ("passwords-are-paced", |stage| Box::pin(paced(stage))),
    ("a-401-that-stays-is-delivered", |stage| {
        Box::pin(stays_401(stage))
    }),
    ("a-caller-that-goes-away-takes-nothing-along", |stage| {
        Box::pin(goes_away(stage))
    }),
    ("the-next-process-goes-on", |stage| {
        Box::pin(next_process(stage))
    }),
    ("two-processes-share-a-session", |stage| {
        Box::pin(two_processes(stage))
    }),
    ("a-save-that-fails-keeps-no-lock", |stage| {
        Box::pin(failed_save(stage))
    }),
];

async fn gets_through(stage: &mut Stage) -> Checked {
    stage.get_through(1).await?;
    stage.get_through(1).await?;
    stage.expect_sent(1, 0)
}

/// At once, while others wait, and as they are answered.
async fn one_login(stage: &mut Stage) -> Checked {
    stage.get_through(20).await?;
    stage.expect_sent(1, 0)
}

async fn one_refresh(stage: &mut Stage) -> Checked {
    for refreshes in 0..30 {
        stage
            .get_through(if refreshes < 3 { 10 } else { 2 })
            .await?;
        stage.expect_sent(1, refreshes)?;
        stage.pass(2 * MINUTE).await; // more often than that, a refresh may be held back
        stage.emulator(Emulator::revoke_access_tokens);
    }
    Ok(())
}

/// For a day of pushes: the token is replaced in time, and not by a 401.
async fn fresh(stage: &mut Stage) -> Checked {
    for _ in 0..24 * 6 {
        stage.get_through(2).await?;
        stage.pass(10 * MINUTE).await;
    }
    let counters = stage.counters();
    expect(counters.target_unauthorized == 0, || {
        let n = counters.target_unauthorized;
        format!("{n} requests were sent with a token that was over")
    })?;
    expect(counters.passwords_received == 1, || {
        let n = counters.passwords_received;
        format!("{n} passwords were sent where a refresh would do")
    })
}

/// At the login, and at a refresh.
async fn tried_again(stage: &mut Stage) -> Checked {
    let faults = [
        Fault::RequestLost,
        Fault::Status(StatusCode::SERVICE_UNAVAILABLE),
        Fault::RetryAfter(StatusCode::TOO_MANY_REQUESTS, 2.into()),
        Fault::CutShort,
        Fault::AnswerLost,
        Fault::Delay(MINUTE),
    ];
    stage.emulator(|emulator| emulator.script(Endpoint::Password, Fault::RequestLost));
    let told = |how| format!("the login was lost once: {how}");
    stage.get_through(3).await.map_err(told)?;
    for fault in faults {
        let told = |how| format!("a refresh met with one {fault}: {how}");
        stage.emulator(|emulator| {
            emulator.revoke_access_tokens();
            emulator.script(Endpoint::Refresh, fault.clone());
        });
        stage.get_through(3).await.map_err(told)?;
        stage.pass(SOON).await;
    }
    Ok(())
}

/// Nobody can be reached, or the server answers that it can't; before the first login, and while a token ends.
async fn outage(stage: &mut Stage) -> Checked {
    for _ in 0..2 {
        stage.platform.cut_off(2 * HOUR);
        for _ in 0..60 {
            stage.push(2).await?;
            stage.pass(2 * MINUTE).await;
        }
        stage.pass(SOON).await;
        let told = |how| format!("two hours without a connection are over: {how}");
        stage.get_through(2).await.map_err(told)?;
    }
    stage.expect_sent(1, stage.counters().refreshes_received)?;
    let down = Fault::Status(StatusCode::BAD_GATEWAY);
    stage.emulator(|emulator| {
        emulator.revoke_access_tokens();
        emulator.script_n(Endpoint::Refresh, down, 1_000);
    });
    for _ in 0..60 {
        stage.push(2).await?;
        stage.pass(2 * MINUTE).await;
    }
    stage.emulator(Emulator::clear_script);
    stage.pass(SOON).await;
    let told = |how| format!("two hours in which a server was down are over: {how}");
    stage.get_through(2).await.map_err(told)?;
    stage.expect_sent(1, stage.counters().refreshes_received)
}

async fn refused_refresh(stage: &mut Stage) -> Checked {
    for n in 1..=3 {
        stage.get_through(10).await?;
        stage.expect_sent(n, stage.counters().refreshes_received)?;
        stage.pass(2 * HOUR).await; // as many passwords as that are not held back
        stage.emulator(|emulator| {
            emulator.revoke_access_tokens();
            emulator.revoke_refresh_tokens();
        });
    }
    Ok(())
}

async fn refused_password(stage: &mut Stage) -> Checked {
    stage.emulator(|emulator| emulator.set_password("foo@bar.com", "another"));
    for _ in 0..180 {
        let answers = stage.push(2).await?;
        let is_refused = answers.iter().all(Result::is_err);
        expect(is_refused, || {
            "a caller was not told that the password is refused".into()
        })?;
        stage.expect_sent(1, 0)?;
        stage.pass(MINUTE).await;
    }
    Ok(())
}

/// Logins are answered, but not with tokens.
async fn paced(stage: &mut Stage) -> Checked {
    let down = Fault::Status(StatusCode::BAD_GATEWAY);
    stage.emulator(|emulator| emulator.script_n(Endpoint::Password, down, 1_000));
    for _ in 0..6 {
        let before = stage.counters().passwords_received;
        for _ in 0..30 {
            stage.push(2).await?;
            stage.pass(2 * MINUTE).await;
        }
        let sent = stage.counters().passwords_received - before;
        expect(sent <= 12, || {
            format!("{sent} passwords were sent within an hour")
        })?;
    }
    stage.emulator(Emulator::clear_script);
    stage.pass(SOON).await;
    stage.get_through(1).await
}

/// A target believes no token. That it answers so is the caller's business, and ends nobody else's session.
async fn stays_401(stage: &mut Stage) -> Checked {
    stage.emulator(|emulator| {
        emulator.answer_targets(Place::Anywhere, StatusCode::UNAUTHORIZED, Times::Always);
    });
    for _ in 0..100 {
        for answer in stage.push(2).await? {
            let is_401 = answer == Ok(StatusCode::UNAUTHORIZED);
            expect(is_401, || {
                format!("a caller got {answer:?} where the target says 401")
            })?;
        }
        stage.pass(Duration::from_secs(5)).await;
    }
    let counters = stage.counters();
    expect(counters.passwords_received == 1, || {
        format!("{} passwords were sent", counters.passwords_received)
    })?;
    expect(counters.refreshes_received <= 60, || {
        format!(
            "{} refreshes were sent within minutes",
            counters.refreshes_received
        )
    })?;
    stage.emulator(Emulator::answer_targets_as_usual);
    stage.get_through(2).await
}

/// While its request, or what it has set going, is under way.
async fn goes_away(stage: &mut Stage) -> Checked {
    for millis in [0, 15, 35, 45] {
        stage.begin();
        stage.pass(Duration::from_millis(millis)).await;
        stage.cancel();
        stage.get_through(2).await?;
        stage.emulator(Emulator::revoke_access_tokens);
    }
    Ok(())
}

async fn next_process(stage: &mut Stage) -> Checked {
    stage.get_through(2).await?;
    if !stage.takes_store() {
        return Ok(());
    }
    for _ in 0..30 {
        stage.pass(HOUR).await;
        stage.restart();
        stage.get_through(1).await?;
        expect(stage.counters().passwords_received == 1, || {
            "a process that finds a session in the store sent the password".into()
        })?;
    }
    Ok(())
}

async fn two_processes(stage: &mut Stage) -> Checked {
    let processes = [stage.started(), stage.started()];
    if !stage.takes_store() {
        return Ok(());
    }
    for refreshes in 0..5 {
        for n in 0..6 {
            stage.begin_at(processes[n % 2].clone());
        }
        stage.all_get_through().await?;
        stage.expect_sent(1, refreshes)?;
        stage.pass(MINUTE).await;
        stage.emulator(Emulator::revoke_access_tokens);
    }
    Ok(())
}

/// The session goes on, is saved later, and the next process finds it.
async fn failed_save(stage: &mut Stage) -> Checked {
    stage.get_through(1).await?;
    if !stage.takes_store() {
        return Ok(());
    }
    let full = StoreFault::Fails(StoreFailure::new("no space left on device"));
    let faults = [
        ("failed", full),
        ("was not confirmed", StoreFault::AnswerLost),
        ("lost the lock", StoreFault::LockLost),
    ];
    for (what, fault) in faults {
        stage.emulator(Emulator::revoke_access_tokens);
        stage.store.script(StoreStep::Save, fault);
        stage.get_through(2).await?;
        stage.pass(MINUTE).await;
        expect(stage.store.holder().is_none(), || {
            format!("the store's lock is kept after a save that {what}")
        })?;
        stage.restart();
        stage.get_through(1).await?;
    }
    Ok(())
}

/// Faults, deaths and callers as a seed says.
pub(super) fn histories() -> impl Iterator<Item = History> {
    (1..=10 * SEEDS).map(History::of_seed)
}
