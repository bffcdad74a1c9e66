//! A server as a process.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What both servers say once they are; a standby accepts *read-only connections*.
const READY: &str = "eady to accept ";
const LONG: Duration = Duration::from_secs(30);

/// Starts the server, waits for a line or for the end of whoever has started it, and ends the server by
/// its number: it outlives no test, not even one that is killed.
const KEEPER: &str = r#"
folder=$1 signal=$2; shift 2
"$@" >"$folder/log" 2>&1 &
read -r word
kill -"$signal" $! 2>/dev/null
wait $!
[ -n "$word" ] || rm -rf "$folder"
"#;

/// A server that runs.
#[derive(Debug)]
pub struct Program {
    folder: PathBuf,
    /// How it is ended.
    signal: &'static str,
    command: Vec<String>,
    keeper: Option<Child>,
}

impl Program {
    /// Runs `command`, which is told a port, once it is there.
    pub(crate) fn start(
        folder: &Path,
        signal: &'static str,
        command: impl Fn(u16) -> Vec<String>,
    ) -> (Self, u16) {
        let mut program = Self {
            folder: folder.to_owned(),
            signal,
            command: Vec::new(),
            keeper: None,
        };
        // Another program may take the port in between.
        for _ in 0..5 {
            let port = free_port();
            program.command = command(port);
            match program.run() {
                Ok(()) => return (program, port),
                Err(said) if is_in_use(&said) => program.stop(),
                Err(said) => panic!("a server that does not start: {said}"),
            }
        }
        panic!("no port is free for long enough");
    }

    fn run(&mut self) -> Result<(), String> {
        let log = self.folder.join("log");
        let _ = fs::remove_file(&log);
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "keeper"]).arg(&self.folder);
        keeper.arg(self.signal).args(&self.command);
        self.keeper = Some(keeper.stdin(Stdio::piped()).spawn().expect("a shell"));

        let started = Instant::now();
        loop {
            let said = fs::read_to_string(&log).unwrap_or_default();
            if said.contains(READY) {
                return Ok(());
            }
            let is_late = started.elapsed() > LONG;
            if is_late || is_in_use(&said) || is_fatal(&said) {
                return Err(said);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends it, as a crash would; what it has on its disk stays.
    pub fn stop(&mut self) {
        self.end("stop\n");
    }

    /// Starts it again where it was, after a [`stop`](Self::stop).
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn restart(&mut self) {
        self.stop();
        self.run().expect("a server that starts again");
    }

    fn end(&mut self, word: &str) {
        if let Some(mut keeper) = self.keeper.take() {
            let mut input = keeper.stdin.take().expect("it is piped");
            let _ = input.write_all(word.as_bytes());
            drop(input);
            let _ = keeper.wait();
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.end("");
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn is_in_use(said: &str) -> bool {
    said.to_lowercase().contains("address already in use")
}

/// But what it says to clients that come too early.
fn is_fatal(said: &str) -> bool {
    let is_about_clients = |line: &str| line.contains("the database system is");
    said.lines()
        .any(|line| line.contains("FATAL") && !is_about_clients(line))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.expect("a port of loopback").port()
}

/// Where a program is: on the path, or in one of these folders.
pub(crate) fn find(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<_> = env::split_paths(&path).collect();
    let mut places = on_path
        .iter()
        .chain(folders)
        .map(|folder| folder.join(name));
    let found = places.find(|place| place.is_file());
    if found.is_none() {
        let is_required = env::var("SIMACAN_REQUIRE_SERVERS").is_ok_and(|value| value == "1");
        assert!(!is_required, "{name} is not installed");
        // Not by `println`: the output of a test that passes is captured.
        let _ = writeln!(io::stderr(), "skipped: {name} is not installed");
    }
    found
}

/// A new folder where every user can get at.
pub(crate) fn new_folder(name: &str) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = format!("simacan-{name}-{}-{number}", process::id());
    let folder = env::temp_dir().join(folder);
    fs::create_dir(&folder).expect("a new folder");
    folder
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().expect("a path of ours").to_owned()
}
