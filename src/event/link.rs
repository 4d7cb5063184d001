//! Links carry facts from one partition to others; the tick moves the time of a partition without
//! records. A link sets a value and never increments one, so a repeat is harmless.

use serde::{Deserialize, Serialize};

use super::Text;

/// One record of the links topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub body: LinkBody,
}

/// The content of a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkBody {
    /// Moves stream time to the tick's append time. Moves no time if the source is
    /// [`super::TimeSource::Event`].
    Tick,
    /// The tenant has declared a scope: its agents without one are alerted in every partition.
    TenantManaged { tenant: Text },
}
