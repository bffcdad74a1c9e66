//! Reads the answers. Total: any status, any headers, any bytes give an [`Answer`] (I10), and
//! nothing of a body is repeated but the name of a member (I9).

use std::fmt;
use std::time::Duration;

use http::{Response, StatusCode};
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

/// What the auth endpoint decided, if it did.
pub(crate) enum Answer {
    Tokens(TokenResponse),
    /// The documented refusal: the password or the refresh token is not valid (any more).
    Refused,
    Undecided(Failure),
}

/// An access token response (RFC 6749, section 5.1).
pub(crate) struct TokenResponse {
    pub(crate) access: Bearer,
    pub(crate) refresh: Option<RefreshToken>,
    /// `None`: unknown, so a target's 401 will tell.
    pub(crate) expires_in: Option<Duration>,
}

const BOM: &[u8] = b"\xEF\xBB\xBF";

pub(crate) fn read(
    provider: &Provider,
    now: Timestamp,
    response: &Response<impl AsRef<[u8]>>,
) -> Answer {
    let status = response.status();
    let body = response.body().as_ref();
    if status == StatusCode::OK {
        return match parse_tokens(body) {
            Ok(tokens) => Answer::Tokens(tokens),
            Err(defect) => Answer::Undecided(Failure::Body(defect)),
        };
    }
    if status.is_redirection() {
        return Answer::Undecided(Failure::Redirect(status));
    }
    let error = parse_error(body);
    let refused = match provider.dialect() {
        // The identity server behind the API says it its own way (DESIGN 7).
        Dialect::Simacan { .. } => {
            status == StatusCode::UNAUTHORIZED || is_invalid_grant(status, error)
        }
        // A 401 is `invalid_client` there: the configuration's fault, not the grant's.
        Dialect::OAuth2 { .. } => is_invalid_grant(status, error),
    };
    if refused {
        return Answer::Refused;
    }
    Answer::Undecided(Failure::Status {
        status,
        error,
        retry_after: retry_after(response.headers(), now),
    })
}

/// RFC 6749, section 5.2.
fn is_invalid_grant(status: StatusCode, error: Option<OAuthError>) -> bool {
    status == StatusCode::BAD_REQUEST && error == Some(OAuthError::InvalidGrant)
}

fn parse_tokens(body: &[u8]) -> Result<TokenResponse, BodyDefect> {
    let members = parse_object(body)?;
    let token_type = string("token_type", members.token_type)?;
    let token_type = token_type.ok_or(BodyDefect::Missing("token_type"))?;
    if !token_type.eq_ignore_ascii_case("bearer") {
        return Err(BodyDefect::NotBearer);
    }
    let access = token("access_token", members.access_token)?;
    let access = access.ok_or(BodyDefect::Missing("access_token"))?;
    let refresh = token("refresh_token", members.refresh_token)?;
    Ok(TokenResponse {
        access: Bearer::new(&access).ok_or(BodyDefect::BadCharacter("access_token"))?,
        refresh: refresh.map(|token| RefreshToken::new(&token)),
        expires_in: lifetime(members.expires_in)?,
    })
}

fn parse_error(body: &[u8]) -> Option<OAuthError> {
    let members = parse_object(body).ok()?;
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
    let members = members.map_err(|error| match error.classify() {
        Category::Data => BodyDefect::NotAnObject,
        Category::Eof => BodyDefect::Truncated,
        Category::Syntax | Category::Io => BodyDefect::NotJson {
            line: error.line(),
            column: error.column(),
        },
    })?;
    match members.duplicate {
        Some(name) => Err(BodyDefect::Duplicate(name)),
        None => Ok(members),
    }
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
    duplicate: Option<&'static str>,
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
                    if member.replace(map.next_value()?).is_some() {
                        members.duplicate = Some(name);
                    }
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Object)
    }
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

