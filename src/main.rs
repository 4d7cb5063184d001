//! The `scopewatch` program: the command line does the work, its answer is the exit code.

fn main() -> std::process::ExitCode {
    scopewatch::cli::main()
}
