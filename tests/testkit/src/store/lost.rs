//! A lock that is lost in the middle.

use simacan_auth::{LockedStore, SessionStore, StoreFailure};

use super::locks::is_locked;
use super::{Checked, Subject, done, expect, expect_record};

pub(super) fn stolen<S: SessionStore>(subject: &Subject<S>, place: &str) -> Checked {
    let Some(steal) = &subject.thief else {
        return Ok(());
    };
    subject.save(place, b"before")?;
    let mut loser = subject.lock(place)?;
    expect_record(&mut *loser, Some(b"before"))?;
    steal(place);

    let mut thief = subject.lock(place)?;
    is_superseded(&mut *loser)?;
    // Whoever renews is about to send a refresh token that is good once.
    let renewed = loser.renew();
    expect(renewed.is_err(), || {
        "who has lost the lock could renew it".to_owned()
    })?;
    expect_record(&mut *thief, Some(b"before"))?;
    done("the thief's save", thief.save(b"the thief's"))?;
    is_superseded(&mut *loser)?;
    let _ = loser.unlock(); // it may say that there was nothing to unlock
    is_locked(
        &(subject.make)(place),
        "another handle, after the loser's unlock,",
    )?;
    done("the thief's unlock", thief.unlock())?;
    subject.expect_record(place, Some(b"the thief's"))
}

fn is_superseded(loser: &mut dyn LockedStore) -> Checked {
    let told = loser.save(b"the loser's");
    expect(told == Err(StoreFailure::Superseded), || {
        format!("the save of who has lost the lock was told no `Superseded` but {told:?}")
    })
}
