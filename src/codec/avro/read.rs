//! Reads an action by its plan, straight from the bytes into its fields.

use super::super::decode::assign::{self, TextAssignment};
use super::super::decode::{ActionDraft, Decoded, action_draft};
use super::super::error::DecodeError;
use super::input::{Blocks, Fault, Input, malformed};
use super::plan::{Entry, Node, Plan, Shape};
use crate::event::{ActionField, ActionGroup, AgentAction, FieldKind};

/// Reads the action at the start of `bytes` and says what is left.
pub(super) fn action<'b>(
    plan: &Plan,
    bytes: &'b [u8],
) -> Result<(Decoded<Box<AgentAction>>, &'b [u8]), DecodeError> {
    let mut reader = Reader {
        plan,
        input: Input { rest: bytes },
        items_max: bytes.len(),
        draft: ActionDraft::new(),
        unknown_fields: 0,
    };
    reader.record().map_err(|fault| *fault)?;
    let value = reader.draft.finish().map_err(DecodeError::contract)?;
    Ok((
        Decoded {
            value,
            unknown_fields: reader.unknown_fields,
        },
        reader.input.rest,
    ))
}

struct Reader<'p, 'b> {
    plan: &'p Plan,
    input: Input<'b>,
    /// Items that one array or map may have.
    items_max: usize,
    draft: ActionDraft,
    unknown_fields: u32,
}

#[cold]
fn contract(message: String) -> Fault {
    Box::new(DecodeError::contract(message))
}

