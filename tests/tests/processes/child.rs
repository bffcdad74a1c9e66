//! A process of its own: this binary again, told by its environment what to do.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::surroundings::PATIENCE;
use crate::{cron_job, example, minutely_processes, worker};

const TASK: &str = "SIMACAN_TEST_TASK";

/// What a process does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Task {
    CronJob,
    PushMinutely,
    Work,
}

impl Task {
    const ALL: [Self; 3] = [Self::CronJob, Self::PushMinutely, Self::Work];

    fn name(self) -> String {
        format!("{self:?}")
    }

    /// What it has to say goes to its standard error, line by line.
    pub(crate) fn command(self) -> Command {
        let exe = env::current_exe().expect("this binary");
        let mut command = Command::new(exe);
        command
            .args(["--exact", "child::child", "--ignored", "--nocapture"])
            .env(TASK, self.name())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(proxy);
        }
        command
    }
}

#[test]
#[ignore = "what other tests start as a process of its own"]
fn child() {
    let Some(name) = env::var_os(TASK) else {
        return;
    };
    let is_it = |task: &&Task| name == *OsStr::new(&task.name());
    match Task::ALL.iter().find(is_it).expect("a task") {
        Task::CronJob => example::push(&parameter(cron_job::X), "52.155").expect("a push"),
        Task::PushMinutely => minutely_processes::push(),
        Task::Work => worker::work(),
    }
}

pub(crate) fn parameter(name: &str) -> String {
    env::var(name).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub(crate) struct Process {
    child: Mutex<Child>,
    lines: Mutex<Option<JoinHandle<()>>>,
    was_killed: AtomicBool,
}

impl Process {
    /// Its lines are told as they come.
    pub(crate) fn start(
        mut command: Command,
        on_line: impl FnMut(String) + Send + 'static,
    ) -> Self {
        let mut child = command.spawn().expect("a process of its own");
        let stderr = child.stderr.take().expect("its lines");
        let lines = thread::spawn(move || tell(stderr, on_line));
        Self {
            child: Mutex::new(child),
            lines: Mutex::new(Some(lines)),
            was_killed: AtomicBool::new(false),
        }
    }

    /// Lets it run to its end, and gives all that it says.
    pub(crate) fn run(command: Command) -> (ExitStatus, Vec<String>) {
        let said = Arc::new(Mutex::new(Vec::new()));
        let process = Self::start(command, {
            let said = said.clone();
            move |line| lock(&said).push(line)
        });
        let status = process.end();
        let said = std::mem::take(&mut *lock(&said));
        (status, said)
    }

    /// SIGKILL: it can't do anything about it. When this returns the system has freed its locks.
    pub(crate) fn kill(&self) {
        let mut child = lock(&self.child);
        if child.try_wait().expect("its state").is_none() {
            child.kill().expect("a process to kill");
            let status = child.wait().expect("its end");
            let was_killed = status.signal() == Some(9);
            self.was_killed.store(was_killed, Ordering::SeqCst);
        }
    }

    /// SIGSTOP: when this returns it does nothing any more.
    pub(crate) fn stop(&self) {
        let pid = self.signal(Signal::STOP);
        let stopped = waitpid(Some(pid), WaitOptions::UNTRACED).expect("its state");
        assert!(stopped.is_some_and(|(_, status)| status.stopped()));
    }

    /// SIGCONT.
    pub(crate) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) -> Pid {
        let id = lock(&self.child).id().try_into();
        let pid = Pid::from_raw(id.expect("a number of a process")).expect("not 0");
        kill_process(pid, signal).expect("a process that runs");
        pid
    }

    pub(crate) fn was_killed(&self) -> bool {
        self.was_killed.load(Ordering::SeqCst)
    }

    pub(crate) fn is_running(&self) -> bool {
        let state = lock(&self.child).try_wait();
        state.expect("its state").is_none()
    }

    /// Lets it come to its end, which it has to, and all that it has said be told. A byte asks for it:
    /// without one, this process would be gone.
    pub(crate) fn end(&self) -> ExitStatus {
        if let Some(mut stdin) = lock(&self.child).stdin.take() {
            let _ = stdin.write_all(b"."); // it may have ended already
        }
        let start = Instant::now();
        let status = loop {
            if let Some(status) = lock(&self.child).try_wait().expect("its state") {
                break status;
            }
            if start.elapsed() > PATIENCE {
                self.kill();
                panic!("a process hangs");
            }
            thread::sleep(Duration::from_millis(1));
        };
        if let Some(lines) = lock(&self.lines).take() {
            lines.join().expect("its lines are told");
        }
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whole ones: the last words of one that is killed may be cut off.
fn tell(stderr: ChildStderr, mut on_line: impl FnMut(String)) {
    let mut stderr = BufReader::new(stderr);
    let mut line = String::new();
    while stderr.read_line(&mut line).is_ok() && line.ends_with('\n') {
        on_line(line.trim_end().to_owned());
        line.clear();
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
