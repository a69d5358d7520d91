//! Measures skep beside what users run today: the same calls over the same protocol in one run.
//!
//! `bench.sh` starts the servers; this program is one client for all of them. It takes each server in turn for
//! each operation, so that a noisy minute of the machine hits both, and prints one table: time at the client,
//! and the CPU time and memory of the server's processes with its database.
//!
//! *Architecture invariant:* knows the servers by their protocols alone, and nothing of how skep is built.

#![expect(clippy::print_stdout, reason = "the table is what the program is for")]

mod client;
mod operations;
mod own;
mod process;
mod report;
mod sample;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::operations::{OPERATIONS, Operation, Scale};
use crate::process::Processes;
use crate::report::Report;

/// The usual end of what cannot go on: the benchmark is run by people, who read the text.
type Failure = Box<dyn std::error::Error + Send + Sync>;

const USAGE: &str = "\
usage: bench SERVER... [--partitions N] [--rest URL]
  SERVER            NAME=HOST:PORT/PID[+PID...]: where its metastore is, and the processes that do its work
                    (with all that they have started)
  --partitions N    the largest table of the comparison; 1000, 10000 and 100000 are measured up to it
  --rest URL        where the first server, a skep, has its REST API: measures what only skep can do, too
  --large N         the partitions of the table for that; 1000000 if not given
  --only TEXT       of the comparison only the operations that have TEXT in their name";

/// A server that is measured.
struct Server {
    name: String,
    address: String,
    processes: Processes,
}

impl Server {
    fn parse(text: &str) -> Option<Server> {
        let (name, rest) = text.split_once('=')?;
        let (address, pids) = rest.split_once('/')?;
        let pids = pids.split('+').map(str::parse).collect::<Result<_, _>>().ok()?;
        Some(Server {
            name: name.to_owned(),
            address: address.to_owned(),
            processes: Processes::new(pids),
        })
    }
}

/// What the command line asks for.
struct Asked {
    servers: Vec<Server>,
    partitions_max: usize,
    rest: Option<String>,
    large: usize,
    only: String,
}

impl Asked {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Asked> {
        let mut asked = Asked {
            servers: Vec::new(),
            partitions_max: 10_000,
            rest: None,
            large: 1_000_000,
            only: String::new(),
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--partitions" => asked.partitions_max = arguments.next()?.parse().ok()?,
                "--rest" => asked.rest = Some(arguments.next()?),
                "--only" => asked.only = arguments.next()?,
                "--large" => asked.large = arguments.next()?.parse().ok()?,
                server => asked.servers.push(Server::parse(server)?),
            }
        }
        (!asked.servers.is_empty()).then_some(asked)
    }
}

fn main() -> ExitCode {
    let Some(asked) = Asked::parse(std::env::args().skip(1)) else {
        println!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&asked) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            println!("bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Returns how long `work` takes.
#[expect(clippy::disallowed_methods, reason = "time is what is measured here")]
fn timed(work: impl FnOnce() -> Result<(), Failure>) -> Result<Duration, Failure> {
    let begun = Instant::now();
    work()?;
    Ok(begun.elapsed())
}

fn run(asked: &Asked) -> Result<(), Failure> {
    let names: Vec<&str> = asked.servers.iter().map(|server| server.name.as_str()).collect();
    let mut report = Report::new(&names);
    for server in &asked.servers {
        report.memory(
            &format!("{}: memory before", server.name),
            server.processes.memory_bytes()?,
        );
        operations::prepare(&server.address)?;
    }
    for partitions in [1, 1_000, 10_000, 100_000] {
        if partitions > asked.partitions_max {
            continue;
        }
        let scale = Scale { partitions };
        for server in &asked.servers {
            operations::load(&server.address, scale)?;
        }
        let wanted = |operation: &&Operation| {
            (operation.fits)(partitions) && operation.label(partitions).contains(&asked.only)
        };
        for operation in OPERATIONS.iter().filter(wanted) {
            let measured = asked
                .servers
                .iter()
                .map(|server| operations::measure(operation, &server.address, &server.processes, scale))
                .collect::<Result<Vec<_>, _>>()?;
            report.row(&operation.label(partitions), &measured);
        }
    }
    for server in &asked.servers {
        report.memory(
            &format!("{}: memory after", server.name),
            server.processes.memory_bytes()?,
        );
    }
    if let (Some(rest), Some(server)) = (&asked.rest, asked.servers.first()) {
        own::measure(server, rest, asked.large, &mut report)?;
    }
    Ok(())
}
