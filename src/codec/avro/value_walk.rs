//! Skips values that are not needed, and finds how far bytes are a value of their schema.

use super::cursor::{BlockItems, ByteCursor, ReadFault, malformed};
use super::type_table::{AvroType, TypeTable};

/// Walks over the values of one record.
pub(super) struct ValueWalk<'t, 'b> {
    pub(super) types: &'t TypeTable,
    pub(super) cursor: ByteCursor<'b>,
    /// The most items of one array or map: every item takes at least a byte.
    pub(super) items_max: usize,
}

/// How many of the first `bytes` are sound: the whole value, or what precedes the first
/// number, text or choice that its schema does not allow. The fault is what ended the walk.
pub(super) fn sound_length(types: &TypeTable, bytes: &[u8]) -> (usize, Option<ReadFault>) {
    let mut walk = ValueWalk::new(types, bytes);
    let fault = walk.skip_value(TypeTable::ROOT).err();
    (bytes.len() - walk.cursor.rest.len(), fault)
}

impl<'t, 'b> ValueWalk<'t, 'b> {
    pub(super) fn new(types: &'t TypeTable, bytes: &'b [u8]) -> Self {
        ValueWalk {
            types,
            cursor: ByteCursor { rest: bytes },
            items_max: bytes.len(),
        }
    }

    /// The type with this number, or the branch that the record chose if it is a union.
    #[inline]
    pub(super) fn resolve_union(&mut self, kind: usize) -> Result<&'t AvroType, ReadFault> {
        let mut resolved = self.types.get(kind);
        while let AvroType::Union(branches) = resolved {
            let branch = self.read_whole(|cursor| choose_branch(cursor, branches).copied())?;
            resolved = self.types.get(branch);
        }
        Ok(resolved)
    }

    /// Reads over a value, as deep as the schema is.
    pub(super) fn skip_value(&mut self, kind: usize) -> Result<(), ReadFault> {
        let resolved = self.resolve_union(kind)?;
        self.skip_resolved(resolved)
    }

    /// Reads over a value of a type that is no union.
    pub(super) fn skip_resolved(&mut self, kind: &AvroType) -> Result<(), ReadFault> {
        match kind {
            AvroType::Null | AvroType::Union(_) => Ok(()),
            AvroType::Boolean => self.read_whole(|cursor| cursor.read_boolean().map(drop)),
            AvroType::Int => self.read_whole(|cursor| cursor.read_int().map(drop)),
            AvroType::Long => self.read_whole(|cursor| cursor.read_long().map(drop)),
            AvroType::Float => self.read_whole(|cursor| cursor.take_bytes(4).map(drop)),
            AvroType::Double => self.read_whole(|cursor| cursor.take_bytes(8).map(drop)),
            AvroType::Fixed(size) => self.read_whole(|cursor| cursor.take_bytes(*size).map(drop)),
            AvroType::Timestamp(_) => self.read_whole(|cursor| cursor.read_long().map(drop)),
            AvroType::Days => self.read_whole(|cursor| cursor.read_int().map(drop)),
            AvroType::Decimal(_) => self.read_whole(|cursor| cursor.read_bytes().map(drop)),
            AvroType::FixedDecimal(size, _) => {
                self.read_whole(|cursor| cursor.take_bytes(*size).map(drop))
            }
            AvroType::Bytes => self.read_whole(|cursor| cursor.read_bytes().map(drop)),
            // Nobody reads the text, so it need not be UTF-8.
            AvroType::Text => self.read_whole(|cursor| cursor.read_bytes().map(drop)),
            AvroType::Enum(symbols) => {
                self.read_whole(|cursor| choose_symbol(cursor, symbols).map(drop))
            }
            AvroType::Record(members) => {
                let mut members = members.iter();
                members.try_for_each(|member| self.skip_value(member.kind))
            }
            AvroType::Array(items) => {
                let mut blocks = BlockItems::new(self.items_max);
                while self.read_whole(|cursor| blocks.next_item(cursor))? {
                    self.skip_value(*items)?;
                }
                Ok(())
            }
            AvroType::Map(values) => {
                let mut blocks = BlockItems::new(self.items_max);
                while self.read_whole(|cursor| blocks.next_item(cursor))? {
                    self.read_whole(|cursor| cursor.read_bytes().map(drop))?;
                    self.skip_value(*values)?;
                }
                Ok(())
            }
        }
    }

    /// Reads with `read`, which takes all of its bytes or, when it fails, none.
    #[inline]
    fn read_whole<T>(
        &mut self,
        read: impl FnOnce(&mut ByteCursor<'b>) -> Result<T, ReadFault>,
    ) -> Result<T, ReadFault> {
        let start = self.cursor.rest;
        let result = read(&mut self.cursor);
        if result.is_err() {
            self.cursor.rest = start;
        }
        result
    }
}

/// The branch of a union that the record chose.
#[inline]
pub(super) fn choose_branch<'s, T>(
    cursor: &mut ByteCursor<'_>,
    branches: &'s [T],
) -> Result<&'s T, ReadFault> {
    let branch = branches.get(cursor.read_length()?);
    branch.ok_or_else(|| malformed("a union has no such branch"))
}

/// The symbol of an enum that the record chose.
#[inline]
pub(super) fn choose_symbol<'s>(
    cursor: &mut ByteCursor<'_>,
    symbols: &'s [Box<str>],
) -> Result<&'s str, ReadFault> {
    let symbol = symbols.get(cursor.read_length()?);
    symbol
        .map(Box::as_ref)
        .ok_or_else(|| malformed("an enum has no such symbol"))
}
