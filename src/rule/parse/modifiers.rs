//! The modifiers of a field, `fact|wide|base64offset|contains`, checked against each other.
//!
//! A field has at most one modifier that says how to compare; encodings stand before it, because
//! they change the value that is compared.

use crate::rule::evaluate::number::Comparison;
use crate::rule::evaluate::value_test::ComparedPart;
use crate::text::suggest_or_list;

use super::sigma_text::{Base64Form, Charset, ValueEncoding};

/// The modifiers that are evaluated.
pub(super) const MODIFIERS: &[&str] = &[
    "all",
    "base64",
    "base64offset",
    "cased",
    "cidr",
    "contains",
    "endswith",
    "exists",
    "fieldref",
    "gt",
    "gte",
    "i",
    "lt",
    "lte",
    "m",
    "neq",
    "re",
    "s",
    "startswith",
    "utf16",
    "utf16be",
    "utf16le",
    "wide",
    "windash",
];

/// What the modifiers of a field ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct FieldModifiers {
    pub operator: FieldOperator,
    pub encoding: Option<ValueEncoding>,
    pub windash: bool,
    pub cased: bool,
    pub all: bool,
    pub neq: bool,
}

/// How the fact is compared with the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldOperator {
    /// By the value itself, with wildcards in a text.
    Value(ComparedPart),
    Regex(RegexFlags),
    Network,
    Exists,
    Number(Comparison),
    /// With the text of the fact that the value names.
    Fact(ComparedPart),
}

/// The flags `i`, `m` and `s` of `re`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct RegexFlags {
    pub ignore_case: bool,
    pub multi_line: bool,
    pub dot_matches_line_end: bool,
}

/// What is wrong with a chain of modifiers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ModifierFault {
    pub message: String,
    pub help: Option<String>,
}

impl Default for FieldOperator {
    fn default() -> Self {
        FieldOperator::Value(ComparedPart::Whole)
    }
}

/// Reads the modifiers of one field in their order.
pub(super) fn read_modifiers(chain: &[&str]) -> Result<FieldModifiers, ModifierFault> {
    let mut reader = ModifierReader::default();
    for (at, modifier) in chain.iter().enumerate() {
        if chain.iter().take(at).any(|before| before == modifier) {
            return Err(fault(format!("modifier `{modifier}` stands twice"), None));
        }
        reader.read_modifier(modifier)?;
    }
    reader.finish()
}

#[derive(Default)]
struct ModifierReader<'m> {
    read: FieldModifiers,
    /// The modifier that says how to compare.
    operator: Option<&'m str>,
    charset: Option<(&'m str, Charset)>,
}

impl<'m> ModifierReader<'m> {
    fn read_modifier(&mut self, name: &'m str) -> Result<(), ModifierFault> {
        match name {
            "contains" => self.set_part(name, ComparedPart::Inside),
            "startswith" => self.set_part(name, ComparedPart::Start),
            "endswith" => self.set_part(name, ComparedPart::End),
            "re" => self.set_operator(name, FieldOperator::Regex(RegexFlags::default())),
            "cidr" => self.set_operator(name, FieldOperator::Network),
            "exists" => self.set_operator(name, FieldOperator::Exists),
            "fieldref" => self.set_operator(name, FieldOperator::Fact(ComparedPart::Whole)),
            "gt" => self.set_operator(name, FieldOperator::Number(Comparison::Greater)),
            "gte" => self.set_operator(name, FieldOperator::Number(Comparison::GreaterOrEqual)),
            "lt" => self.set_operator(name, FieldOperator::Number(Comparison::Less)),
            "lte" => self.set_operator(name, FieldOperator::Number(Comparison::LessOrEqual)),
            "i" | "m" | "s" => self.set_flag(name),
            "base64" => self.set_base64(name, Base64Form::Whole),
            "base64offset" => self.set_base64(name, Base64Form::Offset),
            "utf16le" | "wide" => self.set_charset(name, Charset::Utf16Le),
            "utf16be" => self.set_charset(name, Charset::Utf16Be),
            "utf16" => self.set_charset(name, Charset::Utf16Mark),
            "windash" => {
                self.read.windash = true;
                self.refuse_behind_operator(name)
            }
            "all" => {
                self.read.all = true;
                Ok(())
            }
            "cased" => {
                self.read.cased = true;
                Ok(())
            }
            "neq" => {
                self.read.neq = true;
                Ok(())
            }
            _ => Err(unknown(name)),
        }
    }

