//! What is saved, loaded and marked.

use std::time::{Duration, SystemTime};

use simacan_auth::{LockedStore, SessionStore, Timestamp};

use super::{Checked, Subject, done, expect, expect_record};

pub(super) fn new_place<S: SessionStore>(subject: &Subject<S>, place: &str) -> Checked {
    let mut locked = subject.lock(place)?;
    expect_record(&mut *locked, None)?;
    expect_mark(&mut *locked, None)
}

/// A shorter record leaves nothing of a longer one.
pub(super) fn loaded<S: SessionStore>(subject: &Subject<S>, place: &str) -> Checked {
    for record in [
        &b"a first record"[..],
        b"a second one that is longer",
        b"short",
    ] {
        subject.save(place, record)?;
        subject.expect_record(place, Some(record))?;
    }
    Ok(())
}

pub(super) fn any_bytes<S: SessionStore>(subject: &Subject<S>, place: &str) -> Checked {
    let record: Vec<u8> = (0..=u8::MAX).rev().cycle().take(100 << 10).collect();
    subject.save(place, &record)?;
    subject.expect_record(place, Some(&record))
}

pub(super) fn two_saves<S: SessionStore>(subject: &Subject<S>, place: &str) -> Checked {
    let mut locked = subject.lock(place)?;
    expect_record(&mut *locked, None)?;
    for record in [&b"announced"[..], b"saved"] {
        done("save", locked.save(record))?;
        expect_record(&mut *locked, Some(record))?;
    }
    done("unlock", locked.unlock())?;
    subject.expect_record(place, Some(b"saved"))
}

/// Where there is no place for one, there is none.
pub(super) fn mark<S: SessionStore>(subject: &Subject<S>, place: &str) -> Checked {
    let now = SystemTime::now();
    let until = Timestamp::from(now + Duration::from_secs(900));
    let mut locked = subject.lock(place)?;
    let expected = locked.mark(until).is_ok().then_some(until);
    expect_mark(&mut *locked, expected)?;
    expect_record(&mut *locked, None)?;
    done("save after a mark", locked.save(b"a record"))?;
    drop(locked);

    let mut locked = subject.lock(place)?;
    expect_record(&mut *locked, Some(b"a record"))?;
    expect_mark(&mut *locked, expected)?;
    if expected.is_some() {
        done("mark", locked.mark((now - Duration::from_secs(60)).into()))?;
        expect_mark(&mut *locked, None)?;
    }
    expect_record(&mut *locked, Some(b"a record"))
}

fn expect_mark(locked: &mut dyn LockedStore, expected: Option<Timestamp>) -> Checked {
    let marked = done("marked", locked.marked())?;
    // A place may keep it to the second, but no mark ends before its time.
    let is_right = match (marked, expected) {
        (Some(marked), Some(expected)) => {
            marked >= expected && marked.saturating_since(expected) < Duration::from_secs(2)
        }
        (marked, expected) => marked == expected,
    };
    expect(is_right, || {
        format!("the mark is {marked:?} instead of {expected:?}")
    })
}
