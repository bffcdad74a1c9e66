//! Processes that die: nothing is half saved, and nothing stays locked.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::thread;

use simacan_auth_file_store::{SessionStore, StoreFailure};

use crate::child::Child;
use crate::common::{AT_ONCE, Folder, PATIENTLY, SAVED, lock, mode, revision, save, set_mode};
use crate::faults::without_override;

/// The program after it dies by a signal when it writes the second kilobyte of a file.
const DIES_WRITING: [&str; 4] = [
    "sh",
    "-c",
    r#"umask 0; ulimit -c 0; ulimit -f 1; exec "$@""#,
    "sh",
];

#[test]
fn what_a_process_that_was_killed_in_a_save_has_left_is_cleared_up() {
    let folder = Folder::new("killed-saving");
    let store = folder.store();
    save(&store, 1);
    let mut child = Child::start_with(&DIES_WRITING, "save", store.path(), |_| {});
    let status = child.end();
    assert_eq!(status.signal(), Some(25), "no SIGXFSZ but {status}");

    let temporary = folder.join("session.json.tmp");
    assert!(
        fs::metadata(&temporary).expect("the leftover").len() > 0,
        "half a session"
    );
    assert_eq!(mode(&temporary), 0o600, "from its creation");
    assert_eq!(
        revision(&store),
        Some(1),
        "the old one is whole, the lock is free"
    );
    save(&store, 2);
    assert_eq!(revision(&store), Some(2));
    assert_eq!(folder.names(), SAVED);
}

#[test]
fn a_process_that_is_killed_at_any_moment_loses_no_save_that_it_has_told_of() {
    let folder = Folder::new("killed-counting");
    let store = folder.store();
    let mut last = 0;
    for round in 0..25 {
        let mut child = Child::start("count-on", store.path());
        for _ in 0..=round % 5 {
            last = child.next_revision().expect("a revision");
        }
        child.kill();
        while let Some(revision) = child.next_revision() {
            last = revision;
        }
        let saved = revision(&store).expect("a session"); // the lock is free at once
        assert!(saved == last || saved == last + 1, "{saved} after {last}");
    }
}

#[test]
fn the_lock_of_a_process_that_was_killed_is_free_at_once() {
    let folder = Folder::new("killed-locked");
    let store = folder.store();
    // Nor does a program keep it that the dead one had started.
    for task in ["hold", "hold-with-a-child"] {
        let mut child = Child::start(task, store.path());
        assert_eq!(child.next_line().as_deref(), Some("locked"));
        assert_eq!(store.lock(AT_ONCE).err(), Some(StoreFailure::Locked));
        child.kill();
        drop(lock(&store));
    }
}

#[test]
fn a_process_that_lives_is_waited_for() {
    let folder = Folder::new("waited-for");
    let store = folder.store();
    let mut child = Child::start("hold", store.path());
    assert_eq!(child.next_line().as_deref(), Some("locked"));
    thread::scope(|scope| {
        let waiter = scope.spawn(|| store.lock(PATIENTLY).map(drop));
        assert!(child.end().success());
        assert_eq!(waiter.join().expect("a waiter"), Ok(()));
    });
}

/// One that is not larger than a block: of a larger one, half may be there.
#[test]
fn a_process_that_is_killed_while_it_writes_in_place_loses_no_small_session() {
    let folder = Folder::new("killed-in-place");
    let store = folder.store();
    save(&store, 0);
    let mut last = 0;
    for round in 0..25 {
        fs::remove_file(folder.join("session.json.lock")).expect("the lock file");
        set_mode(folder.path(), 0o500);
        let mut child = Child::start_with(without_override(), "count-on", store.path(), |_| {});
        for _ in 0..=round % 5 {
            last = child.next_revision().expect("a revision");
        }
        child.kill();
        set_mode(folder.path(), 0o700);
        while let Some(revision) = child.next_revision() {
            last = revision;
        }
        assert_eq!(folder.names(), [SAVED[0]], "the session was the lock");
        let saved = revision(&store).expect("a session");
        assert!(saved == last || saved == last + 1, "{saved} after {last}");
    }
}
