//! What tells worlds apart: times only by their distance from now, and the tokens that are held only by
//! their number.
//!
//! Nothing here asks for the date, so two worlds that differ by it alone have the same future. And a
//! caller is as good as any other with the same target.

use std::hash::{DefaultHasher, Hash, Hasher};

use simacan_auth_testkit::referee::Held;

use super::{Subject, World};

/// Any number in this range is a time: some years around the start. No counter gets there, and the
/// generator of the jitter once in two million states.
const TIMES: std::ops::Range<u64> = 1_500_000_000_000..5_000_000_000_000;

struct Relative<'a> {
    inner: &'a mut dyn Hasher,
    now: u64,
    held: Option<&'a Held>,
}

impl Hasher for Relative<'_> {
    fn finish(&self) -> u64 {
        self.inner.finish()
    }

    fn write(&mut self, bytes: &[u8]) {
        const LONG: usize = 200; // shorter ones are no tokens
        if bytes.len() > LONG
            && let Some(held) = self.held
        {
            let refresh = held.refresh_token().map(str::as_bytes);
            for (n, prefix) in [&b""[..], b"Bearer ", b"refresh_token="].iter().enumerate() {
                let token = bytes.strip_prefix(*prefix);
                if token == Some(held.access_token().as_bytes()) {
                    return self.inner.write_usize(2 * n + 1);
                }
                if token.is_some() && token == refresh {
                    return self.inner.write_usize(2 * n + 2);
                }
            }
        }
        self.inner.write(bytes);
    }

    fn write_u64(&mut self, number: u64) {
        if TIMES.contains(&number) {
            self.inner.write_u8(1);
            self.inner.write_u64(number.wrapping_sub(self.now));
        } else {
            self.inner.write_u64(number);
        }
    }
}

impl<S: Subject> World<S> {
    pub(super) fn relative(&self, inner: &mut dyn Hasher, feed: impl FnOnce(&mut dyn Hasher)) {
        feed(&mut Relative {
            inner,
            now: self.now,
            held: self.referee.held(0),
        });
    }

    /// Feeds all that decides what can happen next, with what is left for each caller to do.
    pub fn fingerprint(&self, mut hasher: &mut dyn Hasher, left: &[u8]) {
        self.relative(hasher, |mut hasher| {
            self.subject.fingerprint(hasher);
            self.emulator.hash(&mut hasher);
            self.referee.fingerprint(Some(0), hasher);
            self.made
                .filter(|_| self.referee.held(0).is_some())
                .hash(&mut hasher);
            self.wait.hash(&mut hasher);
            for stray in &self.strays {
                stray.body().hash(&mut hasher);
            }
            self.wire.is_some().hash(&mut hasher);
            if let Some(wire) = &self.wire {
                wire.fingerprint(hasher);
            }
        });
        let mut callers: Vec<u64> = (0..self.callers.len())
            .map(|index| self.caller_digest(index, left.get(index).copied().unwrap_or(0)))
            .collect();
        callers.sort_unstable();
        callers.hash(&mut hasher);
    }
}

impl<S: Subject> PartialEq for World<S> {
    /// By what can happen next.
    fn eq(&self, other: &Self) -> bool {
        let digest = |world: &Self| {
            let mut hasher = DefaultHasher::new();
            world.fingerprint(&mut hasher, &[]);
            hasher.finish()
        };
        digest(self) == digest(other)
    }
}
