//! One at a time: threads, stores and processes alike.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use simacan_auth_file_store::{FileStore, SessionStore, StoreFailure};

use crate::child::{Child, count_often};
use crate::common::{AT_ONCE, Folder, LONG, lock, request, revision, save, session};

#[test]
fn a_lock_that_is_held_is_given_up_after_the_patience_and_not_before() {
    const PATIENCE: Duration = Duration::from_millis(150);
    let folder = Folder::new("patience");
    let store = folder.store();
    let mut child = Child::start("hold", store.path());
    assert_eq!(child.next_line().as_deref(), Some("locked"));
    for patience in [Duration::ZERO, PATIENCE] {
        let started = Instant::now();
        assert_eq!(
            store.lock(request(patience)).err(),
            Some(StoreFailure::Locked)
        );
        let waited = started.elapsed();
        assert!(
            (patience..LONG).contains(&waited),
            "{waited:?} of {patience:?}"
        );
    }
}

#[test]
fn stores_of_one_process_exclude_each_other() {
    let folder = Folder::new("one-process");
    let (store, same) = (folder.store(), folder.store());
    let locked = lock(&store);
    for other in [&store, &store.clone(), &same] {
        assert_eq!(other.lock(AT_ONCE).err(), Some(StoreFailure::Locked));
        thread::scope(|scope| {
            let other = scope.spawn(|| other.lock(AT_ONCE).err());
            assert_eq!(other.join().expect("a thread"), Some(StoreFailure::Locked));
        });
    }
    drop(locked);
    drop(lock(&same));
}

#[test]
fn a_lock_that_is_given_free_can_be_taken() {
    let folder = Folder::new("given-free");
    let store = folder.store();
    let mut locked = lock(&store);
    locked.save(&session(1)).expect("a save");
    assert_eq!(locked.unlock(), Ok(()));
    assert_eq!(revision(&store), Some(1));
}

#[test]
fn endless_patience_is_no_overflow() {
    let folder = Folder::new("endless");
    let store = folder.store();
    let locked = lock(&store);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| store.lock(request(Duration::MAX)).map(drop));
        drop(locked);
        assert_eq!(waiter.join().expect("a waiter"), Ok(()));
    });
}

#[test]
fn the_lock_file_stays() {
    let folder = Folder::new("stays");
    drop(lock(&folder.store()));
    assert_eq!(folder.names(), ["session.json.lock"]);
}

#[test]
fn who_has_lost_the_lock_file_saves_nothing() {
    let folder = Folder::new("lost");
    let (store, lock_path) = (folder.store(), folder.join("session.json.lock"));
    save(&store, 1);
    let mut locked = lock(&store);
    fs::remove_file(&lock_path).expect("the lock file");
    assert_eq!(locked.save(&session(2)), Err(StoreFailure::Superseded));
    assert_eq!(revision(&store), Some(1)); // and another has made a new lock file
    assert_eq!(locked.save(&session(2)), Err(StoreFailure::Superseded));
    assert_eq!(revision(&store), Some(1));

    save(&store, 2); // who locks the new one goes on
    assert_eq!(revision(&store), Some(2));
}

/// A process that is being started has all of this one's files open for a moment.
#[test]
fn a_lock_is_free_at_once_even_while_programs_are_started() {
    let folder = Folder::new("started");
    let store = folder.store();
    thread::scope(|scope| {
        let starter = scope.spawn(|| {
            for _ in 0..300 {
                assert!(Command::new("true").status().expect("true").success());
            }
        });
        while !starter.is_finished() {
            drop(lock(&store));
            lock(&store).unlock().expect("it was held");
        }
    });
}

#[test]
fn many_threads_of_several_processes_lose_no_count() {
    const EACH: u64 = 15;
    let folder = Folder::new("count");
    let store = folder.store();
    let start = |_| Child::start(&format!("count 4 {EACH}"), store.path());
    let children: Vec<_> = (0..3).map(start).collect();
    thread::scope(|scope| {
        for _ in 0..4 {
            // Each with a store of its own.
            let store = FileStore::new(store.path());
            scope.spawn(move || count_often(&store, EACH));
        }
    });
    for child in children {
        assert_eq!(child.says(), "");
    }
    assert_eq!(revision(&store), Some((3 * 4 + 4) * EACH));
}
