#[test]
fn a_history_that_was_found() {
    use simacan_auth_testkit::{History, Step::*, Trouble::*};
    let history = History {
        seed: 4,
        steps: vec![
            Login(Status(503)),
            Begin,
            Push(2),
            Pass(60),
        ],
    };
    contract().play(&history).unwrap();
}