    fn set_operator(
        &mut self,
        name: &'m str,
        operator: FieldOperator,
    ) -> Result<(), ModifierFault> {
        if let Some(before) = self.operator.replace(name) {
            let help = match (before, operator) {
                (_, FieldOperator::Fact(_)) => Some(format!("write `fieldref|{before}`")),
                _ => None,
            };
            return Err(fault(
                format!("`{before}` and `{name}` exclude each other"),
                help,
            ));
        }
        self.read.operator = operator;
        Ok(())
    }

    fn set_part(&mut self, name: &'m str, part: ComparedPart) -> Result<(), ModifierFault> {
        if self.read.operator == FieldOperator::Fact(ComparedPart::Whole) {
            self.operator = Some(name);
            self.read.operator = FieldOperator::Fact(part);
            return Ok(());
        }
        self.set_operator(name, FieldOperator::Value(part))
    }

    fn set_flag(&mut self, name: &str) -> Result<(), ModifierFault> {
        let FieldOperator::Regex(flags) = &mut self.read.operator else {
            return Err(fault(
                format!("`{name}` is a flag of regular expressions"),
                Some(format!("write `re|{name}`")),
            ));
        };
        match name {
            "i" => flags.ignore_case = true,
            "m" => flags.multi_line = true,
            _ => flags.dot_matches_line_end = true,
        }
        Ok(())
    }

    fn set_charset(&mut self, name: &'m str, charset: Charset) -> Result<(), ModifierFault> {
        self.refuse_behind_operator(name)?;
        if self.read.encoding.is_some() {
            return Err(fault(format!("`{name}` must stand before `base64`"), None));
        }
        match self.charset.replace((name, charset)) {
            Some((before, _)) => Err(fault(
                format!("`{before}` and `{name}` exclude each other"),
                None,
            )),
            None => Ok(()),
        }
    }

    fn set_base64(&mut self, name: &str, base64: Base64Form) -> Result<(), ModifierFault> {
        self.refuse_behind_operator(name)?;
        if self.read.encoding.is_some() {
            return Err(fault(
                "`base64` and `base64offset` exclude each other",
                None,
            ));
        }
        let charset = self.charset.map_or(Charset::Utf8, |(_, charset)| charset);
        self.read.encoding = Some(ValueEncoding { charset, base64 });
        Ok(())
    }

    /// What changes the value must stand before what compares it.
    fn refuse_behind_operator(&self, name: &str) -> Result<(), ModifierFault> {
        match self.operator {
            Some(operator) => Err(fault(
                format!("`{name}` must stand before `{operator}`"),
                Some(format!("write `{name}|{operator}`")),
            )),
            None => Ok(()),
        }
    }

    fn finish(self) -> Result<FieldModifiers, ModifierFault> {
        let read = self.read;
        let operator = self.operator.unwrap_or_default();
        if let (Some((charset, _)), None) = (self.charset, read.encoding) {
            return Err(fault(
                format!("`{charset}` needs `base64` or `base64offset` behind it"),
                Some("the texts of records are Unicode and never UTF-16".to_owned()),
            ));
        }
        if read.windash && read.encoding.is_some() {
            return Err(fault("`windash` and `base64` exclude each other", None));
        }
        let by_text = matches!(
            read.operator,
            FieldOperator::Value(_) | FieldOperator::Fact(_)
        );
        let by_value = matches!(read.operator, FieldOperator::Value(_));
        let one_value = matches!(
            read.operator,
            FieldOperator::Fact(_) | FieldOperator::Exists
        );
        let unusable = [
            ("cased", read.cased && !by_text),
            ("windash", read.windash && !by_value),
            ("base64", read.encoding.is_some() && !by_value),
            ("all", read.all && one_value),
            ("neq", read.neq && read.operator == FieldOperator::Exists),
        ];
        for (name, refused) in unusable {
            if refused {
                let help = match (name, operator) {
                    ("cased", "re") => Some("a regular expression is case-sensitive without `i`"),
                    ("neq", _) => Some("write `exists: false`"),
                    _ => None,
                };
                let message = format!("`{name}` means nothing with `{operator}`");
                return Err(fault(message, help.map(str::to_owned)));
            }
        }
        Ok(read)
    }
}

