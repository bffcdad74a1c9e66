//! Where the file is.

use std::fs;
use std::sync::Barrier;
use std::thread;

use simacan_auth_file_store::{Error, FileStore, SessionStore};

use crate::child::Child;
use crate::common::{
    AT_ONCE, DENIED, FAILED, Folder, PATIENTLY, SAVED, lock, mode, revision, save, set_mode, told,
};

#[test]
fn missing_folders_are_made_for_this_user_alone() {
    let folder = Folder::new("missing");
    set_mode(folder.path(), 0o755);
    let store = FileStore::new(folder.join("one/two/session.json"));
    assert_eq!(revision(&store), None);
    assert_eq!(mode(&folder.join("one")), 0o700);
    assert_eq!(mode(&folder.join("one/two")), 0o700);
    assert_eq!(
        mode(folder.path()),
        0o755,
        "one that is there stays as it is"
    );
    save(&store, 1);
    assert_eq!(revision(&store), Some(1));
}

#[test]
fn processes_that_make_the_same_folders_are_not_in_each_others_way() {
    let folder = Folder::new("same-folders");
    for round in 0..50 {
        let store = FileStore::new(folder.join(&format!("{round}/two/session.json")));
        let start = Barrier::new(8);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    store.lock(PATIENTLY).map(drop).expect("the lock");
                });
            }
        });
    }
}

#[test]
fn a_path_stays_where_it_was_when_the_program_changes_its_folder() {
    let folder = Folder::new("changes-its-folder");
    let child = Child::start_with(&[], "relative", folder.path(), |command| {
        command.current_dir(folder.path());
    });
    assert_eq!(child.says(), "");
    assert_eq!(folder.names(), SAVED);
}

#[test]
fn a_path_that_names_no_file_is_refused() {
    let folder = Folder::new("no-file");
    for path in ["/", "..", ""] {
        let result = FileStore::new(path).lock(AT_ONCE);
        told(DENIED, result, |error| {
            matches!(
                error,
                Error::NotAFile {
                    found: "a folder",
                    ..
                }
            )
        });
    }
    let store = FileStore::new(format!("{}/", folder.join("session.json").display()));
    save(&store, 1);
    assert_eq!(
        folder.names(),
        SAVED,
        "a slash at the end makes it no folder"
    );
}

#[test]
fn a_file_in_place_of_the_folder_is_an_error() {
    let folder = Folder::new("in-place-of-the-folder");
    fs::write(folder.join("state"), "mine").expect("a file");
    for path in ["state/session.json", "state/deeper/session.json"] {
        let text = told(
            FAILED,
            FileStore::new(folder.join(path)).lock(AT_ONCE),
            |error| matches!(error, Error::Io { path, .. } if *path == folder.join("state")),
        );
        assert!(
            text.ends_with("Move away what is there, or choose another path"),
            "{text}"
        );
    }
    assert_eq!(folder.names(), ["state"]);
}

#[test]
fn an_apps_name_is_a_folders_name() {
    for name in ["", ".", "..", "/", "a/b", "a/", "/a", "../a"] {
        let error = FileStore::for_app(name).expect_err("no name");
        assert!(matches!(&error, Error::InvalidName { name: given } if given == name));
        assert!(error.to_string().contains(&format!("{name:?}")), "{error}");
    }
}

#[cfg(not(target_vendor = "apple"))]
#[test]
fn an_apps_place_is_that_for_state() {
    let folder = Folder::new("for-app");
    let place = |state_home: &str| {
        Child::start_with(&[], "for-app", folder.path(), |command| {
            command
                .env("XDG_STATE_HOME", state_home)
                .env("HOME", folder.path());
        })
        .says()
    };
    let is_in = |place: String, state: &str| {
        let expected = folder
            .join(state)
            .join("truck tracker/simacan-session.json");
        assert_eq!(place, expected.display().to_string());
    };
    is_in(place(&folder.join("state").display().to_string()), "state");
    is_in(place("relative"), ".local/state");
    is_in(place(""), ".local/state");
    assert!(folder.names().is_empty(), "nothing is made yet");
}

#[cfg(not(target_vendor = "apple"))]
#[test]
fn without_a_home_there_is_no_place_for_an_app() {
    let folder = Folder::new("no-home");
    let child = Child::start_with(&[], "for-app", folder.path(), |command| {
        command.env("HOME", "relative").env_remove("XDG_STATE_HOME");
    });
    let said = child.says();
    assert!(said.starts_with("this user has no home folder"), "{said}");
}

#[test]
fn two_sessions_in_one_folder_are_apart() {
    let folder = Folder::new("apart");
    let (one, two) = (folder.store(), FileStore::new(folder.join("other.json")));
    save(&one, 1);
    let _locked = lock(&one);
    save(&two, 2);
    assert_eq!(revision(&two), Some(2));
}
