//! Percent encoding, undone until nothing changes.

use super::fold::compose;

/// Rounds of decoding before a text counts as hostile: each undoes one encoding of an encoding.
const DECODE_ROUNDS_MAX: usize = 8;

/// Bytes of a decoded text, at most. Compatibility forms can make a text eleven times as long.
pub(super) const DECODED_BYTES_MAX: usize = 8_192;

/// A text without encodings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) text: String,
    /// It holds bytes that no honest program writes, or too many encodings of encodings.
    pub(super) hostile: bool,
}

/// Decodes `%2e` and `%u002e` and folds compatibility forms (NFKC) until nothing changes.
pub(super) fn decode(text: &str) -> Decoded {
    let mut decoded = Decoded {
        text: compose(text).into_owned(),
        hostile: false,
    };
    for _ in 0..DECODE_ROUNDS_MAX {
        if decoded.text.len() > DECODED_BYTES_MAX {
            break;
        }
        match decode_once(&decoded.text) {
            None => return decoded,
            Some((next, hostile)) => {
                decoded.hostile |= hostile;
                decoded.text = compose(&next).into_owned();
            }
        }
    }
    decoded.hostile = true;
    decoded
}

/// One round; `None` if there is nothing to decode. The flag says that some bytes were hostile.
fn decode_once(text: &str) -> Option<(String, bool)> {
    let mut bytes: Vec<u8> = Vec::with_capacity(text.len());
    let (mut rest, mut found) = (text.as_bytes(), false);
    while let Some((first, tail)) = rest.split_first() {
        if *first == b'%' {
            if let Some((byte, after)) = hex_pair(tail) {
                bytes.push(byte);
                (rest, found) = (after, true);
                continue;
            }
            if let Some((letter, after)) = unicode_escape(tail) {
                bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                (rest, found) = (after, true);
                continue;
            }
        }
        bytes.push(*first);
        rest = tail;
    }
    found.then(|| read_utf8(&bytes, text)).flatten()
}

/// The bytes as text. What is no UTF-8 is encoded again, so that it stays what it was: a name in
/// an old character set. An overlong form is read as the letter that it hides, and is hostile.
fn read_utf8(bytes: &[u8], before: &str) -> Option<(String, bool)> {
    let (mut text, mut hostile) = (String::with_capacity(bytes.len()), false);
    let mut rest = bytes;
    while !rest.is_empty() {
        match std::str::from_utf8(rest) {
            Ok(valid) => {
                text.push_str(valid);
                break;
            }
            Err(error) => {
                let (valid, invalid) = rest.split_at_checked(error.valid_up_to())?;
                text.push_str(std::str::from_utf8(valid).unwrap_or_default());
                let (letter, taken) = match overlong(invalid) {
                    Some((letter, taken)) => (Some(letter), taken),
                    None => (None, 1),
                };
                let (odd, after) = invalid.split_at_checked(taken)?;
                match letter {
                    Some(letter) => {
                        hostile = true;
                        text.push(letter);
                    }
                    None => odd
                        .iter()
                        .for_each(|byte| text.push_str(&format!("%{byte:02X}"))),
                }
                rest = after;
            }
        }
    }
    (hostile || text != before).then_some((text, hostile))
}

fn hex_pair(text: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, after) = text.split_at_checked(2)?;
    let byte = u8::try_from(hex_number(digits)?).ok()?;
    Some((byte, after))
}

/// `u002e`, as some old servers read it.
fn unicode_escape(text: &[u8]) -> Option<(char, &[u8])> {
    let (digits, after) = text.strip_prefix(b"u")?.split_at_checked(4)?;
    Some((char::from_u32(hex_number(digits)?)?, after))
}

fn hex_number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| {
        Some(number * 16 + char::from(*digit).to_digit(16)?)
    })
}

/// The letter of an overlong form, and its length: more bytes than UTF-8 needs for it.
fn overlong(bytes: &[u8]) -> Option<(char, usize)> {
    let first = *bytes.first()?;
    let (count, bits) = match first {
        0xc0 | 0xc1 => (2, u32::from(first & 0x1f)),
        0xe0 => (3, 0),
        0xf0 => (4, 0),
        0xf8 => (5, 0),
        0xfc => (6, 0),
        _ => return None,
    };
    let tail = bytes.get(1..count)?;
    let number = tail.iter().try_fold(bits, |number, byte| {
        (byte & 0xc0 == 0x80).then_some(number << 6 | u32::from(byte & 0x3f))
    })?;
    Some((char::from_u32(number)?, count))
}
