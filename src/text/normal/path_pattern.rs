//! A declared pattern of resource ids.

use thiserror::Error;

use super::path::{ONE, ResourcePath, STAR, default_port, resolve_fully, web_root};
use crate::text::GlobPattern;

/// Why a declared pattern of resource ids can never match.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PathFault {
    #[error("`{0}` has a `..`, which is resolved in every id, so it can never match")]
    Parent(String),
    #[error("`{0}` holds a NUL, bytes that are no text, or an invalid host, so it can never match")]
    Hostile(String),
}

/// A pattern of resource ids, ready to compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    glob: GlobPattern,
    /// Of a pattern of URLs: the scheme and host. A `*` in the host must not reach into the path.
    root: Option<GlobPattern>,
    /// The pattern can never match.
    never: bool,
}

impl PathPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Why it could never match.
    pub fn parse(text: &str) -> Result<Self, PathFault> {
        let kept = text
            .replace('*', &STAR.to_string())
            .replace('?', &ONE.to_string());
        let mut resolved = resolve_fully(&kept, pattern_root);
        if resolved.hostile {
            return Err(PathFault::Hostile(text.to_owned()));
        }
        if resolved.climbs {
            return Err(PathFault::Parent(text.to_owned()));
        }
        // A star that was encoded is a letter, and no letter of a pattern but `?` matches it.
        resolved.text = resolved
            .text
            .replace('*', "?")
            .replace(STAR, "*")
            .replace(ONE, "?");
        Ok(PathPattern::of_normal(&resolved.text))
    }

    /// The same, but what [`Self::parse`] refuses never matches.
    #[must_use]
    pub fn parse_lenient(text: &str) -> Self {
        Self::parse(text).unwrap_or_else(|_| PathPattern {
            never: true,
            ..PathPattern::of_normal(text)
        })
    }

    fn of_normal(text: &str) -> Self {
        PathPattern {
            glob: GlobPattern::new(text),
            root: text
                .contains("://")
                .then(|| GlobPattern::new(root_of(text))),
            never: false,
        }
    }

    /// The pattern in normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.glob.as_str()
    }

    /// The pattern `*`, which covers every id, also a hostile one.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.glob.as_str() == "*"
    }

    /// Whether an id is certainly covered.
    #[must_use]
    pub fn covers(&self, path: &ResourcePath<'_>) -> bool {
        self.is_any() || !path.hostile && self.may_cover(path)
    }

    /// Whether an id is covered, or may be one that is: a hostile id counts by the best guess.
    #[must_use]
    pub fn may_cover(&self, path: &ResourcePath<'_>) -> bool {
        let inside = self
            .root
            .as_ref()
            .is_none_or(|root| root.matches(root_of(&path.text)));
        inside && !self.never && self.glob.matches(&path.text)
    }

    /// Whether every id that `other` covers is covered by this pattern too. Sound: `true` is
    /// certain; a few true cases are reported as `false`.
    #[must_use]
    pub fn covers_pattern(&self, other: &PathPattern) -> bool {
        let roots = match (&self.root, &other.root) {
            (None, _) => true,
            (Some(one), Some(two)) => one.covers(two),
            (Some(_), None) => false,
        };
        other.never || self.is_any() || roots && !self.never && self.glob.covers(&other.glob)
    }
}

/// Scheme and host of a URL, or the whole text.
fn root_of(text: &str) -> &str {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text;
    };
    let end = scheme.len() + "://".len() + rest.find('/').unwrap_or(rest.len());
    text.get(..end).unwrap_or(text)
}

/// The root of a pattern of URLs. Wildcards in its host stay.
fn pattern_root(scheme: &str, rest: &str) -> Option<String> {
    let ends = ['/', '\\', '#'];
    let authority = rest.split(ends).next().unwrap_or_default();
    if authority.contains('@') {
        return None;
    }
    if !authority.contains([STAR, ONE]) {
        return web_root(scheme, rest);
    }
    let port = default_port(scheme)
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    let host = authority.strip_suffix(&port).unwrap_or(authority);
    Some(format!("{scheme}://{}", host.to_ascii_lowercase()))
}
