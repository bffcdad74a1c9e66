//! Files that others remove or replace while processes use them.

use std::fs;

use simacan_auth_file_store::{FileStore, StoreFailure};

use crate::common::{Folder, in_minutes, lock, revision, revision_in, save, session};

#[test]
fn a_session_that_is_removed_under_the_lock_is_none_until_the_next_save() {
    let folder = Folder::new("removed");
    let store = folder.store();
    save(&store, 1);
    let mut locked = lock(&store);
    fs::remove_file(store.path()).expect("the session");
    assert_eq!(revision_in(&mut *locked), None);
    assert_eq!(locked.save(&session(2)), Ok(()));
    assert_eq!(revision_in(&mut *locked), Some(2));
}

#[test]
fn an_older_copy_that_comes_back_is_what_is_loaded() {
    let folder = Folder::new("older-copy");
    let store = folder.store();
    let copy = folder.join("copy");
    let come_back = [
        |copy, path| fs::rename(copy, path),           // another file
        |copy, path| fs::copy(copy, path).map(|_| ()), // into the same one
    ];
    for comes_back in come_back {
        save(&store, 1);
        fs::copy(store.path(), &copy).expect("a copy");
        let mut locked = lock(&store);
        assert_eq!(locked.save(&session(2)), Ok(()));
        comes_back(&copy, store.path()).expect("the copy");
        assert_eq!(revision_in(&mut *locked), Some(1));
        assert_eq!(locked.save(&session(3)), Ok(()));
        assert_eq!(revision_in(&mut *locked), Some(3));
    }
}

#[test]
fn who_finds_another_file_in_place_of_the_lock_saves_and_marks_nothing() {
    let folder = Folder::new("lock-replaced");
    let store = folder.store();
    save(&store, 1);
    let mut locked = lock(&store);
    let lock_path = folder.join("session.json.lock");
    let other = FileStore::new(folder.join("other.json"));
    drop(lock(&other));
    fs::rename(folder.join("other.json.lock"), lock_path).expect("another lock file");
    assert_eq!(locked.save(&session(2)), Err(StoreFailure::Superseded));
    assert_eq!(locked.mark(in_minutes(15)), Err(StoreFailure::Superseded));
    assert_eq!(revision(&store), Some(1));
}

#[test]
fn a_folder_that_is_removed_takes_the_lock_with_it_and_is_made_anew() {
    let folder = Folder::new("folder-removed");
    let store = FileStore::new(folder.join("state/session.json"));
    save(&store, 1);
    let mut locked = lock(&store);
    fs::remove_dir_all(folder.join("state")).expect("the folder");
    assert_eq!(revision_in(&mut *locked), None);
    assert_eq!(locked.save(&session(2)), Err(StoreFailure::Superseded));
    save(&store, 2);
    assert_eq!(revision(&store), Some(2));
}
