//! What is kept of a request for a second try is what it was. Seeds as in `properties.rs`.

use http::{HeaderMap, HeaderValue};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use simacan_auth::ShortCopy;
use simacan_auth_tests::history::seed;

const MOST: usize = 100;

fn headers() -> impl Strategy<Value = HeaderMap> {
    let name = prop_oneof![
        Just("accept"),
        Just("cookie"),
        Just("x-a"),
        Just("x-longer-name")
    ];
    let value = vec(prop_oneof![Just(b'\t'), 32..127_u8, 128..=255_u8], 0..20);
    vec((name, value, any::<bool>()), 0..6).prop_map(|lines| {
        let mut headers = HeaderMap::new();
        for (name, value, is_sensitive) in lines {
            let mut value = HeaderValue::from_bytes(&value).expect("no control characters");
            value.set_sensitive(is_sensitive);
            headers.append(name, value);
        }
        headers
    })
}

fn are_sensitive(headers: &HeaderMap) -> Vec<bool> {
    headers.values().map(HeaderValue::is_sensitive).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(seed()),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_fits_is_kept_as_it_is(
        target in "[ -~]{0,30}",
        headers in headers(),
        body in vec(any::<u8>(), 0..40),
    ) {
        let lines = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 2);
        let len = target.len() + lines.sum::<usize>() + body.len();
        let mut copy = ShortCopy::<MOST>::new();
        prop_assert_eq!(copy.keep(&target, &headers, &body).is_some(), len <= MOST);
        if len <= MOST {
            let kept = copy.headers();
            prop_assert_eq!(are_sensitive(&kept), are_sensitive(&headers));
            prop_assert_eq!((copy.target(), kept, copy.body()), (&*target, headers, &*body));
        }
    }
}

#[test]
fn i9_no_header_and_no_body_is_printed() {
    let mut headers = HeaderMap::new();
    headers.insert("x-key", HeaderValue::from_static("its-value"));
    let mut copy = ShortCopy::<MOST>::default();
    let kept = copy.keep("https://a.example/", &headers, b"the-body");
    kept.expect("it is short");
    let printed = format!("{copy:?}");
    assert!(printed.contains("a.example"));
    assert!(!printed.contains("its-value") && !printed.contains("the-body"));
}
