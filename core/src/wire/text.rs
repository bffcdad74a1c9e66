//! The strings of a JSON body, without a copy that nobody wipes.

use std::ops::Deref;

use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::token::{all, is_vschar};

/// A string out of the JSON, wiped if it had to be copied.
pub(super) enum Text<'a> {
    Borrowed(&'a str),
    Unescaped(Zeroizing<String>),
}

impl<'a> Text<'a> {
    /// A string that is a token and has no escapes: seen in one look at it, where [`read`](Self::read)
    /// and a check take two.
    pub(super) fn plain_token(json: &'a RawValue) -> Option<Self> {
        let quoted = json.get().strip_prefix('"')?.strip_suffix('"')?;
        let is_plain = |byte| is_vschar(byte) && byte != b'\\';
        (!quoted.is_empty() && all(quoted, is_plain)).then_some(Self::Borrowed(quoted))
    }

    /// `None` if this is no string, or holds a lone surrogate: that is JSON, but no text.
    pub(super) fn read(json: &'a RawValue) -> Option<Self> {
        let quoted = json.get().strip_prefix('"')?.strip_suffix('"')?;
        if quoted.contains('\\') {
            unescape(quoted).map(Self::Unescaped)
        } else {
            Some(Self::Borrowed(quoted))
        }
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Unescaped(text) => text,
        }
    }
}

/// RFC 8259, section 7, for a string whose syntax has been checked. `serde_json` would leave what it
/// unescapes in a buffer of its own.
fn unescape(quoted: &str) -> Option<Zeroizing<String>> {
    // No character is longer than its escape, so the text never moves.
    let mut text = Zeroizing::new(String::with_capacity(quoted.len()));
    let mut rest = quoted;
    while let Some((before, escape)) = rest.split_once('\\') {
        text.push_str(before);
        let kind = escape.chars().next()?;
        rest = &escape[kind.len_utf8()..];
        text.push(match kind {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let mut units = [code_unit(&mut rest)?, 0];
                let is_pair = matches!(units[0], 0xD800..=0xDBFF);
                if is_pair {
                    rest = rest.strip_prefix("\\u")?;
                    units[1] = code_unit(&mut rest)?;
                }
                let units = units.into_iter().take(1 + usize::from(is_pair));
                char::decode_utf16(units).next()?.ok()?
            }
            itself => itself,
        });
    }
    text.push_str(rest);
    Some(text)
}

fn code_unit(rest: &mut &str) -> Option<u16> {
    let (digits, after) = rest.split_at_checked(4)?;
    *rest = after;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `serde_json` makes of it.
    fn check(json: &str) {
        let raw: &RawValue = serde_json::from_str(json).expect("it is JSON");
        let text = Text::read(raw);
        let expected = serde_json::from_str::<String>(json).ok();
        assert_eq!(text.as_deref(), expected.as_deref(), "{json}");
    }

    #[test]
    fn strings_are_what_they_are_to_every_json_parser() {
        for json in [
            r#""""#,
            r#""plain é 😀""#,
            r#""\"\\\/\b\f\n\r\t""#,
            r#""a\u0041b\u00e9c\u20ACd\ud83d\ude00e""#,
            r#""\\u0041""#,
            r#""é\\é""#,
        ] {
            check(json);
        }
        for unit in 0..=u16::MAX {
            check(&format!(r#""a\u{unit:04x}b""#));
            check(&format!(r#""\ud83d\u{unit:04X}""#));
            check(&format!(r#""\u{unit:04x}\ude00""#));
        }
    }

    #[test]
    fn what_is_no_string_is_no_text() {
        for json in [
            "1",
            "null",
            "{}",
            r#"["a"]"#,
            r#""\ud83d""#,
            r#""\ud83dx""#,
            r#""\ud83d\n""#,
        ] {
            let raw: &RawValue = serde_json::from_str(json).expect("it is JSON");
            assert!(Text::read(raw).is_none(), "{json}");
        }
    }
}
