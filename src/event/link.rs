//! Facts that one partition must tell another, and the tick that lets a quiet partition's time
//! pass. Links set values and never increment, so a repeat is harmless.

use serde::{Deserialize, Serialize};

use super::Text;

/// One record of the links topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub body: LinkBody,
}

/// What a link says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkBody {
    /// Time passed on a quiet partition; the broker's stamp says how far. Never moves an `event`
    /// time source.
    Tick,
    /// The tenant has had a scope, so its undeclared agents are worth an alert in every partition.
    TenantManaged { tenant: Text },
}
