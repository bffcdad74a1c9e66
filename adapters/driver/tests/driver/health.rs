//! What a driver says of its session: how it does, how long it took, and where a refusal is remembered.

use std::time::Duration;

use simacan_auth_driver::block_on;
use simacan_auth_driver::simacan_auth::{Credentials, Event, Status};
use simacan_auth_file_store::FileStore;

use crate::emulated::{Gate, World, eventually, settle};

#[test]
fn health_follows_a_login_and_its_end_has_the_time_that_it_took() {
    let (world, gate) = (World::new(), Gate::closed());
    let driver = world.settings().build(world.exchange_behind(&gate));
    let fresh = driver.health().unwrap();
    assert_eq!(
        (fresh.is_usable, fresh.status),
        (false, Status::Unauthenticated)
    );
    assert!(fresh.next_attempt.is_some());

    let caller = world.sending(&driver);
    eventually("the login is on its way", || gate.waiting() == 1);
    assert_eq!(
        driver.health().unwrap().next_attempt,
        None,
        "it is under way"
    );
    world.skip(3);
    gate.open();
    world.pass_until("the caller is served", || caller.is_finished());
    caller.join().unwrap().unwrap();
    settle(&driver);

    let health = driver.health().unwrap();
    assert!(health.is_usable && health.is_saved, "{health}");
    assert!(health.expires_at > health.next_attempt, "{health}");
    let events = world.events.lock().unwrap();
    let took = events.iter().find_map(|event| match event {
        Event::ExchangeEnded { status, took } => Some((status.map(|it| it.as_u16()), *took)),
        _ => None,
    });
    let (status, took) = took.expect("it has ended");
    assert_eq!(status, Some(200));
    assert!(took >= Duration::from_secs(3), "{took:?}");
}

#[test]
fn i2_a_remembered_refusal_says_where_it_is_remembered_and_how_to_end_it() {
    let folder = std::env::temp_dir().join(format!("simacan-auth-place-{}", std::process::id()));
    let path = folder.join("session.json");
    let world = World::new();
    let start = || {
        let settings = world.settings().store(FileStore::new(&path));
        let driver = settings.build(world.exchange());
        driver.set_credentials(Credentials::new("u", "wrong"));
        driver
    };
    let texts = [(); 2].map(|()| {
        let driver = start();
        let refused = block_on(driver.log_in()).expect_err("it is wrong");
        assert!(refused.is_rejected() && !refused.is_transient());
        assert_eq!(refused.retry_at(), None);
        refused.to_string()
    });
    world.assert_exchanges(1, 0);
    let place = format!("(remembered in {})", path.display());
    for text in &texts {
        assert!(
            text.contains(&place) && text.contains("`retry_refused`"),
            "{text}"
        );
    }
    assert!(
        texts[1].contains(", when another process sent it"),
        "{}",
        texts[1]
    );
    std::fs::remove_dir_all(folder).expect("the folder of this test");
}
