//! What was declared: the scopes of an agent with their versions, the templates for agents without
//! one, and the knowledge about tools and resources that completes a record.

mod content_marks;
mod eviction;
pub(crate) mod history;
mod normal_action;
mod resource_entries;
pub(crate) mod resources;
mod resources_file;
mod select;
pub(crate) mod template;
mod template_file;
pub(crate) mod versions;
pub(crate) mod widening;
