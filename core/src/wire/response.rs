//! Reads the answers. Total: any status, any headers, any bytes give an [`Answer`] (I10), and
//! nothing of a body is repeated but the name of a member (I9).

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, Response, StatusCode, header};
use serde::Deserialize;
use serde::de::{self, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::response_body::MAX_BODY;
use super::retry_after::retry_after;
use super::text::Text;
use crate::Timestamp;
use crate::error::{BodyDefect, Failure, OAuthError};
use crate::provider::{Dialect, Provider};
use crate::token::{Bearer, RefreshToken, is_token};

/// What an answer is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrantType {
    Password,
    RefreshToken,
}

/// What the auth endpoint decided, if it did.
pub(crate) enum Answer {
    Tokens(TokenResponse),
    /// The password or the refresh token is not valid (any more).
    Refused {
        /// It is plainly not the API's own word: a gateway's in front of it.
        by_gateway: bool,
    },
    Undecided(Failure),
}

/// An access token response (RFC 6749, section 5.1).
pub(crate) struct TokenResponse {
    pub(crate) access: Bearer,
    pub(crate) refresh: Option<RefreshToken>,
    /// `None`: unknown, so a target's 401 will tell.
    pub(crate) expires_in: Option<Duration>,
    /// One was given, and it is none.
    pub(crate) is_lifetime_odd: bool,
}

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// What a server says decides, then its status. In this order:
///
/// | answer | to a password | to a refresh token |
/// |---|---|---|
/// | any 2xx with an access token | tokens | tokens |
/// | `invalid_grant` with any 2xx or 4xx | refused | refused |
/// | a code of the configuration (`invalid_client` and the like) with one of these | configuration | configuration |
/// | Simacan: 401 | refused | refused |
/// | RFC 6749: 400, 401, 403, if it is the API's own | unclear | refused |
/// | 5xx, 408, 425, 429, a 2xx without tokens | transient | transient |
/// | redirects, 404, 405, 407, 411, 413, 414, 415, 417, 421, 426, 431 | configuration | configuration |
/// | any other 4xx | unclear | unclear |
///
/// The last four are [`Failure`]s, and what each is is [`Failure::kind`]'s to say.
pub(crate) fn read(
    provider: &Provider,
    sent: GrantType,
    now: Timestamp,
    response: &Response<impl AsRef<[u8]>>,
) -> Answer {
    let (status, headers) = (response.status(), response.headers());
    let members = parse_object(response.body().as_ref());
    let tokens = members.as_ref().map_err(|defect| *defect).and_then(tokens);
    let tokens = match tokens {
        Ok(tokens) if status.is_success() => return Answer::Tokens(tokens),
        Ok(_) => BodyDefect::Missing("access_token"), // of no consequence: it is no 2xx
        Err(defect) => defect,
    };
    let code = members.as_ref().ok().and_then(error_code);
    let is_gateways = members.is_err() && is_gateways(headers, response.body().as_ref());
    let is_refusal = match (code, provider.dialect(), sent) {
        _ if !status.is_success() && !status.is_client_error() => false,
        (Some(OAuthError::InvalidGrant), ..) => true,
        (Some(code), ..) if code.is_configuration() => false,
        (_, Dialect::Simacan { .. }, _) => status == StatusCode::UNAUTHORIZED,
        (_, Dialect::OAuth2 { .. }, GrantType::RefreshToken) => {
            matches!(status.as_u16(), 400 | 401 | 403) && !is_gateways
        }
        (_, Dialect::OAuth2 { .. }, GrantType::Password) => false,
    };
    if is_refusal {
        let by_gateway = is_gateways;
        return Answer::Refused { by_gateway };
    }
    Answer::Undecided(match code {
        None if status.is_success() => Failure::Body(match encoding(headers) {
            Some(encoding) => BodyDefect::Encoded(encoding),
            None => tokens,
        }),
        _ if status.is_redirection() => Failure::Redirect(status),
        error => Failure::Status {
            status,
            error,
            retry_after: retry_after(headers, now),
        },
    })
}

