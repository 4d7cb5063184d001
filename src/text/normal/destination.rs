//! Where an action goes: a host, a mailbox, or an account id.

use std::borrow::Cow;

use super::fold::fold_word;
use super::host::Host;

/// Schemes whose URLs browsers read with one or no slash, and with backslashes, too.
const WEB_SCHEMES: &[&str] = &["http", "https", "ws", "wss", "ftp"];
/// Digits of the greatest port.
const PORT_DIGITS_MAX: usize = 5;
/// Length of the shortest and longest international bank account number.
const IBAN_LEN: std::ops::RangeInclusive<usize> = 15..=34;

/// The normal form of a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination<'t> {
    /// A host, without scheme, user, port and path.
    Host(Host<'t>),
    /// An account at a host, as in a mail address.
    Mailbox {
        account: Cow<'t, str>,
        host: Host<'t>,
    },
    /// Neither host nor mailbox: an account id or a text that nobody understands. It equals only
    /// itself.
    Account(Cow<'t, str>),
    /// A URL or address without a valid host, or a text with control characters: equals nothing.
    Invalid,
}

impl<'t> Destination<'t> {
    /// Reads a destination. Every text gives one.
    #[must_use]
    pub fn read(text: &'t str) -> Self {
        if let Some(host) = Host::read(text) {
            return Destination::Host(host);
        }
        let text = text.trim();
        if let Some(account) = compact_iban(text) {
            return Destination::Host(Host::Name(Cow::Owned(account)));
        }
        match split_scheme(text) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("mailto") => {
                read_mailbox(rest).unwrap_or(Destination::Invalid)
            }
            Some((_, rest)) => match read_authority(rest) {
                Some((_, host)) => Destination::Host(host),
                None => Destination::Invalid,
            },
            None => read_without_scheme(text),
        }
    }

    /// The host of a host or mailbox.
    #[must_use]
    pub fn host(&self) -> Option<&Host<'t>> {
        match self {
            Destination::Host(host) | Destination::Mailbox { host, .. } => Some(host),
            Destination::Account(_) | Destination::Invalid => None,
        }
    }

    /// The destination as text; `None` if it is no valid one.
    #[must_use]
    pub fn into_text(self) -> Option<Cow<'t, str>> {
        match self {
            Destination::Host(host) => Some(host.into_text()),
            Destination::Mailbox { account, host } => {
                Some(Cow::Owned(format!("{account}@{}", host.into_text())))
            }
            Destination::Account(account) => Some(account),
            Destination::Invalid => None,
        }
    }
}

/// Whether a text is written like a repository, `owner/name`, and its first part like no host but
/// one of a single word. As a destination it would be cut to its owner.
#[must_use]
pub fn is_repository(text: &str) -> bool {
    let Some((owner, name)) = text.split_once('/') else {
        return false;
    };
    let plain = |part: &str, others: &[u8]| {
        let of_name = |byte: u8| byte.is_ascii_alphanumeric() || others.contains(&byte);
        !part.is_empty() && part.bytes().all(of_name)
    };
    // A number may be an address.
    let named = matches!(Host::read(owner), Some(Host::Name(_))) && owner != "localhost";
    named && plain(owner, b"-_") && plain(name, b"-_.")
}

fn read_without_scheme(text: &str) -> Destination<'_> {
    if let Some(mailbox) = read_mailbox(text) {
        return mailbox;
    }
    match read_authority(text).filter(|_| has_one_user(text)) {
        Some((_, host)) => Destination::Host(host),
        None if is_account(text) => Destination::Account(Cow::Borrowed(text)),
        None => Destination::Invalid,
    }
}

/// Whether a text without scheme is one address and not several, as in `a@x.test,b@y.test`.
fn has_one_user(text: &str) -> bool {
    let authority = text.split(['/', '?', '#']).next().unwrap_or_default();
    let refused = |c: char| c.is_whitespace() || c.is_control() || "@<>()[],;\"/\\?#".contains(c);
    authority
        .rsplit_once('@')
        .is_none_or(|(user, _)| !fold_word(user).contains(refused))
}

/// `user@host`, also with a display name before it: `CEO <ceo@corp.example>`.
fn read_mailbox(text: &str) -> Option<Destination<'_>> {
    let address = match text.strip_suffix('>').and_then(|t| t.rsplit_once('<')) {
        // A name that holds another address may hide a recipient.
        Some((name, _)) if may_hide_recipient(name) => return None,
        Some((_, address)) => address,
        None => text,
    };
    let (account, domain) = address.rsplit_once('@')?;
    // Folding may show a slash or a space.
    let account = fold_word(account);
    if !is_mail_account(&account) || domain.contains(['/', '\\', '?', '#']) {
        return None;
    }
    let host = read_host_and_port(domain)?;
    Some(Destination::Mailbox { account, host })
}