impl<'p> Reader<'p, '_> {
    fn record(&mut self) -> Result<(), Fault> {
        let plan = self.plan;
        for entry in &plan.top {
            match entry {
                Entry::Field(field, at) => self.field(*field, *at)?,
                Entry::Group(group, shape) => {
                    self.draft.begin_group(*group).map_err(contract)?;
                    self.group(*group, shape)?;
                }
                Entry::Unknown(at) => self.unknown(*at)?,
            }
        }
        Ok(())
    }

    fn unknown(&mut self, at: usize) -> Result<(), Fault> {
        self.unknown_fields = self.unknown_fields.saturating_add(1);
        self.skip(at)
    }

    fn group(&mut self, group: ActionGroup, shape: &Shape) -> Result<(), Fault> {
        match shape {
            Shape::Union(branches) => {
                let branch = branches.get(self.input.length()?);
                self.group(group, branch.ok_or_else(no_branch)?)
            }
            Shape::Record(fields) => {
                for (field, at) in fields {
                    self.member(*field, *at)?;
                }
                Ok(())
            }
            Shape::Other(at) => match self.plan.node(*at) {
                Node::Null => Ok(()),
                Node::Map(values) => self.group_map(group, *values),
                Node::Array(_) => Err(contract(action_draft::group_mismatch(group))),
                _ => {
                    self.skip(*at)?;
                    Err(contract(action_draft::group_mismatch(group)))
                }
            },
        }
    }

    fn group_map(&mut self, group: ActionGroup, values: usize) -> Result<(), Fault> {
        let mut entries = Blocks::new(self.items_max);
        while entries.more(&mut self.input)? {
            let field = ActionField::in_group(Some(group), self.input.text()?);
            self.member(field, values)?;
        }
        Ok(())
    }

    #[inline]
    fn member(&mut self, field: Option<ActionField>, at: usize) -> Result<(), Fault> {
        match field {
            Some(field) => self.field(field, at),
            None => self.unknown(at),
        }
    }

    fn field(&mut self, field: ActionField, at: usize) -> Result<(), Fault> {
        self.draft.begin_field(field).map_err(contract)?;
        let node = self.resolve(at)?;
        let text = match node {
            Node::Text => Some(self.input.text()?),
            Node::Enum(symbols) => Some(symbol(&mut self.input, symbols)?),
            _ => None,
        };
        let action = &mut *self.draft.action;
        if let Some(text) = text {
            let assigned = assign::assign_text(action, field, text).map_err(contract)?;
            self.unknown_fields += u32::from(assigned == TextAssignment::UnknownWord);
            return Ok(());
        }
        let set = match node {
            Node::Null | Node::Text | Node::Enum(_) => Ok(()),
            Node::Long => assign::assign_integer(action, field, self.input.long()?),
            Node::Int => assign::assign_integer(action, field, self.input.int()?),
            Node::Boolean => assign::assign_flag(action, field, self.input.boolean()?),
            Node::Double => assign::assign_float(action, field, self.input.double()?),
            Node::Float => assign::assign_float(action, field, self.input.float()?),
            Node::Array(items) if field.info().kind == FieldKind::Texts => {
                return self.list(field, *items);
            }
            Node::Array(_) => Err(assign::type_mismatch(field, "a list")),
            Node::Map(_) | Node::Record(_) => Err(assign::type_mismatch(field, "an object")),
            Node::Bytes | Node::Fixed(_) | Node::Union(_) => {
                self.skip_node(node)?;
                Err(assign::type_mismatch(field, "bytes"))
            }
        };
        set.map_err(contract)
    }

    fn list(&mut self, field: ActionField, items: usize) -> Result<(), Fault> {
        let mut blocks = Blocks::new(self.items_max);
        while blocks.more(&mut self.input)? {
            let node = self.resolve(items)?;
            let id = match node {
                Node::Text => self.input.text()?,
                Node::Enum(symbols) => symbol(&mut self.input, symbols)?,
                Node::Array(_) | Node::Map(_) | Node::Record(_) => "",
                _ => {
                    self.skip_node(node)?;
                    ""
                }
            };
            assign::assign_entry(&mut self.draft.action, field, id).map_err(contract)?;
        }
        Ok(())
    }

    /// The type at `at`, or the branch that the record chose if it is a union.
    #[inline]
    fn resolve(&mut self, at: usize) -> Result<&'p Node, Fault> {
        let mut node = self.plan.node(at);
        while let Node::Union(branches) = node {
            let branch = branches.get(self.input.length()?);
            node = self.plan.node(*branch.ok_or_else(no_branch)?);
        }
        Ok(node)
    }

    fn skip(&mut self, at: usize) -> Result<(), Fault> {
        let node = self.resolve(at)?;
        self.skip_node(node)
    }

    /// Reads over a value, as deep as the schema is.
    fn skip_node(&mut self, node: &Node) -> Result<(), Fault> {
        match node {
            // `resolve` leaves no union.
            Node::Null | Node::Union(_) => Ok(()),
            Node::Boolean => self.input.boolean().map(drop),
            Node::Int => self.input.int().map(drop),
            Node::Long => self.input.long().map(drop),
            Node::Float => self.input.bytes(4).map(drop),
            Node::Double => self.input.bytes(8).map(drop),
            Node::Fixed(size) => self.input.bytes(*size).map(drop),
            Node::Bytes => self.input.delimited().map(drop),
            Node::Text => self.input.text().map(drop),
            Node::Enum(symbols) => symbol(&mut self.input, symbols).map(drop),
            Node::Record(fields) => fields.iter().try_for_each(|at| self.skip(*at)),
            Node::Array(items) => {
                let mut blocks = Blocks::new(self.items_max);
                while blocks.more(&mut self.input)? {
                    self.skip(*items)?;
                }
                Ok(())
            }
            Node::Map(values) => {
                let mut blocks = Blocks::new(self.items_max);
                while blocks.more(&mut self.input)? {
                    self.input.text()?;
                    self.skip(*values)?;
                }
                Ok(())
            }
        }
    }
}

fn symbol<'s>(input: &mut Input<'_>, symbols: &'s [Box<str>]) -> Result<&'s str, Fault> {
    let symbol = symbols.get(input.length()?);
    symbol
        .map(Box::as_ref)
        .ok_or_else(|| malformed("an enum has no such symbol"))
}

#[cold]
fn no_branch() -> Fault {
    malformed("a union has no such branch")
}
