//! The types of a writer schema by number, checked.
//!
//! A writer schema decides how much work a few bytes can cause, so each is checked here: no
//! recursion, bounded depth and size, and no type that takes no bytes except `null` within a union.
//! Then every value read costs at least one byte of input, and the length of a record bounds the
//! work and memory it takes.

use std::collections::BTreeMap;

use apache_avro::Schema;

use super::logical_types::LogicalType;

/// Types of a schema.
const TYPES_MAX: usize = 4_096;
/// Nesting of a schema's types, each union counting as a level.
const DEPTH_MAX: usize = 24;

/// A type; its children are numbers of the same table.
#[derive(Debug)]
pub(super) enum AvroType {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    /// A long that is a time; how many of its units make a millisecond.
    Timestamp(i64),
    /// An int that is a day since 1970.
    Days,
    /// Bytes that are a number with so many digits behind the point.
    Decimal(u32),
    /// So many bytes that are such a number.
    FixedDecimal(usize, u32),
    Enum(Box<[Box<str>]>),
    Array(usize),
    Map(usize),
    Union(Box<[usize]>),
    Record(Box<[RecordMember]>),
}

/// A field of a record.
#[derive(Debug)]
pub(super) struct RecordMember {
    pub(super) name: Box<str>,
    pub(super) kind: usize,
}

/// Every type of a schema. None contains itself, and each but a branch of a union takes at least a
/// byte.
#[derive(Debug)]
pub(super) struct TypeTable {
    types: Box<[AvroType]>,
    /// The names of logical types that are not converted, by the number of the type.
    unread: BTreeMap<usize, String>,
}

impl TypeTable {
    /// The number of the type that the schema is.
    pub(super) const ROOT: usize = 0;

    /// # Errors
    /// When the schema could make a few bytes cost much work.
    pub(super) fn new(
        schema: &Schema,
        logical: &[Option<LogicalType>],
    ) -> Result<TypeTable, String> {
        let mut builder = TableBuilder {
            logical,
            ..TableBuilder::default()
        };
        builder.add_type(schema, 0)?;
        Ok(TypeTable {
            types: builder.types.into(),
            unread: builder.unread,
        })
    }

    /// The name of the logical type of a type that is not converted.
    pub(super) fn unread_name(&self, number: usize) -> Option<&str> {
        self.unread.get(&number).map(String::as_str)
    }

    /// The type with this number, which is of this table.
    #[inline]
    pub(super) fn get(&self, number: usize) -> &AvroType {
        self.types.get(number).unwrap_or(&AvroType::Null)
    }
}

#[derive(Default)]
struct TableBuilder<'s> {
    types: Vec<AvroType>,
    /// How deep each type nests; `None` while its children are being added.
    heights: Vec<Option<usize>>,
    /// Each type with a name is added once, so a schema that names one many times costs no more
    /// than its text.
    named: BTreeMap<&'s str, usize>,
    /// By the number of the type.
    logical: &'s [Option<LogicalType>],
    unread: BTreeMap<usize, String>,
}

/// The number of an added type and how deep it nests.
type Added = (usize, usize);

impl<'s> TableBuilder<'s> {
    fn add_type(&mut self, schema: &'s Schema, depth: usize) -> Result<Added, String> {
        if let Schema::Ref { name } = schema {
            return self.find_named(name.as_ref());
        }
        if depth > DEPTH_MAX {
            return Err(too_deep());
        }
        let number = self.types.len();
        if number >= TYPES_MAX {
            return Err(format!("schema of more than {TYPES_MAX} types"));
        }
        self.types.push(AvroType::Null);
        self.heights.push(None);
        if let Some(name) = schema.name()
            && self.named.insert(name.as_ref(), number).is_some()
        {
            return Err(format!("the type {name} is defined twice"));
        }
        let (added, below) = self.convert(schema, depth)?;
        if below >= DEPTH_MAX {
            return Err(too_deep());
        }
        if has_no_members(&added) {
            return Err("a record, enum or union without members is not read".into());
        }
        let added = self.apply_logical(number, added);
        if let (Some(kind), Some(height)) =
            (self.types.get_mut(number), self.heights.get_mut(number))
        {
            *kind = added;
            *height = Some(below + 1);
        }
        Ok((number, below + 1))
    }

