//! Planted misdeeds of every family of the detection catalogue: one script per kind.
//!
//! A script acts in a task of its own beside the agent's usual work, so that what is wrong in it is
//! the one thing its kind names: everything else keeps to a declared scope.

mod behaviour;
mod credential;
mod delegation;
mod kinds;
mod misscope;
mod stage;
mod volume;

pub use kinds::{FAMILIES, Kind};
pub use stage::Stage;

/// Writes the script of `kind` on `stage`; leaves it empty when the fleet has no agent for it.
pub fn perform(kind: Kind, stage: &mut Stage<'_>) {
    // Each script answers `None` where it lacks a cast, and has then written nothing that matters.
    let _cast = match kind.family() {
        "scope" => misscope::perform(kind, stage),
        "delegation" => delegation::perform(kind, stage),
        "credential" | "channel" | "policy" => credential::perform(kind, stage),
        "volume" => volume::perform(kind, stage),
        _ => behaviour::perform(kind, stage),
    };
}
