//! The example of the same name, for a moment, and with all clients at once: that it measures what it says.
//! Whether requests wait for a refresh that nobody needs yet is a case of conformance, which no other load of
//! the computer decides.

use std::thread;

#[path = "../examples/latency.rs"]
mod example;

use example::{CLIENTS, TOKEN_LIFE};

#[test]
fn latency_is_measured_while_tokens_are_refreshed() {
    // A refresh is due after three quarters of a token's life at the latest.
    let length = TOKEN_LIFE * 7 / 8;
    thread::scope(|scope| {
        let rows = CLIENTS
            .map(|client| client.map(|measure| scope.spawn(move || measure(length, TOKEN_LIFE))));
        for client in rows {
            let rows = client.map(|row| row.join().expect("no panic").expect("answers"));
            assert_eq!(rows[0].refreshes, 0);
            assert!(rows[1].refreshes > 0, "{}", rows[1].client);
            for row in rows {
                assert!(row.requests > 0 && row.held_up <= row.long);
                assert!(row.took.is_sorted());
            }
        }
    });
}
