//! As the test `all_interleavings`, with budgets and a limit of one's own:
//!
//! ```text
//! cargo run --release -p simacan-auth-tests --example deep_model -- \
//!     requests=1 clock=1 network=1 revocations=1 credentials=1 leaves=0 stubborn=0 callers=3
//! ```
//!
//! These are the default: all their interleavings are 28.7 million distinct states, which take a quarter
//! of an hour of processor time and a gigabyte of memory. `limit=n` stops after so many generated states.
//! Prints the distinct states, the depth and the time.

#[cfg(any(model, fuzzing))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use simacan_auth_tests::model::{Budget, Histories};
    use simacan_auth_tests::world::Rules;

    let mut rules = Rules::default();
    let mut limit = None;
    let mut budget = Budget {
        requests: 1,
        clock: 1,
        network: 1,
        revocations: 1,
        credentials: 1,
        leaves: 0,
        stubborn: 0,
    };
    for argument in std::env::args().skip(1) {
        let (name, number) = argument
            .split_once('=')
            .ok_or("arguments are name=number")?;
        let small = || number.parse::<u8>();
        match name {
            "requests" => budget.requests = small()?,
            "clock" => budget.clock = small()?,
            "network" => budget.network = small()?,
            "revocations" => budget.revocations = small()?,
            "credentials" => budget.credentials = small()?,
            "leaves" => budget.leaves = small()?,
            "stubborn" => budget.stubborn = small()?,
            "callers" => rules.callers = number.parse()?,
            "limit" => limit = Some(number.parse()?),
            _ => return Err(format!("there is no {name}").into()),
        }
    }
    Histories::new(rules, budget).explore("deep", limit);
    Ok(())
}

#[cfg(not(any(model, fuzzing)))]
fn main() {
    panic!("it is built with `--cfg model`: see `.cargo/config.toml`");
}
