//! YAML as a tree in which every key and value has its line and column.
//!
//! Refused: anchors and aliases, because a few bytes of them can expand without end; nesting deeper
//! than [`DEPTH_MAX`]; a key given twice, because the second value would silently win; a zero
//! character, because the text behind it would silently be lost.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::diagnostic::{Diagnostic, Location, SourceFile};

/// Nesting depth a file may have.
pub const DEPTH_MAX: usize = 32;

/// A value and its location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlNode {
    pub location: Location,
    pub value: YamlValue,
}

/// A YAML value. A scalar keeps its text; the accessors of [`YamlNode`] read types from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum YamlValue {
    /// `quoted` distinguishes `'7'` from `7`.
    Scalar {
        text: String,
        quoted: bool,
    },
    Sequence(Vec<YamlNode>),
    /// Pairs in file order.
    Mapping(Vec<(YamlNode, YamlNode)>),
}

/// Reads every document of a file.
///
/// # Errors
/// One diagnostic, at the location where the text is not YAML or exceeds a bound.
pub fn parse(file: &SourceFile) -> Result<Vec<YamlNode>, Box<Diagnostic>> {
    let mut builder = YamlBuilder {
        file,
        stack: Vec::new(),
        documents: Vec::new(),
    };
    // The mark that some editors write at the beginning of a file is no part of its text.
    let text = file.text.strip_prefix('\u{feff}').unwrap_or(&file.text);
    if let Some(at) = file.text.find('\0') {
        let location = Location::of_byte(&file.text, at);
        return Err(builder.refuse(location, "a zero character is not allowed in a file"));
    }
    for step in Parser::new_from_str(text) {
        let (event, span) = step.map_err(|error| {
            let mark = error.marker();
            Box::new(Diagnostic::error(
                file,
                Location::new(mark.line(), mark.col() + 1),
                error.info(),
            ))
        })?;
        builder.step(event, span)?;
    }
    Ok(builder.documents)
}

struct YamlBuilder<'f> {
    file: &'f SourceFile,
    stack: Vec<OpenNode>,
    documents: Vec<YamlNode>,
}

enum OpenNode {
    Sequence(Location, Vec<YamlNode>),
    Mapping(Location, Vec<(YamlNode, YamlNode)>, Option<YamlNode>),
}

impl YamlBuilder<'_> {
    fn step(&mut self, event: Event<'_>, span: Span) -> Result<(), Box<Diagnostic>> {
        let location = Location::new(span.start.line(), span.start.col() + 1);
        match event {
            Event::Scalar(text, style, _, _) => {
                let quoted = style != ScalarStyle::Plain;
                let value = YamlValue::Scalar {
                    text: text.into_owned(),
                    quoted,
                };
                self.close(YamlNode { location, value })
            }
            Event::SequenceStart(..) => {
                self.open(location, OpenNode::Sequence(location, Vec::new()))
            }
            Event::MappingStart(..) => {
                self.open(location, OpenNode::Mapping(location, Vec::new(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => match self.stack.pop() {
                Some(OpenNode::Sequence(location, items)) => self.close(YamlNode {
                    location,
                    value: YamlValue::Sequence(items),
                }),
                Some(OpenNode::Mapping(location, pairs, _)) => self.close(YamlNode {
                    location,
                    value: YamlValue::Mapping(pairs),
                }),
                None => Ok(()),
            },
            Event::Alias(_) => {
                Err(self.refuse(location, "anchors and aliases are not allowed here"))
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn open(&mut self, location: Location, open: OpenNode) -> Result<(), Box<Diagnostic>> {
        if self.stack.len() == DEPTH_MAX {
            return Err(self.refuse(location, &format!("nested deeper than {DEPTH_MAX} levels")));
        }
        self.stack.push(open);
        Ok(())
    }

    fn close(&mut self, node: YamlNode) -> Result<(), Box<Diagnostic>> {
        match self.stack.last_mut() {
            None => self.documents.push(node),
            Some(OpenNode::Sequence(_, items)) => items.push(node),
            Some(OpenNode::Mapping(_, pairs, pending)) => match pending.take() {
                Some(key) => pairs.push((key, node)),
                None => {
                    let twice = node.as_str().is_some_and(|text| {
                        pairs.iter().any(|(key, _)| key.as_str() == Some(text))
                    });
                    if twice {
                        let text = node.as_str().unwrap_or_default().to_owned();
                        return Err(
                            self.refuse(node.location, &format!("key `{text}` given twice"))
                        );
                    }
                    *pending = Some(node);
                }
            },
        }
        Ok(())
    }

    fn refuse(&self, location: Location, message: &str) -> Box<Diagnostic> {
        Box::new(Diagnostic::error(self.file, location, message))
    }
}

impl YamlNode {
    /// The text of a scalar.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            YamlValue::Scalar { text, .. } => Some(text),
            YamlValue::Sequence(_) | YamlValue::Mapping(_) => None,
        }
    }

    /// The text of an unquoted scalar: only that can be a number, a boolean or null.
    fn unquoted(&self) -> Option<&str> {
        match &self.value {
            YamlValue::Scalar {
                text,
                quoted: false,
            } => Some(text),
            YamlValue::Scalar { quoted: true, .. }
            | YamlValue::Sequence(_)
            | YamlValue::Mapping(_) => None,
        }
    }

    /// `true` or `false`, unquoted, in the cases that YAML knows.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self.unquoted()? {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        }
    }

    /// An unquoted integer.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.unquoted()?.parse().ok()
    }

    /// An unquoted finite number.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        self.unquoted()?
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
    }

    /// An empty or `null` scalar, in the cases that YAML knows.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self.unquoted(), Some("" | "~" | "null" | "Null" | "NULL"))
    }

    /// The items of a sequence.
    #[must_use]
    pub fn as_sequence(&self) -> Option<&[YamlNode]> {
        match &self.value {
            YamlValue::Sequence(items) => Some(items),
            YamlValue::Scalar { .. } | YamlValue::Mapping(_) => None,
        }
    }

    /// The pairs of a mapping, in file order.
    #[must_use]
    pub fn as_mapping(&self) -> Option<&[(YamlNode, YamlNode)]> {
        match &self.value {
            YamlValue::Mapping(pairs) => Some(pairs),
            YamlValue::Scalar { .. } | YamlValue::Sequence(_) => None,
        }
    }

    /// The value under `key` of a mapping.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&YamlNode> {
        let (_, value) = self
            .as_mapping()?
            .iter()
            .find(|(k, _)| k.as_str() == Some(key))?;
        Some(value)
    }

    /// The kind of the value, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.value {
            YamlValue::Scalar { .. } => "a value",
            YamlValue::Sequence(_) => "a list",
            YamlValue::Mapping(_) => "a mapping",
        }
    }

    /// The same tree as JSON, with YAML 1.2 core types.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            YamlValue::Scalar { text, quoted: true } => Json::String(text.clone()),
            YamlValue::Scalar {
                text,
                quoted: false,
            } => {
                if self.is_null() {
                    Json::Null
                } else if let Some(flag) = self.as_bool() {
                    Json::Bool(flag)
                } else if let Some(number) = self.as_i64() {
                    Json::from(number)
                } else if let Some(number) = self.as_f64().filter(|_| looks_numeric(text)) {
                    Json::from(number)
                } else {
                    Json::String(text.clone())
                }
            }
            YamlValue::Sequence(items) => {
                Json::Array(items.iter().map(YamlNode::to_json).collect())
            }
            YamlValue::Mapping(pairs) => Json::Object(
                pairs
                    .iter()
                    .map(|(k, v)| (k.as_str().unwrap_or_default().to_owned(), v.to_json()))
                    .collect(),
            ),
        }
    }
}

