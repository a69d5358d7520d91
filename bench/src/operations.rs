//! The operations that skep and the original both have; names and shapes follow Hive's own benchmark.
//!
//! Each is a call, or two as in Hive's, of which time is taken; what has to be there before and what has to go
//! afterwards is not measured.

use std::time::Duration;

use thrift_idl::methods as m;
use thrift_idl::types::{DropPartitionsRequest, GetTableRequest, RequestPartsSpec, Table};

use crate::client::Client;
use crate::process::Processes;
use crate::sample::{self, DATABASE, some};
use crate::{Failure, timed};

/// How many partitions one call of the writing operations changes.
const BATCH: usize = 1_000;

/// How large the table is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) partitions: usize,
}

impl Scale {
    /// Returns the name of the table that is read.
    fn table(self) -> String {
        format!("parts_{}", self.partitions)
    }
}

/// One round of an operation: the connection, the table, and which round of which client it is.
struct Round<'a> {
    client: &'a mut Client,
    scale: Scale,
    /// A name that no other round has.
    own: String,
}

type Step = fn(&mut Round<'_>) -> Result<(), Failure>;

/// Something that is measured.
pub(crate) struct Operation {
    name: &'static str,
    /// How many connections do it at the same time.
    clients: usize,
    /// Of which sizes of tables.
    pub(crate) fits: fn(usize) -> bool,
    /// How often one client does it, of a table of one partition; larger ones are read less often.
    rounds: usize,
    before: Step,
    run: Step,
    after: Step,
}

/// What a measurement found.
pub(crate) struct Measured {
    /// The times at the clients, in ascending order.
    pub(crate) times: Vec<Duration>,
    /// The CPU time of the server's processes, for one round.
    pub(crate) cpu: Duration,
}

impl Operation {
    pub(crate) fn label(&self, partitions: usize) -> String {
        let size = if partitions > 1 {
            format!(".{partitions}")
        } else {
            String::new()
        };
        let clients = if self.clients > 1 {
            format!(", {} clients", self.clients)
        } else {
            String::new()
        };
        format!("{}{size}{clients}", self.name)
    }

    fn rounds(&self, scale: Scale) -> usize {
        match scale.partitions {
            0..=1_000 => self.rounds,
            1_001..=10_000 => (self.rounds / 4).max(5),
            _ => (self.rounds / 20).max(3),
        }
    }
}

fn nothing(_: &mut Round<'_>) -> Result<(), Failure> {
    Ok(())
}

/// Reads of the table at hand; no preparation.
const fn read(
    name: &'static str,
    clients: usize,
    fits: fn(usize) -> bool,
    rounds: usize,
    run: Step,
) -> Operation {
    Operation {
        name,
        clients,
        fits,
        rounds,
        before: nothing,
        run,
        after: nothing,
    }
}

fn single(partitions: usize) -> bool {
    partitions == 1
}

fn many(partitions: usize) -> bool {
    partitions > 1
}

/// All of them, in the order of the table that is printed.
pub(crate) const OPERATIONS: &[Operation] = &[
    read("getTable", 1, single, 1_000, get_table),
    read("getTable", 16, single, 250, get_table),
    read("listTables", 1, single, 300, list_tables),
    Operation {
        name: "createTable",
        clients: 1,
        fits: single,
        rounds: 100,
        before: nothing,
        run: create_table,
        after: drop_table,
    },
    Operation {
        name: "dropTable",
        clients: 1,
        fits: single,
        rounds: 100,
        before: create_table,
        run: drop_table,
        after: nothing,
    },
    Operation {
        name: "alterTable",
        clients: 1,
        fits: single,
        rounds: 100,
        before: create_table,
        run: alter_table,
        after: drop_table,
    },
    read("getPartition", 1, many, 300, get_partition),
    read("getPartitionNames", 1, many, 40, partition_names),
    read("getPartitionsByFilter 1 of", 1, many, 300, by_filter),
    read("getPartitionsByNames 1000 of", 1, many, 40, by_names),
    read("getPartitions", 1, many, 40, get_partitions),
    read(
        "getPartitions",
        16,
        |partitions| partitions == 1_000,
        10,
        get_partitions,
    ),
    Operation {
        name: "addPartition",
        clients: 1,
        fits: single,
        rounds: 100,
        before: create_table,
        run: add_partition,
        after: drop_table,
    },
    Operation {
        name: "addPartitions",
        clients: 1,
        fits: |partitions| partitions == BATCH,
        rounds: 8,
        before: create_table,
        run: add_partitions,
        after: drop_table,
    },
    Operation {
        name: "alterPartitions",
        clients: 1,
        fits: |partitions| partitions == BATCH,
        rounds: 8,
        before: nothing,
        run: alter_partitions,
        after: nothing,
    },
    Operation {
        name: "dropPartitions",
        clients: 1,
        fits: |partitions| partitions == BATCH,
        rounds: 5,
        before: create_full_table,
        run: drop_partitions,
        after: drop_table,
    },
    Operation {
        name: "renameTable",
        clients: 1,
        fits: |partitions| partitions == BATCH,
        rounds: 5,
        before: create_full_table,
        run: rename_table,
        after: drop_table,
    },
    Operation {
        name: "dropTableWithPartitions",
        clients: 1,
        fits: |partitions| partitions == BATCH,
        rounds: 5,
        before: create_full_table,
        run: drop_table,
        after: nothing,
    },
];

/// Makes the database.
pub(crate) fn prepare(address: &str) -> Result<(), Failure> {
    let args = m::CreateDatabaseArgs {
        database: Some(sample::database()),
    };
    Client::connect(address)?.run::<m::CreateDatabase>(&args)
}

/// Makes the table of that size, a thousand partitions a call.
pub(crate) fn load(address: &str, scale: Scale) -> Result<(), Failure> {
    let mut client = Client::connect(address)?;
    let own = scale.table();
    let mut round = Round {
        client: &mut client,
        scale,
        own,
    };
    create_table(&mut round)?;
    for first in (0..scale.partitions).step_by(BATCH) {
        round.add(first..(first + BATCH).min(scale.partitions))?;
    }
    Ok(())
}

/// Does an operation as often as it says, after a tenth of that to warm up.
pub(crate) fn measure(
    operation: &Operation,
    address: &str,
    processes: &Processes,
    scale: Scale,
) -> Result<Measured, Failure> {
    let rounds = operation.rounds(scale);
    repeat(operation, address, processes, scale, "warm", rounds.div_ceil(10))?;
    if operation.clients == 1 {
        return repeat(operation, address, processes, scale, "one", rounds);
    }
    let begun = processes.cpu()?;
    let clients: Vec<String> = (0..operation.clients).map(|at| format!("client{at}")).collect();
    let times = std::thread::scope(|scope| {
        let running: Vec<_> = clients
            .iter()
            .map(|who| scope.spawn(|| repeat(operation, address, processes, scale, who, rounds)))
            .collect();
        let mut times = Vec::new();
        for thread in running {
            times.extend(thread.join().map_err(|_| "a client panicked")??.times);
        }
        Ok::<_, Failure>(times)
    })?;
    let cpu = processes.cpu()?.saturating_sub(begun);
    Ok(Measured::of(times, cpu))
}

/// Does an operation `rounds` times on a connection of its own.
fn repeat(
    operation: &Operation,
    address: &str,
    processes: &Processes,
    scale: Scale,
    who: &str,
    rounds: usize,
) -> Result<Measured, Failure> {
    let mut client = Client::connect(address)?;
    let (mut times, mut cpu) = (Vec::with_capacity(rounds), Duration::ZERO);
    for at in 0..rounds {
        let own = format!("own_{who}_{at}");
        let mut round = Round {
            client: &mut client,
            scale,
            own,
        };
        (operation.before)(&mut round)?;
        // where several clients work at a time, nobody's share can be told
        let used = if operation.clients == 1 {
            processes.cpu()?
        } else {
            Duration::ZERO
        };
        times.push(timed(|| (operation.run)(&mut round))?);
        if operation.clients == 1 {
            cpu += processes.cpu()?.saturating_sub(used);
        }
        (operation.after)(&mut round)?;
    }
    Ok(Measured::of(times, cpu))
}

impl Measured {
    fn of(mut times: Vec<Duration>, cpu: Duration) -> Measured {
        times.sort();
        let rounds = u32::try_from(times.len().max(1)).unwrap_or(u32::MAX);
        Measured {
            times,
            cpu: cpu / rounds,
        }
    }
}

impl Round<'_> {
    /// Adds partitions of these numbers to the round's own table.
    fn add(&mut self, numbers: std::ops::Range<usize>) -> Result<(), Failure> {
        let parts = numbers.map(|at| sample::partition(&self.own, at)).collect();
        self.client.run::<m::AddPartitions>(&m::AddPartitionsArgs {
            new_parts: Some(parts),
        })
    }

    fn fetch(&mut self, table: &str) -> Result<Table, Failure> {
        let request = GetTableRequest {
            db_name: some(DATABASE),
            tbl_name: some(table),
            ..GetTableRequest::default()
        };
        let found = self
            .client
            .call::<m::GetTableReq>(&m::GetTableReqArgs { req: Some(request) })?;
        found.table.ok_or_else(|| "no table in the answer".into())
    }
}

