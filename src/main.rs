//! The `stationmaster` command: parse, run, exit code.

use std::fs::OpenOptions;
use std::io::Write;
use std::process::ExitCode;

use stationmaster::cli;
use stationmaster::commands::{AlreadyTold, TERMINATION_LOG};

fn main() -> ExitCode {
    match stationmaster::run(&cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<AlreadyTold>() => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("stationmaster: {error:#}");
            // Outside a pod there is no such file, and it is not ours to make one.
            if let Ok(mut log) = OpenOptions::new().write(true).truncate(true).open(TERMINATION_LOG) {
                let _ = write!(log, "{error:#}");
            }
            ExitCode::FAILURE
        }
    }
}
