//! Values of a rule in the normal form of the fact that they are compared with. Hosts, addresses
//! and resource ids of an action are in normal form before rules see them; a value in another
//! spelling would never match.

use crate::rule::evaluate::text_pattern::Piece;
use crate::rule::evaluate::value_test::ComparedPart;
use crate::rule::model::catalogue::{FactSlot, fact};
use crate::text::normal::{Destination, Host, ResourcePath};

/// What is said of a host that cannot be written in ASCII piece by piece.
const NOT_ASCII: &str = "hosts are compared in ASCII: write the form with `xn--`";

/// Texts that no resource id contains once it is decoded and resolved.
const RESOLVED_AWAY: [&str; 7] = ["../", "/./", "%2e", "%2f", "%5c", "%25", "%00"];

/// The part of a value of `resource.id` that rules never see: every id is decoded and resolved
/// before. Only an id that nobody can follow keeps it.
pub(super) fn resolved_away(slot: FactSlot, pieces: &[Piece]) -> Option<&'static str> {
    let contains = |part: &str| {
        pieces.iter().any(|piece| match piece {
            Piece::Literal(text) => text.to_ascii_lowercase().contains(part),
            Piece::One | Piece::Any | Piece::Dash => false,
        })
    };
    let mut parts = RESOLVED_AWAY.into_iter().filter(|part| contains(part));
    parts.next().filter(|_| slot == fact::RESOURCE_ID)
}

/// Brings the pieces of a value into the normal form of its fact.
///
/// # Errors
/// What to write instead, when a part of a host has no normal form of its own.
pub(super) fn normalise_pieces(
    slot: FactSlot,
    part: ComparedPart,
    pieces: Vec<Piece>,
) -> Result<Vec<Piece>, &'static str> {
    match slot {
        fact::DESTINATION_HOST | fact::DESTINATION_ADDRESS => normalise_host(part, pieces),
        fact::RESOURCE_ID => Ok(normalise_path(part, pieces)),
        _ => Ok(pieces),
    }
}

fn normalise_host(part: ComparedPart, pieces: Vec<Piece>) -> Result<Vec<Piece>, &'static str> {
    if let [Piece::Literal(text)] = pieces.as_slice() {
        let normal = match part {
            ComparedPart::Whole => Destination::normalise(text),
            ComparedPart::End => read_host_end(text).map(Into::into),
            ComparedPart::Start | ComparedPart::Inside => None,
        };
        if let Some(normal) = normal {
            return Ok(vec![Piece::Literal(normal.into_owned())]);
        }
    }
    let written_in_ascii = |piece: &Piece| match piece {
        Piece::Literal(text) => text.is_ascii(),
        Piece::One | Piece::Any | Piece::Dash => true,
    };
    match pieces.iter().all(written_in_ascii) {
        true => Ok(pieces),
        false => Err(NOT_ASCII),
    }
}

/// The end of a host that begins at a label: `.example.org`.
fn read_host_end(text: &str) -> Option<String> {
    let labels = text.strip_prefix('.')?;
    match Host::read(labels)? {
        Host::Name(name) => Some(format!(".{name}")),
        Host::Address(_) => None,
    }
}

/// A whole id is read as the id of an action is; in a part of one, backslashes are slashes.
fn normalise_path(part: ComparedPart, pieces: Vec<Piece>) -> Vec<Piece> {
    if let ([Piece::Literal(text)], ComparedPart::Whole) = (pieces.as_slice(), part) {
        let path = ResourcePath::read(text);
        if !path.hostile {
            return vec![Piece::Literal(path.text.into_owned())];
        }
    }
    let with_slashes = pieces.into_iter().map(|piece| match piece {
        Piece::Literal(text) => Piece::Literal(text.replace('\\', "/")),
        piece => piece,
    });
    with_slashes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::parse::sigma_text::read_pieces;

    use ComparedPart::{End, Inside, Start, Whole};

    #[test]
    fn a_value_is_in_the_normal_form_of_its_fact() {
        for (slot, part, text, expected) in [
            (
                fact::DESTINATION_HOST,
                Whole,
                "Paste.Example.",
                "paste.example",
            ),
            (
                fact::DESTINATION_HOST,
                Whole,
                "https://x.example:443/y",
                "x.example",
            ),
            (
                fact::DESTINATION_HOST,
                Whole,
                "B\u{dc}cher.example",
                "xn--bcher-kva.example",
            ),
            (
                fact::DESTINATION_HOST,
                End,
                ".b\u{fc}cher.example",
                ".xn--bcher-kva.example",
            ),
            (
                fact::DESTINATION_HOST,
                End,
                ".paste.example.",
                ".paste.example",
            ),
            (fact::DESTINATION_HOST, End, "example", "example"),
            (fact::DESTINATION_HOST, Start, "paste.", "paste."),
            (
                fact::DESTINATION_ADDRESS,
                Whole,
                "::FFFF:10.0.0.1",
                "10.0.0.1",
            ),
            (fact::DESTINATION_ADDRESS, Whole, "0:0:0:0:0:0:0:1", "::1"),
            (
                fact::DESTINATION_ADDRESS,
                Whole,
                "CEO@Corp.example",
                "ceo@corp.example",
            ),
            (fact::RESOURCE_ID, Whole, r"/srv\app//x/../y", "/srv/app/y"),
            (
                fact::RESOURCE_ID,
                End,
                r"\secrets\key.pem",
                "/secrets/key.pem",
            ),
            (fact::RESOURCE_ID, Inside, r"\\etc\\", "/etc/"),
            (fact::TOOL_NAME, Whole, r"a\b", r"a\b"),
        ] {
            let read = normalise_pieces(slot, part, read_pieces(text));
            let expected = vec![Piece::Literal(expected.to_owned())];
            assert_eq!(read, Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_part_of_a_host_is_written_in_ascii() {
        for (part, text) in [
            (Inside, "b\u{fc}cher"),
            (End, "*.b\u{fc}"),
            (Start, "\u{df}"),
        ] {
            let read = normalise_pieces(fact::DESTINATION_HOST, part, read_pieces(text));
            assert_eq!(read, Err(NOT_ASCII), "{text}");
        }
    }
}