fn get_table(round: &mut Round<'_>) -> Result<(), Failure> {
    let table = round.scale.table();
    round.fetch(&table).map(drop)
}

fn list_tables(round: &mut Round<'_>) -> Result<(), Failure> {
    let args = m::GetAllTablesArgs {
        db_name: some(DATABASE),
    };
    round.client.skim::<m::GetAllTables>(&args).map(drop)
}

fn create_table(round: &mut Round<'_>) -> Result<(), Failure> {
    let args = m::CreateTableArgs {
        tbl: Some(sample::table(&round.own)),
    };
    round.client.run::<m::CreateTable>(&args)
}

fn create_full_table(round: &mut Round<'_>) -> Result<(), Failure> {
    create_table(round)?;
    round.add(0..BATCH)
}

fn drop_table(round: &mut Round<'_>) -> Result<(), Failure> {
    let args = m::DropTableArgs {
        dbname: some(DATABASE),
        name: some(&round.own),
        delete_data: Some(false),
    };
    round.client.run::<m::DropTable>(&args)
}

/// Reads a table and writes it back with another parameter, as engines do.
fn alter_table(round: &mut Round<'_>) -> Result<(), Failure> {
    let name = round.own.clone();
    let mut table = round.fetch(&name)?;
    table
        .parameters
        .get_or_insert_default()
        .insert("comment".into(), "changed".into());
    let args = m::AlterTableArgs {
        dbname: some(DATABASE),
        tbl_name: Some(name),
        new_tbl: Some(table),
    };
    round.client.run::<m::AlterTable>(&args)
}

