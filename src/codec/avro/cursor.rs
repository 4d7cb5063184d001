//! The primitives of Avro's binary form, read from a slice. Nothing is allocated for a length that
//! a record merely claims.

use super::super::error::DecodeError;

/// Boxed, so that the result of a successful read stays small.
pub(super) type ReadFault = Box<DecodeError>;

#[cold]
pub(super) fn malformed(message: &str) -> ReadFault {
    Box::new(DecodeError::malformed(message))
}

/// The bytes not yet read.
pub(super) struct ByteCursor<'b> {
    pub(super) rest: &'b [u8],
}

impl<'b> ByteCursor<'b> {
    /// A variable-length number of at most ten bytes, zigzag.
    #[inline]
    pub(super) fn read_long(&mut self) -> Result<i64, ReadFault> {
        let raw = self.read_varint()?;
        Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    #[inline]
    pub(super) fn read_varint(&mut self) -> Result<u64, ReadFault> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.read_long_varint(),
        }
    }

    fn read_long_varint(&mut self) -> Result<u64, ReadFault> {
        let mut value = 0_u64;
        for (byte, index) in self.rest.iter().zip(0_u32..10) {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if *byte < 0x80 {
                // After nine bytes of seven bits, one bit of the 64 is left.
                if index == 9 && *byte > 1 {
                    break;
                }
                self.take_bytes(index as usize + 1)?;
                return Ok(value);
            }
        }
        Err(malformed("a number does not end, or is too long"))
    }

    #[inline]
    pub(super) fn read_int(&mut self) -> Result<i64, ReadFault> {
        let value = self.read_long()?;
        match i32::try_from(value) {
            Ok(_) => Ok(value),
            Err(_) => Err(malformed("an int of more than 32 bits")),
        }
    }

    /// Exactly `count` bytes.
    #[inline]
    pub(super) fn take_bytes(&mut self, count: usize) -> Result<&'b [u8], ReadFault> {
        match self.rest.split_at_checked(count) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(malformed("the value ends early")),
        }
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], ReadFault> {
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
    pub(super) fn read_length(&mut self) -> Result<usize, ReadFault> {
        usize::try_from(self.read_long()?).map_err(|_| malformed("a negative length or index"))
    }

    #[inline]
    pub(super) fn read_bytes(&mut self) -> Result<&'b [u8], ReadFault> {
        let length = self.read_length()?;
        self.take_bytes(length)
    }

    #[inline]
    pub(super) fn read_text(&mut self) -> Result<&'b str, ReadFault> {
        std::str::from_utf8(self.read_bytes()?).map_err(|_| malformed("a text is not UTF-8"))
    }

    pub(super) fn read_boolean(&mut self) -> Result<bool, ReadFault> {
        match self.take_bytes(1)? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(malformed("a boolean is neither 0 nor 1")),
        }
    }

    pub(super) fn read_float(&mut self) -> Result<f64, ReadFault> {
        self.take_array()
            .map(|bytes| f64::from(f32::from_le_bytes(bytes)))
    }

    pub(super) fn read_double(&mut self) -> Result<f64, ReadFault> {
        self.take_array().map(f64::from_le_bytes)
    }
}

/// The items of an array or map, block by block, at most `left` of all blocks together: every item
/// takes at least a byte, so a longer list cannot be there.
pub(super) struct BlockItems {
    in_block: u64,
    left: u64,
}

impl BlockItems {
    pub(super) fn new(items_max: usize) -> Self {
        BlockItems {
            in_block: 0,
            left: items_max as u64,
        }
    }

    /// Moves to the next item; `false` when there is none.
    pub(super) fn next_item(&mut self, cursor: &mut ByteCursor<'_>) -> Result<bool, ReadFault> {
        if self.in_block == 0 {
            let count = cursor.read_long()?;
            if count < 0 {
                // The size of the block in bytes follows; it is not needed.
                cursor.read_varint()?;
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
