//! `..` in resource ids: where such an id leads, told from its text alone.

use std::borrow::Cow;

use crate::text::Glob;

/// Whether one of `globs` grants `id`. A star crosses slashes, so an id with `..` could walk out of
/// what a pattern means: it is inside only if the place it leads to is granted too.
pub(crate) fn grants(globs: &[Glob], id: &str) -> bool {
    let granted = |id: &str| globs.iter().any(|glob| glob.matches(id));
    if !granted(id) {
        return false;
    }
    let id = &*with_slashes(id);
    if !climbs(id) || globs.iter().any(|glob| glob.as_str() == "*") {
        return true;
    }
    resolved(id).is_some_and(|id| granted(&id))
}

/// The id with `%2f` and `%5c` written out: what reads it may do so too.
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
fn climbs(id: &str) -> bool {
    // Nearly every id ends here.
    (id.contains("..") || id.contains('%')) && segments(id).any(|(_, name)| dots(name) == Some(2))
}

/// The id with `.`, `..` and empty segments resolved; `None` when it climbs above its root.
fn resolved(id: &str) -> Option<String> {
    let (root, path) = id.split_at(root_end(id));
    let absolute = segments(path)
        .next()
        .is_some_and(|(_, name)| name.is_empty());
    let mut kept: Vec<(&str, &str)> = Vec::new();
    for (separator, name) in segments(path) {
        match dots(name) {
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
        // What a relative id starts with has no separator, whatever stood before it.
        if index > 0 || absolute {
            text.push_str(separator);
        }
        text.push_str(name);
    }
    Some(text)
}

/// Where the path starts: behind `scheme://authority`, which no `..` leaves.
fn root_end(id: &str) -> usize {
    let Some((scheme, rest)) = id.split_once("://") else {
        return 0;
    };
    let authority = rest.find(['/', '\\']).unwrap_or(rest.len());
    scheme.len() + "://".len() + authority
}

/// The segments between slashes of either kind, each with the separator before it.
fn segments(path: &str) -> impl Iterator<Item = (&str, &str)> {
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

/// How many dots the segment consists of, `%2e` being one; `None` when it is something else.
fn dots(segment: &str) -> Option<usize> {
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
        let globs: Vec<Glob> = patterns.iter().map(|p| Glob::new(p)).collect();
        grants(&globs, id)
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
            prop_assert_eq!(resolved(&id), expected);
        }
    }
}