fn rename_table(round: &mut Round<'_>) -> Result<(), Failure> {
    let old = round.own.clone();
    let mut table = round.fetch(&old)?;
    round.own = format!("{old}_renamed");
    table.table_name = some(&round.own);
    let args = m::AlterTableArgs {
        dbname: some(DATABASE),
        tbl_name: Some(old),
        new_tbl: Some(table),
    };
    round.client.run::<m::AlterTable>(&args)
}

/// The partition that single reads ask for: one in the middle.
fn middle(scale: Scale) -> usize {
    scale.partitions / 2
}

fn get_partition(round: &mut Round<'_>) -> Result<(), Failure> {
    let args = m::GetPartitionArgs {
        db_name: some(DATABASE),
        tbl_name: Some(round.scale.table()),
        part_vals: Some(sample::values(middle(round.scale))),
    };
    round.client.skim::<m::GetPartition>(&args).map(drop)
}

fn partition_names(round: &mut Round<'_>) -> Result<(), Failure> {
    let args = m::GetPartitionNamesArgs {
        db_name: some(DATABASE),
        tbl_name: Some(round.scale.table()),
        max_parts: Some(-1),
    };
    round.client.skim::<m::GetPartitionNames>(&args).map(drop)
}

fn by_filter(round: &mut Round<'_>) -> Result<(), Failure> {
    let values = sample::values(middle(round.scale));
    let filter = format!("p_a = \"{}\" and p_c = \"{}\"", values[0], values[2]);
    let args = m::GetPartitionsByFilterArgs {
        db_name: some(DATABASE),
        tbl_name: Some(round.scale.table()),
        filter: Some(filter),
        max_parts: Some(-1),
    };
    match round.client.call::<m::GetPartitionsByFilter>(&args)?.len() {
        1 => Ok(()),
        other => Err(format!("the filter found {other} partitions").into()),
    }
}

fn by_names(round: &mut Round<'_>) -> Result<(), Failure> {
    let step = (round.scale.partitions / BATCH).max(1);
    let names = (0..round.scale.partitions)
        .step_by(step)
        .map(sample::name)
        .collect();
    let args = m::GetPartitionsByNamesArgs {
        db_name: some(DATABASE),
        tbl_name: Some(round.scale.table()),
        names: Some(names),
    };
    round.client.skim::<m::GetPartitionsByNames>(&args).map(drop)
}

fn get_partitions(round: &mut Round<'_>) -> Result<(), Failure> {
    let args = m::GetPartitionsArgs {
        db_name: some(DATABASE),
        tbl_name: Some(round.scale.table()),
        max_parts: Some(-1),
    };
    round.client.skim::<m::GetPartitions>(&args).map(drop)
}

fn add_partition(round: &mut Round<'_>) -> Result<(), Failure> {
    let args = m::AddPartitionArgs {
        new_part: Some(sample::partition(&round.own, 0)),
    };
    round.client.run::<m::AddPartition>(&args)
}

fn add_partitions(round: &mut Round<'_>) -> Result<(), Failure> {
    round.add(0..BATCH)
}

/// Reads a thousand partitions and writes them back, as in Hive's benchmark, where the reading counts.
fn alter_partitions(round: &mut Round<'_>) -> Result<(), Failure> {
    let table = round.scale.table();
    let args = m::GetPartitionsArgs {
        db_name: some(DATABASE),
        tbl_name: Some(table.clone()),
        max_parts: Some(-1),
    };
    let mut parts = round.client.call::<m::GetPartitions>(&args)?;
    for part in &mut parts {
        part.parameters
            .get_or_insert_default()
            .insert("round".into(), round.own.clone());
    }
    let args = m::AlterPartitionsArgs {
        db_name: some(DATABASE),
        tbl_name: Some(table),
        new_parts: Some(parts),
    };
    round.client.run::<m::AlterPartitions>(&args)
}

fn drop_partitions(round: &mut Round<'_>) -> Result<(), Failure> {
    let request = DropPartitionsRequest {
        db_name: some(DATABASE),
        tbl_name: some(&round.own),
        parts: Some(RequestPartsSpec {
            names: Some((0..BATCH).map(sample::name).collect()),
            ..RequestPartsSpec::default()
        }),
        delete_data: Some(false),
        need_result: Some(false),
        ..DropPartitionsRequest::default()
    };
    round
        .client
        .run::<m::DropPartitionsReq>(&m::DropPartitionsReqArgs { req: Some(request) })
}
