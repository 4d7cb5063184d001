//! Reads an action by its plan, straight from the bytes into its fields.

use super::super::decode::assign;
use super::super::decode::bounds::lossy_text;
use super::super::decode::{ActionDraft, Decoded};
use super::super::error::DecodeError;
use super::action_plan::{ActionPlan, GroupShape, PlannedField};
use super::cursor::{BlockItems, ByteCursor, ReadFault};
use super::logical_types::read_decimal;
use super::type_table::{AvroType, TypeTable};
use super::value_walk::{ValueWalk, choose_branch, choose_symbol};
use crate::event::{ActionField, ActionGroup, AgentAction, FieldKind};

/// Reads the action at the start of `bytes` and says what is left.
pub(super) fn read_action<'b>(
    types: &TypeTable,
    plan: &ActionPlan,
    bytes: &'b [u8],
) -> Result<(Decoded<Box<AgentAction>>, &'b [u8]), DecodeError> {
    let mut reader = ActionReader {
        walk: ValueWalk::new(types, bytes),
        draft: ActionDraft::new(),
        unknown_fields: 0,
    };
    reader.read_record(plan).map_err(|fault| *fault)?;
    Ok((
        Decoded {
            value: reader.draft.finish(),
            unknown_fields: reader.unknown_fields,
        },
        reader.walk.cursor.rest,
    ))
}

struct ActionReader<'t, 'b> {
    walk: ValueWalk<'t, 'b>,
    draft: ActionDraft,
    unknown_fields: u32,
}

impl ActionReader<'_, '_> {
    fn read_record(&mut self, plan: &ActionPlan) -> Result<(), ReadFault> {
        for planned in &plan.fields {
            match planned {
                PlannedField::Field(field, kind) => self.read_field(*field, *kind)?,
                PlannedField::Group(group, shape) => {
                    self.draft.begin_group(*group);
                    self.read_group(*group, shape)?;
                }
                PlannedField::Unknown(kind) => self.skip_unknown(*kind)?,
            }
        }
        Ok(())
    }

    fn skip_unknown(&mut self, kind: usize) -> Result<(), ReadFault> {
        self.unknown_fields = self.unknown_fields.saturating_add(1);
        self.walk.skip_value(kind)
    }

    fn read_group(&mut self, group: ActionGroup, shape: &GroupShape) -> Result<(), ReadFault> {
        match shape {
            GroupShape::Union(branches) => {
                let branch = choose_branch(&mut self.walk.cursor, branches)?;
                self.read_group(group, branch)
            }
            GroupShape::Record(fields) => {
                for (field, kind) in fields {
                    self.read_member(*field, *kind)?;
                }
                Ok(())
            }
            GroupShape::Other(kind) => match self.walk.types.get(*kind) {
                AvroType::Null => Ok(()),
                AvroType::Map(values) => self.read_group_map(group, *values),
                kind => {
                    self.draft.mark_group(group);
                    self.walk.skip_resolved(kind)
                }
            },
        }
    }

    fn read_group_map(&mut self, group: ActionGroup, values: usize) -> Result<(), ReadFault> {
        let mut entries = BlockItems::new(self.walk.items_max);
        while entries.next_item(&mut self.walk.cursor)? {
            let field = ActionField::in_group(Some(group), self.walk.cursor.read_text()?);
            self.read_member(field, values)?;
        }
        Ok(())
    }

    #[inline]
    fn read_member(&mut self, field: Option<ActionField>, kind: usize) -> Result<(), ReadFault> {
        match field {
            Some(field) => self.read_field(field, kind),
            None => self.skip_unknown(kind),
        }
    }

    fn read_field(&mut self, field: ActionField, kind: usize) -> Result<(), ReadFault> {
        if !self.draft.begin_field(field) {
            return self.walk.skip_value(kind);
        }
        let resolved = self.walk.resolve_union(kind)?;
        let (action, cursor) = (&mut *self.draft.action, &mut self.walk.cursor);
        match resolved {
            AvroType::Null => {}
            AvroType::Text => {
                // Bytes that are no UTF-8 become U+FFFD, as in JSON.
                let text = lossy_text(cursor.read_bytes()?);
                assign::assign_text(action, field, &text);
            }
            AvroType::Enum(symbols) => {
                assign::assign_text(action, field, choose_symbol(cursor, symbols)?);
            }
            AvroType::Long => assign::assign_integer(action, field, cursor.read_long()?),
            AvroType::Int => assign::assign_integer(action, field, cursor.read_int()?),
            AvroType::Boolean => assign::assign_flag(action, field, cursor.read_boolean()?),
            AvroType::Double => assign::assign_float(action, field, cursor.read_double()?),
            AvroType::Float => assign::assign_float(action, field, cursor.read_float()?),
            AvroType::Timestamp(_) | AvroType::Days if field.info().kind == FieldKind::Time => {
                assign::assign_integer(action, field, read_time_ms(resolved, cursor)?);
            }
            AvroType::Decimal(_) | AvroType::FixedDecimal(..) => {
                match read_amount(resolved, cursor)? {
                    Some(number) => assign::assign_float(action, field, number),
                    None => assign::mark_malformed(action, field),
                }
            }
            AvroType::Bytes if field.info().kind == FieldKind::Text => {
                let text = lossy_text(cursor.read_bytes()?);
                assign::assign_text(action, field, &text);
            }
            AvroType::Array(items) if field.info().kind == FieldKind::Texts => {
                return self.read_list(field, *items);
            }
            other => {
                assign::mark_malformed(action, field);
                return self.walk.skip_resolved(other);
            }
        }
        Ok(())
    }

    fn read_list(&mut self, field: ActionField, items: usize) -> Result<(), ReadFault> {
        let mut blocks = BlockItems::new(self.walk.items_max);
        while blocks.next_item(&mut self.walk.cursor)? {
            let resolved = self.walk.resolve_union(items)?;
            let (action, cursor) = (&mut *self.draft.action, &mut self.walk.cursor);
            match resolved {
                AvroType::Text => {
                    let id = lossy_text(cursor.read_bytes()?);
                    assign::assign_entry(action, field, Some(&id));
                }
                AvroType::Enum(symbols) => {
                    let id = choose_symbol(cursor, symbols)?;
                    assign::assign_entry(action, field, Some(id));
                }
                other => {
                    assign::assign_entry(action, field, None);
                    self.walk.skip_resolved(other)?;
                }
            }
        }
        Ok(())
    }
}

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// A time in milliseconds; what is finer is cut off.
fn read_time_ms(kind: &AvroType, cursor: &mut ByteCursor<'_>) -> Result<i64, ReadFault> {
    match kind {
        AvroType::Days => Ok(cursor.read_int()?.saturating_mul(DAY_MS)),
        AvroType::Timestamp(per_ms) => Ok(cursor.read_long()?.div_euclid(*per_ms)),
        _ => cursor.read_long(),
    }
}

/// A decimal as a number; `None` if it is empty or too wide.
fn read_amount(kind: &AvroType, cursor: &mut ByteCursor<'_>) -> Result<Option<f64>, ReadFault> {
    match kind {
        AvroType::FixedDecimal(size, scale) => Ok(read_decimal(cursor.take_bytes(*size)?, *scale)),
        AvroType::Decimal(scale) => Ok(read_decimal(cursor.read_bytes()?, *scale)),
        _ => Ok(None),
    }
}
