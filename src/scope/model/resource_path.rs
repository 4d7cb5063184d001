//! Resource ids with `..`: resolves them as text, so that no id leaves the path that is granted.

use std::borrow::Cow;

use crate::text::GlobPattern;

/// Whether one of `globs` grants `id`. A star matches slashes too, so an id with `..` could leave
/// the folder that a pattern means: such an id is granted only if its resolved form is granted too.
pub(crate) fn grants_id(globs: &[GlobPattern], id: &str) -> bool {
    let granted = |id: &str| globs.iter().any(|glob| glob.matches(id));
    if !granted(id) {
        return false;
    }
    let id = &*with_slashes(id);
    if !has_parent_segment(id) || globs.iter().any(|glob| glob.as_str() == "*") {
        return true;
    }
    resolve_dots(id).is_some_and(|id| granted(&id))
}

/// The id with `%2f` and `%5c` decoded, because the system that reads the id may decode them.
fn with_slashes(id: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(id);
    for (code, slash) in [("%2f", "/"), ("%2F", "/"), ("%5c", "\\"), ("%5C", "\\")] {
        if text.contains(code) {
            text = Cow::Owned(text.replace(code, slash));
        }
    }
    text
}

/// Whether a segment of the id is `..`.
fn has_parent_segment(id: &str) -> bool {
    // The fast path: nearly every id has neither.
    (id.contains("..") || id.contains('%'))
        && path_segments(id).any(|(_, name)| count_dots(name) == Some(2))
}

/// The id with `.`, `..` and empty segments resolved; `None` when it climbs above its root.
fn resolve_dots(id: &str) -> Option<String> {
    let (root, path) = id.split_at(root_end(id));
    let absolute = path_segments(path)
        .next()
        .is_some_and(|(_, name)| name.is_empty());
    let mut kept: Vec<(&str, &str)> = Vec::new();
    for (separator, name) in path_segments(path) {
        match count_dots(name) {
            Some(2) => drop(kept.pop()?),
            Some(1) => {}
            _ if name.is_empty() => {}
            _ => kept.push((separator, name)),
        }
    }
    let mut text = root.to_owned();
    if absolute && kept.is_empty() {
        text.push('/');
    }
    for (index, (separator, name)) in kept.into_iter().enumerate() {
        // A relative id starts without a separator.
        if index > 0 || absolute {
            text.push_str(separator);
        }
        text.push_str(name);
    }
    Some(text)
}

/// The index at which the path starts: behind `scheme://authority`, which `..` cannot leave.
fn root_end(id: &str) -> usize {
    let Some((scheme, rest)) = id.split_once("://") else {
        return 0;
    };
    let authority = rest.find(['/', '\\']).unwrap_or(rest.len());
    scheme.len() + "://".len() + authority
}

/// The segments between slashes of either kind, each with the separator before it.
fn path_segments(path: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = Some(path);
    let mut separator = "";
    std::iter::from_fn(move || {
        let text = rest?;
        let before = separator;
        let end = text.find(['/', '\\']).unwrap_or(text.len());
        let (name, tail) = text.split_at(end);
        let next = tail.split_at_checked(1);
        separator = next.map_or("", |(slash, _)| slash);
        rest = next.map(|(_, after)| after);
        Some((before, name))
    })
}

/// How many dots the segment consists of, `%2e` counting as one; `None` for any other segment.
fn count_dots(segment: &str) -> Option<usize> {
    let mut rest = segment.as_bytes();
    let mut count = 0;
    while let Some(first) = rest.first() {
        let encoded = rest
            .get(..3)
            .is_some_and(|code| code.eq_ignore_ascii_case(b"%2e"));
        let taken = match (first, encoded) {
            (b'.', _) => 1,
            (_, true) => 3,
            _ => return None,
        };
        rest = rest.get(taken..)?;
        count += 1;
    }
    (count > 0).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::{Component, Path};

    fn granted(patterns: &[&str], id: &str) -> bool {
        let globs: Vec<GlobPattern> = patterns.iter().map(|p| GlobPattern::new(p)).collect();
        grants_id(&globs, id)
    }

    #[test]
    fn an_id_that_walks_out_of_its_grant_is_outside() {
        for outside in [
            "/reports/../etc/shadow",
            "/reports/a/../../etc/shadow",
            "/reports/x//../../etc/shadow",
            "/reports/./../etc/shadow",
            "/reports/%2e%2E/etc/shadow",
            "/reports/.%2e/etc/shadow",
            "/reports/..\\etc\\shadow",
            "/reports/../../../etc/shadow",
            "/reports/..",
        ] {
            assert!(!granted(&["/reports/*"], outside), "{outside}");
        }
        for inside in [
            "/reports/2026/../2025/q1",
            "/reports/a..b",
            "/reports/...",
            "/reports/..hidden",
            "/reports/100%",
            "/reports/a/%2e/../b",
        ] {
            assert!(granted(&["/reports/*"], inside), "{inside}");
        }
        assert!(granted(&["/a/*", "/b/*"], "/a/../b/x"), "both are granted");
        assert!(!granted(&["s3://bucket/*"], "s3://bucket/../other/x"));
        assert!(granted(&["s3://bucket/*"], "s3://bucket/a/../x"));
        assert!(!granted(&["C:\\data\\*"], "C:\\data\\..\\Windows"));
        assert!(!granted(&["data/*"], "data/../../x"));
        assert!(
            granted(&["*"], "../../x"),
            "every id is granted, wherever it leads"
        );
    }

    proptest! {
        #![proptest_config(crate::property::config(256))]

        #[test]
        fn resolving_agrees_with_a_walk_over_the_components(id in "/?([ab.]{0,3}/){0,6}[ab]") {
            let mut stack = Vec::new();
            let mut above = false;
            for component in Path::new(&id).components() {
                match component {
                    Component::ParentDir => above |= stack.pop().is_none(),
                    Component::Normal(name) => stack.push(name.to_str().unwrap()),
                    _ => {}
                }
            }
            let root = if id.starts_with('/') { "/" } else { "" };
            let expected = (!above).then(|| format!("{root}{}", stack.join("/")));
            prop_assert_eq!(resolve_dots(&id), expected);
        }
    }
}
