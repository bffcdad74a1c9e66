//! One history: how it is lived, shortened and printed.

use std::fmt;
use std::time::Duration;

use crate::world::{Rules, Step, Violation, World};

/// A world's rules, and what happens in it.
#[derive(Clone)]
#[expect(missing_docs, reason = "they are what they are called")]
pub struct History {
    pub rules: Rules,
    pub steps: Vec<Step>,
}

impl History {
    /// Lets all of it happen, and says how much time went by in it. Now and then, and at the end, it is
    /// checked that everyone who waits would be answered (I6), and that a new request would be sent (I12).
    pub fn live(&self) -> Result<Duration, Violation> {
        let mut world = World::new(self.rules.clone());
        for (step, n) in self.steps.iter().zip(1..) {
            world.apply(*step)?;
            if n % 16 == 0 {
                world.settle()?;
            }
            if n % 128 == 0 {
                world.recover()?;
            }
        }
        world.settle()?;
        world.recover()?;
        Ok(world.elapsed())
    }

    /// Leaves out what its violation does not need. Proptest's own way to do so takes hours here.
    #[must_use]
    pub fn shorten(mut self) -> Self {
        let Err(Violation { rule, .. }) = self.live() else {
            return self;
        };
        let mut chunk = self.steps.len();
        while chunk > 0 {
            let mut at = 0;
            while at < self.steps.len() {
                let mut shorter = self.clone();
                let end = (at + chunk).min(shorter.steps.len());
                shorter.steps.drain(at..end);
                let same = |found: Violation| found.rule == rule;
                if shorter.live().is_err_and(same) {
                    self = shorter;
                } else {
                    at = end;
                }
            }
            chunk /= 2;
        }
        self
    }
}

/// The last steps, for a person to read, and all of them as a test to paste, in a world that begins so.
pub(crate) fn printed<S: fmt::Display>(new: &str, steps: &[S], code: fn(&S) -> String) -> String {
    let last = (1..).zip(steps).skip(steps.len().saturating_sub(80));
    let last: Vec<_> = last.map(|(n, step)| format!("\n{n:5}. {step}")).collect();
    let all: Vec<_> = steps
        .iter()
        .map(|step| format!("        {},\n", code(step)))
        .collect();
    format!(
        "{}\n#[test]\nfn the_rules_hold() {{\n    let mut world = {new};\n    for step in [\n{}    ] {{\n        \
         world.apply(step).unwrap();\n    }}\n}}",
        last.concat(),
        all.concat()
    )
}

/// What it violates, if anything, and its steps: for a person to read, and as a test.
impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Err(violation) = self.live() {
            writeln!(f, "{violation}")?;
        }
        let new = "World::new(Rules::default())"; // as the rules above it, if they are others
        write!(
            f,
            "{:?}{}",
            self.rules,
            printed(new, &self.steps, Step::code)
        )
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
