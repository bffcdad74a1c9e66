//! A file's modification time as a store's mark.
//!
//! A time that is ahead is not enough: to a machine whose clock begins in 1970, each file's is. So a mark
//! has a fraction of a second that says what it is. Other times have it once in a billion.

use std::fs::File;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The fraction, in nanoseconds. File systems that keep nanoseconds, steps of 100 ns (NTFS, SMB) or
/// microseconds can keep it; those that keep whole seconds (HFS+, some ext3, SFTP) or less can't.
const SIGNATURE: u32 = 719_283_000;
const SECOND: u32 = 1_000_000_000;

/// `false` if the file system has not kept it.
pub(crate) fn set(file: &File, until: SystemTime) -> io::Result<bool> {
    file.set_modified(sign(until))?;
    file.sync_all()?;
    Ok(signed(file)?.is_some_and(|kept| kept >= until))
}

/// The mark, if the file has one that is not over.
pub(crate) fn get(file: &File) -> io::Result<Option<SystemTime>> {
    let is_ahead = |until: &SystemTime| *until > SystemTime::now();
    Ok(signed(file)?.filter(is_ahead))
}

/// The file's time, if it is signed.
fn signed(file: &File) -> io::Result<Option<SystemTime>> {
    let time = file.metadata()?.modified()?;
    Ok((fraction(time) == SIGNATURE).then_some(time))
}

/// The first signed time that is not earlier.
fn sign(time: SystemTime) -> SystemTime {
    let ahead = (SIGNATURE + SECOND - fraction(time)) % SECOND;
    time + Duration::from_nanos(ahead.into())
}

fn fraction(time: SystemTime) -> u32 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_time_is_never_earlier_and_less_than_a_second_later() {
        for fraction_asked in [0, 1, SIGNATURE - 1, SIGNATURE, SIGNATURE + 1, SECOND - 1] {
            let time = UNIX_EPOCH + Duration::new(1_800_000_000, fraction_asked);
            let signed = sign(time);
            assert_eq!(fraction(signed), SIGNATURE);
            let later = signed.duration_since(time).expect("not earlier");
            assert!(later < Duration::from_secs(1), "{later:?}");
            assert_eq!(sign(signed), signed);
        }
    }
}
