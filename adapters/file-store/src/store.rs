use std::fs::{File, OpenOptions, TryLockError};
use std::path::{self, Component, Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use etcetera::base_strategy::{BaseStrategy, choose_native_strategy};
use simacan_auth::{LockRequest, LockedStore, SessionStore, StoreFailure, Timestamp, Zeroizing};

use crate::{Error, file, mark, system};

/// Between two looks at a lock that another holds. An exchange takes longer.
const POLL: Duration = Duration::from_millis(10);

/// A session in a file, for one process or for several that share it.
///
/// It keeps nothing open: it opens the file anew under each lock.
#[derive(Clone, Debug)]
pub struct FileStore {
    path: PathBuf,
    group: Option<u32>,
}

impl FileStore {
    /// Makes a store for the session at this path, absolute or from the current folder as it is now.
    ///
    /// Nothing is touched yet. [`lock`](SessionStore::lock) makes the folder, for this user alone,
    /// if there is none, and beside the file it makes `<path>.lock`.
    pub fn new(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let path = path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Self {
            path: path.components().collect(), // without a slash at its end
            group: None,
        }
    }

    /// Makes a store for `simacan-session.json` in a folder called `name` where the platform keeps the state of a
    /// user's applications: `$XDG_STATE_HOME` or `~/.local/state` on Linux and its like, `~/Library/Application
    /// Support` on macOS, `%LOCALAPPDATA%` on Windows.
    ///
    /// [`Error::InvalidName`]: no folder can be called so. [`Error::NoHome`]: the user has no home folder.
    ///
    /// ```
    /// use simacan_auth_file_store::FileStore;
    ///
    /// let store = FileStore::for_app("truck-tracker")?;
    /// assert!(store.path().ends_with("truck-tracker/simacan-session.json"));
    /// // One file holds one session; another account's goes beside it:
    /// let other = FileStore::new(store.path().with_file_name("other-account.json"));
    /// # Ok::<(), simacan_auth_file_store::Error>(())
    /// ```
    pub fn for_app(name: &str) -> Result<Self, Error> {
        let mut components = Path::new(name).components();
        let is_folder =
            matches!(components.next(), Some(Component::Normal(first)) if first == name);
        if !is_folder || components.next().is_some() {
            let name = name.to_owned();
            return Err(Error::InvalidName { name });
        }
        let mut path = state_folder().ok_or(Error::NoHome)?;
        path.extend([name, "simacan-session.json"]);
        Ok(Self::new(path))
    }

    /// Takes files that the members of this group, given by its number, may read or write, instead of refusing them.
    ///
    /// Some platforms let a volume's group in each time they mount it: Kubernetes does for `fsGroup`.
    /// Whoever is in the group can act as the user. Files are made for this user alone all the same.
    #[must_use]
    pub fn allow_group(mut self, number: u32) -> Self {
        self.group = Some(number);
        self
    }

    /// Returns the path of the file, which is absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `None` while another holds it.
    fn try_lock(&self) -> Result<Option<Locked>, Error> {
        let (lock, lock_path) = self.open_lock()?;
        Ok(take(&lock, &lock_path)?.then(|| Locked {
            store: self.clone(),
            lock,
            lock_path,
        }))
    }

    /// The file to be locked, and where it is.
    ///
    /// As a rule each save puts another file in the place of the session's, so that is not the lock. But it
    /// is where it stays: beside a file that is mounted by itself each container has a folder of its own,
    /// and beside one in a read-only folder there can be no other.
    fn open_lock(&self) -> Result<(File, PathBuf), Error> {
        let open = |path: PathBuf, create| {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(create);
            file::open_private(&mut options, &path, self.group).map(|lock| (lock, path))
        };
        if system::is_mount(&self.path) {
            return open(self.path.clone(), false);
        }
        let lock_path = file::beside(&self.path, ".lock");
        match open(lock_path.clone(), true) {
            Err(error)
                if error.is_denial()
                    && cfg!(unix) // elsewhere a lock keeps even its holder from reading
                    && !lock_path.exists()
                    && self.path.exists() =>
            {
                open(self.path.clone(), false)
            }
            opened => opened.map_err(|error| {
                let mut options = OpenOptions::new();
                error.and(file::open_private(
                    options.read(true),
                    &self.path,
                    self.group,
                ))
            }),
        }
    }
}

/// `false` while another holds it.
fn take(lock: &File, path: &Path) -> Result<bool, Error> {
    match lock.try_lock() {
        // If it was deleted since it was opened, another may have made and locked a new one.
        Ok(()) => Ok(system::is_at(lock, path)),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(source)) => Err(Error::io("lock", path)(source)),
    }
}