/// A page, or a challenge that no token service sends (RFC 9110, section 11.6.1).
fn is_gateways(headers: &HeaderMap, body: &[u8]) -> bool {
    let body = body.strip_prefix(BOM).unwrap_or(body);
    let starts = |text: &str, word: &str| {
        let start = text.trim_start().get(..word.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    let says = |name, words: &[&str]| {
        let values = headers.get_all(name).iter();
        let mut values = values.filter_map(|value| value.to_str().ok());
        values.any(|value| words.iter().any(|word| starts(value, word)))
    };
    says(header::CONTENT_TYPE, &["text/html", "application/xhtml"])
        || says(header::WWW_AUTHENTICATE, &["basic", "digest", "negotiate"])
        || body.trim_ascii_start().starts_with(b"<")
}

/// One that was not asked for. Others than these are not repeated: a server may put anything there.
fn encoding(headers: &HeaderMap) -> Option<&'static str> {
    let value = headers.get(header::CONTENT_ENCODING)?.to_str().ok()?.trim();
    let is_it = |known: &&&str| known.eq_ignore_ascii_case(value);
    let known = ["gzip", "x-gzip", "deflate", "br", "zstd", "compress"];
    match known.iter().find(is_it) {
        Some(known) => Some(known),
        None if value.is_empty() || value.eq_ignore_ascii_case("identity") => None,
        None => Some("an unknown way"),
    }
}

/// Whatever else is there, an access token that can be used is used.
fn tokens(members: &Members<'_>) -> Result<TokenResponse, BodyDefect> {
    if let Some(name) = members.contradiction {
        return Err(BodyDefect::Duplicate(name));
    }
    let access = token("access_token", members.access_token)?;
    let access = access.ok_or(BodyDefect::Missing("access_token"))?;
    let access = Bearer::new(&access).ok_or(BodyDefect::BadCharacter("access_token"))?;
    // Of another kind than these it is a bearer token, whatever the server calls it.
    let kind = string("token_type", members.token_type).ok().flatten();
    let is_other = |kind: &str| {
        let others = ["mac", "dpop", "pop"];
        others
            .iter()
            .any(|other| kind.trim().eq_ignore_ascii_case(other))
    };
    if kind.is_some_and(|kind| is_other(&kind)) {
        return Err(BodyDefect::NotBearer);
    }
    let refresh = token("refresh_token", members.refresh_token).ok().flatten();
    let expires_in = lifetime(members.expires_in);
    let is_given = members
        .expires_in
        .is_some_and(|json| json.get() != RawValue::NULL.get());
    Ok(TokenResponse {
        access,
        refresh: refresh.map(|token| RefreshToken::new(&token)),
        expires_in,
        is_lifetime_odd: is_given && expires_in.is_none(),
    })
}

fn error_code(members: &Members<'_>) -> Option<OAuthError> {
    let code = string("error", members.error).ok()??;
    OAuthError::parse(&code)
}

fn parse_object(body: &[u8]) -> Result<Members<'_>, BodyDefect> {
    if body.len() > MAX_BODY {
        return Err(BodyDefect::TooLarge);
    }
    let body = body.strip_prefix(BOM).unwrap_or(body);
    // One look at all of it costs less than one at each string.
    let members: Result<Members<'_>, _> = match str::from_utf8(body) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(body),
    };
    // The text of these errors can hold a value, so only their place is passed on.
    members.map_err(|error| match error.classify() {
        Category::Data => BodyDefect::NotAnObject,
        Category::Eof => BodyDefect::Truncated,
        Category::Syntax | Category::Io => BodyDefect::NotJson {
            line: error.line(),
            column: error.column(),
        },
    })
}

