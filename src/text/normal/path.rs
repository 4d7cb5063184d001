//! The normal form of a resource id: where it leads, as a path or URL.

use std::borrow::Cow;

use super::destination::{is_web_scheme, read_authority, split_scheme};
use super::host::is_plain_name;
use super::path_decode::{DECODED_BYTES_MAX, decode};

/// Slashes of other scripts and of mathematics, which some systems turn into `/` or `\`.
const SLASHES: &[char] = &[
    '/', '\\', '\u{2044}', '\u{2215}', '\u{2216}', '\u{29f5}', '\u{29f8}', '\u{29f9}',
];

/// What the wildcards of a pattern are while the rest of it is decoded: no honest id has these.
pub(super) const STAR: char = '\u{f8f0}';
pub(super) const ONE: char = '\u{f8f1}';

/// The normal form of a resource id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourcePath<'t> {
    /// Without encodings, `.`, `..`, empty segments and backslashes. An id that is no path comes
    /// through the same way and mostly unchanged.
    pub text: Cow<'t, str>,
    /// Nobody can say where the id leads: a NUL, overlong UTF-8, an invalid host, `..` behind a
    /// `?`. `text` is then the best guess, and no declared pattern but `*` may match it.
    pub hostile: bool,
}

impl<'t> ResourcePath<'t> {
    /// Reads a resource id. Every text gives a form.
    #[must_use]
    pub fn read(id: &'t str) -> Self {
        if is_plain(id) {
            return ResourcePath {
                text: Cow::Borrowed(id),
                hostile: false,
            };
        }
        let resolved = resolve_fully(id, web_root);
        ResourcePath {
            hostile: resolved.hostile,
            text: Cow::Owned(resolved.text),
        }
    }
}

/// The part of a URL that names its host, with user and port; `None` if the text is no URL of the
/// web.
#[must_use]
pub fn url_authority(text: &str) -> Option<&str> {
    let (scheme, rest) = split_scheme(text.trim())?;
    let ends = ['/', '\\', '?', '#'];
    (scheme.is_empty() || is_web_scheme(scheme))
        .then(|| rest.split(ends).next().unwrap_or_default())
}

/// Whether an id is in normal form already: the common case, decided by its bytes. Some ids that
/// are normal are refused here, such as URLs.
fn is_plain(id: &str) -> bool {
    if let Some((root, path)) = split_plain_root(id) {
        let (_, name) = root.split_at(root.find("//").map_or(0, |at| at + 2));
        return is_plain_name(name) && is_plain_path(path) && !path.contains(['?', '#']);
    }
    is_plain_path(id)
        && !id
            .split_once(':')
            .is_some_and(|(scheme, _)| is_web_scheme(scheme))
}

/// The root of a URL as it is nearly always written, and its path from the slash on.
fn split_plain_root(id: &str) -> Option<(&str, &str)> {
    let rest = id
        .strip_prefix("https://")
        .or_else(|| id.strip_prefix("http://"))?;
    let start = id.len() - rest.len();
    id.split_at_checked(start + rest.find('/')?)
}

fn is_plain_path(path: &str) -> bool {
    let (mut begins, mut last) = (true, b'/');
    for (index, byte) in path.bytes().enumerate() {
        match byte {
            b'%' | b'\\' | 0..=0x1f | 0x7f.. => return false,
            b'.' | b' ' if begins => return false,
            b'/' if begins && index > 0 => return false,
            _ => {}
        }
        begins = byte == b'/';
        last = byte;
    }
    last != b' '
}

/// The path of a URL of the web, and its query or fragment, which is no path. In any other id, and
/// behind an encoded `?`, nobody knows whether a query begins.
fn split_raw_query(id: &str) -> (&str, Option<&str>) {
    let of_web = split_scheme(id.trim_start()).is_some_and(|(scheme, _)| is_web_scheme(scheme));
    match id.find(['?', '#']).filter(|_| of_web) {
        Some(at) => {
            let (path, query) = id.split_at(at);
            (path, Some(query))
        }
        None => (id, None),
    }
}

