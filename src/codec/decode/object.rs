//! An object of a record whose fields are removed one by one. The fields left at the end are
//! unknown and counted.

use super::bounds;
use super::tree::TreeNode;
use crate::event::{Text, TextBound};

/// The message of a breach of the contract: the path of the field and the problem.
pub(super) type Refusal = String;

/// An object of a record, with its path in the record.
pub(super) struct RecordObject {
    path: String,
    entries: Vec<(Text, TreeNode)>,
}

impl RecordObject {
    /// The record as an object; fields with dotted names are moved into their groups.
    pub(super) fn from_record(node: TreeNode) -> Result<Self, Refusal> {
        let TreeNode::Map(entries) = node else {
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
                    grouped.push((group.into(), TreeNode::Map(Vec::new())));
                    grouped.len() - 1
                }
            };
            let Some((_, home)) = grouped.get_mut(index) else {
                continue;
            };
            if *home == TreeNode::Null {
                *home = TreeNode::Map(Vec::new());
            }
            let TreeNode::Map(fields) = home else {
                return Err(format!("{group}: expected an object of its fields"));
            };
            if fields.iter().any(|(name, _)| name == leaf) {
                return Err(format!("{name}: given twice"));
            }
            fields.push((leaf.into(), value));
        }
        Ok(RecordObject {
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

    /// Whether the object has a field.
    pub(super) fn has_field(&self, name: &str) -> bool {
        self.entries.iter().any(|(key, _)| key == name)
    }

    /// Whether the object has a field that is not null.
    pub(super) fn has_value(&self, name: &str) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|(key, value)| key == name && *value != TreeNode::Null)
    }

    /// Whether a field is an object.
    pub(super) fn is_object(&self, name: &str) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|(key, value)| key == name && matches!(value, TreeNode::Map(_)))
    }

    /// The name and value of the only field, which is an object.
    pub(super) fn into_only_object(mut self) -> Result<(Text, RecordObject), Refusal> {
        match (self.entries.pop(), self.entries.is_empty()) {
            (Some((name, TreeNode::Map(entries))), true) => {
                let path = self.path;
                Ok((name, RecordObject { path, entries }))
            }
            _ => Err(format!("{}: expected one object", self.path)),
        }
    }

    /// Removes a field; `Null` if it is absent.
    pub(super) fn take_field(&mut self, name: &str) -> TreeNode {
        match self.entries.iter().position(|(key, _)| key == name) {
            Some(index) => self.entries.swap_remove(index).1,
            None => TreeNode::Null,
        }
    }

    fn refuse_type<T>(&self, name: &str, expected: &str, found: &TreeNode) -> Result<T, Refusal> {
        Err(format!(
            "{}: expected {expected}, found {}",
            self.path_of(name),
            found.kind()
        ))
    }

    /// Removes a text. An empty text counts as absent.
    pub(super) fn take_text(
        &mut self,
        name: &str,
        bound: TextBound,
    ) -> Result<Option<Text>, Refusal> {
        match self.take_field(name) {
            TreeNode::Null => Ok(None),
            TreeNode::Text(text) if text.is_empty() => Ok(None),
            TreeNode::Text(text) => {
                bounds::check_text(&self.path_of(name), &text, bound)?;
                Ok(Some(text))
            }
            other => self.refuse_type(name, "text", &other),
        }
    }

    /// Removes a text that is required.
    pub(super) fn required_text(&mut self, name: &str, bound: TextBound) -> Result<Text, Refusal> {
        let found = self.take_text(name, bound)?;
        found.ok_or_else(|| format!("{}: required, and missing or empty", self.path_of(name)))
    }

    pub(super) fn take_flag(&mut self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.take_field(name) {
            TreeNode::Null => Ok(None),
            TreeNode::Flag(value) => Ok(Some(value)),
            other => self.refuse_type(name, "true or false", &other),
        }
    }

    /// Removes a time, given as epoch milliseconds or as RFC 3339 text.
    pub(super) fn take_time(&mut self, name: &str) -> Result<Option<i64>, Refusal> {
        let path = self.path_of(name);
        match self.take_field(name) {
            TreeNode::Null => Ok(None),
            TreeNode::Text(text) if text.is_empty() => Ok(None),
            TreeNode::Text(text) => bounds::parse_time_text(&path, &text).map(Some),
            TreeNode::Int(ms) => bounds::check_time_ms(&path, ms).map(Some),
            TreeNode::Float(ms) if bounds::whole_number(ms).is_some() => {
                bounds::check_time_ms(&path, bounds::whole_number(ms).unwrap_or(-1)).map(Some)
            }
            other => self.refuse_type(name, "a time", &other),
        }
    }

    pub(super) fn take_integer(&mut self, name: &str) -> Result<Option<i64>, Refusal> {
        match self.take_field(name) {
            TreeNode::Null => Ok(None),
            TreeNode::Int(value) => Ok(Some(value)),
            TreeNode::Float(value) if bounds::whole_number(value).is_some() => {
                Ok(bounds::whole_number(value))
            }
            other => self.refuse_type(name, "a whole number", &other),
        }
    }

    /// Removes an amount, which is finite and not negative.
    pub(super) fn take_amount(&mut self, name: &str) -> Result<Option<f64>, Refusal> {
        let path = self.path_of(name);
        match self.take_field(name) {
            TreeNode::Null => Ok(None),
            TreeNode::Int(value) => bounds::check_amount(&path, value as f64).map(Some),
            TreeNode::Float(value) => bounds::check_amount(&path, value).map(Some),
            other => self.refuse_type(name, "a number", &other),
        }
    }

    /// Removes a list of at most `max` entries. An absent list is empty.
    pub(super) fn take_list(&mut self, name: &str, max: usize) -> Result<Vec<TreeNode>, Refusal> {
        match self.take_field(name) {
            TreeNode::Null => Ok(Vec::new()),
            TreeNode::List(items) if items.len() > max => Err(format!(
                "{}: {} entries, at most {max}",
                self.path_of(name),
                items.len()
            )),
            TreeNode::List(items) => Ok(items),
            other => self.refuse_type(name, "a list", &other),
        }
    }

    /// Removes a list of texts. An empty entry is an error: without it the list could become empty,
    /// and an empty list restricts nothing.
    pub(super) fn take_texts(
        &mut self,
        name: &str,
        max: usize,
        bound: TextBound,
    ) -> Result<Vec<Text>, Refusal> {
        let path = self.path_of(name);
        let mut texts = Vec::new();
        for item in self.take_list(name, max)? {
            match item {
                TreeNode::Text(text) if !text.is_empty() => {
                    bounds::check_text(&path, &text, bound)?;
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

    /// Removes a nested object; `None` if it is absent.
    pub(super) fn take_object(&mut self, name: &str) -> Result<Option<RecordObject>, Refusal> {
        match self.take_field(name) {
            TreeNode::Null => Ok(None),
            TreeNode::Map(entries) => Ok(Some(RecordObject {
                path: self.path_of(name),
                entries,
            })),
            other => self.refuse_type(name, "an object", &other),
        }
    }

    /// Removes a list of nested objects.
    pub(super) fn take_objects(
        &mut self,
        name: &str,
        max: usize,
    ) -> Result<Vec<RecordObject>, Refusal> {
        let path = self.path_of(name);
        let items = self.take_list(name, max)?;
        items
            .into_iter()
            .enumerate()
            .map(|(index, item)| match item {
                TreeNode::Map(entries) => Ok(RecordObject {
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

    /// The path of a field that is left.
    pub(super) fn first_path(&self) -> Option<String> {
        self.entries.first().map(|(name, _)| self.path_of(name))
    }

    /// Adds the number of fields that are left to `unknown_fields`.
    pub(super) fn count_unknown(self, unknown_fields: &mut u32) {
        let left = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        *unknown_fields = unknown_fields.saturating_add(left);
    }
}
