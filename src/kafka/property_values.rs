//! Which values of librdkafka properties may be shown. A value stands in no error and no log line,
//! because a misspelt name can hide a password; `config show` prints those that this list knows.

#[cfg(feature = "kafka")]
use std::collections::BTreeMap;

/// Properties that hold no secret, whoever sets them.
const HARMLESS: &[&str] = &[
    "broker.address.family",
    "client.dns.lookup",
    "client.id",
    "client.rack",
    "compression.codec",
    "compression.level",
    "compression.type",
    "debug",
    "enable.sasl.oauthbearer.unsecure.jwt",
    "enable.ssl.certificate.verification",
    "sasl.kerberos.service.name",
    "sasl.mechanism",
    "sasl.mechanisms",
    "security.protocol",
    "socket.keepalive.enable",
    "socket.nagle.disable",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.crl.location",
    "ssl.endpoint.identification.algorithm",
];

/// Ends of names whose values are numbers, and shown only if they are.
const HARMLESS_NUMBERS: &[&str] = &[".ms", ".bytes", ".kbytes", ".messages"];

/// Written instead of a value.
pub const HIDDEN: &str = "(hidden)";

/// The fewest bytes of a value that is looked for in the texts of librdkafka: a shorter one would
/// cut holes into words.
#[cfg(feature = "kafka")]
const LOOKED_FOR_BYTES_MIN: usize = 4;

/// Whether the value of a property may be shown where somebody asks for it.
#[must_use]
pub fn is_shown_property(name: &str, value: &str) -> bool {
    HARMLESS.contains(&name)
        || HARMLESS_NUMBERS.iter().any(|end| name.ends_with(end))
            && !value.is_empty()
            && value.bytes().all(|byte| byte.is_ascii_digit())
}

/// Takes the values of properties out of the texts of librdkafka, which quotes some of them.
#[cfg(feature = "kafka")]
#[derive(Clone, Default)]
pub(super) struct ValueScrubber {
    /// Longest first, so that no value is cut by a shorter one within it.
    values: Vec<String>,
    /// Values that are words of the texts, such as a protocol: only taken out where quoted.
    quoted: Vec<String>,
}

#[cfg(feature = "kafka")]
impl ValueScrubber {
    /// A scrubber for these properties. Each line of a value is looked for too: a key in PEM is
    /// quoted in parts.
    pub(super) fn new(properties: &BTreeMap<String, String>) -> Self {
        let is_word = |name: &str, value: &str| {
            is_shown_property(name, value) && !name.ends_with(".location")
        };
        let whole = properties
            .iter()
            .filter(|(name, value)| !is_word(name, value));
        let mut values: Vec<String> = whole
            .flat_map(|(_, value)| std::iter::once(value.as_str()).chain(value.lines()))
            .map(str::trim)
            .filter(|value| value.len() >= LOOKED_FOR_BYTES_MIN)
            .map(str::to_owned)
            .collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.dedup();
        let quoted = properties.values().filter(|value| !value.is_empty());
        ValueScrubber {
            values,
            quoted: quoted.cloned().collect(),
        }
    }

    /// The text without the values.
    pub(super) fn scrub_text(&self, text: &str) -> String {
        let mut scrubbed = text.to_owned();
        for value in &self.values {
            if scrubbed.contains(value.as_str()) {
                scrubbed = scrubbed.replace(value.as_str(), HIDDEN);
            }
        }
        for value in &self.quoted {
            for quote in ['`', '"', '\''] {
                let quoted = format!("{quote}{value}{quote}");
                if scrubbed.contains(&quoted) {
                    scrubbed = scrubbed.replace(&quoted, HIDDEN);
                }
            }
        }
        scrubbed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_known_name_shows_its_value() {
        for (name, value, shown) in [
            ("security.protocol", "sasl_ssl", true),
            ("socket.timeout.ms", "6000", true),
            ("socket.timeout.ms", "hunter2", false),
            ("sasl.password", "x", false),
            ("sasl.passwrd", "x", false),
            ("security.protocl", "x", false),
            ("sasl.username", "x", false),
            ("https.proxy", "x", false),
            ("", "x", false),
        ] {
            assert_eq!(is_shown_property(name, value), shown, "{name}");
        }
    }

    #[cfg(feature = "kafka")]
    #[test]
    fn a_text_of_the_library_loses_every_value() {
        let properties = BTreeMap::from(
            [
                ("sasl.passwrd", "hunter2"),
                ("sasl.password", "hunter2-and-more"),
                (
                    "ssl.key.pem",
                    "-----BEGIN KEY-----\nc2VjcmV0\n-----END KEY-----",
                ),
                ("security.protocol", "sasl_ssl"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let scrubber = ValueScrubber::new(&properties);
        assert_eq!(
            scrubber.scrub_text("sasl_ssl://b: bad hunter2-and-more, hunter2, line c2VjcmV0 of it"),
            "sasl_ssl://b: bad (hidden), (hidden), line (hidden) of it"
        );
        assert_eq!(
            scrubber.scrub_text("sasl_ssl://b: property set to `sasl_ssl`"),
            "sasl_ssl://b: property set to (hidden)"
        );
    }
}