/// The members that matter, each as the JSON text that stands in the body: no copy is made, a
/// number of any size is only text, and a wrong type is found here, not by a parser that
/// would print the value.
#[derive(Default)]
struct Members<'a> {
    access_token: Option<&'a RawValue>,
    refresh_token: Option<&'a RawValue>,
    token_type: Option<&'a RawValue>,
    expires_in: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
    /// A token that stands there twice with two values: which one holds?
    contradiction: Option<&'static str>,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Name {
    AccessToken,
    RefreshToken,
    TokenType,
    ExpiresIn,
    Error,
    #[serde(other)]
    Unknown,
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// Two values that contradict each other, of a member that can be done without.
        const ABSENT: &RawValue = RawValue::NULL;

        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            /// Nobody reads it: the text of the errors is not passed on.
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members = Members::default();
                while let Some(name) = map.next_key()? {
                    let (name, member) = match name {
                        Name::AccessToken => ("access_token", &mut members.access_token),
                        Name::RefreshToken => ("refresh_token", &mut members.refresh_token),
                        Name::TokenType => ("token_type", &mut members.token_type),
                        Name::ExpiresIn => ("expires_in", &mut members.expires_in),
                        Name::Error => ("error", &mut members.error),
                        Name::Unknown => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    let value: &RawValue = map.next_value()?;
                    match member {
                        None => *member = Some(value),
                        Some(first) if are_equal(first, value) => {}
                        Some(_) if name.ends_with("_token") => members.contradiction = Some(name),
                        Some(_) => *member = Some(ABSENT),
                    }
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// However they are spelled.
fn are_equal(one: &RawValue, other: &RawValue) -> bool {
    let texts = (Text::read(one), Text::read(other));
    one.get() == other.get() || matches!(texts, (Some(one), Some(other)) if *one == *other)
}

/// `null` counts as absent.
fn string<'a>(
    name: &'static str,
    member: Option<&'a RawValue>,
) -> Result<Option<Text<'a>>, BodyDefect> {
    let json = match member {
        None => return Ok(None),
        Some(json) if json.get() == "null" => return Ok(None),
        Some(json) => json,
    };
    if !json.get().starts_with('"') {
        return Err(BodyDefect::WrongType(name));
    }
    let text = Text::read(json).ok_or(BodyDefect::BadCharacter(name))?;
    Ok(Some(text))
}

fn token<'a>(
    name: &'static str,
    member: Option<&'a RawValue>,
) -> Result<Option<Text<'a>>, BodyDefect> {
    // One look at each character, for nearly all that there are.
    if let Some(plain) = member.and_then(Text::plain_token) {
        return Ok(Some(plain));
    }
    let Some(token) = string(name, member)? else {
        return Ok(None);
    };
    if token.is_empty() {
        return Err(BodyDefect::Empty(name));
    }
    if !is_token(&token) {
        return Err(BodyDefect::BadCharacter(name));
    }
    Ok(Some(token))
}

