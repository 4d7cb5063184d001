//! The request to end, shared by everybody who has to notice it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A request to end.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    requested: Arc<AtomicBool>,
    /// Set by the signal handler, where the process has one.
    signalled: Option<&'static AtomicBool>,
}

impl Stop {
    /// A request that nobody has made yet.
    #[must_use]
    pub fn new() -> Self {
        Stop::default()
    }

    /// A request that a flag of the process can make too, such as that of a signal handler.
    #[must_use]
    pub fn with_flag(flag: &'static AtomicBool) -> Self {
        Stop {
            requested: Arc::default(),
            signalled: Some(flag),
        }
    }

    /// Makes the request.
    pub fn request(&self) {
        self.requested.store(true, Ordering::Release);
    }

    /// Whether the request was made.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.requested.load(Ordering::Acquire)
            || self
                .signalled
                .is_some_and(|flag| flag.load(Ordering::Acquire))
    }
}
