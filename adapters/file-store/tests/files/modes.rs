//! The files are this user's alone: made so, and refused otherwise.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};

use rustix::process::geteuid;
use simacan_auth_file_store::{Error, FileStore, SessionStore};

use crate::child::Child;
use crate::common::{AT_ONCE, DENIED, Folder, SAVED, lock, mode, revision, save, set_mode, told};

#[test]
fn all_is_made_for_this_user_alone_whatever_the_umask() {
    let folder = Folder::new("umask");
    let store = FileStore::new(folder.join("state/session.json"));
    let open = ["sh", "-c", r#"umask 0; exec "$@""#, "sh"];
    let child = Child::start_with(&open, "save", store.path(), |_| {});
    assert_eq!(child.says(), "saved");
    assert_eq!(mode(&folder.join("state")), 0o700);
    assert_eq!(mode(store.path()), 0o600);
    assert_eq!(mode(&folder.join("state/session.json.lock")), 0o600);
}

#[test]
fn a_file_that_others_may_read_or_write_is_refused() {
    let folder = Folder::new("exposed");
    let store = folder.store();
    save(&store, 1);
    for bit in 0..6 {
        let exposed = 0o600 | 1 << bit;
        set_mode(store.path(), exposed);
        let text = told(
            DENIED,
            lock(&store).load(),
            |error| matches!(error, Error::Exposed { paths, mode, .. } if *paths == [store.path()] && *mode == exposed),
        );
        let path = store.path().display();
        assert!(text.contains(&format!("mode {exposed:o}")), "{text}");
        assert!(text.contains(&format!("`chmod 600 {path}`")), "{text}");
        let is_others = exposed & 0o007 != 0;
        assert_eq!(
            text.contains("mount it for this user alone"),
            is_others,
            "{text}"
        );
    }
    set_mode(store.path(), 0o600); // what the error says
    assert_eq!(revision(&store), Some(1));
    set_mode(store.path(), 0o400);
    assert_eq!(revision(&store), Some(1));
}

#[test]
fn a_lock_file_that_others_could_lock_is_refused() {
    let folder = Folder::new("exposed-lock");
    let store = folder.store();
    save(&store, 1);
    let lock_path = folder.join("session.json.lock");
    set_mode(&lock_path, 0o644);
    told(
        DENIED,
        store.lock(AT_ONCE),
        |error| matches!(error, Error::Exposed { paths, mode: 0o644, group: None } if *paths == [&*lock_path]),
    );
    // A platform may have opened all files of a volume: one error names all that is to be done.
    set_mode(store.path(), 0o660);
    let text = told(
        DENIED,
        store.lock(AT_ONCE),
        |error| matches!(error, Error::Exposed { paths, .. } if *paths == [&*lock_path, store.path()]),
    );
    let paths = format!("{} {}", lock_path.display(), store.path().display());
    assert!(text.contains(&format!("`chmod 600 {paths}`")), "{text}");
}

#[test]
fn a_save_replaces_an_exposed_file_by_one_that_is_not() {
    let folder = Folder::new("exposed-replaced");
    let store = folder.store();
    save(&store, 1);
    set_mode(store.path(), 0o666);
    save(&store, 2);
    assert_eq!(mode(store.path()), 0o600);
    assert_eq!(folder.names(), SAVED);
}

#[test]
fn another_users_file_is_refused() {
    let folder = Folder::new("foreign");
    let store = folder.store();
    save(&store, 1);
    if !geteuid().is_root() {
        eprintln!("skipped: only root can give a file to another user");
        return;
    }
    let is_foreign = |error: &Error, file: &str| {
        let Error::ForeignOwner { path, owner, user } = error else {
            return false;
        };
        *path == folder.join(file) && (*owner, *user) == (65_534, 0)
    };
    chown(store.path(), Some(65_534), None).expect("another owner");
    let text = told(DENIED, lock(&store).load(), |error| {
        is_foreign(error, "session.json")
    });
    assert!(text.contains("belongs to user 65534"), "{text}");

    chown(folder.join("session.json.lock"), Some(65_534), None).expect("another owner");
    told(DENIED, store.lock(AT_ONCE), |error| {
        is_foreign(error, "session.json.lock")
    });
    fs::remove_file(folder.join("session.json.lock")).expect("the lock file");
}

/// A volume's group, as Kubernetes lets it in at each mount.
#[test]
fn a_group_is_allowed_by_its_number_alone() {
    let folder = Folder::new("group");
    let store = folder.store();
    let own = fs::metadata(folder.path()).expect("the folder").gid();
    let number = if geteuid().is_root() { 4_321 } else { own };
    chown(folder.path(), None, Some(number)).expect("another group");
    set_mode(folder.path(), 0o2770);
    save(&store, 1);
    let files = SAVED.map(|name| folder.join(name));
    for file in &files {
        assert_eq!(mode(file), 0o600, "made for this user alone");
        set_mode(file, 0o660);
        let group = fs::metadata(file).expect("the file").gid();
        assert_eq!(group, number, "the folder's");
    }
    for refusing in [store.clone(), store.clone().allow_group(number + 1)] {
        let text = told(
            DENIED,
            refusing.lock(AT_ONCE),
            |error| matches!(error, Error::Exposed { paths, mode: 0o660, group } if paths.len() == 2 && *group == Some(number)),
        );
        let cure = format!("FileStore::allow_group({number})");
        assert!(text.contains(&cure), "{text}");
    }
    let allowing = store.allow_group(number);
    assert_eq!(revision(&allowing), Some(1));
    save(&allowing, 2);
    assert_eq!(revision(&allowing), Some(2));
    assert_eq!(mode(&files[0]), 0o600);

    set_mode(&files[0], 0o664);
    let text = told(DENIED, lock(&allowing).load(), |error| {
        matches!(error, Error::Exposed { group: None, .. })
    });
    assert!(!text.contains("allow_group"), "{text}");
}
