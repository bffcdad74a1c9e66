use simacan_auth::{Session, State};

#[derive(Debug)]
struct Trusted;

impl State for Trusted {}

fn shortcut(_: Session<Trusted>) {}

fn main() {}
