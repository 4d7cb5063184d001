//! Planted attacks for every family of the detection catalogue: one script per kind.
//!
//! A script runs in a task of its own, beside the agent's benign tasks. Everything in it stays
//! within the declared scope, except for the one thing that the kind names. A benign twin stays
//! within everything.

mod behaviour;
mod credential;
mod delegation;
mod gateway;
mod parent_revocation;
mod reply_twins;
mod scope;
mod script;
mod twins;
mod volume;

use super::attack_kind::AttackKind;

pub use script::AttackScript;

/// Writes the attack `kind` into `script`. The script stays empty if no agent of the fleet fits.
pub fn write_attack(kind: AttackKind, script: &mut AttackScript<'_>) {
    // A script returns `None` when it finds no agent. No wrong action has been written then.
    let _cast = match kind.family() {
        _ if parent_revocation::KINDS.contains(&kind) => {
            parent_revocation::write_parent_revocation(kind, script)
        }
        _ if gateway::KINDS.contains(&kind) => gateway::write_gateway(kind, script),
        _ if kind.is_benign() => twins::write_twin(kind, script),
        "scope" => scope::write_scope_attack(kind, script),
        "delegation" => delegation::write_delegation_attack(kind, script),
        "credential" | "channel" | "policy" => credential::write_credential_attack(kind, script),
        "volume" => volume::write_volume_attack(kind, script),
        _ => behaviour::write_behaviour_attack(kind, script),
    };
}
