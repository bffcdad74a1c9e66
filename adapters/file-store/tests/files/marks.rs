//! Until when no password leaves, where that can't be saved.

use std::fs;

use simacan_auth_file_store::StoreFailure;

use crate::common::{Folder, in_minutes, lock, revision, save};

#[test]
fn a_mark_is_seen_by_whoever_has_the_lock_next() {
    let folder = Folder::new("mark-seen");
    let until = in_minutes(15);
    let mut locked = lock(&folder.store());
    assert_eq!(locked.marked(), Ok(None));
    assert_eq!(locked.mark(until), Ok(()));
    assert_eq!(locked.marked(), Ok(Some(until)));
    drop(locked);
    assert_eq!(lock(&folder.store()).marked(), Ok(Some(until)));
    assert_eq!(revision(&folder.store()), None, "it is no session");
}

#[test]
fn a_mark_that_is_over_is_none() {
    let folder = Folder::new("mark-over");
    let mut locked = lock(&folder.store());
    assert_eq!(locked.mark(in_minutes(0)), Ok(()));
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
    assert_eq!(lock(&store).marked(), Ok(Some(sooner)));
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
