//! What is known of one field of an action: its name, type and bounds, and access to its value.

use super::Text;
use super::words::WordList;

/// The type of a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    Text,
    /// Epoch milliseconds.
    Time,
    /// A whole number from 0.
    Count,
    /// A finite number from 0.
    Amount,
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of texts.
    Texts,
}

/// What a text may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextBound {
    /// Keys state or joins records: at most [`super::limits::ID_BYTES_MAX`] bytes and no control
    /// characters.
    Id,
    /// An id that is the first part of a record key: as `Id`, and without `/`.
    Tenant,
    /// Anything else: at most [`super::limits::TEXT_BYTES_MAX`] bytes.
    Free,
}

/// One row of the table of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldInfo {
    /// The dotted name in records and rules.
    pub path: &'static str,
    /// The group, which is a nested object in JSON and a nested record in Avro.
    pub group: Option<ActionGroup>,
    /// The name within the group.
    pub leaf: &'static str,
    pub kind: FieldKind,
    /// What a text, or every entry of a list, may hold.
    pub bound: TextBound,
    /// The most entries of a list; 0 for any other kind.
    pub entries_max: usize,
    /// Every action has a value: the schema has a default, or the record's own position or time
    /// stands in.
    pub always: bool,
    /// Unit of a number; empty when it has none.
    pub unit: &'static str,
    /// A limit can count the distinct values.
    pub distinct: bool,
    /// The number only says which of two records came first: a sum of it would mean nothing.
    pub ordinal: bool,
    /// Where an OCSF Detection Finding takes a plain copy: a path below `evidences` or `resources`.
    pub ocsf_path: Option<&'static str>,
    /// The OCSF `type_id` under which the value is also listed among the observables.
    pub ocsf_observable: Option<i64>,
    pub doc: &'static str,
}

/// The properties of the table's entries.
impl FieldInfo {
    pub(super) const fn new<T: FieldType>(
        path: &'static str,
        group: Option<ActionGroup>,
        leaf: &'static str,
        doc: &'static str,
    ) -> Self {
        FieldInfo {
            path,
            group,
            leaf,
            kind: T::KIND,
            bound: TextBound::Id,
            entries_max: 0,
            always: T::ALWAYS,
            unit: if matches!(T::KIND, FieldKind::Time) {
                "ms"
            } else {
                ""
            },
            distinct: false,
            ordinal: false,
            ocsf_path: None,
            ocsf_observable: None,
            doc: doc.trim_ascii_start(),
        }
    }

    pub(super) const fn free_text(mut self) -> Self {
        self.bound = TextBound::Free;
        self
    }

    pub(super) const fn no_slash(mut self) -> Self {
        self.bound = TextBound::Tenant;
        self
    }

    pub(super) const fn entries_max(mut self, max: usize) -> Self {
        self.entries_max = max;
        self
    }

    pub(super) const fn always_present(mut self) -> Self {
        self.always = true;
        self
    }

    pub(super) const fn with_unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    pub(super) const fn count_distinct(mut self) -> Self {
        self.distinct = true;
        self
    }

    pub(super) const fn ordinal(mut self) -> Self {
        self.ordinal = true;
        self
    }

    pub(super) const fn ocsf_path(mut self, path: &'static str) -> Self {
        self.ocsf_path = Some(path);
        self
    }

    pub(super) const fn ocsf_observable(mut self, type_id: i64) -> Self {
        self.ocsf_observable = Some(type_id);
        self
    }

    /// A limit can sum the values.
    #[must_use]
    pub const fn is_summable(&self) -> bool {
        matches!(self.kind, FieldKind::Count | FieldKind::Amount) && !self.ordinal
    }
}

