//! A day with each of the emulator's profiles, in virtual time: what the program got done, and what it
//! cost, beside the ideal.
//!
//! ```text
//! cargo run --release -p simacan-auth-tests --example profiles
//! ```
//!
//! Ends with an error where more passwords left than the rules give and one, or where calls were lost
//! that the rules would have had served. `SIMACAN_SEED=n` takes another seed.

use std::process::ExitCode;

use simacan_auth_emulator::Profile;
use simacan_auth_tests::profiles::live_a_day;
use simacan_auth_tests::seed;

fn main() -> ExitCode {
    let seed = seed();
    println!("                     calls served    passwords                refreshes");
    println!("profile               done  ideal    sent  ideal  allowed     sent  ideal");
    let mut is_faulty = false;
    for profile in Profile::ALL {
        let report = live_a_day(profile, seed);
        let (done, ideal) = (report.done, report.ideal);
        println!(
            "{profile:<20} {:>5}  {:>5}   {:>5}  {:>5}  {:>7}    {:>5}  {:>5}  {}",
            done.served,
            ideal.served,
            done.passwords,
            ideal.passwords,
            report.allowed.passwords,
            done.refreshes,
            ideal.refreshes,
            report.fault().unwrap_or_default(),
        );
        is_faulty |= report.fault().is_some();
    }
    if is_faulty {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
