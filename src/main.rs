//! The `scopewatch` program: the command line does the work, its answer is the exit code.

/// State comes and goes with every action and every commit; the C library's allocator took a third
/// of that time (`benches/core.rs`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    scopewatch::cli::main()
}