/// A field's value, borrowed from the action.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FieldValue<'a> {
    Text(&'a str),
    Time(i64),
    Count(u64),
    Amount(f64),
    Flag(bool),
    Word(&'static str),
    /// Never empty.
    Texts(&'a [Text]),
}

/// Access to set a field, by the type it has in the struct.
#[derive(Debug)]
pub(crate) enum FieldMut<'a> {
    Text(&'a mut Text),
    OptionalText(&'a mut Option<Text>),
    Time(&'a mut Option<i64>),
    Count(&'a mut Option<u64>),
    Amount(&'a mut Option<f64>),
    Flag(&'a mut Option<bool>),
    /// Set by [`super::ActionField::set_word`]: every closed list has its own type.
    Word,
    Texts(&'a mut Vec<Text>),
}

/// A Rust type that a field of an action can have.
pub(crate) trait FieldType {
    const KIND: FieldKind;
    const ALWAYS: bool = false;

    /// The value, unless it is absent.
    fn read_value(&self) -> Option<FieldValue<'_>>;

    /// Access to set it.
    fn value_mut(&mut self) -> FieldMut<'_>;

    /// Sets a word of a closed list. `false` when the list does not have it and the field stays
    /// absent.
    fn set_word(&mut self, _word: &str) -> bool {
        false
    }
}

impl FieldType for Text {
    const KIND: FieldKind = FieldKind::Text;
    const ALWAYS: bool = true;

    #[inline]
    fn read_value(&self) -> Option<FieldValue<'_>> {
        Some(FieldValue::Text(self))
    }

    #[inline]
    fn value_mut(&mut self) -> FieldMut<'_> {
        FieldMut::Text(self)
    }
}

impl FieldType for Vec<Text> {
    const KIND: FieldKind = FieldKind::Texts;

    #[inline]
    fn read_value(&self) -> Option<FieldValue<'_>> {
        (!self.is_empty()).then_some(FieldValue::Texts(self))
    }

    #[inline]
    fn value_mut(&mut self) -> FieldMut<'_> {
        FieldMut::Texts(self)
    }
}

/// The types of fields that are absent when the record does not have them.
macro_rules! optional_field_types {
    ($($type:ty: $kind:ident $access:ident, $value:ident => $read:expr;)+) => {
        $(impl FieldType for Option<$type> {
            const KIND: FieldKind = FieldKind::$kind;

            #[inline]
            fn read_value(&self) -> Option<FieldValue<'_>> {
                self.as_ref().map(|$value| FieldValue::$kind($read))
            }

            #[inline]
            fn value_mut(&mut self) -> FieldMut<'_> {
                FieldMut::$access(self)
            }
        })+
    };
}

optional_field_types! {
    Text: Text OptionalText, text => text;
    i64: Time Time, ms => *ms;
    u64: Count Count, count => *count;
    f64: Amount Amount, amount => *amount;
    bool: Flag Flag, flag => *flag;
}

impl<W: WordList + Default> FieldType for W {
    const KIND: FieldKind = FieldKind::Word(W::WORDS);
    const ALWAYS: bool = true;

    #[inline]
    fn read_value(&self) -> Option<FieldValue<'_>> {
        Some(FieldValue::Word(self.as_word()))
    }

    #[inline]
    fn value_mut(&mut self) -> FieldMut<'_> {
        FieldMut::Word
    }

    #[inline]
    fn set_word(&mut self, word: &str) -> bool {
        *self = W::from_record(word).unwrap_or_default();
        true
    }
}

impl<W: WordList> FieldType for Option<W> {
    const KIND: FieldKind = FieldKind::Word(W::WORDS);

    #[inline]
    fn read_value(&self) -> Option<FieldValue<'_>> {
        self.map(|word| FieldValue::Word(word.as_word()))
    }

    #[inline]
    fn value_mut(&mut self) -> FieldMut<'_> {
        FieldMut::Word
    }

    #[inline]
    fn set_word(&mut self, word: &str) -> bool {
        *self = W::from_record(word);
        self.is_some()
    }
}

/// Declares the groups of fields by their names in records.
macro_rules! action_groups {
    ($($group:ident)+) => {
        /// A group of fields: a nested object in JSON, a nested record in Avro.
        #[allow(non_camel_case_types, reason = "named as in records")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum ActionGroup { $($group),+ }

        impl ActionGroup {
            /// Every group, in declaration order.
            pub const ALL: &'static [ActionGroup] = &[$(ActionGroup::$group),+];

            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(ActionGroup::$group => stringify!($group),)+ }
            }

            /// The group with this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $(stringify!($group) => Some(ActionGroup::$group),)+ _ => None }
            }
        }
    };
}

action_groups! {
    agent principal gateway task session instruction credential delegation tool action resource
    destination volume policy channel content trace span event
}
