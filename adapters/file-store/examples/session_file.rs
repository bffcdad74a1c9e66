//! A session's file and its lock, as two processes see them that share it; and what is refused.
//! `cargo run --example session_file`
//!
//! A client does all this by itself, if its builder is given the store.

use std::error::Error;
use std::time::Duration;
use std::{env, fs, process, thread};

use simacan_auth_file_store::{FileStore, LockRequest, SessionStore};

/// An exchange is made under the lock, so another process may have to wait for it.
fn within(patience: Duration) -> LockRequest {
    LockRequest {
        patience,
        hold: Duration::ZERO, // a file's lock is held until it is given free
    }
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::temp_dir().join(format!("simacan-session-file-{}", process::id()));
    // In a program: `FileStore::for_app("truck-tracker")?`, whose folder is the platform's for such files.
    let store = FileStore::new(folder.join("session.json"));
    let other = store.clone();

    let mut locked = store.lock(within(Duration::ZERO))?;
    locked.save(b"a saved session")?;
    let error = other
        .lock(within(Duration::ZERO))
        .err()
        .ok_or("two have the lock")?;
    println!("while it is locked: {error}");

    let waits = thread::spawn(move || other.lock(within(Duration::from_secs(30)))?.load());
    locked.unlock()?;
    let found = waits.join().map_err(|_| "it panicked")??;
    assert_eq!(
        found.as_deref().map(Vec::as_slice),
        Some(&b"a saved session"[..])
    );
    println!("after it is unlocked: another process has what was saved");

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;

        let path = folder.join("session.json");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
        let error = store
            .lock(within(Duration::ZERO))
            .and_then(|mut locked| locked.load());
        let error = error.err().ok_or("it is used")?;
        println!("when others can read it: {error}");
    }
    Ok(fs::remove_dir_all(folder)?)
}