/// Rust reads `inf` and `nan` as numbers; YAML does not.
fn looks_numeric(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> SourceFile {
        SourceFile {
            path: "t.yaml".into(),
            text: text.into(),
        }
    }

    #[test]
    fn values_keep_line_and_column() {
        let docs = parse(&file("a: 1\nb:\n  - x\n  - 'y'\n")).unwrap();
        let b = docs[0].get("b").unwrap().as_sequence().unwrap();
        assert_eq!(b[1].location, Location::new(4, 5));
        assert_eq!(docs[0].get("a").unwrap().as_i64(), Some(1));
        assert_eq!(b[1].as_i64(), None);
    }

    #[test]
    fn a_repeated_key_an_alias_and_deep_nesting_are_refused_with_a_place() {
        let error = parse(&file("a: 1\na: 2\n")).unwrap_err();
        assert_eq!((error.line, error.column), (2, 1));
        assert!(
            parse(&file("a: &x [1]\nb: *x\n"))
                .unwrap_err()
                .message
                .contains("alias")
        );
        let deep = "[".repeat(DEPTH_MAX + 1);
        assert!(parse(&file(&deep)).unwrap_err().message.contains("deeper"));
    }

    /// Rules look for characters that nobody sees; they must arrive as they were written.
    #[test]
    fn hidden_characters_are_kept() {
        let hidden = [
            '\u{1}',
            '\u{b}',
            '\u{1b}',
            '\u{7f}',
            '\u{85}',
            '\u{a0}',
            '\u{ad}',
            '\u{200b}',
            '\u{2028}',
            '\u{2029}',
            '\u{202e}',
            '\u{2066}',
            '\u{feff}',
            '\u{fffe}',
            '\u{e0041}',
        ];
        for character in hidden {
            let scalar = format!("p{character}q");
            let styles = [
                format!("a: {scalar}\nb: 1\n"),
                format!("a: '{scalar}'\nb: 1\n"),
                format!("a: \"{scalar}\"\nb: 1\n"),
                format!("a: |-\n  {scalar}\nb: 1\n"),
                format!("\u{feff}{{\"a\": \"{scalar}\", b: 1}}\n"),
            ];
            for text in styles {
                let docs = parse(&file(&text)).unwrap();
                let read = docs[0].get("a").and_then(YamlNode::as_str);
                assert_eq!(read, Some(scalar.as_str()), "{text:?}");
                assert!(docs[0].get("b").is_some(), "{text:?}");
            }
        }
    }

    /// The parser takes it as the end of the file, and what follows would be lost in silence.
    #[test]
    fn a_zero_character_is_refused() {
        let error = parse(&file("a: 1\nb: x\0y\nc: 1\n")).unwrap_err();
        assert_eq!((error.line, error.column), (2, 5), "{error}");
        assert!(parse(&file("a: \"\\0\"\n")).is_ok());
    }

    #[test]
    fn a_word_is_null_or_a_flag_in_the_cases_that_yaml_knows() {
        let docs = parse(&file(
            "[~, null, Null, NULL, nULL, 'null', True, FALSE, yes]",
        ))
        .unwrap();
        let items = docs[0].as_sequence().unwrap();
        let nulls: Vec<bool> = items.iter().map(YamlNode::is_null).collect();
        let expected = [true, true, true, true, false, false, false, false, false];
        assert_eq!(nulls, expected);
        let flags: Vec<Option<bool>> = items.iter().skip(6).map(YamlNode::as_bool).collect();
        assert_eq!(flags, [Some(true), Some(false), None]);
    }

    #[test]
    fn a_syntax_error_names_its_line() {
        let error = parse(&file("a: [1, 2\nb: 3\n")).unwrap_err();
        assert!(error.line >= 1, "{error}");
    }
}
