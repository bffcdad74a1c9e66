//! The command line, and the lines to paste that it prints.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use simacan_auth_emulator::Profile;

const BINARY: &str = env!("CARGO_BIN_EXE_simacan-auth-emulator");

#[test]
fn help_lists_every_flag() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for flag in [
        "port",
        "user",
        "seed",
        "profile",
        "access-token-life",
        "refresh-token-life",
        "grace",
        "rotation",
        "reuse",
        "lock-out-after",
        "client-id",
        "client-secret",
        "request-lost",
        "answer-lost",
        "server-error",
        "too-many-requests",
        "garbage",
        "truncated",
        "delayed",
        "delay",
        "next",
    ] {
        assert!(help.contains(&format!("--{flag} ")), "{flag}");
        // And each of them is one.
        let output = run(&[&format!("--{flag}")]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            error,
            format!("simacan-auth-emulator: --{flag}: a value is missing\n")
        );
    }
}

#[test]
fn help_lists_every_profile_and_an_error_names_them() {
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    let names = Profile::ALL.map(Profile::name);
    for name in names {
        assert!(help.contains(&format!("\n  {name:<28}")), "{name}");
        // It is taken: what is wrong is the next flag.
        let output = run(&["--profile", name, "--port"]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.ends_with("--port: a value is missing\n"), "{error}");
    }
    let error = String::from_utf8(run(&["--profile", "cas"]).stderr).unwrap();
    let names = names.join(", ");
    assert!(error.ends_with(&format!("--profile: 'cas' is none of {names}\n")));
}

#[test]
fn errors_name_the_flag() {
    for (arguments, error) in [
        (
            &["--prot", "1"][..],
            "--prot: no such flag; --help lists them",
        ),
        (
            &["--port", "65536"],
            "--port: '65536' is not a number from 0 to 65535",
        ),
        (
            &["--garbage=1001"],
            "--garbage: '1001' is not a number from 0 to 1000",
        ),
        (
            &["--grace", "1d"],
            "--grace: '1d' is not a time like 90, 90s, 15m or 24h",
        ),
        (
            &["--grace", ""],
            "--grace: '' is not a time like 90, 90s, 15m or 24h",
        ),
        (
            &["--reuse", "x"],
            "--reuse: 'x' is none of refuse, revoke-family",
        ),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(text, format!("simacan-auth-emulator: {error}\n"));
    }
}

#[test]
fn version_says_which_one_it_is() {
    let expected = concat!("simacan-auth-emulator ", env!("CARGO_PKG_VERSION"), "\n");
    for flag in ["--version", "-V"] {
        let output = run(&[flag]);
        assert!(output.status.success());
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    }
}

#[test]
fn each_of_several_users_can_log_in() {
    let mut emulator = Running::start(&["--user", "driver:one", "--user=planner:a:b"]);
    let address = emulator.address();
    let log_in = |form| post(&address, "/api/v1/auth/password", form);
    assert!(log_in("username=driver&password=one").starts_with("HTTP/1.1 200 "));
    assert!(log_in("username=planner&password=a%3Ab").starts_with("HTTP/1.1 200 "));
    let default = "username=foo%40bar.com&password=open+sesame";
    assert!(log_in(default).starts_with("HTTP/1.1 401 "));
}

#[test]
fn a_reader_that_goes_away_stops_nothing() {
    let mut emulator = Running::start(&[]);
    let address = emulator.address();
    drop(emulator.stdout.take()); // the pipe is broken
    for _ in 0..2 {
        assert!(post(&address, "/x", "").starts_with("HTTP/1.1 401 "));
    }
    assert_eq!(emulator.child.try_wait().unwrap(), None, "it has ended");
    for flag in ["--help", "--version", "--port"] {
        let mut command = Command::new(BINARY);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        command
            .arg(flag)
            .stdout(writer.try_clone().unwrap())
            .stderr(writer);
        let code = command.status().unwrap().code();
        assert_eq!(code, Some(if flag == "--port" { 2 } else { 0 }), "{flag}");
    }
}

#[test]
fn the_printed_lines_work_when_pasted_into_a_shell() {
    if Command::new("curl").arg("--version").output().is_err() {
        eprintln!("skipped: there is no curl here");
        return;
    }
    let mut emulator = Running::start(&[
        "--user=foo@bar.com:it's 100% a&b=c+d \"é\" $HOME `x`",
        "--access-token-life",
        "15m",
    ]);
    let welcome = emulator.read_until(|line| line.starts_with("Ctrl-C"));
    let script: Vec<&str> = welcome
        .iter()
        .map(String::as_str)
        .skip_while(|line| !line.starts_with('#'))
        .collect();
    let script = script
        .join("\n")
        .replace("curl ", "curl -sS --noproxy '*' ");
    let script = script.split("\nCtrl-C").next().unwrap().to_owned();
    let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(stdout.matches(r#""expires_in":900"#).count(), 2, "{stdout}");
    assert!(stdout.contains("HTTP/1.1 204 No Content"), "{stdout}");

    let log = emulator.read_until(|line| line.contains("refresh"));
    let events: Vec<&str> = log
        .iter()
        .map(|line| line.split_once(' ').unwrap().1)
        .collect();
    assert_eq!(
        events,
        [
            "password: foo@bar.com, accepted, tokens #1 -> 200",
            "password: foo@bar.com, accepted, tokens #2 -> 200",
            "target: POST /api/v1/realisation, 14 bytes, token #2 -> 204",
            "refresh: token #2, replaced by #3 -> 200",
        ]
    );
}

fn run(arguments: &[&str]) -> Output {
    Command::new(BINARY).args(arguments).output().unwrap()
}

/// The answer, head and body.
fn post(address: &str, path: &str, form: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = form.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\
         content-type: application/x-www-form-urlencoded\r\n\r\n{form}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A running emulator, stopped when this is dropped.
struct Running {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(BINARY)
            .args(["--port", "0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().map(BufReader::new);
        Self { child, stdout }
    }

    /// As the first line that it prints has it.
    fn address(&mut self) -> String {
        let line = self.read_until(|_| true).remove(0);
        let (_, address) = line.split_once("http://").unwrap();
        address.split('/').next().unwrap().to_owned()
    }

    /// The lines up to and including the one that is looked for.
    fn read_until(&mut self, is_last: impl Fn(&str) -> bool) -> Vec<String> {
        let mut lines = Vec::new();
        while !lines.last().is_some_and(|line: &String| is_last(line)) {
            let mut line = String::new();
            assert_ne!(
                self.stdout.as_mut().unwrap().read_line(&mut line).unwrap(),
                0,
                "it stopped: {lines:?}"
            );
            lines.push(line.trim_end().to_owned());
        }
        lines
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
