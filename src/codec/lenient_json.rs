//! Reads the JSON of actions and of foreign records, so that no content of a record keeps it from
//! being read.
//!
//! The structure must be JSON. Its values may be what careless writers and hostile agents make:
//! half of a surrogate pair, an unknown escape and bytes that are no UTF-8 become U+FFFD; a control
//! character in a text is read as it is; a number beyond every range, `NaN` and `Infinity` become a
//! float that is not finite, which no field accepts. A value that is ignored is skipped
//! unread, however deep it nests.
//!
//! This is a serde deserializer, because the visitor of actions reads Avro too.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use serde::de::value::CowStrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use smallvec::SmallVec;

use super::decode::bounds::lossy_text;

/// Why a text is not JSON.
#[derive(Debug)]
pub(super) struct JsonFault(Cow<'static, str>);

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for JsonFault {}

impl Error for JsonFault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        JsonFault(message.to_string().into())
    }
}

#[cold]
fn fault<T>(message: &'static str) -> Result<T, JsonFault> {
    Err(JsonFault(message.into()))
}

/// Reads one JSON text from its start.
pub(super) struct LenientJson<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> LenientJson<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        LenientJson { bytes, at: 0 }
    }

    /// Checks that nothing but white space is left.
    pub(super) fn end(&mut self) -> Result<(), JsonFault> {
        match self.skip_space() {
            None => Ok(()),
            Some(_) => fault("trailing characters"),
        }
    }

    /// The fault with the line and column that the reader has reached.
    pub(super) fn locate_fault(&self, fault: &JsonFault) -> String {
        let read = self.bytes.get(..self.at).unwrap_or(self.bytes);
        let line = 1 + read.iter().filter(|byte| **byte == b'\n').count();
        let before = read.iter().rposition(|byte| *byte == b'\n');
        let column = self.at - before.map_or(0, |end| end + 1) + 1;
        format!("{fault} at line {line} column {column}")
    }

    fn rest(&self) -> &'b [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The next byte that is no white space; the reader stays before it.
    #[inline]
    fn skip_space(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    #[inline]
    fn take_byte(&mut self, byte: u8, message: &'static str) -> Result<(), JsonFault> {
        if self.skip_space() != Some(byte) {
            return fault(message);
        }
        self.at += 1;
        Ok(())
    }

    /// Moves to the `,` before the next item, or past the end of a container. `false` at the end.
    #[inline]
    fn next_item(&mut self, first: &mut bool, end: u8) -> Result<bool, JsonFault> {
        match self.skip_space() {
            Some(byte) if byte == end => {
                self.at += 1;
                return Ok(false);
            }
            Some(b',') if !*first => self.at += 1,
            Some(_) if *first => {}
            Some(_) => return fault("expected `,` or the end of a list or object"),
            None => return fault("the text ends early"),
        }
        *first = false;
        Ok(true)
    }

    /// The text after an opening quotation mark.
    #[inline]
    fn read_text(&mut self) -> Result<Cow<'b, str>, JsonFault> {
        let rest = self.rest();
        let end = special_byte(rest);
        let plain = rest.get(..end).unwrap_or_default();
        if rest.get(end) == Some(&b'"') {
            self.at += end + 1;
            return Ok(lossy_text(plain));
        }
        self.read_escaped_text()
    }

    fn read_escaped_text(&mut self) -> Result<Cow<'b, str>, JsonFault> {
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let end = special_byte(rest);
            text.push_str(&lossy_text(rest.get(..end).unwrap_or_default()));
            self.at += end + 1;
            match rest.get(end) {
                None => return fault("a text does not end"),
                Some(b'"') => return Ok(Cow::Owned(text)),
                Some(_) => text.push(self.read_escape()?),
            }
        }
    }

    /// The character of an escape, after its `\`.
    fn read_escape(&mut self) -> Result<char, JsonFault> {
        let Some(kind) = self.bytes.get(self.at) else {
            return fault("a text does not end");
        };
        self.at += 1;
        Ok(match kind {
            b'"' | b'\\' | b'/' => char::from(*kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.read_code_unit(),
            _ => char::REPLACEMENT_CHARACTER,
        })
    }

    /// The character of one or two `\uXXXX`, after the first `\u`. Half of a pair stands alone.
    fn read_code_unit(&mut self) -> char {
        let Some(first) = hex_unit(self.rest()) else {
            return char::REPLACEMENT_CHARACTER;
        };
        self.at += 4;
        let second = match self.rest() {
            [b'\\', b'u', digits @ ..] => hex_unit(digits),
            _ => None,
        };
        let both = [first, second.unwrap_or(0)];
        match char::decode_utf16(both).next() {
            Some(Ok(character)) => {
                self.at += if character.len_utf16() == 2 { 6 } else { 0 };
                character
            }
            _ => char::REPLACEMENT_CHARACTER,
        }
    }

    /// A value that is neither text nor container.
    fn read_scalar<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, JsonFault> {
        let rest = self.rest();
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b",:{}[]\"".contains(byte);
        let end = rest.iter().position(ends).unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or_default();
        if !matches!(word, [b'-' | b'0'..=b'9', ..]) && !WORDS.contains(&word) {
            return fault("expected a value");
        }
        self.at += end;
        match word {
            b"null" => visitor.visit_unit(),
            b"true" => visitor.visit_bool(true),
            b"false" => visitor.visit_bool(false),
            [b'-' | b'0'..=b'9', ..] => match read_number(word) {
                Number::Signed(number) => visitor.visit_i64(number),
                Number::Unsigned(number) => visitor.visit_u64(number),
                Number::Float(number) => visitor.visit_f64(number),
            },
            _ => visitor.visit_f64(f64::NAN),
        }
    }

    /// Skips a value without reading it.
    fn skip_value(&mut self) -> Result<(), JsonFault> {
        // The closing brackets that are still to come.
        let mut open: SmallVec<[u8; 64]> = SmallVec::new();
        self.skip_space();
        loop {
            let Some(byte) = self.bytes.get(self.at) else {
                return fault("the text ends early");
            };
            match byte {
                b'"' => self.skip_text()?,
                b'{' => open.push(b'}'),
                b'[' => open.push(b']'),
                b'}' | b']' => match open.pop() {
                    Some(closing) if closing == *byte => {}
                    _ => return fault("a bracket closes what is not open"),
                },
                _ if open.is_empty() => return self.read_scalar(serde::de::IgnoredAny).map(drop),
                _ => {}
            }
            self.at += 1;
            if open.is_empty() {
                return Ok(());
            }
        }
    }

    /// Moves from an opening quotation mark to the closing one.
    fn skip_text(&mut self) -> Result<(), JsonFault> {
        self.at += 1;
        loop {
            let rest = self.rest();
            let end = special_byte(rest);
            self.at += end;
            match rest.get(end) {
                None => return fault("a text does not end"),
                Some(b'"') => return Ok(()),
                Some(_) => self.at += 2,
            }
        }
    }
}

