//! Sigma's texts: wildcards, escapes and encodings of a value.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::rule::evaluate::text_pattern::{DASHES, Piece};

/// How a value is encoded before it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ValueEncoding {
    pub charset: Charset,
    pub base64: Base64Form,
}

/// The bytes of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charset {
    Utf8,
    /// `utf16le` and `wide`.
    Utf16Le,
    Utf16Be,
    /// `utf16`: little endian behind a byte order mark.
    Utf16Mark,
}

/// Where the bytes stand in what was encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base64Form {
    /// `base64`: they are all of it.
    Whole,
    /// `base64offset`: they are a part of it, at any offset.
    Offset,
}

/// Splits a value at its wildcards. A backslash before `*`, `?` or another backslash takes away
/// their meaning; every other backslash is itself.
pub(super) fn read_pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let wildcard = match character {
            '\\' => {
                let escaped = characters.next_if(|next| matches!(next, '*' | '?' | '\\'));
                literal.push(escaped.unwrap_or('\\'));
                continue;
            }
            '*' => Piece::Any,
            '?' => Piece::One,
            _ => {
                literal.push(character);
                continue;
            }
        };
        pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        pieces.push(wildcard);
    }
    pieces.push(Piece::Literal(literal));
    pieces
}

/// `windash`: each dash of the literals becomes any dash.
pub(super) fn open_dashes(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut opened = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let Piece::Literal(text) = piece else {
            opened.push(piece);
            continue;
        };
        for (at, part) in text.split(DASHES).enumerate() {
            if at > 0 {
                opened.push(Piece::Dash);
            }
            opened.push(Piece::Literal(part.to_owned()));
        }
    }
    opened
}

/// The texts that the value may have become, of which one is compared. `None` when the value has a
/// wildcard, which has no encoding, or is so short that a part of the encoded text has nothing of
/// it alone.
pub(super) fn encode_value(pieces: &[Piece], encoding: ValueEncoding) -> Option<Vec<String>> {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Literal(part) => text.push_str(part),
            Piece::One | Piece::Any | Piece::Dash => return None,
        }
    }
    let bytes = encoding.charset.encode_text(&text);
    let texts = match encoding.base64 {
        Base64Form::Whole => vec![STANDARD.encode(bytes)],
        Base64Form::Offset => (0..3)
            .map(|offset| encode_at_offset(&bytes, offset))
            .collect(),
    };
    (!texts.iter().any(String::is_empty)).then_some(texts)
}

/// The characters that depend on `bytes` alone when `offset` other bytes precede them: those that
/// share bits with a neighbour are left out.
fn encode_at_offset(bytes: &[u8], offset: usize) -> String {
    let mut padded = vec![0; offset];
    padded.extend_from_slice(bytes);
    let encoded = STANDARD.encode(&padded);
    let first_bit = offset * 8;
    let end_bit = padded.len() * 8;
    let (from, to) = (first_bit.div_ceil(6), end_bit / 6);
    encoded.get(from..to).unwrap_or_default().to_owned()
}

impl Charset {
    fn encode_text(self, text: &str) -> Vec<u8> {
        let units = || text.encode_utf16();
        match self {
            Charset::Utf8 => text.as_bytes().to_vec(),
            Charset::Utf16Le => units().flat_map(u16::to_le_bytes).collect(),
            Charset::Utf16Be => units().flat_map(u16::to_be_bytes).collect(),
            Charset::Utf16Mark => {
                let mark = std::iter::once(0xfeff_u16);
                mark.chain(units()).flat_map(u16::to_le_bytes).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(pieces: &[Piece]) -> String {
        let shown = pieces.iter().map(|piece| match piece {
            Piece::Literal(text) => text.as_str(),
            Piece::One => "<one>",
            Piece::Any => "<any>",
            Piece::Dash => "<dash>",
        });
        shown.collect()
    }

    #[test]
    fn a_backslash_is_itself_except_before_a_wildcard_or_a_backslash() {
        for (text, expected) in [
            (r"C:\Windows\n", r"C:\Windows\n"),
            (r"C:\\Windows", r"C:\Windows"),
            (r"a\*b", "a*b"),
            (r"a\?b?", "a?b<one>"),
            (r"a\\*b", r"a\<any>b"),
            (r"a\\\*b", r"a\*b"),
            (r"\\\\host\share\", r"\\host\share\"),
            (r"\", r"\"),
            ("**?", "<any><any><one>"),
        ] {
            assert_eq!(show(&read_pieces(text)), expected, "{text}");
        }
    }

    #[test]
    fn every_dash_becomes_any_dash() {
        let opened = open_dashes(read_pieces("-a /b \u{2013}c*"));
        assert_eq!(show(&opened), "<dash>a <dash>b <dash>c<any>");
    }

    /// A part is found wherever it stands in what was encoded.
    #[test]
    fn an_encoded_part_is_found_at_every_offset() {
        let charsets = [
            Charset::Utf8,
            Charset::Utf16Le,
            Charset::Utf16Be,
            Charset::Utf16Mark,
        ];
        for charset in charsets {
            for value in ["http://", "/bin/sh", "é€\u{1f600}", "ab"] {
                let encoding = ValueEncoding {
                    charset,
                    base64: Base64Form::Offset,
                };
                let texts = encode_value(&read_pieces(value), encoding).unwrap();
                for before in 0..6_usize {
                    for after in 0..4_usize {
                        let mut whole = vec![b'x'; before];
                        whole.extend(charset.encode_text(value));
                        whole.extend(vec![b'\xff'; after]);
                        let whole = STANDARD.encode(whole);
                        let expected = &texts[before % 3];
                        assert!(whole.contains(expected), "{value} {before} {after}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_has_no_encoding_is_none() {
        let offset = ValueEncoding {
            charset: Charset::Utf8,
            base64: Base64Form::Offset,
        };
        assert_eq!(encode_value(&read_pieces("a*"), offset), None);
        assert_eq!(encode_value(&read_pieces("a"), offset), None);
        let whole = ValueEncoding {
            base64: Base64Form::Whole,
            ..offset
        };
        let encoded = encode_value(&read_pieces(r"a\*"), whole);
        assert_eq!(encoded, Some(vec!["YSo=".to_owned()]));
        let mark = ValueEncoding {
            charset: Charset::Utf16Mark,
            ..whole
        };
        let encoded = encode_value(&read_pieces("a"), mark);
        assert_eq!(encoded, Some(vec!["//5hAA==".to_owned()]));
    }
}
