//! Disks that are full, and files that are mounted by themselves, in a mount namespace of the test's own.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use simacan_auth_file_store::{Error, FileStore, SessionStore, StoreFailure};

use crate::child::Child;
use crate::common::{
    AT_ONCE, DENIED, FAILED, Folder, in_minutes, is_marked, large_session, lock, revision,
    revision_in, save, session, told,
};

/// As root over the mounts that `lines` of the shell make in the folder `$0`, where `path` leads from it.
fn over(lines: &str, path: &str, task: &str) {
    let folder = Folder::new(task);
    let script = format!("set -e; umask 077; cd \"$0\"; {lines}; exec \"$@\"");
    let folder_path = folder.path().to_str().expect("a path of ours");
    let unshare = ["unshare", "--user", "--map-root-user", "--mount"];
    let wrapper = [&unshare[..], &["sh", "-c", &script, folder_path]].concat();
    let tried = Command::new(wrapper[0])
        .args(&wrapper[1..])
        .arg("true")
        .output();
    if !tried.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: this system lets nobody mount a file system of their own");
        return;
    }
    let said = Child::start_with(&wrapper, task, &folder.join(path), |_| {}).says();
    assert_eq!(said, "as expected");
    assert!(folder.names().is_empty(), "that was in another file system");
}

pub(crate) fn run(task: &str, store: &FileStore) {
    match task {
        "fill-up" => fill_up(store),
        "full" => full(store),
        "no-more-files" => no_more_files(store),
        "remount" => remount(store),
        "mounted-file" | "mounted-file-in-a-read-only-folder" => mounted_file(store),
        "mounted-over" => mounted_over(store),
        "read-only-file" => read_only_file(store),
        _ => panic!("no such task: {task}"),
    }
    eprintln!("as expected");
}

/// Four blocks.
const SMALL_DISK: &str = r#"mount -t tmpfs -o size=16k tmpfs "$0""#;

#[test]
fn a_file_system_without_room_costs_nothing_but_the_save() {
    over(SMALL_DISK, "session.json", "fill-up");
}

fn fill_up(store: &FileStore) {
    save(store, 1);
    let mut locked = lock(store);
    is_refused_for_room(store, locked.save(&large_session(2, 100)));
    assert!(!store.path().with_file_name("session.json.tmp").exists());
    assert_eq!(revision_in(&mut *locked), Some(1));
    locked
        .save(&session(2))
        .expect("there is room for a small one");
}

fn is_refused_for_room(store: &FileStore, saved: Result<(), StoreFailure>) {
    let is_write = |error: &Error| matches!(error, Error::Io { action: "write", path, .. } if path == store.path());
    let text = told(FAILED, saved, is_write);
    assert!(text.contains("No space left on device"), "{text}");
    assert!(
        text.ends_with("Make room there, or choose another path"),
        "{text}"
    );
}

#[test]
fn a_full_disk_takes_another_session_of_this_size_and_a_mark() {
    over(SMALL_DISK, "session.json", "full");
}

fn full(store: &FileStore) {
    save(store, 1);
    let filler = store.path().with_file_name("filler");
    fs::write(&filler, vec![0; 1 << 20]).expect_err("all of it is full");
    let inode = inode(store.path());
    let mut locked = lock(store);
    for revision in [2, 3] {
        locked.save(&session(revision)).expect("a save in place");
        assert_eq!(revision_in(&mut *locked), Some(revision));
    }
    is_refused_for_room(store, locked.save(&large_session(4, 5)));
    assert_eq!(revision_in(&mut *locked), Some(3));
    let until = in_minutes(15);
    assert_eq!(locked.mark(until), Ok(()));
    assert_eq!(locked.unlock(), Ok(()));
    is_marked(store, until);
    assert_eq!(self::inode(store.path()), inode);

    fs::remove_file(filler).expect("the filler");
    lock(store).save(&large_session(4, 5)).expect("a save");
    assert_eq!(revision(store), Some(4));
    assert_ne!(self::inode(store.path()), inode, "replaced as ever");
}

fn inode(path: &Path) -> u64 {
    fs::metadata(path).expect("the session").ino()
}

#[test]
fn a_disk_that_takes_no_more_files_takes_another_session() {
    let lines = r#"mount -t tmpfs -o nr_inodes=3 tmpfs "$0""#; // the folder is one
    over(lines, "session.json", "no-more-files");
}

fn no_more_files(store: &FileStore) {
    for revision in 1..4 {
        save(store, revision);
        assert_eq!(self::revision(store), Some(revision));
    }
    lock(store).save(&large_session(4, 50)).expect("it grows");
    assert_eq!(revision(store), Some(4));
}

