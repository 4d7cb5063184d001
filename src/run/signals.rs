//! SIGTERM and SIGINT: the first signal requests an orderly stop, the second ends the process at
//! once, which is as safe as `kill -9`.

use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(feature = "kafka")]
use crate::worker::Stop;

static STOP_REQUESTED: AtomicBool = AtomicBool::new(false);
/// Exit code after the second signal.
const EXIT_AT_ONCE: i32 = 4;

extern "C" fn on_signal(_signal: libc::c_int) {
    if STOP_REQUESTED.swap(true, Ordering::AcqRel) {
        // SAFETY: `_exit` may be called in a signal handler and takes no lock.
        // tidy: unsafe: a second signal must end the process from within the handler
        unsafe { libc::_exit(EXIT_AT_ONCE) }
    }
}

#[cfg(feature = "kafka")]
static RELOAD_REQUESTED: AtomicBool = AtomicBool::new(false);

#[cfg(feature = "kafka")]
extern "C" fn on_hang_up(_signal: libc::c_int) {
    RELOAD_REQUESTED.store(true, Ordering::Release);
}

/// Whether SIGHUP has requested a reload of the rules since the last call.
#[cfg(feature = "kafka")]
pub fn take_reload_request() -> bool {
    RELOAD_REQUESTED.swap(false, Ordering::AcqRel)
}

/// Sets `flag` when SIGTERM or SIGINT requests a stop. For commands without workers.
pub fn forward_to_flag(flag: &'static AtomicBool) {
    install_stop_handlers();
    // If the thread cannot start, the second signal still ends the process.
    let _ = std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            while !STOP_REQUESTED.load(Ordering::Acquire) {
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            flag.store(true, Ordering::Release);
        });
}

/// Installs the handlers of SIGTERM and SIGINT.
fn install_stop_handlers() {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let handler: extern "C" fn(libc::c_int) = on_signal;
        // SAFETY: the handler touches one atomic and `_exit`, both allowed in a handler.
        // tidy: unsafe: the standard library has no signals
        unsafe { libc::signal(signal, handler as libc::sighandler_t) };
    }
}

/// Installs all handlers. Returns the stop request that they set. Call it once, before any thread
/// starts.
#[cfg(feature = "kafka")]
#[must_use]
pub fn install_handlers() -> Stop {
    install_stop_handlers();
    let handler: extern "C" fn(libc::c_int) = on_hang_up;
    // SAFETY: the handler touches one atomic.
    // tidy: unsafe: the standard library has no signals
    unsafe { libc::signal(libc::SIGHUP, handler as libc::sighandler_t) };
    Stop::with_flag(&STOP_REQUESTED)
}
