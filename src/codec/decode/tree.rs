//! A bounded tree of values: what scopes and control records are read from. They are few, so they
//! can afford the step that actions cannot.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::context::Context;
use super::ignore::enter;
use crate::event::Text;

/// Values of one record, counting containers: room for the largest scope the limits allow.
pub(crate) const NODES_MAX: usize = 96 * 1024;

/// One value. An integer above `i64` is kept as a float, which no field takes for an integer.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Node {
    #[default]
    Null,
    Flag(bool),
    Int(i64),
    Float(f64),
    Text(Text),
    List(Vec<Node>),
    /// In the order of the record; no name twice.
    Map(Vec<(Text, Node)>),
}

impl Node {
    /// What kind of value this is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Node::Null => "nothing",
            Node::Flag(_) => "a boolean",
            Node::Int(_) | Node::Float(_) => "a number",
            Node::Text(_) => "text",
            Node::List(_) => "a list",
            Node::Map(_) => "an object",
        }
    }
}

/// Builds one value that stands `depth` containers deep.
pub(crate) struct TreeSeed<'c> {
    pub(crate) context: &'c mut Context,
    pub(crate) depth: usize,
}

impl TreeSeed<'_> {
    fn count<E: Error>(&mut self) -> Result<(), E> {
        self.context.nodes += 1;
        if self.context.nodes > NODES_MAX {
            return Err(self.context.refuse(format!("more than {NODES_MAX} values")));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for TreeSeed<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<Node, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TreeSeed<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Flag(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        // Beyond i64 only the size matters: every reader refuses it.
        Ok(i64::try_from(value).map_or(Node::Float(value as f64), Node::Int))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(Text::new(value)))
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<Node, E> {
        Err(self
            .context
            .refuse("bytes stand where text or a number should".into()))
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let depth = enter(self.context, self.depth)?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(TreeSeed {
            context: self.context,
            depth,
        })? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let depth = enter(self.context, self.depth)?;
        let mut map: Vec<(Text, Node)> = Vec::new();
        while let Some(name) = entries.next_key()? {
            map.push((
                name,
                entries.next_value_seed(TreeSeed {
                    context: self.context,
                    depth,
                })?,
            ));
        }
        match twice(&map) {
            Some(name) => Err(self.context.refuse(format!("{name}: given twice"))),
            None => Ok(Node::Map(map)),
        }
    }
}

/// A name that stands twice in a map, found without comparing every pair.
fn twice(map: &[(Text, Node)]) -> Option<&Text> {
    let mut names: Vec<&Text> = map.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.windows(2).find_map(|pair| match pair {
        [a, b] if a == b => Some(*a),
        _ => None,
    })
}