/// Makes the root of a URL of the web from its scheme and the text behind its slashes.
pub(super) type ReadRoot = fn(&str, &str) -> Option<String>;

/// Rounds of decoding and resolving before an id counts as hostile.
const RESOLVE_ROUNDS_MAX: usize = 4;

/// A resolved path.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    pub(super) text: String,
    pub(super) hostile: bool,
    /// The path had a `..`.
    pub(super) climbs: bool,
}

/// The root of a URL of the web in normal form: scheme, host and port.
pub(super) fn web_root(scheme: &str, authority: &str) -> Option<String> {
    let (port, host) = read_authority(authority)?;
    let host = host.into_text();
    let host = match host.contains(':') {
        true => Cow::Owned(format!("[{host}]")),
        false => host,
    };
    let port = port.filter(|port| Some(*port) != default_port(scheme));
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{scheme}://{host}{port}"))
}

pub(super) fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        "ftp" => Some(21),
        _ => None,
    }
}

/// Decodes and resolves until nothing changes: what is resolved may show another encoding, or a
/// URL. `read_root` makes the root of a URL of the web from its scheme and what follows; a URL that
/// has none is hostile.
pub(super) fn resolve_fully(id: &str, read_root: ReadRoot) -> Resolved {
    let mut all = Resolved {
        text: id.to_owned(),
        ..Resolved::default()
    };
    for _ in 0..RESOLVE_ROUNDS_MAX {
        let next = resolve_once(&all.text, read_root);
        let stable = next.text == all.text;
        all.hostile |= next.hostile;
        all.climbs |= next.climbs;
        all.text = next.text;
        if stable {
            return all;
        }
    }
    all.hostile = true;
    all
}

fn resolve_once(id: &str, read_root: ReadRoot) -> Resolved {
    let (path, query) = split_raw_query(trim(id));
    let decoded = decode(path);
    let end = decoded.text.find('\0');
    let text = end
        .and_then(|end| decoded.text.get(..end))
        .unwrap_or(&decoded.text);
    let mut resolved = resolve(text, read_root);
    resolved.hostile |= decoded.hostile || end.is_some();
    if let Some(query) = query {
        let decoded = decode(query);
        resolved.hostile |= decoded.hostile || decoded.text.contains('\0');
        resolved.text.push_str(&decoded.text);
    }
    resolved.hostile |= resolved.text.len() > DECODED_BYTES_MAX;
    resolved
}

/// Resolves a decoded path.
fn resolve(text: &str, read_root: ReadRoot) -> Resolved {
    let text = trim(text);
    // Browsers leave these out of a URL wherever they stand.
    let joined = text.replace(['\t', '\n', '\r'], "");
    if let Some((scheme, rest)) = split_scheme(&joined)
        && is_web_scheme(scheme)
    {
        let scheme = scheme.to_ascii_lowercase();
        let ends = ['/', '\\', '?', '#'];
        let (authority, path) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
        // With the path, so that what other programs take as the user part is found.
        let root = read_root(&scheme, rest);
        let hostile = root.is_none();
        let root = root.unwrap_or_else(|| format!("{scheme}://{authority}"));
        let mut resolved = resolve_below(root, path, PathRoot::Web);
        resolved.hostile |= hostile;
        return resolved;
    }
    match text.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => {
            let (authority, path) = rest.split_at(rest.find(['/', '\\']).unwrap_or(rest.len()));
            let root = format!("{}://{authority}", scheme.to_ascii_lowercase());
            let kind = if authority.is_empty() || path.is_empty() {
                PathRoot::Plain
            } else {
                PathRoot::Fixed
            };
            resolve_below(root, path, kind)
        }
        _ => resolve_below(String::new(), text, PathRoot::Plain),
    }
}

fn is_scheme(text: &str) -> bool {
    let of_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(of_scheme)
}

fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c.is_control() && c != '\0')
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PathRoot {
    /// `..` stops at the root, and a `?` or `#` begins a query.
    Web,
    /// `..` must not leave the root: `s3://bucket`.
    Fixed,
    /// `..` stops at the root of an absolute path and leads out of a relative one.
    Plain,
}

fn resolve_below(root: String, path: &str, kind: PathRoot) -> Resolved {
    let of_pattern = path.find(ONE).and_then(|at| path.get(..at));
    // The segment with a wildcard is no `.` or `..`, whatever stands before the wildcard.
    let wild = of_pattern.map(|head| head.rfind(['/', '\\']).map_or(0, |at| at + 1));
    let plain = path.find(['?', '#']);
    let starts_query = wild
        .into_iter()
        .chain(plain)
        .min()
        .filter(|_| kind == PathRoot::Web);
    let (mut resolved, query) = match starts_query {
        None => (resolve_segments(path, kind), ""),
        Some(at) => {
            let (path, query) = path.split_at(at);
            (resolve_segments(path, kind), query)
        }
    };
    // Behind a `?` that was encoded, or in an id that is no URL, one program resolves and another
    // does not.
    let behind = path.find(['?', '#']).and_then(|at| path.get(at..));
    resolved.hostile |= behind.is_some_and(|text| {
        text.split(SLASHES)
            .any(|segment| dots(segment) == Some(Dots::Parent))
    });
    resolved.text = format!("{root}{}{query}", resolved.text);
    resolved
}

fn resolve_segments(path: &str, kind: PathRoot) -> Resolved {
    let odd_slash = path.contains(SLASHES.get(2..).unwrap_or_default())
        && path.split(SLASHES).any(|segment| dots(segment).is_some());
    let separators = if odd_slash { SLASHES } else { &['/', '\\'][..] };
    let absolute = kind == PathRoot::Web || path.starts_with(separators);
    let (mut kept, mut resolved) = (Vec::new(), Resolved::default());
    let mut ends_open = false;
    for segment in path.split(separators) {
        let found = dots(segment);
        ends_open = segment.is_empty() || found.is_some();
        match found {
            Some(Dots::Current) => {}
            Some(Dots::Parent) => {
                resolved.climbs = true;
                let at_root = match kept.last() {
                    None | Some(&"..") => true,
                    Some(name) => kept.len() == 1 && is_drive(name),
                };
                if !at_root {
                    kept.pop();
                } else if kind == PathRoot::Fixed {
                    resolved.hostile = true;
                } else if !absolute && kept.first().is_none_or(|name| !is_drive(name)) {
                    kept.push("..");
                }
            }
            None if segment.is_empty() => {}
            None => kept.push(segment),
        }
    }
    if absolute {
        resolved.text.push('/');
    }
    resolved.text.push_str(&kept.join("/"));
    if ends_open && !kept.is_empty() {
        resolved.text.push('/');
    }
    if resolved.text.is_empty() && !path.is_empty() {
        resolved.text.push('.');
    }
    resolved
}

fn is_drive(segment: &str) -> bool {
    matches!(segment.as_bytes(), [letter, b':'] if letter.is_ascii_alphabetic())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dots {
    /// `.`
    Current,
    /// `..`
    Parent,
}

/// What a segment means that is of dots only. Some systems ignore spaces and invisible characters
/// around the dots, and what follows a `;`.
fn dots(segment: &str) -> Option<Dots> {
    let segment = segment.split(';').next().unwrap_or_default();
    let (mut count, mut ignored) = (0, false);
    for letter in segment.chars() {
        match letter {
            '.' | '\u{3002}' => count += 1,
            _ if is_ignorable(letter) => ignored = true,
            _ => return None,
        }
    }
    match count {
        1 => Some(Dots::Current),
        2 => Some(Dots::Parent),
        // `...` is a name, but `.. .` is not.
        3.. if ignored => Some(Dots::Parent),
        _ => None,
    }
}

/// Whether a character is a space or shows nothing.
fn is_ignorable(letter: char) -> bool {
    letter.is_whitespace()
        || letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}