    /// The type with its logical type, if it has one.
    fn apply_logical(&mut self, number: usize, kind: AvroType) -> AvroType {
        let Some(Some(logical)) = self.logical.get(number) else {
            return kind;
        };
        logical.apply_to(kind).unwrap_or_else(|(kind, name)| {
            self.unread.insert(number, name);
            kind
        })
    }

    fn find_named(&self, name: &str) -> Result<Added, String> {
        let number = self.named.get(name).copied();
        let number = number.ok_or("the schema refers to a type it does not hold")?;
        match self.heights.get(number) {
            Some(Some(height)) => Ok((number, *height)),
            _ => Err("recursive types are not read".into()),
        }
    }

    /// The type and how deep its children nest.
    fn convert(&mut self, schema: &'s Schema, depth: usize) -> Result<(AvroType, usize), String> {
        let plain = match schema {
            Schema::Null => AvroType::Null,
            Schema::Boolean => AvroType::Boolean,
            Schema::Int => AvroType::Int,
            Schema::Long => AvroType::Long,
            Schema::Float => AvroType::Float,
            Schema::Double => AvroType::Double,
            Schema::Bytes => AvroType::Bytes,
            Schema::String => AvroType::Text,
            Schema::Fixed(fixed) => AvroType::Fixed(fixed.size),
            Schema::Enum(words) => AvroType::Enum(
                words
                    .symbols
                    .iter()
                    .map(|word| word.as_str().into())
                    .collect(),
            ),
            Schema::Array(array) => {
                let (items, below) = self.add_part(&array.items, depth)?;
                return Ok((AvroType::Array(items), below));
            }
            Schema::Map(map) => {
                let (values, below) = self.add_part(&map.types, depth)?;
                return Ok((AvroType::Map(values), below));
            }
            Schema::Union(union) => {
                let mut below = 0;
                let branches = union.variants().iter().map(|branch| {
                    let (number, height) = self.add_type(branch, depth + 1)?;
                    below = below.max(height);
                    Ok(number)
                });
                let branches = branches.collect::<Result<_, String>>()?;
                return Ok((AvroType::Union(branches), below));
            }
            Schema::Record(record) => {
                let mut below = 0;
                let members = record.fields.iter().map(|field| {
                    let (kind, height) = self.add_part(&field.schema, depth)?;
                    below = below.max(height);
                    let name = field.name.as_str().into();
                    Ok(RecordMember { name, kind })
                });
                let members = members.collect::<Result<_, String>>()?;
                return Ok((AvroType::Record(members), below));
            }
            // A reduced schema has no logical types.
            _ => return Err("a type that is not read".into()),
        };
        Ok((plain, 0))
    }

    /// Adds a part of a list, map or record, of which there can be many.
    fn add_part(&mut self, schema: &'s Schema, depth: usize) -> Result<Added, String> {
        let takes_no_bytes = match schema {
            Schema::Null => true,
            Schema::Fixed(fixed) => fixed.size == 0,
            _ => false,
        };
        if takes_no_bytes {
            return Err("a type that takes no bytes is read only as a branch of a union".into());
        }
        self.add_type(schema, depth + 1)
    }
}

fn too_deep() -> String {
    format!("types nest deeper than {DEPTH_MAX} levels")
}

fn has_no_members(kind: &AvroType) -> bool {
    match kind {
        AvroType::Record(members) => members.is_empty(),
        AvroType::Enum(symbols) => symbols.is_empty(),
        AvroType::Union(branches) => branches.is_empty(),
        AvroType::Fixed(size) => *size == 0,
        _ => false,
    }
}