/// The words that a value may be.
const WORDS: [&[u8]; 5] = [b"null", b"true", b"false", b"NaN", b"Infinity"];

enum Number {
    Signed(i64),
    Unsigned(u64),
    Float(f64),
}

/// A word that begins as a number does. It is not finite if it is none.
fn read_number(word: &[u8]) -> Number {
    let text = std::str::from_utf8(word).unwrap_or_default();
    if let Ok(number) = text.parse() {
        return Number::Signed(number);
    }
    if let Ok(number) = text.parse() {
        return Number::Unsigned(number);
    }
    Number::Float(text.parse().unwrap_or(f64::NAN))
}

/// The number that four hexadecimal digits write.
fn hex_unit(digits: &[u8]) -> Option<u16> {
    let digits = digits.first_chunk::<4>()?;
    digits.iter().try_fold(0_u16, |unit, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(digit).ok()?)
    })
}

/// The index of the first quotation mark or `\`, or the length. Eight bytes are looked at in one
/// step: most of a record is text.
#[inline]
fn special_byte(bytes: &[u8]) -> usize {
    const LOW: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    const QUOTE: u64 = u64::from_ne_bytes([b'"'; 8]);
    const ESCAPE: u64 = u64::from_ne_bytes([b'\\'; 8]);
    // The high bit of the lowest zero byte; bits above it may be set without cause.
    let zeros = |word: u64| word.wrapping_sub(LOW) & !word & HIGH;
    let (chunks, rest) = bytes.as_chunks::<8>();
    for (index, chunk) in chunks.iter().enumerate() {
        let word = u64::from_le_bytes(*chunk);
        let found = zeros(word ^ QUOTE) | zeros(word ^ ESCAPE);
        if found != 0 {
            return index * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let in_rest = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'));
    bytes.len() - rest.len() + in_rest.unwrap_or(rest.len())
}

impl<'de> Deserializer<'de> for &mut LenientJson<'de> {
    type Error = JsonFault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonFault> {
        match self.skip_space() {
            None => fault("the text ends early"),
            Some(b'"') => {
                self.at += 1;
                match self.read_text()? {
                    Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                    Cow::Owned(text) => visitor.visit_string(text),
                }
            }
            Some(b'{') => {
                self.at += 1;
                visitor.visit_map(Items::new(self))
            }
            Some(b'[') => {
                self.at += 1;
                visitor.visit_seq(Items::new(self))
            }
            Some(_) => self.read_scalar(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonFault> {
        self.skip_value()?;
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
    }
}

/// The items of a list or the members of an object, after the opening bracket.
struct Items<'r, 'de> {
    reader: &'r mut LenientJson<'de>,
    first: bool,
}

impl<'r, 'de> Items<'r, 'de> {
    fn new(reader: &'r mut LenientJson<'de>) -> Self {
        Items {
            reader,
            first: true,
        }
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = JsonFault;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, JsonFault> {
        if !self.reader.next_item(&mut self.first, b']')? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

impl<'de> MapAccess<'de> for Items<'_, 'de> {
    type Error = JsonFault;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, JsonFault> {
        if !self.reader.next_item(&mut self.first, b'}')? {
            return Ok(None);
        }
        self.reader.take_byte(b'"', "expected a name")?;
        let name = self.reader.read_text()?;
        seed.deserialize(CowStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, JsonFault> {
        self.reader.take_byte(b':', "expected `:`")?;
        seed.deserialize(&mut *self.reader)
    }
}