/// Servers send a number, a number in a string, null, nothing, a word, a nonsensical zero; what can't be
/// understood is unknown, since an answer that is thrown away is a rotated token lost.
fn lifetime(member: Option<&RawValue>) -> Option<Duration> {
    let text = match member?.get() {
        json if json.starts_with('"') => string("expires_in", member).ok()??,
        json => Text::Borrowed(json),
    };
    let text = text.trim();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates"
    )]
    let truncated = |seconds: f64| seconds as u64;
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    // Most are integers, which take less to read.
    let seconds: Option<u64> = text.parse().or_else(|_| text.parse().map(truncated)).ok();
    // `parse` knows a `+`, `inf` and `NaN`, too.
    let seconds = seconds.filter(|&seconds| is_number && seconds > 0)?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FailureKind;

    fn parse(body: impl AsRef<[u8]>) -> Result<TokenResponse, BodyDefect> {
        parse_object(body.as_ref()).and_then(|members| tokens(&members))
    }

    fn defect(body: impl AsRef<[u8]>) -> BodyDefect {
        parse(body).err().expect("a defect")
    }

    fn header(response: TokenResponse) -> String {
        let token = crate::token::AccessToken::received(
            response.access,
            None,
            Timestamp::default(),
            Timestamp::default(),
        );
        token.header().to_str().unwrap().to_owned()
    }

    fn with_expires_in(json: &str) -> Option<u64> {
        let body = format!(r#"{{"access_token":"a","token_type":"bearer","expires_in":{json}}}"#);
        let tokens = parse(body).expect("tokens");
        tokens.expires_in.map(|life| life.as_secs())
    }

    #[test]
    fn the_documented_answer_is_read() {
        let tokens = parse(
            r#"{"access_token":"ey.A-b_c","refresh_token":"ey.R","token_type":"bearer",
                "expires_in":3600,"refresh_expires_in":86400,"not-before-policy":0,
                "scope":"profile email","session_state":{"deep":[1,2,{"x":null}]}}"#,
        )
        .unwrap();
        assert_eq!(tokens.expires_in, Some(Duration::from_secs(3600)));
        assert_eq!(tokens.refresh.as_ref().unwrap().expose(), "ey.R");
        assert_eq!(header(tokens), "Bearer ey.A-b_c");
    }

    #[test]
    fn escapes_a_bom_any_order_and_any_case_of_the_type_are_read() {
        let tokens = parse(
            "\u{FEFF} {\"expires_in\":1,\"token_type\":\"BeArEr\",\
             \"access\\u005ftoken\":\"a\\/b\\u002b\",\"refresh_token\":null}\r\n",
        )
        .unwrap();
        assert!(tokens.refresh.is_none());
        assert_eq!(header(tokens), "Bearer a/b+");
    }

    #[test]
    fn i10_each_defect_of_a_body_is_named_without_its_value() {
        let huge = format!(r#"{{"access_token":"{}"}}"#, "x".repeat(MAX_BODY));
        for (body, expected) in [
            (huge.as_str(), BodyDefect::TooLarge),
            ("", BodyDefect::Truncated),
            ("[]", BodyDefect::NotAnObject),
            ("\"secret\"", BodyDefect::NotAnObject),
            (r#"{"access_token":"secr"#, BodyDefect::Truncated),
            ("<html>", BodyDefect::NotJson { line: 1, column: 1 }),
            ("{} x", BodyDefect::NotJson { line: 1, column: 4 }),
            ("{}", BodyDefect::Missing("access_token")),
            (
                r#"{"access_token":null}"#,
                BodyDefect::Missing("access_token"),
            ),
            (
                r#"{"access_token":"a","token_type":"mac"}"#,
                BodyDefect::NotBearer,
            ),
            (
                r#"{"access_token":"a","token_type":"DPoP"}"#,
                BodyDefect::NotBearer,
            ),
            (
                r#"{"access_token":12}"#,
                BodyDefect::WrongType("access_token"),
            ),
            (r#"{"access_token":""}"#, BodyDefect::Empty("access_token")),
            (
                r#"{"access_token":"a\u0000"}"#,
                BodyDefect::BadCharacter("access_token"),
            ),
            (
                r#"{"access_token":"a\r\nx: y"}"#,
                BodyDefect::BadCharacter("access_token"),
            ),
            (
                r#"{"access_token":"\ud800"}"#,
                BodyDefect::BadCharacter("access_token"),
            ),
            (
                r#"{"access_token":"é"}"#,
                BodyDefect::BadCharacter("access_token"),
            ),
            (
                r#"{"access_token":"a","access_token":"b"}"#,
                BodyDefect::Duplicate("access_token"),
            ),
            (
                r#"{"access_token":"a","refresh_token":"b","refresh_token":"c"}"#,
                BodyDefect::Duplicate("refresh_token"),
            ),
        ] {
            assert_eq!(defect(body), expected, "{body:.80}");
            assert!(!expected.to_string().contains("secr"));
        }
    }

    #[test]
    fn a_token_that_stands_there_twice_in_two_spellings_is_one() {
        let tokens = parse(r#"{"access_token":"a/b","access_token":"\u0061\/b"}"#).unwrap();
        assert_eq!(tokens.access.token(), "a/b");
    }

    #[test]
    fn a_body_of_a_mebibyte_is_read_and_no_larger_one() {
        let tokens = r#"{"access_token":"a","token_type":"bearer"}"#;
        let padded = |length| tokens.to_owned() + &" ".repeat(length - tokens.len());
        assert!(parse(padded(MAX_BODY)).is_ok());
        assert_eq!(defect(padded(MAX_BODY + 1)), BodyDefect::TooLarge);
    }

    #[test]
    fn invalid_utf_8_is_no_token() {
        let body = b"{\"token_type\":\"bearer\",\"access_token\":\"\xFF\"}";
        assert!(matches!(defect(body), BodyDefect::NotJson { .. }));
    }

    #[test]
    fn expires_in_is_read_in_every_shape_that_servers_give_it() {
        for (json, seconds) in [
            ("3600", Some(3600)),
            ("3600.0", Some(3600)),
            ("36e2", Some(3600)),
            ("3599.9", Some(3599)),
            ("\"3600\"", Some(3600)),
            ("\" 3600 \"", Some(3600)),
            ("\"\\u0033600\"", Some(3600)),
            ("0", None),
            ("0.4", None),
            ("-1", None),
            ("null", None),
            ("\"null\"", None),
            ("99999999999999999999999", Some(u64::MAX)),
            ("1e999", Some(u64::MAX)),
            ("\"soon\"", None),
            ("\"\"", None),
            ("[]", None),
            ("[3600]", None),
            ("true", None),
            ("\"inf\"", None),
            ("\"NaN\"", None),
            ("\"1h\"", None),
        ] {
            assert_eq!(with_expires_in(json), seconds, "{json}");
        }
    }

    #[test]
    fn i10_an_access_token_is_used_whatever_stands_beside_it() {
        for (odd, refresh) in [
            (r#""token_type":null"#, None),
            (r#""token_type":"""#, None),
            (r#""token_type":"BearerToken""#, None),
            (r#""token_type":["bearer"]"#, None),
            (r#""token_type":"bearer","token_type":"mac""#, None),
            (r#""expires_in":1,"expires_in":2"#, None),
            (r#""error":"invalid_grant""#, None),
            (r#""refresh_token":"""#, None),
            (r#""refresh_token":{}"#, None),
            (r#""refresh_token":"é""#, None),
            (r#""refresh_token":"r","refresh_token":"r""#, Some("r")),
            (r#""access_token":"a""#, None),
        ] {
            let tokens = parse(format!(r#"{{"access_token":"a",{odd}}}"#)).expect(odd);
            assert_eq!(tokens.expires_in, None, "{odd}");
            let found = tokens.refresh.as_ref().map(RefreshToken::expose);
            assert_eq!(found, refresh, "{odd}");
        }
    }

    fn classify(
        provider: &Provider,
        sent: GrantType,
        status: u16,
        header: (&'static str, &'static str),
        body: &str,
    ) -> &'static str {
        let response = Response::builder()
            .status(status)
            .header(header.0, header.1);
        let response = response.body(body).unwrap();
        match read(provider, sent, Timestamp::default(), &response) {
            Answer::Tokens(_) => "tokens",
            Answer::Refused { by_gateway: false } => "refused",
            Answer::Refused { by_gateway: true } => "refused by a gateway",
            Answer::Undecided(failure) => match failure.kind() {
                FailureKind::Transient => "transient",
                FailureKind::Configuration => "configuration",
                FailureKind::Unclear => "unclear",
            },
        }
    }

    /// Simacan, then RFC 6749; a password, then a refresh token.
    #[test]
    #[rustfmt::skip]
    fn i10_what_each_answer_means() {
        const JSON: (&str, &str) = ("content-type", "application/json");
        const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");
        const BASIC: (&str, &str) = ("www-authenticate", "Basic realm=\"gateway\"");
        const BEARER: (&str, &str) = ("www-authenticate", "Bearer");
        const TOKENS: &str = r#"{"access_token":"a"}"#;
        const GRANT: &str = r#"{"error":"invalid_grant"}"#;
        const CLIENT: &str = r#"{"error":"invalid_client"}"#;
        const REQUEST: &str = r#"{"error":"invalid_request"}"#;
        let simacan = Provider::simacan();
        let oauth2 = crate::ClientAuth::public("c");
        let oauth2 = Provider::oauth2("https://l.example/t", oauth2).build().unwrap();
        let (config, gateway) = ("configuration", "refused by a gateway");
        for (status, header, body, expected) in [
            (200, JSON, TOKENS, ["tokens"; 4]),
            (201, JSON, TOKENS, ["tokens"; 4]),
            (206, HTML, TOKENS, ["tokens"; 4]),
            (401, JSON, TOKENS, ["refused", "refused", "unclear", "refused"]),
            // The code decides.
            (200, JSON, GRANT, ["refused"; 4]),
            (400, JSON, GRANT, ["refused"; 4]),
            (401, BASIC, GRANT, ["refused"; 4]),
            (403, JSON, GRANT, ["refused"; 4]),
            (429, JSON, GRANT, ["refused"; 4]),
            (500, JSON, GRANT, ["transient"; 4]),
            (200, JSON, CLIENT, [config; 4]),
            (400, JSON, CLIENT, [config; 4]),
            (401, JSON, CLIENT, [config; 4]),
            (400, JSON, r#"{"error":"unauthorized_client"}"#, [config; 4]),
            (400, JSON, r#"{"error":"unsupported_grant_type"}"#, [config; 4]),
            (400, JSON, r#"{"error":"invalid_scope"}"#, [config; 4]),
            // Then the status.
            (401, JSON, "", ["refused", "refused", "unclear", "refused"]),
            (401, JSON, r#"{"error":"inva"#, ["refused", "refused", "unclear", "refused"]),
            (401, BEARER, "", ["refused", "refused", "unclear", "refused"]),
            (401, JSON, REQUEST, ["refused", "refused", "unclear", "refused"]),
            (401, HTML, "<html>", [gateway, gateway, "unclear", "unclear"]),
            (401, JSON, " <!doctype html>", [gateway, gateway, "unclear", "unclear"]),
            (401, JSON, "\u{FEFF}<html>", [gateway, gateway, "unclear", "unclear"]),
            (401, BASIC, "no", [gateway, gateway, "unclear", "unclear"]),
            (400, JSON, "", ["unclear", "unclear", "unclear", "refused"]),
            (400, JSON, REQUEST, ["unclear", "unclear", "unclear", "refused"]),
            (403, JSON, "", ["unclear", "unclear", "unclear", "refused"]),
            (403, HTML, "", ["unclear"; 4]),
            (402, JSON, "", ["unclear"; 4]),
            (409, JSON, "", ["unclear"; 4]),
            (451, JSON, "", ["unclear"; 4]),
            (408, JSON, "", ["transient"; 4]),
            (425, JSON, "", ["transient"; 4]),
            (429, JSON, "", ["transient"; 4]),
            (500, JSON, "", ["transient"; 4]),
            (503, HTML, "<html>", ["transient"; 4]),
            (599, JSON, "", ["transient"; 4]),
            (999, JSON, "", ["transient"; 4]),
            (200, JSON, "nonsense", ["transient"; 4]),
            (200, JSON, r#"{"access_token":"a""#, ["transient"; 4]),
            (200, JSON, REQUEST, ["transient"; 4]),
            (204, JSON, "", ["transient"; 4]),
            (302, JSON, "", [config; 4]),
            (307, JSON, "", [config; 4]),
            (404, JSON, "", [config; 4]),
            (405, JSON, "", [config; 4]),
            (413, JSON, "", [config; 4]),
            (415, JSON, "", [config; 4]),
            (431, JSON, "", [config; 4]),
        ] {
            let found = [
                classify(&simacan, GrantType::Password, status, header, body),
                classify(&simacan, GrantType::RefreshToken, status, header, body),
                classify(&oauth2, GrantType::Password, status, header, body),
                classify(&oauth2, GrantType::RefreshToken, status, header, body),
            ];
            assert_eq!(found, expected, "{status} {header:?} {body}");
        }
    }

    #[test]
    fn an_encoding_that_nobody_asked_for_is_named() {
        for (value, named) in [
            ("gzip", Some("gzip")),
            ("BR", Some("br")),
            ("s3cret", Some("an unknown way")),
            ("identity", None),
        ] {
            let response = Response::builder().header("content-encoding", value);
            let response = response.body("\u{1f}").unwrap();
            let answer = read(
                &Provider::simacan(),
                GrantType::Password,
                Timestamp::default(),
                &response,
            );
            let Answer::Undecided(Failure::Body(defect)) = answer else {
                panic!("{value}");
            };
            match named {
                Some(name) => assert_eq!(defect, BodyDefect::Encoded(name)),
                None => assert!(matches!(defect, BodyDefect::NotJson { .. })),
            }
        }
    }
}
