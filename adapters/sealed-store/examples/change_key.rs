//! A session in a file, sealed with a key that is then changed, as programs do it one after the other.
//!
//! ```sh
//! cargo run -p simacan-auth-sealed-store --example change_key
//! ```

use std::error::Error;
use std::time::Duration;
use std::{env, fs, process};

use simacan_auth_file_store::FileStore;
use simacan_auth_sealed_store::{Key, LockRequest, SealedStore, SessionStore, StoreFailure};

const REQUEST: LockRequest = LockRequest {
    patience: Duration::from_secs(1),
    hold: Duration::from_secs(1),
};

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::temp_dir().join(format!("simacan-change-key-{}", process::id()));
    let file = FileStore::new(folder.join("session.json"));
    // From a secret of the orchestrator, say; `openssl rand -base64 32` makes one.
    let (old, new) = (Key::generate(), Key::generate());
    let sealed = |key: &Key| SealedStore::new(file.clone(), key.clone());

    sealed(&old).lock(REQUEST)?.save(b"a saved session")?;
    println!("sealed with {}", old.id());

    // Both keys are known to all programs before the first of them seals with the new one.
    let both = sealed(&new).also_opens(old.clone());
    let mut locked = both.lock(REQUEST)?;
    let session = locked.load()?.ok_or("it was saved")?;
    locked.save(&session)?;
    locked.unlock()?;
    println!("sealed with {}", new.id());

    // Who has the old one alone neither reads it nor takes it away from the others.
    let denied = sealed(&old).lock(REQUEST)?.load();
    let Err(StoreFailure::Denied(cause)) = denied else {
        return Err("the old key opens it".into());
    };
    println!("{cause}");
    fs::remove_dir_all(folder)?;
    Ok(())
}