fn unknown(name: &str) -> ModifierFault {
    let help = match name {
        "minute" | "hour" | "day" | "week" | "month" | "year" => {
            "use `time.hour` or `time.weekday`, which are in the tenant's time zone"
        }
        "expand" => "there is no pipeline that fills placeholders: write the values themselves",
        _ => {
            return ModifierFault {
                message: format!("unknown modifier `{name}`"),
                help: suggest_or_list(name, MODIFIERS),
            };
        }
    };
    fault(
        format!("modifier `{name}` is not evaluated"),
        Some(help.to_owned()),
    )
}

fn fault(message: impl Into<String>, help: Option<String>) -> ModifierFault {
    ModifierFault {
        message: message.into(),
        help,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(chain: &str) -> Result<FieldModifiers, ModifierFault> {
        let names: Vec<&str> = chain.split('|').collect();
        read_modifiers(&names)
    }

    #[test]
    fn each_modifier_is_read_alone_or_with_what_it_needs() {
        for name in MODIFIERS {
            let chain = match *name {
                "i" | "m" | "s" => format!("re|{name}"),
                "utf16" | "utf16be" | "utf16le" | "wide" => format!("{name}|base64offset|contains"),
                name => name.to_owned(),
            };
            assert_ne!(read(&chain), Ok(FieldModifiers::default()), "{chain}");
            assert!(read(&chain).is_ok(), "{chain}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused_with_the_reason() {
        for (chain, message) in [
            ("contains|re", "`contains` and `re` exclude each other"),
            (
                "cidr|startswith",
                "`cidr` and `startswith` exclude each other",
            ),
            ("gt|lt", "`gt` and `lt` exclude each other"),
            ("contains|contains", "stands twice"),
            ("startswith|fieldref", "`startswith` and `fieldref` exclude"),
            (
                "fieldref|contains|endswith",
                "`contains` and `endswith` exclude",
            ),
            (
                "contains|base64offset",
                "`base64offset` must stand before `contains`",
            ),
            ("contains|windash", "`windash` must stand before"),
            ("base64|wide", "must stand before `base64`"),
            ("wide|contains", "`wide` needs `base64`"),
            ("wide|utf16be|base64", "`wide` and `utf16be` exclude"),
            ("base64|base64offset", "exclude each other"),
            ("windash|base64", "exclude each other"),
            ("base64|re", "`base64` means nothing with `re`"),
            ("windash|cidr", "`windash` means nothing with `cidr`"),
            ("re|cased", "`cased` means nothing with `re`"),
            ("cased|gt", "`cased` means nothing with `gt`"),
            ("exists|all", "`all` means nothing with `exists`"),
            ("exists|neq", "`neq` means nothing with `exists`"),
            ("fieldref|all", "`all` means nothing with `fieldref`"),
            ("i", "flag of regular expressions"),
            ("i|re", "flag of regular expressions"),
            ("expand", "not evaluated"),
            ("hour", "not evaluated"),
            ("Contains", "unknown modifier `Contains`"),
            ("", "unknown modifier ``"),
        ] {
            let fault = read(chain).expect_err(chain);
            assert!(fault.message.contains(message), "{chain}: {fault:?}");
        }
    }
}