/// Servers send a number, a number in a string, null, nothing, or a nonsensical zero; all
/// are met, since an answer that is thrown away is a rotated token lost (DESIGN 5).
fn lifetime(member: Option<&RawValue>) -> Result<Option<Duration>, BodyDefect> {
    const NAME: &str = "expires_in";
    let text = match member.map(RawValue::get) {
        None => return Ok(None),
        Some(json) if json.starts_with('"') => string(NAME, member)?,
        Some(json) => Some(Text::Borrowed(json)),
    };
    let text = text.as_deref().unwrap_or_default().trim();
    if text == "null" {
        return Ok(None);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates"
    )]
    let truncated = |seconds: f64| seconds as u64;
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    // Most are integers, which take less to read.
    let seconds: u64 = text
        .parse()
        .or_else(|_| text.parse().map(truncated))
        .ok()
        .filter(|_| is_number) // `parse` knows a `+`, `inf` and `NaN`, too
        .ok_or(BodyDefect::WrongType(NAME))?;
    Ok((seconds > 0).then(|| Duration::from_secs(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: impl AsRef<[u8]>) -> Result<TokenResponse, BodyDefect> {
        parse_tokens(body.as_ref())
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

    fn with_expires_in(json: &str) -> Result<Option<u64>, BodyDefect> {
        let body = format!(r#"{{"access_token":"a","token_type":"bearer","expires_in":{json}}}"#);
        parse(body).map(|tokens| tokens.expires_in.map(|life| life.as_secs()))
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
            ("{}", BodyDefect::Missing("token_type")),
            (
                r#"{"token_type":"bearer"}"#,
                BodyDefect::Missing("access_token"),
            ),
            (
                r#"{"token_type":"bearer","access_token":null}"#,
                BodyDefect::Missing("access_token"),
            ),
            (r#"{"token_type":"mac"}"#, BodyDefect::NotBearer),
            (
                r#"{"token_type":["bearer"]}"#,
                BodyDefect::WrongType("token_type"),
            ),
            (
                r#"{"token_type":"bearer","access_token":12}"#,
                BodyDefect::WrongType("access_token"),
            ),
            (
                r#"{"token_type":"bearer","access_token":""}"#,
                BodyDefect::Empty("access_token"),
            ),
            (
                r#"{"token_type":"bearer","access_token":"a\u0000"}"#,
                BodyDefect::BadCharacter("access_token"),
            ),
            (
                r#"{"token_type":"bearer","access_token":"a\r\nx: y"}"#,
                BodyDefect::BadCharacter("access_token"),
            ),
            (
                r#"{"token_type":"bearer","access_token":"\ud800"}"#,
                BodyDefect::BadCharacter("access_token"),
            ),
            (
                r#"{"token_type":"bearer","access_token":"é"}"#,
                BodyDefect::BadCharacter("access_token"),
            ),
            (
                r#"{"token_type":"bearer","access_token":"a","refresh_token":{}}"#,
                BodyDefect::WrongType("refresh_token"),
            ),
            (
                r#"{"token_type":"bearer","access_token":"a","access_token":"b"}"#,
                BodyDefect::Duplicate("access_token"),
            ),
            (
                r#"{"token_type":"bearer","access_token":"a","expires_in":true}"#,
                BodyDefect::WrongType("expires_in"),
            ),
        ] {
            assert_eq!(defect(body), expected, "{body:.80}");
            assert!(!expected.to_string().contains("secr"));
        }
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
        ] {
            assert_eq!(with_expires_in(json), Ok(seconds), "{json}");
        }
        for json in [
            "\"soon\"", "\"\"", "[]", "true", "\"inf\"", "\"NaN\"", "\"1h\"",
        ] {
            assert_eq!(
                with_expires_in(json),
                Err(BodyDefect::WrongType("expires_in")),
                "{json}"
            );
        }
    }

    fn classify(provider: &Provider, status: u16, body: &str) -> &'static str {
        let response = Response::builder().status(status).body(body).unwrap();
        match read(provider, Timestamp::default(), &response) {
            Answer::Tokens(_) => "tokens",
            Answer::Refused => "refused",
            Answer::Undecided(failure) if failure.is_transient() => "transient",
            Answer::Undecided(_) => "permanent",
        }
    }

    #[test]
    fn i10_only_the_documented_refusal_refuses() {
        let simacan = Provider::simacan();
        let oauth2 = crate::ClientAuth::public("c");
        let oauth2 = Provider::oauth2("https://l.example/t", oauth2)
            .build()
            .unwrap();
        let invalid_grant = r#"{"error":"invalid_grant"}"#;
        for (status, body, by_simacan, by_oauth2) in [
            (401, "", "refused", "permanent"),
            (401, "<html>", "refused", "permanent"),
            (400, invalid_grant, "refused", "refused"),
            (400, "", "permanent", "permanent"),
            (
                400,
                r#"{"error":"invalid_request"}"#,
                "permanent",
                "permanent",
            ),
            (401, invalid_grant, "refused", "permanent"),
            (403, invalid_grant, "permanent", "permanent"),
            (408, "", "transient", "transient"),
            (429, "", "transient", "transient"),
            (500, invalid_grant, "transient", "transient"),
            (503, "", "transient", "transient"),
            (302, "", "permanent", "permanent"),
            (307, "", "permanent", "permanent"),
            (204, "", "permanent", "permanent"),
            (200, "nonsense", "transient", "transient"),
        ] {
            assert_eq!(
                classify(&simacan, status, body),
                by_simacan,
                "{status} {body}"
            );
            assert_eq!(
                classify(&oauth2, status, body),
                by_oauth2,
                "{status} {body}"
            );
        }
    }
}
