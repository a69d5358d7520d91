//! What only skep does: branches, diffs and merges of a large table, and reads of it.

use std::time::Duration;

use serde_json::{Value, json};
use thrift_idl::methods as m;
use thrift_idl::types::Partition;

use crate::client::Client;
use crate::report::Report;
use crate::sample::{self, DATABASE, some};
use crate::{Failure, Server, timed};

const TABLE: &str = "large";
/// How many partitions one call adds.
const BATCH: usize = 5_000;
/// How many partitions each side of a merge changes.
const CHANGED: usize = 10_000;
/// How often what is quick is done; the best is told, as of what has no cold start.
const ROUNDS: usize = 5;

/// A skep with a table of `partitions`.
struct Skep<'a> {
    address: &'a str,
    rest: &'a str,
    partitions: usize,
}

/// Prints a row for each.
pub(crate) fn measure(
    server: &Server,
    rest: &str,
    partitions: usize,
    report: &mut Report,
) -> Result<(), Failure> {
    let skep = Skep {
        address: &server.address,
        rest,
        partitions,
    };
    let load = timed(|| skep.load())?;
    report.own(&format!("load {partitions} partitions, {BATCH} a call"), load);
    report.own("commit them", timed(|| skep.commit("main"))?);
    report.memory("memory with them", server.processes.memory_bytes()?);
    report.own(&format!("filter 1 of {partitions}"), best(|| skep.filter_one())?);
    report.own(&format!("getPartitions.{partitions}"), timed(|| skep.read_all())?);
    report.memory("memory after that", server.processes.memory_bytes()?);
    report.own("create a branch", skep.best_branch()?);
    skep.alter(&format!("{DATABASE}@b0"), partitions / 2..partitions / 2 + 1)?;
    report.own("diff of 1 change", best(|| skep.diff("b0"))?);
    skep.alter(&format!("{DATABASE}@b1"), 0..CHANGED)?;
    skep.commit("b1")?;
    let end = partitions - CHANGED;
    skep.alter(DATABASE, end..partitions)?;
    skep.commit("main")?;
    report.own(
        &format!("merge {CHANGED} changed with {CHANGED} others"),
        timed(|| skep.merge("b1"))?,
    );
    report.memory("memory at the end", server.processes.memory_bytes()?);
    Ok(())
}

fn best(mut work: impl FnMut() -> Result<(), Failure>) -> Result<Duration, Failure> {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        best = best.min(timed(&mut work)?);
    }
    Ok(best)
}

impl Skep<'_> {
    fn load(&self) -> Result<(), Failure> {
        let mut client = Client::connect(self.address)?;
        client.run::<m::CreateTable>(&m::CreateTableArgs {
            tbl: Some(sample::table(TABLE)),
        })?;
        for first in (0..self.partitions).step_by(BATCH) {
            let numbers = first..(first + BATCH).min(self.partitions);
            let parts = numbers.map(|at| sample::partition(TABLE, at)).collect();
            client.run::<m::AddPartitions>(&m::AddPartitionsArgs {
                new_parts: Some(parts),
            })?;
        }
        Ok(())
    }

    fn alter(&self, database: &str, numbers: std::ops::Range<usize>) -> Result<(), Failure> {
        let mut client = Client::connect(self.address)?;
        let changed = |at| {
            let mut part: Partition = sample::partition(TABLE, at);
            part.db_name = some(database);
            part.parameters
                .get_or_insert_default()
                .insert("changed".into(), "yes".into());
            part
        };
        let args = m::AlterPartitionsArgs {
            db_name: some(database),
            tbl_name: some(TABLE),
            new_parts: Some(numbers.map(changed).collect()),
        };
        client.run::<m::AlterPartitions>(&args)
    }

    fn filter_one(&self) -> Result<(), Failure> {
        let values = sample::values(self.partitions / 2);
        let args = m::GetPartitionsByFilterArgs {
            db_name: some(DATABASE),
            tbl_name: some(TABLE),
            filter: Some(format!("p_a = \"{}\" and p_c = \"{}\"", values[0], values[2])),
            max_parts: Some(-1),
        };
        Client::connect(self.address)?
            .skim::<m::GetPartitionsByFilter>(&args)
            .map(drop)
    }

    fn read_all(&self) -> Result<(), Failure> {
        let args = m::GetPartitionsArgs {
            db_name: some(DATABASE),
            tbl_name: some(TABLE),
            max_parts: Some(-1),
        };
        Client::connect(self.address)?
            .skim::<m::GetPartitions>(&args)
            .map(drop)
    }

    /// Makes a branch for each round, and returns the best time.
    fn best_branch(&self) -> Result<Duration, Failure> {
        let mut names = (0..).map(|at| format!("b{at}"));
        best(|| {
            let name = names.next().unwrap_or_default();
            self.post("branches", &json!({"name": name, "from": "main"}))
                .map(drop)
        })
    }

    fn commit(&self, branch: &str) -> Result<(), Failure> {
        let commit = json!({"message": "bench", "allow_empty": true});
        self.post(&format!("branches/{branch}/commits"), &commit)
            .map(drop)
    }

    fn merge(&self, source: &str) -> Result<(), Failure> {
        let answer = self.post("branches/main/merges", &json!({"source": source}))?;
        match answer["state"].as_str() {
            Some("landed") => Ok(()),
            _ => Err(format!("the merge did not land: {answer}").into()),
        }
    }

    fn diff(&self, branch: &str) -> Result<(), Failure> {
        let url = format!(
            "{}/api/v1/repositories/lake/diff?from=main&to={branch}",
            self.rest
        );
        let text = ureq::get(&url).call()?.into_body().read_to_string()?;
        match text.contains(TABLE) {
            true => Ok(()),
            false => Err(format!("the diff does not know the change: {text}").into()),
        }
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let url = format!("{}/api/v1/repositories/lake/{path}", self.rest);
        let mut answer = ureq::post(&url)
            .header("content-type", "application/json")
            .send(body.to_string())?;
        Ok(serde_json::from_str(&answer.body_mut().read_to_string()?)?)
    }
}
