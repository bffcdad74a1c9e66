//! A folder that is read-only, and a disk that is full in the middle: the old session stays whole.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;

use rustix::process::geteuid;
use simacan_auth_file_store::FileStore;

use crate::child::Child;
use crate::common::{DENIED, FAILED, Folder, SAVED, lock, revision, save, set_mode};

/// The program after it may make no file longer than 1,024 bytes at most: the disk seems full to it
/// after a part of the session, and the signal that comes with this is ignored.
const SMALL_FILES: [&str; 4] = ["sh", "-c", r#"trap "" XFSZ; ulimit -f 1; exec "$@""#, "sh"];

#[test]
fn a_disk_that_is_full_in_the_middle_of_a_save_costs_nothing_but_the_save() {
    let folder = Folder::new("full");
    let store = folder.store();
    save(&store, 1);
    let said = Child::start_with(&SMALL_FILES, "save", store.path(), |_| {}).says();
    let path = store.path().display().to_string();
    assert!(
        said.starts_with(&format!("{FAILED}can't write {path}: ")),
        "{said}"
    );
    assert!(
        said.ends_with("Make room there, or choose another path"),
        "{said}"
    );
    assert_eq!(folder.names(), SAVED);
    assert_eq!(revision(&store), Some(1));
    assert_eq!(Child::start("save", store.path()).says(), "saved");
    assert_eq!(revision(&store), Some(2));
}

/// Root may write to any folder, unless it is root without that right.
pub(crate) fn without_override() -> &'static [&'static str] {
    if geteuid().is_root() {
        &[
            "setpriv",
            "--bounding-set=-dac_override,-dac_read_search",
            "--",
        ]
    } else {
        &[]
    }
}

#[test]
fn a_read_only_folder_without_a_session_is_an_error() {
    let folder = Folder::new("read-only");
    let store = folder.store();
    let told = |task: &str, file: &str| {
        set_mode(folder.path(), 0o500);
        let said = Child::start_with(without_override(), task, store.path(), |_| {}).says();
        set_mode(folder.path(), 0o700);
        let path = folder.join(file).display().to_string();
        let expected = format!("{DENIED}can't open {path}: Permission denied");
        assert!(said.starts_with(&expected), "{said}");
        assert!(
            said.ends_with("Give this user the right to do so, or choose another path"),
            "{said}"
        );
    };
    told("lock", "session.json.lock");
    assert!(folder.names().is_empty());
    drop(lock(&store));
    told("save", "session.json.tmp");
    assert_eq!(folder.names(), ["session.json.lock"]);
}

#[test]
fn what_can_not_be_locked_can_be_looked_at() {
    let folder = Folder::new("look");
    let store = folder.store();
    save(&store, 1);
    fs::remove_file(folder.join("session.json.lock")).expect("the lock file");
    set_mode(store.path(), 0o400);
    set_mode(folder.path(), 0o500);
    let said = Child::start_with(without_override(), "look", store.path(), |_| {}).says();
    set_mode(folder.path(), 0o700);
    assert_eq!(said, "true");
    assert_eq!(folder.names(), ["session.json"]);
}

#[test]
fn in_a_read_only_folder_a_session_is_written_in_place() {
    let folder = Folder::new("read-only-in-place");
    let store = folder.store();
    save(&store, 1);
    let file = fs::metadata(store.path()).expect("the session").ino();
    // Without a lock file, the session's own is the lock.
    for (names, length) in [(&SAVED[..], 20_480), (&SAVED[..1], (1 << 20) + 4096)] {
        set_mode(folder.path(), 0o500);
        let said = Child::start_with(without_override(), "save", store.path(), |_| {}).says();
        set_mode(folder.path(), 0o700);
        assert_eq!(said, "saved");
        assert_eq!(folder.names(), names);
        let metadata = fs::metadata(store.path()).expect("the session");
        assert_eq!(metadata.ino(), file);
        assert_eq!(metadata.len(), length, "what is too large is cut");
        assert_eq!(revision(&store), Some(2));
        let junk = File::options().write(true).open(store.path());
        junk.and_then(|junk| junk.set_len(1 << 42)).expect("holes");
        fs::remove_file(folder.join("session.json.lock")).expect("the lock file");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error() {
    let folder = Folder::new("cannot-be-made");
    let store = FileStore::new(folder.join("state/session.json"));
    set_mode(folder.path(), 0o500);
    let said = Child::start_with(without_override(), "lock", store.path(), |_| {}).says();
    let state = folder.join("state").display().to_string();
    assert!(
        said.starts_with(&format!("{DENIED}can't create the folder {state}: ")),
        "{said}"
    );
    assert!(!fs::exists(state).expect("the folder above"));
}

/// Not the same as none: what is there is not known.
#[test]
fn a_file_that_cannot_be_read_is_an_error() {
    let folder = Folder::new("cannot-be-read");
    let store = folder.store();
    save(&store, 1);
    set_mode(store.path(), 0);
    let said = Child::start_with(without_override(), "load", store.path(), |_| {}).says();
    let path = store.path().display();
    assert!(
        said.starts_with(&format!("{DENIED}can't open {path}: Permission denied")),
        "{said}"
    );
}

/// A save that may not last is none, though it is there.
#[test]
fn a_folder_that_cannot_be_synced_is_an_error() {
    let folder = Folder::new("cannot-be-synced");
    let store = folder.store();
    save(&store, 1);
    set_mode(folder.path(), 0o300);
    let said = Child::start_with(without_override(), "save", store.path(), |_| {}).says();
    set_mode(folder.path(), 0o700);
    let path = folder.path().display();
    assert!(
        said.starts_with(&format!("{DENIED}can't sync {path}: Permission denied")),
        "{said}"
    );
    assert_eq!(folder.names(), SAVED);
    assert_eq!(revision(&store), Some(2));
}
