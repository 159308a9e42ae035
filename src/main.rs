//! The program: reads the command line, runs one command, turns an error into text and an exit code.

mod allocator;
mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args = match cli::read() {
        Ok(args) => args,
        Err(code) => return code,
    };
    if cli::draws(&args) {
        allocator::keep_freed_memory();
    }
    match cli::run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::say(&cli::explain(&error, &args));
            ExitCode::from(cli::exit_code(&error))
        }
    }
}
