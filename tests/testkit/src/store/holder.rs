//! A process that holds the lock until it is killed.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;

use simacan_auth::SessionStore;

use super::{Checked, LONG, PATIENTLY, SHORT_LEASE, Subject, done, expect_record, request};
use crate::store::locks::is_locked;

const HOLDS: &str = "holds the lock";
const RECORD: &[u8] = b"saved before it was killed";

/// Takes the lock, saves, says so on the standard output, and holds the lock until the process is killed or its
/// standard input ends. For the process that [`killed`](crate::StoreContract::killed) starts.
///
/// # Panics
///
/// If the store fails.
pub fn hold(store: &impl SessionStore) {
    let mut locked = store
        .lock(request(LONG, SHORT_LEASE))
        .expect("the lock is free");
    locked.save(RECORD).expect("the lock is held");
    // Not with `println`: a test's output may be captured.
    let mut output = io::stdout();
    writeln!(output, "\n{HOLDS}").expect("somebody reads");
    output.flush().expect("somebody reads");
    let parent = thread::spawn(|| io::stdin().read(&mut [0]));
    while !parent.is_finished() {
        locked.renew().expect("the lock is held");
        thread::sleep(SHORT_LEASE / 10);
    }
}

/// Returns a command that runs this binary's ignored test of this name, and no other: one that calls [`hold`].
///
/// # Panics
///
/// If the system does not say which binary this is.
pub fn this_test(name: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("this binary"));
    command.args(["--exact", name, "--ignored", "--nocapture"]);
    command
}

pub(super) fn killed<S: SessionStore>(subject: &Subject<S>, place: &str) -> Checked {
    let Some(holder) = &subject.holder else {
        return Ok(());
    };
    let mut holder = Holder::start(holder(place)).map_err(|error| error.to_string())?;
    is_locked(&(subject.make)(place), "another process")?;
    holder.kill();
    let freed = (subject.make)(place).lock(PATIENTLY);
    expect_record(&mut *done("lock after a kill", freed)?, Some(RECORD))
}

struct Holder(Child);

impl Holder {
    fn start(mut command: Command) -> io::Result<Self> {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut holder = Self(child?);
        let mut said = String::new();
        for line in BufReader::new(holder.0.stdout.take().expect("it is piped")).lines() {
            let line = line?;
            if line == HOLDS {
                return Ok(holder);
            }
            said = said + "\n" + &line;
        }
        let text = format!("the process has ended before `hold` held the lock:{said}");
        Err(io::Error::other(text))
    }

    fn kill(&mut self) {
        let _ = self.0.kill(); // it may have ended
        let _ = self.0.wait();
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.kill();
    }
}
