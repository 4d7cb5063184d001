//! A bounded tree of values, from which scopes and control records are read. They are few; actions
//! are many and are decoded without a tree.

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Visitor};

use super::context::DecodeContext;
use super::name_seed::{NameSeed, read_symbol};
use crate::event::Text;
use crate::event::limits::JSON_DEPTH_MAX;

/// The most values of one record, containers included: the largest scope within the limits has
/// fewer.
pub(crate) const NODES_MAX: usize = 96 * 1024;

/// One value. An integer above `i64` becomes a float, which no integer field accepts.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum TreeNode {
    #[default]
    Null,
    Flag(bool),
    Int(i64),
    Float(f64),
    Text(Text),
    List(Vec<TreeNode>),
    /// In the order of the record; every name is unique.
    Map(Vec<(Text, TreeNode)>),
}

impl TreeNode {
    /// The kind of value, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            TreeNode::Null => "nothing",
            TreeNode::Flag(_) => "a boolean",
            TreeNode::Int(_) | TreeNode::Float(_) => "a number",
            TreeNode::Text(_) => "text",
            TreeNode::List(_) => "a list",
            TreeNode::Map(_) => "an object",
        }
    }
}

/// Builds one value that is nested in `depth` containers.
pub(crate) struct TreeSeed<'c> {
    pub(crate) context: &'c mut DecodeContext,
    pub(crate) depth: usize,
}

impl TreeSeed<'_> {
    fn count_node<E: Error>(&mut self) -> Result<(), E> {
        self.context.nodes += 1;
        if self.context.nodes > NODES_MAX {
            return Err(self.context.refuse(format!("more than {NODES_MAX} values")));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for TreeSeed<'_> {
    type Value = TreeNode;

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<TreeNode, D::Error> {
        self.count_node()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TreeSeed<'_> {
    type Value = TreeNode;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<TreeNode, E> {
        Ok(TreeNode::Flag(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<TreeNode, E> {
        Ok(TreeNode::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<TreeNode, E> {
        // A float of this size is refused by every integer field.
        Ok(i64::try_from(value).map_or(TreeNode::Float(value as f64), TreeNode::Int))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<TreeNode, E> {
        Ok(TreeNode::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<TreeNode, E> {
        Ok(TreeNode::Text(Text::new(value)))
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<TreeNode, E> {
        Err(self
            .context
            .refuse("bytes where text or a number is expected".into()))
    }

    fn visit_unit<E: Error>(self) -> Result<TreeNode, E> {
        Ok(TreeNode::Null)
    }

    fn visit_none<E: Error>(self) -> Result<TreeNode, E> {
        Ok(TreeNode::Null)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, choice: A) -> Result<TreeNode, A::Error> {
        read_symbol(choice, |symbol| TreeNode::Text(Text::new(symbol)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<TreeNode, A::Error> {
        let depth = enter_container(self.context, self.depth)?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(TreeSeed {
            context: self.context,
            depth,
        })? {
            list.push(item);
        }
        Ok(TreeNode::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<TreeNode, A::Error> {
        let depth = enter_container(self.context, self.depth)?;
        let mut map: Vec<(Text, TreeNode)> = Vec::new();
        while let Some(name) = entries.next_key_seed(NameSeed(|name: &str| Text::new(name)))? {
            map.push((
                name,
                entries.next_value_seed(TreeSeed {
                    context: self.context,
                    depth,
                })?,
            ));
        }
        match duplicate_name(&map) {
            Some(name) => Err(self.context.refuse(format!("{name}: given twice"))),
            None => Ok(TreeNode::Map(map)),
        }
    }
}

/// The depth inside a container that is nested in `depth` containers.
///
/// # Errors
/// If that is deeper than [`JSON_DEPTH_MAX`].
fn enter_container<E: Error>(context: &mut DecodeContext, depth: usize) -> Result<usize, E> {
    if depth >= JSON_DEPTH_MAX {
        return Err(context.refuse(format!("nested deeper than {JSON_DEPTH_MAX} levels")));
    }
    Ok(depth + 1)
}

/// A name that the map has twice, if any. Sorting finds it without comparing every pair.
fn duplicate_name(map: &[(Text, TreeNode)]) -> Option<&Text> {
    let mut names: Vec<&Text> = map.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.windows(2).find_map(|pair| match pair {
        [a, b] if a == b => Some(*a),
        _ => None,
    })
}
