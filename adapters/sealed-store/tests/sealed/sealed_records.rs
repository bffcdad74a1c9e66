//! What is there, whole and in pieces.

use std::fs;

use simacan_auth_sealed_store::{InvalidSavedSession, StoreFailure};

use crate::common::{Folder, SESSION, is_denied, key, load, lock, save};

#[test]
fn nothing_of_a_session_is_to_be_read() {
    let folder = Folder::new("hidden");
    save(&folder.store(&key(1)), SESSION);
    let first = folder.record();
    assert!(first.starts_with(b"simacan-sealed\x01"));
    assert_eq!(first.len(), 14 + 1 + 8 + 24 + SESSION.len() + 16);
    for word in [&b"access"[..], b"s3cret"] {
        assert!(!first.windows(word.len()).any(|window| window == word));
    }
    save(&folder.store(&key(1)), SESSION);
    assert_ne!(first[23..], folder.record()[23..], "another nonce");
}

#[test]
fn what_is_altered_or_cut_off_is_damaged_and_replaced() {
    let folder = Folder::new("damaged");
    let store = folder.store(&key(1));
    save(&store, SESSION);
    let whole = folder.record();
    let write = |record: &[u8]| fs::write(folder.plain().path(), record).expect("a file");

    for length in 1..whole.len() {
        write(&whole[..length]);
        let told = load(&store);
        assert!(
            matches!(told, Err(StoreFailure::Damaged(_))),
            "{length}: {told:?}"
        );
    }
    for index in 0..whole.len() {
        let mut record = whole.clone();
        record[index] ^= 1;
        write(&record);
        let told = load(&store);
        let altered = StoreFailure::Damaged(InvalidSavedSession::Altered);
        match index {
            14 => assert_eq!(told, Err(InvalidSavedSession::UnknownVersion(0).into())),
            15..23 => is_denied(told, &[]), // another key
            _ => assert_eq!(told, Err(altered), "{index}"),
        }
    }
    write(b"simacan");
    let mut locked = lock(&store);
    let truncated = StoreFailure::Damaged(InvalidSavedSession::Truncated);
    assert_eq!(locked.load(), Err(truncated));
    assert_eq!(locked.save(SESSION), Ok(()));
    drop(locked);
    assert_eq!(load(&store), Ok(Some(SESSION.to_vec())));
}

#[test]
fn a_header_is_authenticated() {
    let (folder, other) = (Folder::new("header"), Folder::new("header-of-another"));
    save(&folder.store(&key(1)), SESSION);
    let mut record = folder.record();
    save(&other.store(&key(2)), SESSION);
    record[15..23].copy_from_slice(&other.record()[15..23]); // the key's id
    fs::write(folder.plain().path(), record).expect("a file");
    let both = folder.store(&key(1)).also_opens(key(2));
    let altered = StoreFailure::Damaged(InvalidSavedSession::Altered);
    assert_eq!(load(&both), Err(altered));
}

#[test]
fn a_newer_format_is_left_alone() {
    let folder = Folder::new("newer");
    let store = folder.store(&key(1));
    save(&store, SESSION);
    let mut record = folder.record();
    record[14] = 2;
    fs::write(folder.plain().path(), &record).expect("a file");
    let newer = StoreFailure::Damaged(InvalidSavedSession::UnknownVersion(2));
    assert_eq!(load(&store), Err(newer.clone()));
    assert_eq!(lock(&store).save(b"{}"), Err(newer));
    assert_eq!(folder.record(), record);
}

#[test]
fn a_session_without_a_seal_is_taken_over_by_name() {
    let folder = Folder::new("plaintext");
    save(&folder.plain(), SESSION);
    let store = folder.store(&key(1));
    is_denied(load(&store), &["not sealed", "also_opens_plaintext"]);
    is_denied(lock(&store).save(b"{}"), &["not sealed"]);
    assert_eq!(folder.record(), SESSION);

    let store = store.also_opens_plaintext();
    assert_eq!(load(&store), Ok(Some(SESSION.to_vec())));
    save(&store, SESSION);
    assert_eq!(load(&folder.store(&key(1))), Ok(Some(SESSION.to_vec())));
}

#[cfg(unix)] // elsewhere a file has no mode
#[test]
fn a_session_that_can_not_be_looked_at_is_not_overwritten() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new("unreadable");
    let store = folder.store(&key(1));
    save(&store, SESSION);
    let record = folder.record();
    let mode = |mode| {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(folder.plain().path(), mode).expect("its mode");
    };
    mode(0o666); // the file store refuses it
    is_denied(lock(&store).save(b"{}"), &["chmod"]);
    mode(0o600);
    assert_eq!(folder.record(), record);
}
