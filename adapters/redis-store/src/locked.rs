use std::fmt::Write;
use std::time::{Duration, SystemTime};

use redis::{Cmd, Connection, FromRedisValue};
use simacan_auth::{LockedStore, StoreFailure, Timestamp, Zeroizing};

use crate::server::Server;

/// What a lock is at the server: a key with an owner, for a time. Each script may arrive twice.
pub(crate) struct Lease {
    name: String,
    owner: String,
    millis: u32,
}

const TAKE: &str = "
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
if redis.call('GET', KEYS[1]) == ARGV[1] then return 1 end
return 0";
const RENEW: &str = "
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])";
/// The third argument is what was there, unless nothing was; a `GET` of nothing is false.
const SAVE: &str = "
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local found = redis.call('GET', KEYS[2])
if found ~= (ARGV[3] or false) and found ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[2], ARGV[2])
return 1";
const MARK: &str = "
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2])
return 1";
const UNLOCK: &str = "
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])";

impl Lease {
    pub(crate) fn new(name: &str, hold: Duration) -> Result<Self, StoreFailure> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(StoreFailure::new)?;
        let mut owner = String::with_capacity(2 * random.len());
        for byte in random {
            write!(owner, "{byte:02x}").expect("a string takes all");
        }
        let millis = u32::try_from(hold.as_millis()).unwrap_or(u32::MAX).max(1);
        let name = name.to_owned();
        Ok(Self {
            name,
            owner,
            millis,
        })
    }

    /// The braces say which slot it is in: one for all of a session's.
    fn key(&self, what: &str) -> String {
        format!("simacan:{{{}}}:{what}", self.name)
    }

    /// A script that is given the lock's key, perhaps another one, and the owner.
    fn script(&self, script: &str, other_key: Option<&str>) -> Cmd {
        let keys = [Some("lock"), other_key];
        let keys: Vec<_> = keys.iter().flatten().map(|what| self.key(what)).collect();
        let mut command = redis::cmd("EVAL");
        command
            .arg(script)
            .arg(keys.len())
            .arg(keys)
            .arg(&self.owner);
        command
    }

    pub(crate) fn take(&self) -> Cmd {
        let mut take = self.script(TAKE, None);
        take.arg(self.millis);
        take
    }
}

/// Holds the lease as long as it lives, and is renewed.
pub(crate) struct Locked {
    server: Server,
    connection: Connection,
    lease: Lease,
    /// What the server has as far as we know; a save compares it.
    seen: Option<Seen>,
    is_unlocked: bool,
}

type Seen = Option<Zeroizing<Vec<u8>>>;

impl Locked {
    pub(crate) fn new(server: Server, connection: Connection, lease: Lease) -> Self {
        Self {
            server,
            connection,
            lease,
            seen: None,
            is_unlocked: false,
        }
    }

    fn ask<T: FromRedisValue>(
        &mut self,
        action: &'static str,
        command: &Cmd,
    ) -> Result<T, StoreFailure> {
        Ok(self.server.ask(&mut self.connection, action, command)?)
    }

    /// A script that says whether the lease is still there.
    fn ask_as_owner(&mut self, action: &'static str, script: &Cmd) -> Result<(), StoreFailure> {
        let is_owner: bool = self.ask(action, script)?;
        is_owner.then_some(()).ok_or(StoreFailure::Superseded)
    }

    fn get<T: FromRedisValue>(
        &mut self,
        action: &'static str,
        what: &str,
    ) -> Result<T, StoreFailure> {
        let mut get = redis::cmd("GET");
        get.arg(self.lease.key(what));
        self.ask(action, &get)
    }

    fn look(&mut self) -> Result<Seen, StoreFailure> {
        let found: Option<Vec<u8>> = self.get("load", "session")?;
        Ok(found.map(Zeroizing::new))
    }
}

impl LockedStore for Locked {
    fn load(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
        let found = self.look()?;
        self.seen = Some(found.clone());
        Ok(found)
    }

    fn save(&mut self, session: &[u8]) -> Result<(), StoreFailure> {
        let seen = match self.seen.take() {
            Some(seen) => seen,
            None => self.look()?,
        };
        let mut save = self.lease.script(SAVE, Some("session"));
        save.arg(session);
        if let Some(seen) = &seen {
            save.arg(seen.as_slice());
        }
        let saved = self.ask_as_owner("save", &save);
        self.seen = Some(match saved {
            Ok(()) => Some(Zeroizing::new(session.to_vec())),
            Err(_) => seen,
        });
        saved
    }

    fn renew(&mut self) -> Result<(), StoreFailure> {
        let mut renew = self.lease.script(RENEW, None);
        renew.arg(self.lease.millis);
        self.ask_as_owner("renew the lock", &renew)
    }

    fn mark(&mut self, until: Timestamp) -> Result<(), StoreFailure> {
        let mut mark = self.lease.script(MARK, Some("mark"));
        mark.arg(until.as_millis());
        self.ask_as_owner("mark", &mark)
    }

    fn marked(&mut self) -> Result<Option<Timestamp>, StoreFailure> {
        let millis: Option<u64> = self.get("look for a mark", "mark")?;
        let until = millis.map(Timestamp::from_millis);
        let now = SystemTime::now().into();
        Ok(until.filter(|until| *until > now))
    }

    /// If it is another's by now, there is nothing to do.
    fn unlock(mut self: Box<Self>) -> Result<(), StoreFailure> {
        self.is_unlocked = true;
        let unlock = self.lease.script(UNLOCK, None);
        let _was_ours: bool = self.ask("unlock", &unlock)?;
        Ok(())
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        if !self.is_unlocked {
            let unlock = self.lease.script(UNLOCK, None);
            let _: Result<bool, _> = unlock.query(&mut self.connection); // or else it runs out
        }
    }
}
