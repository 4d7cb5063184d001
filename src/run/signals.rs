//! SIGTERM and SIGINT: the first asks for an orderly end, the second ends at once, which is as safe
//! as a `kill -9`.

use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(feature = "kafka")]
use crate::worker::Stop;

static ASKED: AtomicBool = AtomicBool::new(false);
/// Exit code of a process that was told twice.
const EXIT_AT_ONCE: i32 = 4;

extern "C" fn on_signal(_signal: libc::c_int) {
    if ASKED.swap(true, Ordering::AcqRel) {
        // SAFETY: `_exit` may be called in a signal handler and takes no lock.
        // tidy: unsafe: a second signal must end the process from within the handler
        unsafe { libc::_exit(EXIT_AT_ONCE) }
    }
}

#[cfg(feature = "kafka")]
static RELOAD: AtomicBool = AtomicBool::new(false);

#[cfg(feature = "kafka")]
extern "C" fn on_hang_up(_signal: libc::c_int) {
    RELOAD.store(true, Ordering::Release);
}

/// Whether SIGHUP asked for the rules to be read again since the last call.
#[cfg(feature = "kafka")]
pub fn reload_asked() -> bool {
    RELOAD.swap(false, Ordering::AcqRel)
}

/// Sets `flag` when SIGTERM or SIGINT asks for an end, for work that needs no workers.
pub fn forward(flag: &'static AtomicBool) {
    handle();
    // Without the thread the signals still end the process, on the second one.
    let _ = std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            while !ASKED.load(Ordering::Acquire) {
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            flag.store(true, Ordering::Release);
        });
}

/// Installs the handlers of the signals that ask for an end.
fn handle() {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let handler: extern "C" fn(libc::c_int) = on_signal;
        // SAFETY: the handler touches one atomic and `_exit`, both allowed in a handler.
        // tidy: unsafe: the standard library has no signals
        unsafe { libc::signal(signal, handler as libc::sighandler_t) };
    }
}

/// Installs the handlers and returns the request they make. Call it once, before any thread.
#[cfg(feature = "kafka")]
#[must_use]
pub fn install() -> Stop {
    handle();
    let handler: extern "C" fn(libc::c_int) = on_hang_up;
    // SAFETY: the handler touches one atomic.
    // tidy: unsafe: the standard library has no signals
    unsafe { libc::signal(libc::SIGHUP, handler as libc::sighandler_t) };
    Stop::with_flag(&ASKED)
}
