//! What the platform's own ledger says, and whether it is what the rules allow.

use std::collections::BTreeSet;

use simacan_auth_emulator::{Ledger, RefreshOutcome, What};

use crate::{PUSHES, Result};

pub(crate) struct Report {
    adapter: &'static str,
    accepted: usize,
    accepted_twice: bool,
    targets: u64,
    refreshes: u64,
    refreshes_refused: u64,
    passwords: u64,
}

impl Report {
    pub(crate) fn of(adapter: &'static str, ledger: &Ledger) -> Self {
        let counters = ledger.counters();
        let bodies: BTreeSet<_> = ledger.accepted_bodies().iter().collect();
        let refused = ledger.entries().iter().filter(|entry| {
            let outcome = match &entry.what {
                What::Refresh { outcome, .. } => Some(outcome),
                _ => None,
            };
            matches!(outcome, Some(RefreshOutcome::Refused(_)))
        });
        Self {
            adapter,
            accepted: bodies.len(),
            accepted_twice: counters.most_repeats_of_a_body > 1,
            targets: counters.targets_received,
            refreshes: counters.refreshes_received,
            refreshes_refused: refused.count() as u64,
            passwords: counters.passwords_received,
        }
    }

    /// Every position arrived, once; and each password but the first followed a refused refresh.
    pub(crate) fn check(&self) -> Result<()> {
        let Self { adapter, .. } = self;
        if self.accepted != PUSHES as usize {
            return Err(format!("{adapter}: a push was lost").into());
        }
        if self.accepted_twice {
            return Err(format!("{adapter}: a push was accepted twice").into());
        }
        if self.passwords > 1 + self.refreshes_refused {
            return Err(format!("{adapter}: the password was sent more often than allowed").into());
        }
        Ok(())
    }
}

pub(crate) fn print(reports: &[Report]) {
    let line = |cells: [&str; 6]| {
        let [adapter, pushes, targets, refreshes, refused, passwords] = cells;
        println!(
            "| {adapter:<29} | {pushes:>15} | {targets:>20} | {refreshes:>9} | {refused:>15} | {passwords:>14} |"
        );
    };
    println!();
    line([
        "adapter",
        "pushes accepted",
        "target requests sent",
        "refreshes",
        "of them refused",
        "passwords sent",
    ]);
    println!(
        "|{:-<31}|{:->17}|{:->22}|{:->11}|{:->17}|{:->16}|",
        "", "", "", "", "", ""
    );
    for report in reports {
        line([
            report.adapter,
            &format!("{}/{PUSHES}", report.accepted),
            &report.targets.to_string(),
            &report.refreshes.to_string(),
            &report.refreshes_refused.to_string(),
            &report.passwords.to_string(),
        ]);
    }
    println!(
        "\nThe password is sent at the first login, and after a refused refresh: nowhere else."
    );
}
