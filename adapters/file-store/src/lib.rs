//! Keeps a session of [`simacan_auth`] in a file, so that it outlives the process, and so that several processes can
//! share it.
//!
//! A program that starts once a minute sends its password once a day at most, and ten processes on one host share one
//! session.
//!
//! Give a [`FileStore`] to the builder of a client, which does the rest:
//!
//! ```
//! use simacan_auth_file_store::{Error, FileStore};
//!
//! let store = FileStore::for_app("truck-tracker")?; // where the platform keeps a program's state
//! // With simacan-auth-ureq or simacan-auth-reqwest: Client::builder(provider, credentials).store(store)
//! # Ok::<(), Error>(())
//! ```
//!
//! This is what the client does with it:
//!
//! ```
//! use simacan_auth_file_store::{FileStore, LockRequest, SessionStore, StoreFailure};
//! use std::time::Duration;
//!
//! # let folder = std::env::temp_dir().join(format!("simacan-file-store-{}", std::process::id()));
//! let store = FileStore::new(folder.join("session.json"));
//! let request = LockRequest {
//!     patience: Duration::from_secs(30), // how long to wait for another process
//!     hold: Duration::ZERO,              // for leases; this lock is none
//! };
//!
//! let mut locked = store.lock(request)?;
//! assert!(locked.load()?.is_none(), "nothing was saved yet");
//! locked.save(b"a saved session")?; // durable once it returns
//! locked.unlock()?;
//!
//! // Another process, or this one after a restart:
//! let saved = store.lock(request)?.load()?;
//! assert_eq!(saved.as_deref().map(Vec::as_slice), Some(&b"a saved session"[..]));
//! # std::fs::remove_dir_all(folder).map_err(StoreFailure::new)?;
//! # Ok::<(), StoreFailure>(())
//! ```
//!
//! [`FileStore::for_app`] chooses the platform's place for a program's state. A service that systemd
//! starts with `StateDirectory=` is told its folder in `$STATE_DIRECTORY`: give [`FileStore::new`] a
//! path in it.
//!
//! # Who can read the file
//!
//! **Whoever can read it can act as the user**: with the access token until it expires, and with the refresh token
//! until it expires or this program has used it. If they use it first, they get its successor, and this program's
//! refresh is refused. So keep the file as safe as the password.
//!
//! - It is made with mode 0600, in a folder that is made with mode 0700: for this user alone. So
//!   every other program of this user can read it, and so can root and a backup.
//! - It is not encrypted. With a key that is kept elsewhere, `simacan-auth-sealed-store` encrypts it.
//! - **It holds no password.** Of a refused one it holds 16 bits of a hash, too few to guess it by.
//! - A file that others may read or write, a file of another user, and what is no file (a symbolic link, a folder, a
//!   pipe) is refused, with an [`Error`] that says what to do. A volume's group can be allowed:
//!   [`FileStore::allow_group`].
//! - A folder that others may write to is not refused: they can't read or forge the session there, but they can
//!   remove it or its lock, so that the password is sent more often.
//! - On Windows there are no modes: the file is as private as its folder. That of [`for_app`](FileStore::for_app) is
//!   in the user's profile.
//!
//! # What is beside it
//!
//! - `session.json.lock` is locked (with [`File::try_lock`](std::fs::File::try_lock)) while somebody loads, makes an
//!   exchange and saves. Threads and processes exclude each other alike. The system releases the lock when its
//!   process dies, however it dies (and its forked children, if they have not started another program), so there is
//!   no stale lock. **Don't delete the file**: that lets in a second process; the first one notices, and saves
//!   nothing. The file's modification time, if it is in the future and has a certain fraction of a second, is the
//!   store's [mark](LockedStore::mark): it can be set on a full disk.
//! - `session.json.tmp` is there during a save only. It is written, synced and renamed, and the folder
//!   is synced, so a crash or a full disk leaves the old session or the new one, never half of one.
//!   What a killed process has left of it is removed by the next save.
//!
//! Both are in the file's own folder, which has to be on a file system with locks that all the processes
//! see: a local disk has them, a network file system may not.
//!
//! # Disks
//!
//! Where the session's file can't be replaced, it is written in place. A crash during that may leave half of it: then
//! it is [damaged](StoreFailure::Damaged), and the program logs in anew. A line end and spaces fill the file up to a
//! multiple of 4 KiB, so that the next session needs no more room.
//!
//! | disk | session | lock, and mark |
//! |---|---|---|
//! | a folder that can be written to | replaced, all or nothing | `session.json.lock` |
//! | full, or no more files | in place if it fits; else an error, and the old one stays | the same |
//! | full, and copies what it writes (btrfs, ZFS) | an error, and the old one stays | the same |
//! | a file that is mounted by itself | in place | the session's own file |
//! | a read-only folder, a file that can be written to | in place | `session.json.lock` if it is there, else the session's own file |
//! | a read-only file | refused | refused |
//! | times of whole seconds (HFS+, ext with small inodes) | as above | no mark: an error |
//! | no modes (FAT, SMB) | refused, unless mounted for this user alone | – |
//!
//! A file that is mounted by itself has to exist: make it empty, with mode 0600, as the user who uses it. Every
//! process that shares it has to have it mounted so: one that sees the folder uses another lock, and its save would
//! leave the others with the old file. Mount the folder if you can choose.

mod error;
mod file;
mod mark;
#[cfg(not(unix))]
mod other;
mod padding;
mod store;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
use other as system;
#[cfg(unix)]
use unix as system;

pub use error::Error;
pub use simacan_auth::{
    self, InvalidSavedSession, LockRequest, LockedStore, SessionStore, StoreFailure, Timestamp,
};
pub use store::FileStore;
