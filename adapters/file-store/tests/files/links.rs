//! Symbolic links, and things that are no files: neither followed nor replaced.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::thread;

use simacan_auth_file_store::{Error, FileStore, SessionStore};

use crate::common::{
    AT_ONCE, DENIED, FAILED, Folder, LONG, PATIENTLY, SAVED, lock, revision, save, session, told,
};

/// Another session in the folder, which a link can lead to.
fn elsewhere(folder: &Folder) -> FileStore {
    let store = FileStore::new(folder.join("elsewhere/session.json"));
    save(&store, 7);
    store
}

fn is(error: &Error, expected: &Path, what: &str) -> bool {
    matches!(error, Error::NotAFile { path, found } if path == expected && *found == what)
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

/// Neither loading nor saving works.
fn is_refused(store: &FileStore, found: &str) {
    let mut locked = lock(store);
    let text = told(DENIED, locked.load(), |error| {
        is(error, store.path(), found)
    });
    let expected = format!("{} is {found}, not a regular file", store.path().display());
    assert!(text.contains(&expected), "{text}");
    told(DENIED, locked.save(&session(1)), |error| {
        is(error, store.path(), found)
    });
}

#[test]
fn a_link_in_place_of_the_file_is_refused() {
    let folder = Folder::new("link");
    let (store, elsewhere) = (folder.store(), elsewhere(&folder));
    symlink(elsewhere.path(), store.path()).expect("a link");
    is_refused(&store, "a symbolic link");
    assert!(is_link(store.path()));
    assert_eq!(revision(&elsewhere), Some(7));
}

#[test]
fn a_link_to_nothing_in_place_of_the_file_is_refused() {
    let folder = Folder::new("link-to-nothing");
    let store = folder.store();
    symlink(folder.join("nothing"), store.path()).expect("a link");
    is_refused(&store, "a symbolic link");
    assert_eq!(folder.names(), SAVED);
}

#[test]
fn a_link_in_place_of_the_temporary_file_is_removed() {
    let folder = Folder::new("link-temporary");
    let (store, elsewhere) = (folder.store(), elsewhere(&folder));
    for target in [elsewhere.path(), &folder.join("nothing")] {
        symlink(target, folder.join("session.json.tmp")).expect("a link");
        save(&store, 1);
        assert!(!is_link(store.path()));
        assert_eq!(revision(&store), Some(1));
        assert_eq!(revision(&elsewhere), Some(7));
        assert_eq!(folder.names(), ["elsewhere", SAVED[0], SAVED[1]]);
    }
}

#[test]
fn a_link_in_place_of_the_lock_file_is_refused() {
    let folder = Folder::new("link-lock");
    let (store, elsewhere) = (folder.store(), elsewhere(&folder));
    let lock_path = folder.join("session.json.lock");
    for target in [elsewhere.path(), &folder.join("nothing")] {
        symlink(target, &lock_path).expect("a link");
        told(DENIED, store.lock(PATIENTLY), |error| {
            is(error, &lock_path, "a symbolic link")
        });
        fs::remove_file(&lock_path).expect("the link");
    }
    assert_eq!(folder.names(), ["elsewhere"]);
    assert_eq!(revision(&elsewhere), Some(7));
}

#[test]
fn a_link_to_the_folder_is_followed() {
    let folder = Folder::new("link-folder");
    let elsewhere = elsewhere(&folder);
    symlink(folder.join("elsewhere"), folder.join("state")).expect("a link");
    let store = FileStore::new(folder.join("state/session.json"));
    assert_eq!(revision(&store), Some(7));
    save(&store, 8);
    assert_eq!(revision(&elsewhere), Some(8));
    let _locked = lock(&store);
    assert!(elsewhere.lock(AT_ONCE).is_err(), "both have one lock");
}

#[test]
fn a_link_to_no_folder_is_an_error() {
    let folder = Folder::new("link-no-folder");
    symlink(folder.join("nothing"), folder.join("state")).expect("a link");
    let store = FileStore::new(folder.join("state/session.json"));
    told(
        FAILED,
        store.lock(PATIENTLY),
        |error| matches!(error, Error::Io { path, .. } if *path == folder.join("state")),
    );
    assert_eq!(folder.names(), ["state"]);
}

#[test]
fn a_folder_in_place_of_a_file_is_refused() {
    let folder = Folder::new("folder");
    let store = folder.store();
    fs::create_dir(store.path()).expect("a folder");
    is_refused(&store, "a folder");
    fs::remove_dir(store.path()).expect("the folder");

    let temporary = folder.join("session.json.tmp");
    fs::create_dir(&temporary).expect("a folder");
    let begins = if cfg!(target_vendor = "apple") {
        DENIED // it is not permitted there
    } else {
        FAILED
    };
    let text = told(
        begins,
        lock(&store).save(&session(1)),
        |error| matches!(error, Error::Io { path, .. } if *path == temporary),
    );
    assert!(text.contains("can't remove"), "{text}");
    fs::remove_dir(&temporary).expect("the folder");

    let lock_path = folder.join("session.json.lock");
    fs::remove_file(&lock_path).expect("the lock file");
    fs::create_dir(&lock_path).expect("a folder");
    told(DENIED, store.lock(PATIENTLY), |error| {
        is(error, &lock_path, "a folder")
    });
}

#[test]
fn a_pipe_in_place_of_a_file_is_refused_and_not_waited_for() {
    let folder = Folder::new("pipe");
    let store = folder.store();
    let made = |path: &Path| Command::new("mkfifo").arg("-m600").arg(path).status();
    assert!(made(store.path()).expect("mkfifo").success());
    let (done, ends) = mpsc::channel();
    let other = store.clone();
    thread::spawn(move || {
        is_refused(&other, "a pipe, a socket or a device");
        done.send(())
    });
    ends.recv_timeout(LONG).expect("it ends");

    let other = FileStore::new(folder.join("other.json"));
    let lock_path = folder.join("other.json.lock");
    assert!(made(&lock_path).expect("mkfifo").success());
    told(DENIED, other.lock(PATIENTLY), |error| {
        is(error, &lock_path, "a pipe, a socket or a device")
    });
}
