//! A process of its own: this binary again, told by its environment what to do.

use std::env;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{self, ChildStderr, Command, ExitStatus, Stdio};
use std::thread;

use simacan_auth_file_store::{FileStore, SessionStore, StoreFailure};

use crate::common::{PATIENTLY, large_session, lock, revision_in, save, session};
#[cfg(target_os = "linux")]
use crate::mounts;

const TASK: &str = "FILE_STORE_TASK";
const PATH: &str = "FILE_STORE_PATH";
const REVISION: &str = "saved revision ";

pub(crate) struct Child {
    process: process::Child,
    lines: BufReader<ChildStderr>,
}

impl Child {
    pub(crate) fn start(task: &str, path: &Path) -> Self {
        Self::start_with(&[], task, path, |_| {})
    }

    /// Within another program, which is to end in becoming the one that its arguments name.
    pub(crate) fn start_with(
        wrapper: &[&str],
        task: &str,
        path: &Path,
        configure: impl FnOnce(&mut Command),
    ) -> Self {
        let exe = env::current_exe().expect("this binary");
        let words = wrapper.iter().map(AsRef::as_ref).chain([exe.as_os_str()]);
        let mut words =
            words.chain(["--exact", "child::child", "--ignored", "--nocapture"].map(AsRef::as_ref));
        let mut command = Command::new(words.next().expect("a program"));
        command
            .args(words)
            .env(TASK, task)
            .env(PATH, path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        configure(&mut command);
        let mut process = command.spawn().expect("a process of its own");
        let lines = BufReader::new(process.stderr.take().expect("its lines"));
        Self { process, lines }
    }

    /// What it says next; `None` once it has ended.
    pub(crate) fn next_line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line");
        line.ends_with('\n').then(|| line.trim_end().to_owned())
    }

    /// The revision that it says it has saved.
    pub(crate) fn next_revision(&mut self) -> Option<u64> {
        let line = self.next_line()?;
        let revision = line
            .strip_prefix(REVISION)
            .unwrap_or_else(|| panic!("{line}"));
        Some(revision.parse().expect("a revision"))
    }

    /// Lets it go on, and waits for its end.
    pub(crate) fn end(&mut self) -> ExitStatus {
        drop(self.process.stdin.take());
        self.process.wait().expect("its end")
    }

    /// Lets it go on to its end and gives all that it says until then.
    pub(crate) fn says(mut self) -> String {
        drop(self.process.stdin.take());
        let mut said = String::new();
        self.lines.read_to_string(&mut said).expect("lines");
        assert!(self.end().success(), "{said}");
        said.trim_end().to_owned()
    }

    /// SIGKILL: it can't do anything about it.
    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("a process to kill");
        let status = self.process.wait().expect("its end");
        assert_eq!(status.signal(), Some(9));
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
#[ignore = "what other tests start as a process of its own"]
fn child() {
    let Ok(task) = env::var(TASK) else {
        return;
    };
    let store = FileStore::new(env::var_os(PATH).expect("a path"));
    let mut words = task.split(' ');
    let mut number = || {
        words
            .next_back()
            .and_then(|word| word.parse().ok())
            .expect("a number")
    };
    match task.split(' ').next() {
        Some("hold") => hold(&store),
        // It has what this process has open but for what is closed in such programs.
        Some("hold-with-a-child") => {
            let locked = lock(&store);
            let mut sleeper = Command::new("cat").spawn().expect("a child");
            eprintln!("locked");
            let _ = sleeper.wait();
            drop(locked);
        }
        Some("save") => match lock(&store).save(&large_session(2, 20)) {
            Ok(()) => eprintln!("saved"),
            Err(failure) => eprintln!("{failure}"),
        },
        Some("lock") => match store.lock(PATIENTLY) {
            Ok(_) => eprintln!("locked"),
            Err(failure) => eprintln!("{failure}"),
        },
        Some("look") => {
            let denied = store.lock(PATIENTLY).err().expect("no lock");
            assert!(matches!(denied, StoreFailure::Denied(_)), "{denied}");
            eprintln!("{}", store.look().expect("a session").is_some());
        }
        Some("load") => match lock(&store).load() {
            Ok(saved) => eprintln!("{saved:?}"),
            Err(failure) => eprintln!("{failure}"),
        },
        Some("count") => {
            let (times, threads) = (number(), number());
            thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| count_often(&store, times));
                }
            });
        }
        Some("count-on") => loop {
            eprintln!("{REVISION}{}", count(&store).expect("a count"));
        },
        Some("relative") => {
            let store = FileStore::new("session.json");
            env::set_current_dir("/").expect("another folder");
            save(&store, 1);
        }
        Some("for-app") => match FileStore::for_app("truck tracker") {
            Ok(store) => eprintln!("{}", store.path().display()),
            Err(error) => eprintln!("{error}"),
        },
        #[cfg(target_os = "linux")]
        _ => mounts::run(&task, &store),
        #[cfg(not(target_os = "linux"))]
        _ => panic!("no such task: {task}"),
    }
}

fn hold(store: &FileStore) {
    let locked = lock(store);
    eprintln!("locked");
    let _ = io::stdin().read(&mut [0]); // until it is let go
    drop(locked);
}

/// Saves the next revision.
pub(crate) fn count(store: &FileStore) -> Result<u64, StoreFailure> {
    let mut locked = store.lock(PATIENTLY)?;
    let revision = 1 + revision_in(&mut *locked).unwrap_or_default();
    locked.save(&session(revision))?;
    Ok(revision)
}

pub(crate) fn count_often(store: &FileStore, times: u64) {
    for _ in 0..times {
        count(store).expect("a count");
    }
}
