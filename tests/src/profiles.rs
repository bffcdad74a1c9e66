//! A day of one program with each of the emulator's [profiles](Profile), in virtual time.
//!
//! The program calls a target once a minute. In its day the access token dies early, then the whole
//! session; somebody changes the password, and the program is told so an hour later; the network is
//! away for an hour. Under [`Profile::Gateway`] a gateway answers everything with its own 401 for one
//! minute, besides.

mod day;

use simacan_auth_emulator::Profile;

use day::Day;

const HOUR: u64 = 60; // minutes
const DAY: u64 = 24 * HOUR;

// When what happens, in minutes. None of it is when a refresh is due anyway.
const TOKEN_DIES: u64 = 3 * HOUR + 10;
const SESSION_DIES: u64 = 6 * HOUR + 20;
const PASSWORD_CHANGES: u64 = 10 * HOUR;
const PASSWORD_IS_KNOWN: u64 = 11 * HOUR;
const NETWORK_GOES: u64 = 15 * HOUR;
const NETWORK_COMES: u64 = 16 * HOUR;
const GATEWAY_FAILS: u64 = 20 * HOUR;

/// What a day came to.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// The server.
    pub profile: Profile,
    /// What the machine did.
    pub done: Tally,
    /// What somebody would have done who knew what is wrong whenever something is.
    pub ideal: Tally,
    /// What the rules allow at most.
    pub allowed: Allowed,
}

/// What was done in a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls that the target did.
    pub served: u64,
    /// Passwords that reached the server.
    pub passwords: u64,
    /// Refresh tokens that reached the server.
    pub refreshes: u64,
}

/// What the rules allow in a day.
#[derive(Clone, Copy, Debug)]
pub struct Allowed {
    /// The most passwords.
    pub passwords: u64,
    /// Calls that may be lost beyond those that nobody could have served.
    pub lost: u64,
}

impl Report {
    /// What is wrong with it, if anything is: more passwords than the rules give and one, or too few
    /// calls.
    pub fn fault(&self) -> Option<&'static str> {
        if self.done.passwords > self.allowed.passwords + 1 {
            return Some("too many passwords");
        }
        let is_short = self.done.served + self.allowed.lost < self.ideal.served;
        is_short.then_some("too few calls")
    }
}

/// Lives one day. The seed is the machine's and the emulator's.
pub fn live_a_day(profile: Profile, seed: u64) -> Report {
    let mut day = Day::new(profile, seed);
    for minute in 0..DAY {
        day.live(minute);
    }
    Report {
        profile,
        done: day.tally(),
        ideal: ideal(profile),
        allowed: allowed(profile),
    }
}

/// By the rules, and by how the server words a refused password.
fn allowed(profile: Profile) -> Allowed {
    // One for the first tokens, one when the session has died, one when the new password is known.
    let needed = 3;
    let refused = match profile {
        // Nothing says that it is the password that is wrong: three are sent, and the next an hour later.
        Profile::Authlib | Profile::Glewlwyd => 3,
        // Refused in so many words: sent once.
        _ => 1,
    };
    // The page of a gateway is believed for an hour: one password in its bad minute, one after that.
    let (misled, misled_for) = match profile {
        Profile::Gateway => (2, HOUR),
        _ => (0, 0),
    };
    Allowed {
        passwords: needed + refused + misled,
        // The longest pause after failures is five minutes, and one call may be in it at either end.
        lost: misled_for + 6,
    }
}

/// Refreshes a minute before the end of a token's life, and knows at once what has become of it.
fn ideal(profile: Profile) -> Tally {
    let mut tally = Tally::default();
    let mut has_session = false;
    let mut renew_at = 0;
    for minute in 0..DAY {
        match minute {
            TOKEN_DIES => renew_at = minute,
            SESSION_DIES | PASSWORD_CHANGES => {
                // That it is dead, a refresh has to find out; that the password is, a login.
                tally.refreshes += 1;
                tally.passwords += u64::from(minute == PASSWORD_CHANGES);
                has_session = false;
            }
            _ => {}
        }
        let is_locked_out = (PASSWORD_CHANGES..PASSWORD_IS_KNOWN).contains(&minute);
        let is_cut_off = (NETWORK_GOES..NETWORK_COMES).contains(&minute);
        let is_turned_away = profile == Profile::Gateway && minute == GATEWAY_FAILS;
        if is_locked_out || is_cut_off || is_turned_away {
            continue;
        }
        if !has_session || minute >= renew_at {
            tally.refreshes += u64::from(has_session);
            tally.passwords += u64::from(!has_session);
            has_session = true;
            renew_at = minute + HOUR - 1;
        }
        tally.served += 1;
    }
    tally
}
