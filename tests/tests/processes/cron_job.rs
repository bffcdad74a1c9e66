//! The example `cron_job`, run as a process again and again.

use std::thread;
use std::time::Duration;

use crate::child::{Process, Task};
use crate::surroundings::{Clock, Folder, PASSWORD, USERNAME, counters, settings};

/// Where the vehicle is.
pub(crate) const X: &str = "SIMACAN_TEST_X";

const RUNS: u64 = 100;
const TOKEN_LIFE: Duration = Duration::from_secs(1);

#[test]
fn a_program_that_pushes_once_and_ends_sends_one_password_in_a_hundred_runs() {
    let folder = Folder::new("cron-job");
    let clock = Clock::default();
    let server = clock.serve(settings().with_access_token_life(TOKEN_LIFE));
    for run in 0..RUNS {
        match run % 50 {
            // By the platform's clock alone it has expired: the program learns it from a 401.
            10 | 20 | 30 | 40 => clock.skip(TOKEN_LIFE),
            49 => thread::sleep(TOKEN_LIFE),
            _ => {}
        }
        let mut command = Task::CronJob.command();
        command
            .env("SIMACAN_ENVIRONMENT", server.base_url())
            .env("SIMACAN_USERNAME", USERNAME)
            .env("SIMACAN_PASSWORD", PASSWORD)
            .env("SIMACAN_SESSION", folder.session())
            .env(X, format!("5.{run:03}"));
        let (status, said) = Process::run(command);
        assert!(status.success(), "run {run}: {said:#?}");
    }
    let counters = counters(&server);
    println!("cron_job, {RUNS} runs: {counters:#?}");
    assert_eq!(counters.targets_accepted, RUNS);
    assert_eq!(counters.most_repeats_of_a_body, 1);
    assert_eq!(counters.passwords_received, 1);
    assert_eq!(counters.reuses, 0);
    assert!(counters.refreshes_received >= 10);
    assert_eq!(counters.refreshes_accepted, counters.refreshes_received);
}
