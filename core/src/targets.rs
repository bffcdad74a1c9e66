//! What the 401s of each target may start (I15): see `manual::time`, *The reactive guard*.

mod guard;
mod record;
mod watched;
mod window;

use std::collections::BTreeMap;

use crate::Timestamp;
use crate::config::Config;
use crate::origin::{OriginId, ResourceId};
use crate::token::Generation;

pub(crate) use guard::Unauthorized;
use guard::{Start, TargetGuard};
pub(crate) use record::Record;
use record::most;
pub(crate) use watched::Watched;

/// Keeps a target that refuses every token from turning each request into a refresh, without a cost to the
/// other targets. Most programs have none of these guards: an origin gets one with its first 401.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct TargetGuards(BTreeMap<OriginId, Box<TargetGuard>>);

impl TargetGuards {
    /// Many more origins than anyone has. Beyond it those are forgotten of which nothing counts any more, and
    /// then the others share one guard.
    const MANY: usize = 256;

    /// An answer other than 401. Whether there were strikes.
    pub(crate) fn reset(&mut self, origin: OriginId) -> bool {
        let Some(guard) = self.get_mut(origin) else {
            return false;
        };
        let had_strikes = guard.record.strikes > 0;
        guard.reset();
        had_strikes
    }

    /// It was with the current generation: should this very request get a 401, then a refresh is worth it.
    pub(crate) fn note_evidence(
        &mut self,
        config: &Config,
        origin: OriginId,
        resource: ResourceId,
        generation: Generation,
    ) {
        let guard = self
            .get_mut(origin)
            .filter(|_| resource != ResourceId::NONE);
        if let Some(guard) = guard.filter(|guard| guard.gathers_until(config).is_some()) {
            guard.evidence.note(generation, resource);
        }
    }

    /// Those whose answers the machine has to hear of.
    pub(crate) fn watched(&self, config: &Config) -> Watched {
        let watched = self.0.iter().filter_map(|(origin, guard)| {
            let gathers = guard.gathers_until(config).is_some();
            (gathers || !guard.is_calm()).then_some((*origin, gathers))
        });
        let gather = self.0.values();
        Watched {
            origins: watched.collect(),
            until: gather.filter_map(|guard| guard.gathers_until(config)).min(),
        }
    }

    /// Whether it is to be known what this origin answers.
    pub(crate) fn gathers(&self, config: &Config, origin: OriginId) -> bool {
        let guard = self.0.get(&self.key(origin));
        guard.is_some_and(|guard| guard.gathers_until(config).is_some())
    }

    /// Whether there is one of which it need not be known any more.
    pub(crate) fn stop_gathering(&mut self, now: Timestamp, config: &Config) -> bool {
        let mut has_stopped = false;
        for guard in self.0.values_mut() {
            if guard
                .gathers_until(config)
                .is_some_and(|until| now >= until)
            {
                guard.record.slide(now, config);
                has_stopped = true;
            }
        }
        has_stopped
    }

    /// Another user: what was answered to the last one says nothing.
    pub(crate) fn reset_all(&mut self) {
        self.0.values_mut().for_each(|guard| guard.reset());
    }

    /// There is a new generation after `ended`, and another process has got its tokens. Whatever a 401 has
    /// started, it was no refresh of ours.
    pub(crate) fn adopt(&mut self, ended: Generation) {
        for guard in self.0.values_mut() {
            if let Some(start) = guard.start.take()
                && start.ended == ended
            {
                let record = &mut guard.record;
                let window = if start.is_proven {
                    &mut record.proven
                } else {
                    &mut record.started
                };
                window.take_back(start.at);
            }
        }
    }

    /// The lock was lost: another process may have sent the same refresh token, and ended all that came of it. So a
    /// 401 on the new token is no word on what this target thinks of good ones.
    pub(crate) fn prove_nothing(&mut self) {
        self.0.values_mut().for_each(|guard| guard.start = None);
    }

    /// Whether the end of this generation was a target's doing.
    pub(crate) fn have_ended(&self, generation: Generation) -> bool {
        self.0.values().any(|guard| guard.has_ended(generation))
    }

    /// Whether this 401 is delivered and starts nothing.
    pub(crate) fn is_guarded(
        &mut self,
        now: Timestamp,
        config: &Config,
        unauthorized: &Unauthorized,
    ) -> bool {
        let Some(guard) = self.get_mut(unauthorized.origin) else {
            return false;
        };
        let joins = !unauthorized.is_usable && guard.has_ended(unauthorized.generation);
        let is_shut = guard.shut_until(now, config, joins).is_some();
        let is_guarded = is_shut && !guard.is_proven(config, unauthorized, joins);
        if is_guarded {
            guard.refused = Some(unauthorized.generation);
        }
        is_guarded
    }

    /// Until when an origin that has refused the current token gets no newer one.
    pub(crate) fn refused_until(
        &mut self,
        now: Timestamp,
        config: &Config,
        origin: OriginId,
        current: Generation,
    ) -> Option<Timestamp> {
        let guard = self.get_mut(origin);
        let guard = guard.filter(|guard| guard.refused == Some(current))?;
        guard.shut_until(now, config, false)
    }

