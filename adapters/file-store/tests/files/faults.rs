//! A disk that is full and a folder that is read-only: an error, and the old session stays whole.

use std::fs;
use std::process::Command;

use rustix::process::geteuid;
use simacan_auth_file_store::{Error, FileStore, SessionStore};

use crate::child::Child;
use crate::common::{
    AT_ONCE, DENIED, FAILED, Folder, SAVED, in_minutes, is_marked, large_session, lock, revision,
    revision_in, save, session, set_mode, told,
};

/// The program after it may make no file longer than 1,024 bytes at most: the disk seems full to it
/// after a part of the session, and the signal that comes with this is ignored.
const SMALL_FILES: [&str; 4] = ["sh", "-c", r#"trap "" XFSZ; ulimit -f 1; exec "$@""#, "sh"];

#[test]
fn a_disk_that_is_full_in_the_middle_of_a_save_costs_nothing_but_the_save() {
    let folder = Folder::new("full");
    let store = folder.store();
    save(&store, 1);
    let said = Child::start_with(&SMALL_FILES, "save", store.path(), |_| {}).says();
    let temporary = folder.join("session.json.tmp").display().to_string();
    assert!(
        said.starts_with(&format!("{FAILED}can't write {temporary}: ")),
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

/// In a file system of its own that has 16 kB.
#[cfg(target_os = "linux")]
fn in_a_file_system_of_its_own(task: &str) {
    const SMALL_DISK: &str = r#"mount -t tmpfs -o size=16k tmpfs "$0" && exec "$@""#;
    let folder = Folder::new(task);
    let path = folder.path().to_str().expect("a path of ours");
    let wrapper = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        SMALL_DISK,
        path,
    ];
    let tried = Command::new(wrapper[0])
        .args(&wrapper[1..])
        .arg("true")
        .output();
    if !tried.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: this system lets nobody mount a file system of their own");
        return;
    }
    let said = Child::start_with(&wrapper, task, &folder.join("session.json"), |_| {}).says();
    assert_eq!(said, "as expected");
    assert!(folder.names().is_empty(), "that was in another file system");
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_system_without_room_costs_nothing_but_the_save() {
    in_a_file_system_of_its_own("fill-up");
}

pub(crate) fn fill_up(store: &FileStore) {
    save(store, 1);
    let mut locked = lock(store);
    let text = told(FAILED, locked.save(&large_session(2, 100)), |error| {
        matches!(
            error,
            Error::Io {
                action: "write",
                ..
            }
        )
    });
    assert!(text.contains("No space left on device"), "{text}");
    assert!(
        text.ends_with("Make room there, or choose another path"),
        "{text}"
    );
    assert!(!store.path().with_file_name("session.json.tmp").exists());
    assert_eq!(revision_in(&mut *locked), Some(1));
    locked
        .save(&session(2))
        .expect("there is room for a small one");
    eprintln!("as expected");
}

#[cfg(target_os = "linux")]
#[test]
fn a_mark_needs_no_room() {
    in_a_file_system_of_its_own("mark");
}

pub(crate) fn mark(store: &FileStore) {
    save(store, 1);
    let filler = store.path().with_file_name("filler");
    fs::write(&filler, vec![0; 1 << 20]).expect_err("all of it is full");
    let mut locked = lock(store);
    told(FAILED, locked.save(&session(2)), |_| true);
    let until = in_minutes(15);
    assert_eq!(locked.mark(until), Ok(()));
    assert_eq!(locked.unlock(), Ok(()));
    is_marked(store, until);
    assert_eq!(revision(store), Some(1));
    eprintln!("as expected");
}

#[cfg(target_os = "linux")]
#[test]
fn a_read_only_file_system_is_for_a_person_to_mend() {
    in_a_file_system_of_its_own("remount");
}

pub(crate) fn remount(store: &FileStore) {
    save(store, 1);
    let mut mount = Command::new("mount");
    let folder = store.path().with_file_name("");
    let mounted = mount.args(["-o", "remount,ro"]).arg(folder).status();
    assert!(mounted.expect("mount").success());
    let text = told(DENIED, store.lock(AT_ONCE), |error| {
        matches!(error, Error::Io { action: "open", .. })
    });
    assert!(text.contains("Read-only file system"), "{text}");
    eprintln!("as expected");
}

/// Root may write to any folder, unless it is root without that right.
fn without_override() -> &'static [&'static str] {
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
fn a_read_only_folder_is_an_error() {
    let folder = Folder::new("read-only");
    let store = folder.store();
    let told = |task: &str| {
        set_mode(folder.path(), 0o500);
        let said = Child::start_with(without_override(), task, store.path(), |_| {}).says();
        set_mode(folder.path(), 0o700);
        assert!(said.starts_with(DENIED), "{said}");
        assert!(said.contains("Permission denied"), "{said}");
        assert!(
            said.ends_with("Give this user the right to do so, or choose another path"),
            "{said}"
        );
        said
    };
    let said = told("lock");
    let lock_path = folder.join("session.json.lock").display().to_string();
    assert!(
        said.contains(&format!("can't open {lock_path}: ")),
        "{said}"
    );
    assert!(folder.names().is_empty());

    save(&store, 1);
    let said = told("save");
    let temporary = folder.join("session.json.tmp").display().to_string();
    assert!(
        said.contains(&format!("can't open {temporary}: ")),
        "{said}"
    );
    assert_eq!(folder.names(), SAVED);
    assert_eq!(revision(&store), Some(1));
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
