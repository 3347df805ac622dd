//! firedrill's command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|arg| arg == firedrill::process::guard::COMMAND) {
        return firedrill::process::guard::guard_main(args);
    }
    firedrill::cli::main()
}
