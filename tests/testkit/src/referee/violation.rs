//! What a referee says.

use std::fmt;

use super::RULES;

/// A rule that was not kept. Printed, it tells the rule, what has happened, and what led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The rule's number, of [`RULES`].
    pub rule: u8,
    /// What has happened.
    pub why: String,
    /// The history before it, the oldest first, if the referee [keeps one](super::Referee::with_history).
    pub history: Vec<String>,
}

impl Violation {
    /// Makes a violation that a check of one's own has found.
    pub fn new(rule: u8, why: impl Into<String>) -> Self {
        let (why, history) = (why.into(), Vec::new());
        Self { rule, why, history }
    }

    /// Makes a violation, as the end of a check.
    pub fn found<T>(rule: u8, why: impl Into<String>) -> Result<T, Self> {
        Err(Self::new(rule, why))
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = RULES.iter().find(|rule| rule.number == self.rule);
        let title = rule.map_or("a rule", |rule| rule.title);
        write!(f, "I{} ({title}) is violated: {}", self.rule, self.why)?;
        self.history
            .iter()
            .try_for_each(|line| write!(f, "\n  {line}"))
    }
}

impl std::error::Error for Violation {}
