//! `Retry-After` (RFC 9110, section 10.2.3).

use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

use crate::Timestamp;

/// What a server can ask for at most: it must not stop a program for a day.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// How long the server asks to wait; `None` without the header or if it can't be read. A date is by the
/// server's clock, so it is counted from what that shows, if the answer says so.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name| Some(headers.get(name)?.to_str().ok()?.trim());
    let date = |text| httpdate::parse_http_date(text).ok().map(Timestamp::from);
    let wait = text(RETRY_AFTER)?;
    let wait = match seconds(wait) {
        Some(seconds) => seconds,
        None => date(wait)?.saturating_since(text(DATE).and_then(date).unwrap_or(now)),
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// Fractions are rounded up: who waits a moment less is turned away again.
fn seconds(text: &str) -> Option<Duration> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let whole = whole.parse().unwrap_or(u64::MAX); // the only error left: too large
    let is_more = fraction.bytes().any(|digit| digit != b'0');
    Some(Duration::from_secs(whole.saturating_add(is_more.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<u64> {
        read_at(text, None)
    }

    fn read_at(text: &str, date: Option<&str>) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, text.parse().unwrap());
        headers.extend(date.map(|date| (DATE, date.parse().unwrap())));
        let now = Timestamp::from_millis(784_111_777_000); // Sun, 06 Nov 1994 08:49:37 GMT
        retry_after(&headers, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_and_dates_are_read_up_to_an_hour() {
        assert_eq!(read("120"), Some(120));
        assert_eq!(read("0"), Some(0));
        assert_eq!(read("3601"), Some(3600));
        assert_eq!(read("99999999999999999999999999"), Some(3600));
        assert_eq!(read("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(read("Sunday, 06-Nov-94 08:50:37 GMT"), Some(60));
        assert_eq!(read("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!(read("Fri, 31 Dec 9999 23:59:59 GMT"), Some(3600));
    }

    #[test]
    fn fractions_are_rounded_up() {
        for (text, seconds) in [
            ("0.5", 1),
            ("0.0", 0),
            ("1.000", 1),
            ("1.0001", 2),
            ("3599.9", 3600),
            ("18446744073709551615.5", 3600),
        ] {
            assert_eq!(read(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn a_date_is_counted_from_the_answers_own() {
        let two_minutes = "Sun, 06 Nov 1994 10:02:00 GMT";
        for (date, seconds) in [
            (Some("Sun, 06 Nov 1994 10:00:00 GMT"), 120),
            (Some("Sun, 06 Nov 1994 10:03:00 GMT"), 0),
            (Some("today"), 3600), // by our clock
            (None, 3600),
        ] {
            assert_eq!(read_at(two_minutes, date), Some(seconds), "{date:?}");
        }
        assert_eq!(read_at("5", Some("Sun, 06 Nov 1994 10:00:00 GMT")), Some(5));
    }

    #[test]
    fn what_is_neither_is_ignored() {
        for text in [
            "",
            "-1",
            "1.",
            ".5",
            "1.5.5",
            "1,5",
            "soon",
            "Sun, 99 Nov 1994 08:50:37 GMT",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