    /// A 401 that is not guarded, on a token that can be used, starts a refresh. If the refresh that this
    /// origin's last one started was no use, it starts a guard instead, until the time that is given.
    pub(crate) fn admit(
        &mut self,
        now: Timestamp,
        config: &Config,
        unauthorized: &Unauthorized,
    ) -> Result<(), Timestamp> {
        let ended = unauthorized.generation;
        let key = self.key_for(now, config, unauthorized.origin);
        let guard = self.0.entry(key).or_default();
        // If it is shut, there is evidence: see `is_guarded`. That opens it to nobody else.
        let is_proven = guard.shut_until(now, config, false).is_some();
        if !is_proven && guard.is_strike(now, config, unauthorized) {
            guard.record.strike(now);
            guard.is_closed = true;
            guard.refused = Some(ended);
            return Err(guard.record.closed_until(now, config).unwrap_or(now));
        }
        let window = if is_proven {
            &mut guard.record.proven
        } else {
            guard.is_closed = false;
            &mut guard.record.started
        };
        window.note(now, most(config));
        guard.start = Some(Start {
            ended,
            at: now,
            is_proven,
        });
        Ok(())
    }

    /// What other processes are to know.
    pub(crate) fn to_save(&self) -> BTreeMap<OriginId, Record> {
        let each = self.0.iter().filter(|(_, guard)| !guard.record.is_over());
        each.map(|(origin, guard)| (*origin, guard.record.clone()))
            .collect()
    }

    /// What another process has counted counts here. Whether its clock was ahead of this one, so that what
    /// is saved has to be mended (I12).
    pub(crate) fn merge(
        &mut self,
        now: Timestamp,
        config: &Config,
        saved: &mut BTreeMap<OriginId, Record>,
    ) -> bool {
        for guard in self.0.values_mut() {
            guard.record.slide(now, config);
        }
        let mut is_mended = false;
        for (origin, record) in saved {
            is_mended |= record.slide(now, config);
            if !record.is_over() {
                let key = self.key_for(now, config, *origin);
                let guard = self.0.entry(key).or_default();
                guard.is_closed |= guard.record.merge(record, config);
                guard.is_closed &= guard.record.strikes > 0;
            }
        }
        is_mended
    }

    fn get_mut(&mut self, origin: OriginId) -> Option<&mut TargetGuard> {
        let key = self.key(origin);
        self.0.get_mut(&key).map(|guard| &mut **guard)
    }

    fn key(&self, origin: OriginId) -> OriginId {
        let shares = !self.0.contains_key(&origin) && self.0.contains_key(&OriginId::OTHERS);
        if shares { OriginId::OTHERS } else { origin }
    }

    /// The same where there may be no guard yet.
    fn key_for(&mut self, now: Timestamp, config: &Config, origin: OriginId) -> OriginId {
        if self.0.len() >= Self::MANY && !self.0.contains_key(&origin) {
            self.0.retain(|_, guard| {
                guard.record.slide(now, config);
                !guard.record.is_over()
            });
            if self.0.len() >= Self::MANY {
                return OriginId::OTHERS;
            }
        }
        self.key(origin)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Origin;

    const HOUR: Duration = Duration::from_secs(3600);

    fn first_401(origin: OriginId, now: Timestamp) -> Unauthorized {
        Unauthorized {
            origin,
            resource: ResourceId::NONE,
            generation: Generation::default(),
            received_at: now,
            is_usable: true,
        }
    }

    fn origin(n: usize) -> OriginId {
        let host = format!("{n}.example");
        Origin::new("https", &host, None).expect("https").id()
    }

    /// Guards that have each started a refresh.
    fn guards(n: usize, now: Timestamp) -> TargetGuards {
        let mut guards = TargetGuards::default();
        for n in 0..n {
            let admitted = guards.admit(now, &Config::default(), &first_401(origin(n), now));
            assert_eq!(admitted, Ok(()));
        }
        guards
    }

    #[test]
    fn guards_are_forgotten_when_there_are_many_and_their_hour_is_over() {
        let start = Timestamp::from_millis(0);
        for (n, after, left) in [
            (255, HOUR, 256), // a few can stay
            (256, HOUR, 1),
            (256, HOUR / 2, 257), // these still count
            (300, HOUR / 2, 257), // and the others share one
        ] {
            let mut guards = guards(n, start);
            let now = start.saturating_add(after);
            let admitted = guards.admit(now, &Config::default(), &first_401(origin(400), now));
            assert_eq!(admitted, Ok(()));
            assert_eq!(guards.0.len(), left, "{n} after {after:?}");
        }
    }

    #[test]
    fn i15_origins_beyond_the_many_are_bounded_together() {
        let (now, config) = (Timestamp::from_millis(0), Config::default());
        let mut guards = guards(256, now);
        let mut admitted = 0;
        for n in 256..400 {
            guards.reset(origin(n)); // it has answered well before
            let unauthorized = first_401(origin(n), now);
            if !guards.is_guarded(now, &config, &unauthorized) {
                admitted += usize::from(guards.admit(now, &config, &unauthorized).is_ok());
            }
        }
        assert_eq!(admitted, 60);
        assert!(!guards.is_guarded(now, &config, &first_401(origin(1), now)));
    }
}
