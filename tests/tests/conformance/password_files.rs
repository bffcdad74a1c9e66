//! A password that is kept in a file, and rotated there.

use std::fs;
use std::path::PathBuf;

use simacan_auth::{Denied, Failure};
use simacan_auth_driver::CredentialsSource;
use simacan_auth_testkit::MemoryStore;

use crate::platform::{HOUR, PASSWORD, USERNAME, World, assert_accepted, denied};
use crate::saved_sessions::Folder;
use crate::subject::{Plan, Subject};

conformance! {
    a_password_that_is_rotated_in_its_file_needs_no_restart,
    i2_a_password_that_is_wrong_in_its_file_is_sent_once_until_it_is_mended,
    processes_with_one_session_pick_up_a_rotated_password,
    a_file_that_is_gone_is_told_with_its_path,
    a_source_that_panics_is_told_and_asked_again,
}

const ROTATED: &str = "r0tated s3same";

fn file(folder: &Folder, password: &str) -> PathBuf {
    let path = folder.session().with_file_name("password");
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(&path, format!("{password}\n")).expect("a file");
    path
}

fn with_file(plan: Plan, path: &PathBuf) -> Plan {
    Plan {
        credentials: CredentialsSource::file(USERNAME, path),
        ..plan
    }
}

fn a_password_that_is_rotated_in_its_file_needs_no_restart<S: Subject>() {
    let (world, folder) = (World::new(), Folder::new());
    let path = file(&folder, PASSWORD);
    let subject = S::build(with_file(world.plan(), &path));
    assert_accepted(&subject.send_all(world.crowd(20)));
    world.emulate(|emulator| {
        emulator.set_password(USERNAME, ROTATED);
        emulator.revoke_refresh_tokens();
        emulator.revoke_access_tokens();
    });
    file(&folder, ROTATED);
    world.assert_served(&subject, 20, (2, 1));
}

fn i2_a_password_that_is_wrong_in_its_file_is_sent_once_until_it_is_mended<S: Subject>() {
    let (world, folder) = (World::new(), Folder::new());
    let path = file(&folder, ROTATED);
    let subject = S::build(with_file(world.plan(), &path));
    for _ in 0..3 {
        for outcome in subject.send_all(world.crowd(10)) {
            assert!(matches!(denied(outcome), Denied::Rejected { .. }));
        }
        world.skip(HOUR);
    }
    world.assert_exchanges(1, 0);
    file(&folder, PASSWORD);
    world.assert_served(&subject, 20, (2, 0));
}

fn processes_with_one_session_pick_up_a_rotated_password<S: Subject>() {
    let (world, folder) = (World::new(), Folder::new());
    let path = file(&folder, PASSWORD);
    let store = MemoryStore::new();
    let subjects = [(); 3].map(|()| {
        let subject = S::build(with_file(world.plan_with(store.clone()), &path));
        assert_accepted(&subject.send_all(world.crowd(3)));
        subject
    });
    world.emulate(|emulator| {
        emulator.set_password(USERNAME, ROTATED);
        emulator.revoke_refresh_tokens();
        emulator.revoke_access_tokens();
    });
    file(&folder, ROTATED);
    for subject in &subjects {
        assert_accepted(&subject.send_all(world.crowd(3)));
    }
    world.assert_exchanges(2, 1);
}

fn a_file_that_is_gone_is_told_with_its_path<S: Subject>() {
    let (world, folder) = (World::new(), Folder::new());
    let path = file(&folder, PASSWORD);
    fs::remove_file(&path).expect("the file");
    let subject = S::build(with_file(world.plan(), &path));
    let denied = denied(subject.send(world.get("/")));
    let Denied::Unavailable { failure, .. } = &denied else {
        panic!("{denied}");
    };
    assert!(matches!(failure, Failure::Credentials(_)), "{failure:?}");
    let text = denied.to_string();
    assert!(text.contains(&path.display().to_string()), "{text}");
    world.assert_exchanges(0, 0);
}

fn a_source_that_panics_is_told_and_asked_again<S: Subject>() {
    use std::sync::atomic::{AtomicU32, Ordering};

    let world = World::new();
    let asked = AtomicU32::new(0);
    let credentials = CredentialsSource::new(USERNAME, move || {
        assert!(asked.fetch_add(1, Ordering::SeqCst) > 0, "the first time");
        Ok::<_, std::io::Error>(PASSWORD)
    });
    let plan = world.plan();
    let subject = S::build(Plan {
        credentials,
        ..plan
    });
    world.assert_served(&subject, 10, (1, 0));
}
