//! The kind of lock that is often written: something that is there as long as somebody holds it.

use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use simacan_auth::{LockRequest, LockedStore, SessionStore, StoreFailure, Zeroizing};

use super::{Defect, contract};
use crate::{StoreContract, hold, this_test};

struct LockFile(PathBuf);

struct LockedFile(PathBuf);

impl SessionStore for LockFile {
    fn lock(&self, request: LockRequest) -> Result<Box<dyn LockedStore>, StoreFailure> {
        let patience = request.patience.min(Duration::from_secs(1)); // a stale lock is to be told soon
        let started = Instant::now();
        while fs::create_dir(&self.0).is_err() {
            if started.elapsed() >= patience {
                return Err(StoreFailure::Locked);
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(Box::new(LockedFile(self.0.clone())))
    }
}

impl LockedStore for LockedFile {
    fn load(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
        Ok(fs::read(self.0.with_extension("record"))
            .ok()
            .map(Zeroizing::new))
    }

    fn save(&mut self, session: &[u8]) -> Result<(), StoreFailure> {
        fs::write(self.0.with_extension("record"), session).map_err(StoreFailure::new)
    }

    fn unlock(self: Box<Self>) -> Result<(), StoreFailure> {
        Ok(())
    }
}

impl Drop for LockedFile {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

const PATH: &str = "SIMACAN_TESTKIT_PATH";

#[test]
#[ignore = "a process that the contract starts and kills"]
fn holding() {
    if let Some(path) = env::var_os(PATH) {
        hold(&LockFile(path.into()));
    }
}

#[test]
fn a_lock_that_outlives_its_process_is_found_and_so_is_one_that_others_do_not_see() {
    let folder = env::temp_dir().join(format!("simacan-testkit-{}", process::id()));
    fs::create_dir(&folder).expect("a new folder");
    let inside = folder.clone();
    let holder = move |place: &str| {
        let mut holder = this_test("store::broken::lock_file::holding");
        holder.env(PATH, inside.join(place));
        holder
    };

    let inside = folder.clone();
    let stale = StoreContract::new(move |place| LockFile(inside.join(place)));
    let stale = stale.killed(holder.clone()).broken(|_| true);
    let is_it = |rule: &str| rule == "a-killed-process-frees";
    let blind = contract(Defect::None).killed(holder).broken(is_it);
    let idle = contract(Defect::None).killed(|_| this_test("store::broken::lock_file::holding"));
    let idle = idle.broken(is_it);
    fs::remove_dir_all(folder).expect("the folder");
    for (broken, how) in [
        (
            stale,
            "lock after a kill failed: another process has kept the lock",
        ),
        (blind, "the lock is held, and another process got it, too"),
        (idle, "the process has ended before `hold` held the lock"),
    ] {
        let broken = broken.concat();
        let expected = format!("\n- a-killed-process-frees: {how}");
        assert!(broken.starts_with(&expected), "{broken}");
    }
}
