//! The binary `skep`: settings, wiring and the command line.
//!
//! *Architecture invariant:* holds nothing that can be tested elsewhere. Rules live in `catalog` and
//! `versioning`, protocols in `metastore`, `gateway` and `api`; here they are given their stores, clock, ids
//! and settings.

mod branch_statements;
mod cli;
mod client;
mod credentials;
mod error;
mod lent;
mod listeners;
mod machine;
mod output;
mod registrar;
mod serve;
mod settings;
mod telemetry;
mod warehouses;

use std::process::ExitCode;

/// Calls allocate many small values and free them on other threads, for which glibc's allocator takes twice as long.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let (arguments, format) = cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return error::Failure::from(error).report(format),
    };
    match runtime.block_on(cli::run(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(format),
    }
}
