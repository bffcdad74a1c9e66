//! A saved session as JSON. No unwiped copy of a token is left behind: none needs an escape, so
//! a parser borrows it, and the buffer has its final size before anything is written to it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::ops::Deref;

use percent_encoding::{AsciiSet, percent_decode_str, utf8_percent_encode};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::error::Category;
use serde_json::value::RawValue;
use thiserror::Error;
use zeroize::Zeroizing;

use super::SavedSession;
use crate::fnv;
use crate::targets::Record;
use crate::token::{Bearer, RefreshToken, is_token};

/// More than any session needs.
const MAX_JSON: usize = 1 << 20;

impl SavedSession {
    /// Writes the session as JSON, for a file or a database row.
    #[expect(clippy::missing_panics_doc, reason = "it never does")]
    pub fn to_json(&self) -> SavedJson {
        const NUMBERS_AND_NAMES: usize = 768;
        const LOGIN_ANSWER: usize = 256;
        // A character of a token takes three at most (`%22`), one of another text six (`\u001f`).
        let texts = [
            Some(&self.endpoint),
            self.client_id.as_ref(),
            self.scope.as_ref(),
            Some(&self.username),
        ];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        let tokens = self.tokens.as_ref().map_or(0, |tokens| {
            let refresh = tokens.refresh_token.as_ref();
            tokens.access_token.token().len() + refresh.map_or(0, |token| token.expose().len())
        });
        let login_answers = LOGIN_ANSWER * self.login_answers.len();
        let targets: usize = self.targets.values().map(Record::json_len).sum();
        let own = NUMBERS_AND_NAMES + 6 * texts + 3 * tokens + login_answers + targets;
        // What is too large is not read again.
        let others = self.others.text.as_str();
        let others = if own + others.len() <= MAX_JSON {
            others
        } else {
            ""
        };
        let capacity = own + others.len();
        let mut json = Zeroizing::new(Vec::with_capacity(capacity));
        serde_json::to_writer(&mut *json, self).expect("a struct of texts and numbers");
        json.pop();
        json.extend(others.as_bytes());
        let checksum = checksum(&json);
        write!(json, "{CHECKSUM}{checksum:016x}\"}}").expect("memory takes it");
        debug_assert!(json.len() <= capacity, "grew and left a copy behind");
        SavedJson(json)
    }

    /// Reads a session from the JSON that [`to_json`](Self::to_json) has written.
    ///
    /// A checksum at its end has to fit; JSON without one is read unchecked.
    pub fn from_json(json: &[u8]) -> Result<Self, InvalidSavedSession> {
        #[derive(serde::Deserialize)]
        struct Versioned {
            version: u32,
        }

        if json.len() > MAX_JSON {
            return Err(InvalidSavedSession::TooLarge);
        }
        let Versioned { version } =
            serde_json::from_slice(json).map_err(InvalidSavedSession::of)?;
        if version != Version::CURRENT {
            return Err(InvalidSavedSession::UnknownVersion(version));
        }
        let mut saved: Self = serde_json::from_slice(json).map_err(InvalidSavedSession::of)?;
        saved.others = Others::read(json).map_err(InvalidSavedSession::of)?;
        if saved.others.has_checksum {
            let json = json.trim_ascii_end();
            let whole = json.len().checked_sub(CHECKSUM.len() + 18);
            let parts = whole.and_then(|whole| json.split_at_checked(whole));
            let is_right = parts.is_some_and(|(whole, end)| {
                let expected = format!("{CHECKSUM}{:016x}\"}}", checksum(whole));
                end == expected.as_bytes()
            });
            if !is_right {
                return Err(InvalidSavedSession::Altered);
            }
        }
        Ok(saved)
    }
}

/// What stands before the checksum, which is the last member.
const CHECKSUM: &str = ",\"checksum\":\"";

fn checksum(json: &[u8]) -> u64 {
    fnv::add(fnv::START, json.iter().copied())
}

/// Members that a newer version has added: kept, and written back.
#[derive(Clone, Default)]
pub(crate) struct Others {
    /// As they are to stand there, each with a comma before it.
    text: Zeroizing<String>,
    has_checksum: bool,
}

impl Others {
    /// The names that this version knows.
    const KNOWN: [&str; 13] = [
        "version",
        "revision",
        "endpoint",
        "client_id",
        "scope",
        "members",
        "username",
        "lineage",
        "tokens",
        "logins",
        "login_answers",
        "targets",
        "outage",
    ];