/// Whether the name before a mail address in `<` and `>` may be a recipient of its own.
fn may_hide_recipient(name: &str) -> bool {
    name.contains(['<', '>']) || name.contains('@') && name.contains([',', ';'])
}

/// Whether a text is the part of one mail address before the `@`, and not two addresses in one.
pub(super) fn is_mail_account(text: &str) -> bool {
    let refused = |c: char| c.is_whitespace() || c.is_control() || "@<>()[],;:\\\"/?#".contains(c);
    !text.is_empty() && !text.contains(refused)
}

/// Whether a text may be an account id: printable, and not written like a host or URL.
pub(super) fn is_account(text: &str) -> bool {
    let named = text.split_once(':').is_some_and(|(head, rest)| {
        !head.is_empty()
            && head
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !rest.is_empty()
            && !rest.bytes().all(|byte| byte.is_ascii_digit())
    });
    !text.is_empty()
        && (named || !text.contains(['.', '[', ']', '/', '\\', '%']))
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\u{3002}')
}

/// The scheme and the text behind it and its slashes. Also `//host/path`, whose scheme is empty.
pub(super) fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let slashes = ['/', '\\'];
    if text.starts_with("//") || text.starts_with("\\\\") {
        return Some(("", text.trim_start_matches(slashes)));
    }
    let (scheme, rest) = text.split_once(':')?;
    let of_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.chars().all(of_scheme) {
        return None;
    }
    if scheme.eq_ignore_ascii_case("mailto") {
        return Some((scheme, rest));
    }
    let slashed = rest.starts_with(slashes);
    // `https:443` is rather a host of this name and its port.
    let head = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    let port = head.len() <= PORT_DIGITS_MAX && head.bytes().all(|byte| byte.is_ascii_digit());
    let known = is_web_scheme(scheme) && (slashed || !port);
    (known || rest.starts_with("//")).then(|| (scheme, rest.trim_start_matches(slashes)))
}

/// Whether URLs of this scheme have a host, a path and a query, as those of the web.
pub(super) fn is_web_scheme(scheme: &str) -> bool {
    WEB_SCHEMES
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
}

/// The port and the host at the beginning of a URL behind its scheme.
pub(super) fn read_authority(text: &str) -> Option<(Option<u16>, Host<'_>)> {
    let authority = text.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    // Programs do not agree where the host of `a.test\@b.test` is.
    let loose = text.split(['/', '?', '#']).next().unwrap_or_default();
    if loose
        .get(authority.len()..)
        .is_some_and(|rest| rest.contains('@'))
    {
        return None;
    }
    let host = authority.rsplit('@').next().unwrap_or_default();
    let (name, port) = split_port(host)?;
    Some((port, Host::read(name)?))
}

fn read_host_and_port(text: &str) -> Option<Host<'_>> {
    Host::read(split_port(text)?.0)
}

/// The host and its port. `None` if what follows the host is no port.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (name, port) = if text.starts_with('[') {
        let end = text.rfind(']')? + 1;
        let (name, rest) = text.split_at_checked(end)?;
        (
            name,
            if rest.is_empty() {
                ""
            } else {
                rest.strip_prefix(':')?
            },
        )
    } else {
        match text.split_once(':') {
            // More than one colon is an IPv6 address without brackets.
            Some((_, rest)) if rest.contains(':') => (text, ""),
            Some((name, port)) => (name, port),
            None => (text, ""),
        }
    };
    if port.is_empty() {
        return Some((name, None));
    }
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = digits.then(|| port.parse().ok()).flatten()?;
    Some((name, Some(port)))
}

/// An international bank account number that is written in groups, without its spaces.
fn compact_iban(text: &str) -> Option<String> {
    if !text.contains(' ') || text.len() > 2 * IBAN_LEN.end() {
        return None;
    }
    let compact: String = text.split(' ').collect::<String>().to_ascii_lowercase();
    let bytes = compact.as_bytes();
    let country = bytes.get(..2)?.iter().all(u8::is_ascii_alphabetic);
    let check = bytes.get(2..4)?.iter().all(u8::is_ascii_digit);
    let rest = bytes.iter().all(u8::is_ascii_alphanumeric);
    (country && check && rest && IBAN_LEN.contains(&compact.len())).then_some(compact)
}
