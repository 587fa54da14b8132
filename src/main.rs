//! The `stationmaster` command: parse, run, exit code.

use std::process::ExitCode;

use clap::Parser;
use stationmaster::cli::Cli;

fn main() -> ExitCode {
    match stationmaster::run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stationmaster: {error:#}");
            ExitCode::FAILURE
        }
    }
}
