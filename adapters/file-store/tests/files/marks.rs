//! Until when no password leaves, where that can't be saved.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use simacan_auth_file_store::{Error, StoreFailure, Timestamp};

use crate::common::{DENIED, Folder, in_minutes, is_marked, lock, revision, save, told};

#[test]
fn a_mark_is_seen_by_whoever_has_the_lock_next() {
    let folder = Folder::new("mark-seen");
    let until = in_minutes(15);
    let mut locked = lock(&folder.store());
    assert_eq!(locked.marked(), Ok(None));
    assert_eq!(locked.mark(until), Ok(()));
    let marked = locked.marked();
    drop(locked);
    is_marked(&folder.store(), until);
    assert_eq!(lock(&folder.store()).marked(), marked);
    assert_eq!(revision(&folder.store()), None, "it is no session");
}

#[test]
fn a_mark_that_is_set_again_is_no_later() {
    let folder = Folder::new("mark-again");
    let mut locked = lock(&folder.store());
    assert_eq!(locked.mark(in_minutes(15)), Ok(()));
    let until = locked.marked().expect("a look").expect("a mark");
    assert_eq!(locked.mark(until), Ok(()));
    assert_eq!(locked.marked(), Ok(Some(until)));
}

#[test]
fn a_mark_that_is_over_is_none() {
    let folder = Folder::new("mark-over");
    let mut locked = lock(&folder.store());
    let over = SystemTime::now() - Duration::from_secs(2);
    assert_eq!(locked.mark(over.into()), Ok(()));
    assert_eq!(locked.marked(), Ok(None));
}

#[test]
fn a_mark_stays_until_there_is_another_one() {
    let folder = Folder::new("mark-stays");
    let store = folder.store();
    assert_eq!(lock(&store).mark(in_minutes(600)), Ok(()));
    let sooner = in_minutes(15);
    assert_eq!(lock(&store).mark(sooner), Ok(()));
    save(&store, 1);
    is_marked(&store, sooner);
}

/// To a machine whose clock begins in 1970, all files are from the future.
#[test]
fn a_lock_file_from_the_future_is_no_mark() {
    let folder = Folder::new("mark-future");
    let store = folder.store();
    drop(lock(&store));
    let lock_path = folder.join("session.json.lock");
    let lock_file = File::options().write(true).open(lock_path);
    let lock_file = lock_file.expect("the lock file");
    let whole = Duration::from_secs(in_minutes(60).as_millis() / 1_000);
    for nanos in [0, 1_000, 719_000_000, 999_999_999] {
        let future = SystemTime::UNIX_EPOCH + whole + Duration::from_nanos(nanos);
        lock_file.set_modified(future).expect("its time");
        assert_eq!(lock(&store).marked(), Ok(None));
    }
}

/// Few have this time: they keep the last that they have instead.
#[cfg(target_os = "linux")]
#[test]
fn a_mark_that_the_file_system_does_not_keep_is_an_error() {
    let folder = Folder::new("mark-not-kept");
    let lock_path = folder.join("session.json.lock");
    let marked = lock(&folder.store()).mark(Timestamp::MAX);
    if marked.is_ok() {
        eprintln!("skipped: this file system keeps any time");
        return;
    }
    let is_expected =
        |error: &Error| matches!(error, Error::MarkNotKept { path } if *path == lock_path);
    let text = told(DENIED, marked, is_expected);
    assert!(
        text.contains("choose a path on another file system"),
        "{text}"
    );
}

/// Nobody would see it.
#[test]
fn who_has_lost_the_lock_file_marks_nothing() {
    let folder = Folder::new("mark-lost");
    let mut locked = lock(&folder.store());
    fs::remove_file(folder.join("session.json.lock")).expect("the lock file");
    assert_eq!(locked.mark(in_minutes(15)), Err(StoreFailure::Superseded));
    assert_eq!(lock(&folder.store()).marked(), Ok(None));
}
