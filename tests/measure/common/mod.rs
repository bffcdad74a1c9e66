//! Ratios to a floor, and what else the benchmarks have in common.

#![allow(dead_code, reason = "each bench uses a part of it")]

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const ROUNDS: usize = 4000;

/// Floor and subject, turn by turn in short rounds, so that whatever else the computer does disturbs both
/// alike. Prints the medians, and the median of the rounds' ratios.
///
/// Each is given as what makes one for a thread. Two threads begin a round together, and only rounds that
/// they spent side by side count.
pub(crate) fn ratio<F: FnMut(), S: FnMut()>(
    name: &str,
    threads: usize,
    calls: u32,
    floor: impl Fn() -> F + Sync,
    subject: impl Fn() -> S + Sync,
) {
    let arrived = AtomicUsize::new(0);
    let run = || {
        let (mut floor, mut subject) = (floor(), subject());
        let mut rounds = Vec::with_capacity(ROUNDS);
        for round in 0..ROUNDS {
            meet(&arrived, threads * (2 * round + 1));
            let floor = Span::of(calls, &mut floor);
            meet(&arrived, threads * (2 * round + 2));
            rounds.push((floor, Span::of(calls, &mut subject)));
        }
        rounds
    };
    let rounds: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join().expect("it panicked");
        threads.into_iter().map(join).collect()
    });
    let mut measured = Vec::new();
    for round in 0..ROUNDS {
        let (floors, subjects): (Vec<_>, Vec<_>) = rounds.iter().map(|of| of[round]).unzip();
        if Span::side_by_side(&floors) && Span::side_by_side(&subjects) {
            let each = |(floor, subject): (&Span, &Span)| (floor.per(calls), subject.per(calls));
            measured.extend(floors.iter().zip(&subjects).map(each));
        }
    }
    let floor = median(measured.iter().map(|of| of.0));
    let subject = median(measured.iter().map(|of| of.1));
    let ratio = median(measured.iter().map(|(floor, subject)| subject / floor));
    println!(
        "{name:<40} floor {floor:>8.1} ns {subject:>8.1} ns   ratio {ratio:.2}   ({} rounds)",
        measured.len() / threads
    );
}

/// `cargo bench` asks for figures, `cargo test` does not.
pub(crate) fn is_bench() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// No thread sleeps: it would be late for the round. One whose partner has no core gives its own away.
fn meet(arrived: &AtomicUsize, all: usize) {
    arrived.fetch_add(1, Ordering::AcqRel);
    let mut spins = 0_u32;
    while arrived.load(Ordering::Acquire) < all {
        spins += 1;
        if spins.is_multiple_of(50_000) {
            thread::yield_now();
        }
        std::hint::spin_loop();
    }
}

/// From when to when a round went.
#[derive(Clone, Copy)]
struct Span(Instant, Instant);

impl Span {
    fn of(calls: u32, call: &mut impl FnMut()) -> Self {
        let began = Instant::now();
        for _ in 0..calls {
            black_box(&mut *call)();
        }
        Self(began, Instant::now())
    }

    fn length(&self) -> Duration {
        self.1 - self.0
    }

    /// Nanoseconds a call.
    fn per(&self, calls: u32) -> f64 {
        self.length().as_secs_f64() * 1e9 / f64::from(calls)
    }

    /// Whether each has gone on for nine tenths of its time while all the others did.
    fn side_by_side(spans: &[Self]) -> bool {
        let began = spans.iter().map(|span| span.0).max();
        let ended = spans.iter().map(|span| span.1).min();
        let shared = ended
            .zip(began)
            .map(|(ended, began)| ended.saturating_duration_since(began));
        shared.is_some_and(|shared| spans.iter().all(|span| shared * 10 >= span.length() * 9))
    }
}

/// Nanoseconds a call, in one round.
pub(crate) fn time(calls: u32, mut call: impl FnMut()) -> f64 {
    Span::of(calls, &mut call).per(calls)
}

pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
