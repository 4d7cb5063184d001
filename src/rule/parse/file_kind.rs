//! The kind of a file of a bundle, by its path.

use crate::rule::model::classification::RuleFamily;

/// What a file of a bundle contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rule) enum FileKind {
    Rules(RuleFamily),
    /// A scope template, read by the room `scope`.
    Template,
    /// `resources.yaml`, read by the room `scope`.
    Resources,
    /// `response.yaml`, read by the room `response`.
    Response,
    Exceptions,
    Unknown,
}

/// Finds the kind of a file by its nearest folder with a known name.
pub(in crate::rule) fn file_kind(path: &str) -> FileKind {
    let mut parts = path.rsplit(['/', '\\']);
    let name = parts.next().unwrap_or_default();
    for folder in parts {
        match folder {
            "scopes" => return FileKind::Template,
            "exceptions" => return FileKind::Exceptions,
            _ => {
                if let Some(family) = RuleFamily::from_word(folder) {
                    return FileKind::Rules(family);
                }
            }
        }
        // These names count only beside the folders of rules and not inside.
        match name {
            "resources.yaml" | "resources.yml" => return FileKind::Resources,
            "response.yaml" | "response.yml" => return FileKind::Response,
            _ => {}
        }
    }
    match name {
        "resources.yaml" | "resources.yml" => FileKind::Resources,
        "response.yaml" | "response.yml" => FileKind::Response,
        _ => FileKind::Unknown,
    }
}
