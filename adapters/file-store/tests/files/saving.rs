//! What is saved is loaded, whole.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use simacan_auth_file_store::{FileStore, InvalidSavedSession, StoreFailure};

use crate::common::{Folder, SAVED, large_session, lock, revision, revision_in, save, session};

fn write(path: &Path, bytes: &[u8]) {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path).expect("a file");
    file.write_all(bytes).expect("its bytes");
}

#[test]
fn what_was_saved_is_loaded() {
    let folder = Folder::new("loaded");
    let store = folder.store();
    assert_eq!(revision(&store), None);
    for kilobytes in [1, 500, 3] {
        let saved = large_session(kilobytes as u64, kilobytes);
        lock(&store).save(&saved).expect("a save");
        let loaded = lock(&store).load().expect("a session");
        assert_eq!(loaded.as_deref(), Some(&saved));
        assert_eq!(folder.names(), SAVED);
    }
}

/// The largest that the core reads.
#[test]
fn the_largest_session_is_loaded_with_its_padding() {
    let folder = Folder::new("largest");
    let store = folder.store();
    let saved = vec![b'x'; 1 << 20];
    lock(&store).save(&saved).expect("a save");
    let loaded = lock(&store).load().expect("a session");
    assert_eq!(loaded.as_deref(), Some(&saved));
}

#[test]
fn several_are_saved_under_one_lock() {
    let folder = Folder::new("under-one-lock");
    let mut locked = lock(&folder.store());
    for revision in 1..4 {
        locked.save(&session(revision)).expect("a save");
        assert_eq!(revision_in(&mut *locked), Some(revision));
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
    assert!(bytes.starts_with(&session(1)));
    assert_eq!(revision(&store), Some(2));
}

/// It is not the store that reads it.
#[test]
fn whatever_is_there_is_loaded_and_replaced_by_the_next_save() {
    let folder = Folder::new("whatever");
    let store = folder.store();
    for bytes in [b"{}" as &[u8], b"\0\xff\r\n\0"] {
        write(store.path(), bytes);
        let loaded = lock(&store).load().expect("bytes");
        assert_eq!(loaded.as_deref().map(Vec::as_slice), Some(bytes));
        save(&store, 1);
        assert_eq!(revision(&store), Some(1));
    }
}

/// A file has to be made before it can be mounted.
#[test]
fn an_empty_file_is_no_session() {
    let folder = Folder::new("empty");
    let store = folder.store();
    write(store.path(), b"");
    assert_eq!(revision(&store), None);
}

#[test]
fn sessions_of_all_sizes_are_saved_in_whole_blocks() {
    let folder = Folder::new("blocks");
    let store = folder.store();
    for (kilobytes, length) in [(1, 4096), (4, 4096), (5, 8192), (1, 4096)] {
        let saved = large_session(1, kilobytes);
        lock(&store).save(&saved).expect("a save");
        let metadata = fs::metadata(store.path()).expect("the file");
        assert_eq!(metadata.len(), length);
    }
}

#[test]
fn a_mebibyte_is_read_and_no_more() {
    let folder = Folder::new("mebibyte");
    let store = folder.store();
    let is_too_large = || {
        let too_large = StoreFailure::Damaged(InvalidSavedSession::TooLarge);
        lock(&store).load().err() == Some(too_large)
    };
    write(store.path(), &vec![b'x'; 1 << 20]);
    let loaded = lock(&store).load().expect("bytes");
    assert_eq!(loaded.map(|loaded| loaded.len()), Some(1 << 20));

    let padding = 4096;
    write(store.path(), &vec![b'x'; (1 << 20) + padding + 1]);
    assert!(is_too_large());

    // More than there is memory: it takes no room on the disk.
    let file = OpenOptions::new().write(true).open(store.path());
    let holes = file.expect("the file").set_len(1 << 42);
    holes.expect("a file with holes");
    assert!(is_too_large());

    save(&store, 1);
    assert_eq!(revision(&store), Some(1));
}

#[test]
fn a_store_prints_its_path_only() {
    let store = FileStore::new("/nowhere/session.json");
    assert_eq!(
        format!("{store:?}"),
        r#"FileStore { path: "/nowhere/session.json", group: None }"#
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
