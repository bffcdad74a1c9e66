//! A program that is started every few seconds, or six times at once, with something that does not get better.

use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use http::StatusCode;
use simacan_auth::{Denied, Failure};
use simacan_auth_emulator::{Endpoint, Fault};

use crate::minutely::{Day, MINUTE, WRONG_PASSWORD, assert_few_an_hour, passwords_at, run};
use crate::pusher::{Adapter, Outcome};
use crate::surroundings::{Clock, Folder, PASSWORD, counters, settings};

for_both! {
    i2_two_wrong_passwords_on_one_file_are_each_sent_once,
    i15_a_target_that_always_answers_401_gets_few_refreshes,
    i13_six_runs_a_minute_send_an_auth_api_that_fails_no_more_than_one,
    i13_a_hundred_starts_on_a_full_disk_send_one_password,
}

const OFTEN: Duration = Duration::from_secs(6);
const DISK: &str = "SIMACAN_FULL_DISK";

/// Two programs, say, of which one has an older mistake than the other.
fn i2_two_wrong_passwords_on_one_file_are_each_sent_once(adapter: Adapter) {
    let day = Day::new("two-wrong", adapter);
    for _ in 0..100 {
        for password in [WRONG_PASSWORD, "another wr0ng h0rse"] {
            let outcome = day.run(password);
            let is_rejected = matches!(outcome, Outcome::Denied(Denied::Rejected { .. }));
            assert!(is_rejected, "{outcome}");
        }
        day.clock.skip(MINUTE);
    }
    assert_eq!(day.passwords(), 2);
}

fn i15_a_target_that_always_answers_401_gets_few_refreshes(adapter: Adapter) {
    let day = Day::new("always-401", adapter);
    let fault = Fault::Status(StatusCode::UNAUTHORIZED);
    day.server
        .with(|emulator| emulator.script_n(Endpoint::Target, fault, 100_000));
    for _ in 0..600 {
        let outcome = day.run(PASSWORD);
        let is_401 = matches!(outcome, Outcome::Answered(StatusCode::UNAUTHORIZED));
        assert!(is_401, "{outcome}");
        day.clock.skip(OFTEN);
    }
    let counters = counters(&day.server);
    assert_eq!(counters.passwords_received, 1);
    assert!(counters.refreshes_received <= 60, "{counters:#?}");
}

fn i13_six_runs_a_minute_send_an_auth_api_that_fails_no_more_than_one(adapter: Adapter) {
    let day = Day::new("six-runs", adapter);
    let fault = Fault::Status(StatusCode::SERVICE_UNAVAILABLE);
    day.server
        .with(|emulator| emulator.script_n(Endpoint::Password, fault, 100_000));
    for _ in 0..120 {
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let outcome = day.run(PASSWORD);
                    assert!(matches!(outcome, Outcome::Denied(_)), "{outcome}");
                });
            }
        });
        day.clock.skip(MINUTE);
    }
    let passwords = passwords_at(&day.server);
    assert_few_an_hour(&passwords);
    let few = 2 * 60 / 5 * 3; // three attempts in each cool-down
    assert!(passwords.len() <= few, "{}", passwords.len());
}

/// In a file system of its own, which is filled to the last block: where the machine allows that.
fn i13_a_hundred_starts_on_a_full_disk_send_one_password(adapter: Adapter) {
    if let Some(disk) = env::var_os(DISK) {
        return on_a_full_disk(Path::new(&disk), adapter);
    }
    let folder = Folder::new(&format!("full-disk-{adapter}"));
    let mount =
        format!("mount -t tmpfs -o size=64k none \"${DISK}\" || exit 77; exec \"$0\" \"$@\"");
    let name = format!("often::{adapter}::i13_a_hundred_starts_on_a_full_disk_send_one_password");
    let status = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &mount])
        .arg(env::current_exe().expect("this test"))
        .args(["--exact", &name, "--nocapture"])
        .env(DISK, folder.session().parent().expect("its folder"))
        .status();
    match status.map(|status| status.code()) {
        Ok(Some(0)) => {}
        Ok(Some(1 | 77)) | Err(_) => {
            println!("skipped: this machine mounts no file system for a test");
        }
        other => panic!("{other:?}"),
    }
}

fn on_a_full_disk(disk: &Path, adapter: Adapter) {
    let clock = Clock::default();
    let server = clock.serve(settings());
    let mut filler = File::create(disk.join("filler")).expect("a file");
    while filler.write_all(&[0; 4096]).is_ok() {}
    drop(filler);
    let start = || {
        let session = disk.join("session.json");
        run(adapter, &server.origin(), &session, PASSWORD, clock.clone())
    };
    let outcome = start();
    let is_accepted = matches!(outcome, Outcome::Answered(StatusCode::NO_CONTENT));
    assert!(is_accepted, "{outcome}");
    for _ in 1..100 {
        let outcome = start();
        let Outcome::Denied(Denied::Unavailable { failure, .. }) = &outcome else {
            panic!("{outcome}");
        };
        let place = disk.join("session.json").display().to_string();
        assert_eq!(*failure, Failure::LoginsMarked { place });
        clock.skip(OFTEN);
    }
    assert_eq!(counters(&server).passwords_received, 1);
    // There is room again.
    fs::remove_file(disk.join("filler")).expect("the file");
    clock.skip(10 * MINUTE);
    for _ in 0..100 {
        let outcome = start();
        let is_accepted = matches!(outcome, Outcome::Answered(StatusCode::NO_CONTENT));
        assert!(is_accepted, "{outcome}");
        clock.skip(OFTEN);
    }
    assert_eq!(counters(&server).passwords_received, 2);
}