#[test]
fn a_read_only_file_system_is_for_a_person_to_mend() {
    over(SMALL_DISK, "session.json", "remount");
}

fn remount(store: &FileStore) {
    save(store, 1);
    mount(&["-o", "remount,bind,ro"], &store.path().with_file_name(""));
    is_read_only(store, &store.path().with_file_name("session.json.lock"));
}

fn is_read_only(store: &FileStore, file: &Path) {
    let is_open =
        |error: &Error| matches!(error, Error::Io { action: "open", path, .. } if path == file);
    let text = told(DENIED, store.lock(AT_ONCE), is_open);
    assert!(text.contains("Read-only file system"), "{text}");
    assert!(
        text.ends_with("Mount it for writing, or choose another path"),
        "{text}"
    );
}

fn mount(arguments: &[&str], at: &Path) {
    let mounted = Command::new("mount").args(arguments).arg(at).status();
    assert!(mounted.expect("mount").success());
}

/// One file, seen as `session.json` in two folders: those of two containers.
macro_rules! mounted_file {
    ($folder:literal) => {
        concat!(
            r#"mount -t tmpfs tmpfs "$0"; cd "$0"; touch host.json; "#,
            "for container in one other; do mkdir $container; ",
            $folder,
            "touch $container/session.json; mount --bind host.json $container/session.json; done"
        )
    };
}

#[test]
fn a_file_that_is_mounted_by_itself_is_written_in_place_and_is_its_own_lock() {
    over(mounted_file!(""), "one/session.json", "mounted-file");
}

#[test]
fn a_file_that_is_mounted_into_a_read_only_folder_is_written_in_place() {
    let lines = concat!(
        mounted_file!("mount -t tmpfs tmpfs $container; "),
        "; mount -o remount,bind,ro one; mount -o remount,bind,ro other"
    );
    let task = "mounted-file-in-a-read-only-folder";
    over(lines, "one/session.json", task);
}

fn mounted_file(store: &FileStore) {
    let file_in = |folder: &str| -> PathBuf {
        let top = store.path().ancestors().nth(2).expect("the top");
        top.join(folder).join("session.json")
    };
    let other = FileStore::new(file_in("other"));
    assert_eq!(revision(store), None, "it was made empty");
    for revision in [1, 2] {
        save(store, revision);
        assert_eq!(self::revision(&other), Some(revision));
    }
    lock(store).save(&large_session(3, 20)).expect("it grows");
    assert_eq!(revision(&other), Some(3));
    let one = store.path().with_file_name("");
    let names = fs::read_dir(one).expect("the folder").count();
    assert_eq!(names, 1, "nothing is beside it");

    let until = in_minutes(15);
    let mut locked = lock(store);
    assert_eq!(other.lock(AT_ONCE).err(), Some(StoreFailure::Locked));
    assert_eq!(locked.mark(until), Ok(()));
    assert_eq!(locked.save(&session(4)), Ok(()));
    drop(locked);
    assert_eq!(revision(&other), Some(4), "a shorter one");
    is_marked(&other, until);

    let mut locked = lock(store);
    let unmounted = Command::new("umount").arg("-l").arg(store.path()).status();
    assert!(unmounted.expect("umount").success());
    assert_eq!(locked.save(&session(5)), Err(StoreFailure::Superseded));
    assert_eq!(locked.mark(in_minutes(20)), Err(StoreFailure::Superseded));
    drop(locked);
    assert_eq!(revision(&other), Some(4));
    is_marked(&other, until);
}

#[test]
fn a_file_that_cannot_be_replaced_is_written_in_place() {
    let lines = r#"mount -t tmpfs tmpfs "$0""#;
    over(lines, "session.json", "mounted-over");
}

fn mounted_over(store: &FileStore) {
    save(store, 1);
    let mut locked = lock(store);
    let other = FileStore::new(store.path().with_file_name("other.json"));
    save(&other, 2);
    mount(
        &["--bind", other.path().to_str().expect("a path of ours")],
        store.path(),
    );
    locked.save(&session(3)).expect("a rename is EBUSY");
    assert_eq!(revision_in(&mut *locked), Some(3));
    assert_eq!(revision(&other), Some(3));
    assert!(!store.path().with_file_name("session.json.tmp").exists());
}

#[test]
fn a_mounted_file_that_is_read_only_is_for_a_person_to_mend() {
    let lines = concat!(
        mounted_file!(""),
        "; mount -o remount,bind,ro one/session.json"
    );
    over(lines, "one/session.json", "read-only-file");
}

fn read_only_file(store: &FileStore) {
    is_read_only(store, store.path());
}
