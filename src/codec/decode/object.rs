//! Takes the fields of an object one by one; what is left over at the end is unknown and counted.

use super::check;
use super::tree::Node;
use crate::event::{Text, TextBound};

/// A breach of the contract: the path of the field and what is wrong with it.
pub(super) type Refusal = String;

/// An object of a record, by its path.
pub(super) struct Object {
    path: String,
    entries: Vec<(Text, Node)>,
}

impl Object {
    /// The record itself, with dotted names at its top moved into their groups.
    pub(super) fn record(node: Node) -> Result<Self, Refusal> {
        let Node::Map(entries) = node else {
            return Err(format!("expected an object, found {}", node.kind()));
        };
        let (dotted, mut grouped): (Vec<_>, Vec<_>) = entries
            .into_iter()
            .partition(|(name, _)| name.contains('.'));
        for (name, value) in dotted {
            let Some((group, leaf)) = name.split_once('.') else {
                continue;
            };
            let index = match grouped.iter().position(|(name, _)| name == group) {
                Some(index) => index,
                None => {
                    grouped.push((group.into(), Node::Map(Vec::new())));
                    grouped.len() - 1
                }
            };
            let Some((_, home)) = grouped.get_mut(index) else {
                continue;
            };
            if *home == Node::Null {
                *home = Node::Map(Vec::new());
            }
            let Node::Map(fields) = home else {
                return Err(format!("{group}: expected an object of its fields"));
            };
            if fields.iter().any(|(name, _)| name == leaf) {
                return Err(format!("{name}: given twice"));
            }
            fields.push((leaf.into(), value));
        }
        Ok(Object {
            path: String::new(),
            entries: grouped,
        })
    }

    /// The dotted path of a field of this object.
    pub(super) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    /// Takes a field; `Null` when it is absent.
    pub(super) fn take(&mut self, name: &str) -> Node {
        match self.entries.iter().position(|(key, _)| key == name) {
            Some(index) => self.entries.swap_remove(index).1,
            None => Node::Null,
        }
    }

    fn wrong<T>(&self, name: &str, expected: &str, found: &Node) -> Result<T, Refusal> {
        Err(format!(
            "{}: expected {expected}, found {}",
            self.path_of(name),
            found.kind()
        ))
    }

    /// A text; empty counts as absent.
    pub(super) fn text(&mut self, name: &str, bound: TextBound) -> Result<Option<Text>, Refusal> {
        match self.take(name) {
            Node::Null => Ok(None),
            Node::Text(text) if text.is_empty() => Ok(None),
            Node::Text(text) => {
                check::text(&self.path_of(name), &text, bound)?;
                Ok(Some(text))
            }
            other => self.wrong(name, "text", &other),
        }
    }

    /// A text that must be there.
    pub(super) fn required(&mut self, name: &str, bound: TextBound) -> Result<Text, Refusal> {
        let found = self.text(name, bound)?;
        found.ok_or_else(|| format!("{}: required, and missing or empty", self.path_of(name)))
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.take(name) {
            Node::Null => Ok(None),
            Node::Flag(value) => Ok(Some(value)),
            other => self.wrong(name, "true or false", &other),
        }
    }

    /// Epoch milliseconds or RFC 3339 text.
    pub(super) fn time(&mut self, name: &str) -> Result<Option<i64>, Refusal> {
        let path = self.path_of(name);
        match self.take(name) {
            Node::Null => Ok(None),
            Node::Text(text) if text.is_empty() => Ok(None),
            Node::Text(text) => check::time_text(&path, &text).map(Some),
            Node::Int(ms) => check::time_ms(&path, ms).map(Some),
            Node::Float(ms) if check::whole(ms).is_some() => {
                check::time_ms(&path, check::whole(ms).unwrap_or(-1)).map(Some)
            }
            other => self.wrong(name, "a time", &other),
        }
    }

    pub(super) fn integer(&mut self, name: &str) -> Result<Option<i64>, Refusal> {
        match self.take(name) {
            Node::Null => Ok(None),
            Node::Int(value) => Ok(Some(value)),
            Node::Float(value) if check::whole(value).is_some() => Ok(check::whole(value)),
            other => self.wrong(name, "a whole number", &other),
        }
    }

    /// A finite amount of at least zero.
    pub(super) fn amount(&mut self, name: &str) -> Result<Option<f64>, Refusal> {
        let path = self.path_of(name);
        match self.take(name) {
            Node::Null => Ok(None),
            Node::Int(value) => check::amount(&path, value as f64).map(Some),
            Node::Float(value) => check::amount(&path, value).map(Some),
            other => self.wrong(name, "a number", &other),
        }
    }

    /// A list of at most `max` entries; absent is empty.
    pub(super) fn list(&mut self, name: &str, max: usize) -> Result<Vec<Node>, Refusal> {
        match self.take(name) {
            Node::Null => Ok(Vec::new()),
            Node::List(items) if items.len() > max => Err(format!(
                "{}: {} entries, at most {max}",
                self.path_of(name),
                items.len()
            )),
            Node::List(items) => Ok(items),
            other => self.wrong(name, "a list", &other),
        }
    }

    /// A list of texts. An empty entry is an error: dropping it could empty the list, and an empty
    /// list restricts nothing.
    pub(super) fn texts(
        &mut self,
        name: &str,
        max: usize,
        bound: TextBound,
    ) -> Result<Vec<Text>, Refusal> {
        let path = self.path_of(name);
        let mut texts = Vec::new();
        for item in self.list(name, max)? {
            match item {
                Node::Text(text) if !text.is_empty() => {
                    check::text(&path, &text, bound)?;
                    texts.push(text);
                }
                other => {
                    let found = if other.kind() == "text" {
                        "an empty one"
                    } else {
                        other.kind()
                    };
                    return Err(format!("{path}: every entry is a text, found {found}"));
                }
            }
        }
        Ok(texts)
    }

    /// A nested object; `None` when absent.
    pub(super) fn object(&mut self, name: &str) -> Result<Option<Object>, Refusal> {
        match self.take(name) {
            Node::Null => Ok(None),
            Node::Map(entries) => Ok(Some(Object {
                path: self.path_of(name),
                entries,
            })),
            other => self.wrong(name, "an object", &other),
        }
    }

    /// A list of nested objects.
    pub(super) fn objects(&mut self, name: &str, max: usize) -> Result<Vec<Object>, Refusal> {
        let path = self.path_of(name);
        let items = self.list(name, max)?;
        items
            .into_iter()
            .enumerate()
            .map(|(index, item)| match item {
                Node::Map(entries) => Ok(Object {
                    path: format!("{path}[{index}]"),
                    entries,
                }),
                other => Err(format!(
                    "{path}[{index}]: expected an object, found {}",
                    other.kind()
                )),
            })
            .collect()
    }

    /// Counts what nobody took.
    pub(super) fn finish(self, unknown_fields: &mut u32) {
        let left = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        *unknown_fields = unknown_fields.saturating_add(left);
    }
}
