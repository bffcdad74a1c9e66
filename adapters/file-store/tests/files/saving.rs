//! What is saved is loaded, whole, or said to be damaged.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use simacan_auth_file_store::{FileStore, InvalidSavedSession, StoreFailure};

use crate::common::{Folder, SAVED, json, large_session, lock, revision, save, session};

fn write(path: &Path, bytes: &[u8]) {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path).expect("a file");
    file.write_all(bytes).expect("its bytes");
}

fn damage(store: &FileStore) -> InvalidSavedSession {
    match lock(store).load() {
        Err(StoreFailure::Damaged(defect)) => defect,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_saved_is_loaded() {
    let folder = Folder::new("loaded");
    let store = folder.store();
    assert_eq!(revision(&store), None);
    for kilobytes in [1, 500, 3] {
        let saved = large_session(kilobytes as u64, kilobytes);
        lock(&store).save(&saved).expect("a save");
        let loaded = lock(&store)
            .load()
            .expect("a session")
            .expect("one that is there");
        assert_eq!(&*loaded.to_json(), &*saved.to_json());
        assert_eq!(folder.names(), SAVED);
    }
}

#[test]
fn several_are_saved_under_one_lock() {
    let folder = Folder::new("under-one-lock");
    let mut locked = lock(&folder.store());
    for revision in 1..4 {
        locked.save(&session(revision)).expect("a save");
        let loaded = locked
            .load()
            .expect("a session")
            .expect("one that is there");
        assert_eq!(loaded.revision(), revision);
    }
}

#[test]
fn a_file_is_replaced_and_never_overwritten() {
    let folder = Folder::new("replaced");
    let store = folder.store();
    save(&store, 1);
    let mut old = File::open(store.path()).expect("the old file");
    save(&store, 2);

    let mut bytes = Vec::new();
    old.read_to_end(&mut bytes).expect("the old bytes");
    assert_eq!(bytes, *session(1).to_json());
    assert_eq!(revision(&store), Some(2));
}

#[test]
fn a_file_that_is_cut_off_at_any_byte_is_damaged() {
    let folder = Folder::new("cut-off");
    let store = folder.store();
    let whole = session(1).to_json();
    for length in 0..whole.len() {
        write(store.path(), &whole[..length]);
        assert_eq!(
            damage(&store),
            InvalidSavedSession::Truncated,
            "after {length} bytes"
        );
    }
    write(store.path(), &whole);
    assert_eq!(revision(&store), Some(1));
}

#[test]
fn a_damaged_file_is_replaced_by_the_next_save() {
    let folder = Folder::new("damaged");
    let store = folder.store();
    write(store.path(), b"\0\0\0\0");
    let defect = damage(&store);
    assert_eq!(defect, InvalidSavedSession::NotJson { line: 1, column: 1 });
    save(&store, 1);
    assert_eq!(revision(&store), Some(1));
}

#[test]
fn a_mebibyte_is_read_and_no_more() {
    let folder = Folder::new("mebibyte");
    let store = folder.store();
    let mut bytes = json(1, 1_000);
    bytes.resize(1 << 20, b' ');
    write(store.path(), &bytes);
    assert_eq!(revision(&store), Some(1));

    bytes.push(b' ');
    write(store.path(), &bytes);
    assert_eq!(damage(&store), InvalidSavedSession::TooLarge);

    // More than there is memory: it takes no room on the disk.
    let file = OpenOptions::new()
        .write(true)
        .open(store.path())
        .expect("the file");
    file.set_len(1 << 42).expect("a file with holes");
    assert_eq!(damage(&store), InvalidSavedSession::TooLarge);
}

#[test]
fn a_store_prints_its_path_only() {
    let store = FileStore::new("/nowhere/session.json");
    assert_eq!(
        format!("{store:?}"),
        r#"FileStore { path: "/nowhere/session.json" }"#
    );
}

#[test]
fn nothing_is_touched_before_the_lock() {
    let folder = Folder::new("untouched");
    let _ = FileStore::new(folder.join("deeper/session.json"));
    assert!(folder.names().is_empty());
}

#[test]
fn a_session_that_was_deleted_is_none() {
    let folder = Folder::new("deleted");
    let store = folder.store();
    save(&store, 1);
    fs::remove_file(store.path()).expect("the file");
    assert_eq!(revision(&store), None);
}
