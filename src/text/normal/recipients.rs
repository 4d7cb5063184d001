//! A destination that lists several recipients, as the field of a mail does.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::destination::{Destination, split_scheme};

/// What separates recipients.
const SEPARATORS: [char; 2] = [',', ';'];

impl<'t> Destination<'t> {
    /// Each destination that a text names: the recipients of a list of mail addresses, else the
    /// one that the text is. A part of a list that nobody can read is [`Destination::Invalid`].
    #[must_use]
    pub fn read_each(text: &'t str) -> SmallVec<[Destination<'t>; 1]> {
        let Some(list) = recipient_list(text) else {
            return SmallVec::from_iter([Destination::read(text)]);
        };
        let mut found = SmallVec::new();
        let mut parts = list_parts(list).peekable();
        while let Some(part) = parts.next() {
            if part.contains('@') {
                let recipient = Destination::read(part);
                let readable = matches!(recipient, Destination::Mailbox { .. });
                found.push(match readable {
                    true => recipient,
                    false => Destination::Invalid,
                });
            } else if !parts.peek().is_some_and(|next| next.ends_with('>')) {
                // It is no first part of a name, as in `Doe, Jane <jane@corp.example>`.
                found.push(Destination::Invalid);
            }
        }
        found
    }

    /// The normal form of a text as destinations: those of a list with commas between them. `None`
    /// if one of them has none.
    #[must_use]
    pub fn normalise(text: &'t str) -> Option<Cow<'t, str>> {
        if recipient_list(text).is_none() {
            return Destination::read(text).into_text();
        }
        let each = Destination::read_each(text).into_iter();
        let texts: Option<Vec<Cow<'_, str>>> = each.map(Destination::into_text).collect();
        Some(Cow::Owned(texts?.join(",")))
    }
}

/// The list that a text is: two or more of its parts are written like mail addresses. A URL is
/// none, whatever its path has.
fn recipient_list(text: &str) -> Option<&str> {
    if !text.contains('@') || !text.contains(SEPARATORS) || text.contains(['/', '\\', '?', '#']) {
        return None;
    }
    let text = text.trim();
    let list = match split_scheme(text) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("mailto") => rest,
        Some(_) => return None,
        None => text,
    };
    let addresses = list_parts(list).filter(|part| part.contains('@'));
    (addresses.count() > 1).then_some(list)
}

fn list_parts(list: &str) -> impl Iterator<Item = &str> {
    let parts = list.split(SEPARATORS).map(str::trim);
    parts.filter(|part| !part.is_empty())
}
