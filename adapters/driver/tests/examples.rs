//! The examples do what they say.

#[cfg(feature = "metrics")]
#[path = "../examples/metrics_page.rs"]
mod metrics_page;
#[path = "../examples/hyper.rs"]
mod over_hyper;
#[path = "../examples/smol.rs"]
mod over_smol;

#[test]
fn a_client_over_hyper_is_written_in_a_few_lines() {
    over_hyper::main().expect("it stays logged in");
}

#[test]
fn a_hundred_callers_on_smol_share_a_session_that_outlives_the_program() {
    over_smol::main().expect("they stay logged in");
}

#[cfg(feature = "metrics")]
#[test]
fn a_page_shows_how_the_session_does_and_what_has_happened() {
    let (driver, recorder) = metrics_page::live().expect("it stays logged in");
    let page = metrics_page::render(&driver, &recorder).expect("a page");
    for line in [
        "# token 2 is usable until ",
        "# TYPE simacan_auth_events_total counter",
        r#"simacan_auth_events_total{event="logged_in"} 1"#,
        r#"simacan_auth_events_total{event="refreshed"} 1"#,
        r#"simacan_auth_events_total{event="attempt_failed"} 1"#,
        r#"simacan_auth_events_total{event="exchange_ended"} 3"#,
        r#"simacan_auth_exchange_seconds_count{status="200"} 2"#,
        r#"simacan_auth_exchange_seconds_count{status="503"} 1"#,
    ] {
        assert!(page.contains(line), "{line}: {page}");
    }
}
