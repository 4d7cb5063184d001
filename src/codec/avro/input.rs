//! The primitives of Avro's binary form, read from a slice. Nothing is allocated for a length that
//! a record merely claims.

use super::super::error::DecodeError;

/// Boxed, so that reading a number that is there costs nothing for one that is not.
pub(super) type Fault = Box<DecodeError>;

#[cold]
pub(super) fn malformed(message: &str) -> Fault {
    Box::new(DecodeError::malformed(message))
}

/// The bytes not yet read.
pub(super) struct Input<'b> {
    pub(super) rest: &'b [u8],
}

impl<'b> Input<'b> {
    /// A variable-length number of at most ten bytes, zigzag.
    #[inline]
    pub(super) fn long(&mut self) -> Result<i64, Fault> {
        let raw = self.varint()?;
        Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, Fault> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Fault> {
        let mut value = 0_u64;
        for (byte, place) in self.rest.iter().zip(0_u32..10) {
            value |= u64::from(byte & 0x7f) << (7 * place);
            if *byte < 0x80 {
                // Of the tenth byte one bit is left.
                if place == 9 && *byte > 1 {
                    break;
                }
                self.bytes(place as usize + 1)?;
                return Ok(value);
            }
        }
        Err(malformed("a number does not end, or is too long"))
    }

    #[inline]
    pub(super) fn int(&mut self) -> Result<i64, Fault> {
        let value = self.long()?;
        match i32::try_from(value) {
            Ok(_) => Ok(value),
            Err(_) => Err(malformed("an int of more than 32 bits")),
        }
    }

    /// Exactly `count` bytes.
    #[inline]
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'b [u8], Fault> {
        match self.rest.split_at_checked(count) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(malformed("the value ends early")),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        match self.rest.split_first_chunk() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(*bytes)
            }
            None => Err(malformed("the value ends early")),
        }
    }

    /// A length or the index of a branch or symbol.
    #[inline]
    pub(super) fn length(&mut self) -> Result<usize, Fault> {
        usize::try_from(self.long()?).map_err(|_| malformed("a negative length or index"))
    }

    #[inline]
    pub(super) fn delimited(&mut self) -> Result<&'b [u8], Fault> {
        let length = self.length()?;
        self.bytes(length)
    }

    #[inline]
    pub(super) fn text(&mut self) -> Result<&'b str, Fault> {
        std::str::from_utf8(self.delimited()?).map_err(|_| malformed("a text is not UTF-8"))
    }

    pub(super) fn boolean(&mut self) -> Result<bool, Fault> {
        match self.bytes(1)? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(malformed("a boolean is neither 0 nor 1")),
        }
    }

    pub(super) fn float(&mut self) -> Result<f64, Fault> {
        self.array()
            .map(|bytes| f64::from(f32::from_le_bytes(bytes)))
    }

    pub(super) fn double(&mut self) -> Result<f64, Fault> {
        self.array().map(f64::from_le_bytes)
    }
}

/// The items of an array or map, block by block, at most `left` of all blocks together: every item
/// takes at least a byte, so a longer list cannot be there.
pub(super) struct Blocks {
    in_block: u64,
    left: u64,
}

impl Blocks {
    pub(super) fn new(items_max: usize) -> Self {
        Blocks {
            in_block: 0,
            left: items_max as u64,
        }
    }

    /// Whether another item follows.
    pub(super) fn more(&mut self, input: &mut Input<'_>) -> Result<bool, Fault> {
        if self.in_block == 0 {
            let count = input.long()?;
            if count < 0 {
                // Followed by the size in bytes, of no use here.
                input.varint()?;
            }
            self.in_block = count.unsigned_abs();
            if self.in_block == 0 {
                return Ok(false);
            }
            let left = self.left.checked_sub(self.in_block);
            self.left = left.ok_or_else(|| malformed("more items than bytes"))?;
        }
        self.in_block -= 1;
        Ok(true)
    }
}
