//! What both adapters promise, each case written once and run against both of them, over real
//! sockets of the loopback interface.
//!
//! A case is a function of a [`Subject`](subject::Subject); [`conformance!`] makes tests of it.
//! Where a case guards a rule of `simacan_auth::manual::rules`, its name begins with the rule's number.
//!
//! Time: clients and emulator share a clock that a test can move forward. No case waits for an hour,
//! and none passes or fails by the speed of the machine: what takes time is waited for by its
//! effect, up to [`PATIENCE`](platform::PATIENCE).

/// Makes tests of cases: `ureq::case`, `reqwest::case` (on a multi-thread runtime) and
/// `reqwest_current_thread::case`.
macro_rules! conformance {
    ($($case:ident),+ $(,)?) => {
        mod ureq {
            $(#[test] fn $case() { super::$case::<crate::subject::Ureq>(); })+
        }
        mod reqwest {
            $(#[test] fn $case() {
                super::$case::<crate::subject::Reqwest<crate::subject::MultiThread>>();
            })+
        }
        mod reqwest_current_thread {
            $(#[test] fn $case() {
                super::$case::<crate::subject::Reqwest<crate::subject::CurrentThread>>();
            })+
        }
    };
}

/// Makes tests of cases that are reqwest's own.
macro_rules! on_both_runtimes {
    ($($case:ident),+ $(,)?) => {
        mod multi_thread {
            $(#[test] fn $case() { super::$case::<crate::subject::MultiThread>(); })+
        }
        mod current_thread {
            $(#[test] fn $case() { super::$case::<crate::subject::CurrentThread>(); })+
        }
    };
}

mod agents;
mod auth_outages;
mod auth_redirects;
mod bodies;
mod broken_answers;
mod callbacks;
mod cancellation;
mod certificates;
mod connections;
mod crowd;
mod detours;
mod early;
mod environments;
mod errors;
mod everything_goes_wrong;
mod herd;
mod judged;
mod kept_sessions;
mod known_servers;
mod leaks;
mod once;
mod origins;
mod panics;
mod password;
mod password_files;
mod platform;
mod redirects;
mod roots_of_trust;
mod runtimes;
mod saved_sessions;
mod secrets_stay;
mod stacks;
mod store_faults;
mod store_sharing;
mod store_tasks;
mod stub;
mod subject;
mod target_answers;
mod timeouts;
mod tls_server;
mod trips;
mod twice;
