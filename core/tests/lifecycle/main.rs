//! The lifecycle from outside, as a driver meets it: a folder for each subject, a file for each question.
#![expect(clippy::unchecked_time_subtraction, reason = "constants")]
#![cfg_attr(
    not(any(model, fuzzing)),
    allow(dead_code, unused_imports, reason = "some tests copy machines")
)]

mod common;

/// How the auth endpoint's answers are read, and what each of them means for what comes next.
mod answers {
    mod any_answer;
    mod odd_answers;
    mod refused_passwords;
    mod unclear_logins;
}
/// Who asks for a token: what happens for them, how long they wait, and what they are told.
mod callers {
    mod crowds;
    mod demand;
    mod health;
    mod jobs;
    mod rounds;
    mod rules_that_meet;
    mod waits;
}
/// New credentials, credentials that are asked for, and the end of them.
mod credentials {
    mod logout;
    mod new_credentials;
    mod password_sources;
}
/// What is printed, and what is told apart.
mod printed {
    mod fingerprints;
    mod no_secrets;
    mod texts;
}
/// Long random histories.
mod random_histories;
/// A machine with a store, alone and among others.
mod store {
    mod bad_moments;
    mod late_saves;
    mod processes_that_meet;
    mod random_walks;
    mod saved_json;
    mod shared_logins;
    mod told_before_saved;
    mod visits;
}
/// The APIs that tokens are for: their 401s, and the way past the lock.
mod targets {
    mod cached_bearers;
    mod evidence;
    mod guards;
    mod shared_guards;
}
/// When something is sent, and what a clock that jumps does to it.
mod time {
    mod jumps;
    mod not_sent;
    mod refreshes_and_attempts;
    mod without_refresh_token;
}
/// The states by themselves.
mod typestate {
    mod misuse;
    mod states;
}
