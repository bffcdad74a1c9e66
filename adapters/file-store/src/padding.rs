//! What stands behind a session in its file, so that the next one fits into the same blocks.
//!
//! It is a line end and spaces, which JSON allows there. Whatever the session itself ends with, the last
//! line end that only spaces follow is where the padding begins; more spaces change nothing.

use simacan_auth::Zeroizing;

/// A file's length is a multiple of it: most file systems have blocks of this size.
pub(crate) const STEP: usize = 4096;

/// The session with its padding, and no shorter than `least`.
pub(crate) fn pad(session: &[u8], least: usize) -> Zeroizing<Vec<u8>> {
    let length = least.max(session.len() + 1).next_multiple_of(STEP);
    // At its final size: a buffer that grows leaves unwiped copies.
    let mut file = Zeroizing::new(Vec::with_capacity(length));
    file.extend_from_slice(session);
    file.push(b'\n');
    file.resize(length, b' ');
    file
}

/// The session without its padding; all of a file that has none. `None` if there is nothing but padding: a
/// file that is to be mounted has to be made first, and is empty then.
pub(crate) fn strip(mut file: Zeroizing<Vec<u8>>) -> Option<Zeroizing<Vec<u8>>> {
    let last = file.iter().rposition(|byte| *byte != b' ')?;
    if file.get(last) == Some(&b'\n') {
        file.truncate(last);
    }
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(file: &[u8]) -> Option<Vec<u8>> {
        strip(Zeroizing::new(file.to_vec())).map(|session| session.to_vec())
    }

    #[test]
    fn any_bytes_come_back_whatever_they_end_with() {
        let ends: [&[u8]; 7] = [b"", b"\n", b" ", b"\n ", b" \n", b"\n\n  ", b"\0\xff\r\n"];
        for end in ends {
            for length in [1, STEP - 9, STEP - 1, STEP, STEP + 1] {
                let session = [&vec![b'x'; length], end].concat();
                let mut file = pad(&session, 0);
                assert_eq!(file.len() % STEP, 0);
                assert_eq!(stripped(&file), Some(session.clone()));
                file.push(b' '); // as after a crash in the middle of making room
                assert_eq!(stripped(&file), Some(session));
            }
        }
    }

    #[test]
    fn a_file_without_padding_is_a_session_whole() {
        assert_eq!(stripped(b"{}").as_deref(), Some(&b"{}"[..]));
        assert_eq!(stripped(b"\0 ").as_deref(), Some(&b"\0 "[..]));
    }

    #[test]
    fn an_empty_file_is_no_session() {
        assert_eq!(stripped(b""), None);
        assert_eq!(stripped(&[b' '; STEP]), None);
    }

    #[test]
    fn a_shorter_session_fills_the_file_of_a_longer_one() {
        let file = pad(b"short", 2 * STEP + 1);
        assert_eq!(file.len(), 3 * STEP);
        assert_eq!(stripped(&file).as_deref(), Some(&b"short"[..]));
    }
}
