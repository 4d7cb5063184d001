//! Which file of a bundle is what, by its path.

use crate::rule::model::classification::Family;

/// What a file is, by its name and folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rule) enum FileKind {
    Rules(Family),
    /// A scope template, read by the scope room.
    Template,
    /// `resources.yaml`, read by the scope room.
    Resources,
    /// `response.yaml`, read by the response room.
    Response,
    Exceptions,
    Unknown,
}

/// Which kind of file a path names: by the nearest folder that means something.
pub(in crate::rule) fn file_kind(path: &str) -> FileKind {
    let mut parts = path.rsplit(['/', '\\']);
    let name = parts.next().unwrap_or_default();
    for folder in parts {
        match folder {
            "scopes" => return FileKind::Template,
            "exceptions" => return FileKind::Exceptions,
            _ => {
                if let Some(family) = Family::from_word(folder) {
                    return FileKind::Rules(family);
                }
            }
        }
        // Only files beside the folders of rules have these names.
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