impl SessionStore for FileStore {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn look(&self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
        file::read(&self.path, self.group)
    }

    fn lock(&self, request: LockRequest) -> Result<Box<dyn LockedStore>, StoreFailure> {
        let started = Instant::now();
        let (Some(folder), Some(_)) = (self.path.parent(), self.path.file_name()) else {
            let path = self.path.clone();
            let found = "a folder";
            return Err(Error::NotAFile { path, found }.into());
        };
        file::create_folders(folder)?;
        loop {
            if let Some(locked) = self.try_lock()? {
                return Ok(Box::new(locked));
            }
            let rest = request.patience.saturating_sub(started.elapsed());
            if rest.is_zero() {
                return Err(StoreFailure::Locked);
            }
            thread::sleep(POLL.min(rest));
        }
    }
}

/// Holds the lock as long as it lives.
struct Locked {
    store: FileStore,
    lock: File,
    lock_path: PathBuf,
}

impl Locked {
    /// If the lock file is gone, another may have made and locked a new one.
    fn check(&self) -> Result<(), StoreFailure> {
        let is_held = system::is_at(&self.lock, &self.lock_path);
        is_held.then_some(()).ok_or(StoreFailure::Superseded)
    }
}

impl LockedStore for Locked {
    fn load(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
        file::read(&self.store.path, self.store.group)
    }

    fn save(&mut self, session: &[u8]) -> Result<(), StoreFailure> {
        self.check()?;
        if self.lock_path != self.store.path {
            return Ok(file::save(&self.store.path, session, self.store.group)?);
        }
        let marked = self.marked()?; // to write into the file is to set its time
        let saved = file::overwrite(&self.store.path, session, self.store.group);
        marked.map_or(Ok(()), |until| self.mark(until))?;
        Ok(saved?)
    }

    /// It needs no time, but whoever asks is about to send a token that is good once.
    fn renew(&mut self) -> Result<(), StoreFailure> {
        self.check()
    }

    /// The lock file's time: to set it needs no room on the disk.
    fn mark(&mut self, until: Timestamp) -> Result<(), StoreFailure> {
        self.check()?;
        let path = &self.lock_path;
        let is_kept = mark::set(&self.lock, until.into());
        if is_kept.map_err(Error::io("set the time of", path))? {
            return Ok(());
        }
        let path = path.clone();
        Err(Error::MarkNotKept { path }.into())
    }

    fn marked(&mut self) -> Result<Option<Timestamp>, StoreFailure> {
        let until = mark::get(&self.lock).map_err(Error::io("look at", &self.lock_path))?;
        Ok(until.map(Timestamp::from))
    }

    fn unlock(self: Box<Self>) -> Result<(), StoreFailure> {
        let unlocked = self.lock.unlock();
        Ok(unlocked.map_err(Error::io("unlock", &self.lock_path))?)
    }
}

/// To close it would not be enough: a process that another thread is just forking has it open, too.
impl Drop for Locked {
    fn drop(&mut self) {
        let _ = self.lock.unlock(); // closing it is what is left
    }
}

fn state_folder() -> Option<PathBuf> {
    let places = choose_native_strategy().ok()?;
    let folder = places.state_dir().unwrap_or_else(|| {
        if cfg!(windows) {
            places.cache_dir() // the local one: a lock does not roam with the user
        } else {
            places.data_dir()
        }
    });
    folder.is_absolute().then_some(folder)
}

#[cfg(test)]
mod tests {
    use std::{env, fs, process};

    use super::*;

    #[test]
    fn a_lock_file_that_is_deleted_between_opening_and_locking_is_no_lock() {
        let path = env::temp_dir().join(format!("file-store-{}.lock", process::id()));
        let lock = File::create_new(&path).expect("a new file");
        assert!(take(&lock, &path).expect("the lock"));
        fs::remove_file(&path).expect("the file");
        assert!(!take(&lock, &path).expect("the lock"));
        let other = File::create_new(&path).expect("another file");
        assert!(!take(&lock, &path).expect("the lock"));
        assert!(take(&other, &path).expect("the lock"));
        fs::remove_file(&path).expect("the file");
    }
}