    fn read(json: &[u8]) -> Result<Self, serde_json::Error> {
        let members: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_slice(json)?;
        let mut others = Self::default();
        others.text.reserve(json.len());
        for (name, value) in members {
            if name == "checksum" {
                others.has_checksum = true;
            } else if !Self::KNOWN.contains(&&*name) {
                let name = serde_json::to_string(&name)?;
                for part in [",", &name, ":", value.get()] {
                    others.text.push_str(part);
                }
            }
        }
        Ok(others)
    }
}

impl Hash for Others {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.as_str().hash(state);
    }
}

/// The JSON of a [`SavedSession`]. It holds tokens, is wiped when dropped, and prints as `[redacted]`.
pub struct SavedJson(Zeroizing<Vec<u8>>);

impl Deref for SavedJson {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for SavedJson {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for SavedJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SavedJson([redacted])")
    }
}

/// A defect of a saved session. It names a line and column, never what is there (I9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum InvalidSavedSession {
    /// The JSON ends in the middle: it was cut off, or is empty.
    #[error("the saved session is incomplete")]
    Truncated,
    /// What is saved is not JSON.
    #[error("the saved session is not JSON (line {line}, column {column})")]
    NotJson {
        /// The line where the text stops being JSON, from 1.
        line: usize,
        /// The column where the text stops being JSON, from 1.
        column: usize,
    },
    /// A member of the JSON is missing, is there twice, or has an impossible value.
    #[error(
        "the saved session is JSON, but not what a session looks like (line {line}, column {column})"
    )]
    Malformed {
        /// The line of the defect, from 1.
        line: usize,
        /// The column of the defect, from 1.
        column: usize,
    },
    /// The session was written by a newer version of this library, in a format of its own.
    #[error(
        "the saved session has format {0}, and this program knows format 1: a newer program has saved it, so update \
         this one, or give each its own place"
    )]
    UnknownVersion(u32),
    /// The session is not as it was saved: its checksum or its seal does not fit.
    #[error("the saved session was damaged, or changed by hand, after it was saved")]
    Altered,
    /// What is saved is larger than 1 MiB, and was not parsed.
    #[error("the saved session is larger than 1 MiB")]
    TooLarge,
}

impl InvalidSavedSession {
    /// Without the error's own text, which can hold a value.
    #[expect(clippy::needless_pass_by_value, reason = "as map_err gives it")]
    fn of(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        match error.classify() {
            Category::Eof => Self::Truncated,
            Category::Syntax | Category::Io => Self::NotJson { line, column },
            Category::Data => Self::Malformed { line, column },
        }
    }
}

/// The version of the format.
pub(super) struct Version;

impl Version {
    const CURRENT: u32 = 1;
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(Self::CURRENT)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if u32::deserialize(deserializer)? == Self::CURRENT {
            Ok(Self)
        } else {
            Err(de::Error::custom("an unknown version"))
        }
    }
}

/// What JSON would escape in a text of printable ASCII, and the sign of our own escape.
const ESCAPED: &AsciiSet = &AsciiSet::EMPTY.add(b'"').add(b'\\').add(b'%');

impl Serialize for Bearer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&utf8_percent_encode(self.token(), ESCAPED))
    }
}

impl Serialize for RefreshToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&utf8_percent_encode(self.expose(), ESCAPED))
    }
}

impl<'de> Deserialize<'de> for Bearer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let token = deserializer.deserialize_str(Token)?;
        Self::new(&token).ok_or_else(|| de::Error::custom("no token"))
    }
}

impl<'de> Deserialize<'de> for RefreshToken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let token = deserializer.deserialize_str(Token)?;
        Ok(Self::new(&token))
    }
}

/// Reads a token. What a parser had to copy before is beyond its reach.
struct Token;

impl Visitor<'_> for Token {
    type Value = Zeroizing<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        // Twice: a byte that no token has becomes a character of two.
        let mut token = Zeroizing::new(String::with_capacity(2 * text.len()));
        token.extend(percent_decode_str(text).map(char::from));
        if is_token(&token) {
            Ok(token)
        } else {
            Err(E::custom("no token"))
        }
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Self::Value, E> {
        self.visit_str(&Zeroizing::new(text))
    }
}
