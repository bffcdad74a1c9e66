//! Several keys, and none.

use std::time::{Duration, SystemTime};

use simacan_auth_sealed_store::Key;

use crate::common::{Folder, SESSION, is_denied, key, load, lock, save};

#[test]
fn two_programs_with_two_keys_take_nothing_from_each_other() {
    let folder = Folder::new("two-keys");
    let (ours, theirs) = (folder.store(&key(1)), folder.store(&key(2)));
    save(&ours, SESSION);
    let [our_id, their_id] = [1, 2].map(|byte| key(byte).id().to_string());
    let words = [&*our_id, &their_id, "also_opens", "delete the session"];

    let mut locked = lock(&theirs);
    is_denied(locked.load(), &words);
    is_denied(locked.save(b"theirs"), &words);
    let until = (SystemTime::now() + Duration::from_secs(900)).into();
    assert_eq!(locked.mark(until), Ok(()), "that is the inner store's");
    assert!(
        locked
            .marked()
            .expect("a mark")
            .is_some_and(|marked| marked >= until)
    );
    drop(locked);
    is_denied(lock(&theirs).save(b"without a load"), &words);
    assert_eq!(load(&ours), Ok(Some(SESSION.to_vec())));
    save(&ours, b"{ours}");
    is_denied(load(&theirs), &words);
}

#[test]
fn a_key_is_changed_while_programs_run() {
    let folder = Folder::new("change");
    let (old, new) = (key(1), key(2));
    save(&folder.store(&old), SESSION);

    let before = folder.store(&old).also_opens(new.clone());
    let after = folder.store(&new).also_opens(old.clone());
    assert_eq!(load(&after), Ok(Some(SESSION.to_vec())));
    save(&after, b"{sealed with the new one}");
    assert_eq!(
        load(&before),
        Ok(Some(b"{sealed with the new one}".to_vec()))
    );
    is_denied(load(&folder.store(&old)), &[&new.id().to_string()]);
    assert!(load(&folder.store(&new)).is_ok());
}

#[test]
fn a_key_of_text_is_32_bytes() {
    let text = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
    for text in [text, &format!("{text}="), &format!(" {text}=\n")] {
        assert_eq!(Key::from_base64(text).map(|key| key.id()), Ok(key(1).id()));
    }
    assert_eq!(*key(1).to_base64(), format!("{text}="));
    let long = format!("{text}{text}");
    for text in [
        "",
        "AQEB",
        "s3cret!",
        &text[..42],
        &format!("{text}A"),
        &long,
    ] {
        let told = Key::from_base64(text).expect_err(text).to_string();
        assert!(told.contains("openssl rand -base64 32") && !told.contains("s3cret"));
    }
}

#[test]
fn keys_differ_and_print_their_id() {
    assert_ne!(Key::generate().id(), Key::generate().id());
    let key = Key::from_bytes(*b"s3cret s3cret s3cret s3cret s3cr");
    let printed = format!("{key:?} {:?}", Folder::new("printed").store(&key));
    assert!(printed.contains(&key.id().to_string()));
    let bytes = format!("{:?}", b"s3cret");
    assert!(
        !printed.contains("s3cret") && !printed.contains(&bytes[1..18]),
        "{printed}"
    );
}
