//! Registers tables in another metastore, for engines that know that one alone.
//!
//! They are external there, so that nobody deletes files by dropping them, and say in a parameter which repository and
//! commit they show. A table of that name which does not say so is somebody else's, and left alone.

mod client;

use std::collections::BTreeSet;

use catalog::diff::{self, CatalogDiff, Fate, PartitionFate, TableDiff};
use catalog::names::Pattern;
use catalog::{Locator, OpenTable, Snapshot};
use thrift_idl::methods::{
    AddPartitions, AddPartitionsArgs, AlterPartitions, AlterPartitionsArgs, AlterTableWithEnvironmentContext,
    AlterTableWithEnvironmentContextArgs, CreateDatabase, CreateDatabaseArgs, CreateTable, CreateTableArgs,
    DropPartitionByName, DropPartitionByNameArgs, DropTable, DropTableArgs, GetDatabase, GetDatabaseArgs,
    GetPartitionNames, GetPartitionNamesArgs, GetTable, GetTableArgs, GetTableReq, GetTableReqArgs,
};
use thrift_idl::types::{self, EnvironmentContext, GetTableRequest, Partition as WirePartition};
use versioning::{CommitId, RefExpr, Repository};

pub use self::client::CallError;
use self::client::Client;
use crate::convert::{Names, database_to, partition_to, table_to};

/// The parameter by which a table says that it was registered, and from where: `repository@commit`.
const MARK: &str = "skep.registered";

/// How many partitions one call says.
const BATCH: usize = 1_000;

/// What is to be registered, and where.
#[derive(Debug, Clone)]
pub struct Registration {
    /// `host:port` of the other metastore.
    pub address: String,
    /// What stood there before; `None` registers all tables anew.
    pub before: Option<CommitId>,
    /// What is registered, and what locations name.
    pub at: RefExpr,
    /// The scheme of locations, such as `s3a`.
    pub scheme: String,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registered {
    pub tables: u64,
    pub partitions: u64,
    pub dropped: u64,
    /// Tables that were left alone, with the reason.
    pub left: Vec<String>,
}

/// Why tables could not be registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    #[error("{address}: {error}")]
    Metastore { address: String, error: CallError },
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    #[error(transparent)]
    Store(#[from] versioning::Error),
}

/// Registers those tables that `wants` and that changed, and drops those that are gone.
///
/// # Errors
/// [`RegisterError`]. What was done until then stays; doing it again mends it.
pub async fn register(
    repository: &Repository,
    registration: &Registration,
    wants: &(dyn Fn(&str, &str) -> bool + Sync),
) -> Result<Registered, RegisterError> {
    let at = |error| RegisterError::Metastore {
        address: registration.address.clone(),
        error,
    };
    let after = repository.resolve(&registration.at).await?.commit;
    let view = repository.settled(&RefExpr::from(after)).await?;
    let changes = match registration.before {
        None => None,
        Some(before) => {
            let before = repository.settled(&RefExpr::from(before)).await?;
            let limits = diff::Limits {
                partitions_max: usize::MAX,
                paths_max: 0,
                ..diff::Limits::default()
            };
            Some(diff::diff(&before, &view, &limits).await?)
        }
    };
    let mut work = Work {
        client: Client::connect(&registration.address).await.map_err(at)?,
        registration,
        after,
        repository: repository.record().name.as_str().to_owned(),
        locator: Locator::new(
            repository.record().name.clone(),
            &registration.at,
            &registration.scheme,
        ),
        snapshot: Snapshot::new(view, catalog::SharedCache::default()),
        done: Registered::default(),
    };
    match changes {
        Some(changes) => work.follow(&changes, wants).await?,
        None => work.all(wants).await?,
    }
    Ok(work.done)
}

struct Work<'a> {
    client: Client,
    registration: &'a Registration,
    after: CommitId,
    repository: String,
    locator: Locator,
    snapshot: Snapshot,
    done: Registered,
}

impl Work<'_> {
    /// Registers what differs.
    async fn follow(
        &mut self,
        changes: &CatalogDiff,
        wants: &(dyn Fn(&str, &str) -> bool + Sync),
    ) -> Result<(), RegisterError> {
        for table in &changes.tables {
            if let Some((database, name)) = &table.renamed_from
                && wants(database, name)
            {
                self.drop_table(database, name).await?;
            }
            if !wants(&table.database, &table.name) {
                continue;
            }
            if table.fate == Fate::Dropped {
                self.drop_table(&table.database, &table.name).await?;
                continue;
            }
            let open = self.snapshot.table(&table.database, &table.name).await?;
            self.table(&open, Some(table)).await?;
        }
        Ok(())
    }

    /// Registers all tables.
    async fn all(&mut self, wants: &(dyn Fn(&str, &str) -> bool + Sync)) -> Result<(), RegisterError> {
        for database in self.snapshot.databases(&Pattern::all()).await? {
            let record = self.snapshot.database(&database).await?;
            for (name, _) in self.snapshot.tables(record.id, &Pattern::all()).await? {
                if wants(&database, &name) {
                    let open = self.snapshot.table(&database, &name).await?;
                    self.table(&open, None).await?;
                }
            }
        }
        Ok(())
    }

    async fn table(&mut self, open: &OpenTable, change: Option<&TableDiff>) -> Result<(), RegisterError> {
        let (database, name) = (&open.database.name, &open.name);
        if open
            .parameter("transactional")
            .is_some_and(|value| value == "true")
        {
            self.leave(
                database,
                name,
                "a transactional table is read by its own metastore alone",
            );
            return Ok(());
        }
        let names = self.names(database);
        let wire = external(
            table_to(open, &names, &open.database.table_base(&open.kind)),
            self.mark(self.after),
        );
        let known = self.find_table(database, name).await?;
        let Some(known) = known else {
            self.create_database(open).await?;
            self.call::<CreateTable>(&CreateTableArgs { tbl: Some(wire) })
                .await?;
            self.done.tables += 1;
            return self.add_missing(open, &BTreeSet::new()).await;
        };
        let Some(mark) = self.mark_or_leave(database, name, &known) else {
            return Ok(());
        };
        let args = AlterTableWithEnvironmentContextArgs {
            dbname: Some(database.clone()),
            tbl_name: Some(name.clone()),
            new_tbl: Some(wire),
            environment_context: Some(keep_statistics()),
        };
        self.call::<AlterTableWithEnvironmentContext>(&args).await?;
        self.done.tables += 1;
        let before = self.registration.before.map(|before| self.mark(before));
        match change.filter(|_| before.is_some_and(|before| before == mark)) {
            Some(change) => self.follow_partitions(open, change).await,
            None => self.all_partitions(open).await,
        }
    }

    /// Brings those partitions that changed.
    async fn follow_partitions(&mut self, open: &OpenTable, change: &TableDiff) -> Result<(), RegisterError> {
        let (mut added, mut altered) = (Vec::new(), Vec::new());
        for partition in &change.partitions.listed {
            if partition.fate == PartitionFate::Dropped {
                self.drop_partition(open, &partition.name).await?;
                continue;
            }
            let Some(wire) = self.partition(open, &partition.name).await? else {
                continue;
            };
            match partition.fate {
                PartitionFate::Added => added.push(wire),
                _ => altered.push(wire),
            }
        }
        self.alter_partitions(open, altered).await?;
        self.add_partitions(open, added).await
    }

    /// Brings all partitions, whatever is there.
    async fn all_partitions(&mut self, open: &OpenTable) -> Result<(), RegisterError> {
        if !open.is_partitioned() {
            return Ok(());
        }
        let args = GetPartitionNamesArgs {
            db_name: Some(open.database.name.clone()),
            tbl_name: Some(open.name.clone()),
            max_parts: Some(-1),
        };
        let there = self.call::<GetPartitionNames>(&args).await?.unwrap_or_default();
        let there: BTreeSet<String> = there.into_iter().collect();
        for name in &there {
            if self.snapshot.find_partition(open.id, name).await?.is_none() {
                self.drop_partition(open, name).await?;
            }
        }
        self.add_missing(open, &there).await
    }

    /// Adds all partitions that are not `there`, and alters the others, batch by batch.
    async fn add_missing(&mut self, open: &OpenTable, there: &BTreeSet<String>) -> Result<(), RegisterError> {
        let names = self.names(&open.database.name);
        let base = open.partition_base();
        let (mut added, mut altered) = (Vec::new(), Vec::new());
        let mut scan = self.snapshot.partitions(open.id);
        while let Some(found) = scan.next().await? {
            let shared = self.snapshot.shared(&found.shared).await?;
            let partition = found.to_partition(&shared)?;
            let wire = partition_to(&partition, &names, &open.name, &base);
            if there.contains(&partition.name) {
                altered.push(wire);
            } else {
                added.push(wire);
            }
            if added.len() >= BATCH {
                self.add_partitions(open, std::mem::take(&mut added)).await?;
            }
            if altered.len() >= BATCH {
                self.alter_partitions(open, std::mem::take(&mut altered)).await?;
            }
        }
        self.alter_partitions(open, altered).await?;
        self.add_partitions(open, added).await
    }

    async fn partition(&self, open: &OpenTable, name: &str) -> Result<Option<WirePartition>, RegisterError> {
        let names = self.names(&open.database.name);
        let found = self.snapshot.find_partition(open.id, name).await?;
        Ok(found.map(|partition| partition_to(&partition, &names, &open.name, &open.partition_base())))
    }

    async fn add_partitions(
        &mut self,
        open: &OpenTable,
        partitions: Vec<WirePartition>,
    ) -> Result<(), RegisterError> {
        self.done.partitions += partitions.len() as u64;
        for batch in partitions.chunks(BATCH) {
            let args = AddPartitionsArgs {
                new_parts: Some(batch.to_vec()),
            };
            match self.client.call::<AddPartitions>(&args).await {
                Ok(_) => {}
                // a run before this one was cut off
                Err(CallError::Thrown {
                    exception: types::Exception::AlreadyExistsException(_),
                    ..
                }) => return Box::pin(self.all_partitions(open)).await,
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(())
    }

    async fn alter_partitions(
        &mut self,
        open: &OpenTable,
        partitions: Vec<WirePartition>,
    ) -> Result<(), RegisterError> {
        self.done.partitions += partitions.len() as u64;
        for batch in partitions.chunks(BATCH) {
            let args = AlterPartitionsArgs {
                db_name: Some(open.database.name.clone()),
                tbl_name: Some(open.name.clone()),
                new_parts: Some(batch.to_vec()),
            };
            self.call::<AlterPartitions>(&args).await?;
        }
        Ok(())
    }

    async fn drop_partition(&mut self, open: &OpenTable, name: &str) -> Result<(), RegisterError> {
        let args = DropPartitionByNameArgs {
            db_name: Some(open.database.name.clone()),
            tbl_name: Some(open.name.clone()),
            part_name: Some(name.to_owned()),
            delete_data: Some(false),
        };
        let dropped = self.client.find::<DropPartitionByName>(&args).await;
        dropped.map_err(|error| self.failed(error))?;
        self.done.partitions += 1;
        Ok(())
    }

    async fn drop_table(&mut self, database: &str, name: &str) -> Result<(), RegisterError> {
        let Some(known) = self.find_table(database, name).await? else {
            return Ok(());
        };
        if self.mark_or_leave(database, name, &known).is_none() {
            return Ok(());
        }
        let args = DropTableArgs {
            dbname: Some(database.to_owned()),
            name: Some(name.to_owned()),
            delete_data: Some(false),
        };
        self.call::<DropTable>(&args).await?;
        self.done.dropped += 1;
        Ok(())
    }

    async fn create_database(&mut self, open: &OpenTable) -> Result<(), RegisterError> {
        let args = GetDatabaseArgs {
            name: Some(open.database.name.clone()),
        };
        let found = self.client.find::<GetDatabase>(&args).await;
        if found.map_err(|error| self.failed(error))?.is_some() {
            return Ok(());
        }
        let names = self.names(&open.database.name);
        let mut wire = database_to(&open.database, &names, &open.database.place());
        (wire.catalog_name, wire.managed_location_uri) = (None, None);
        let args = CreateDatabaseArgs { database: Some(wire) };
        self.call::<CreateDatabase>(&args).await.map(drop)
    }

    /// Asks as clients of Hive 3 and 4 do, else as older ones.
    async fn find_table(
        &mut self,
        database: &str,
        name: &str,
    ) -> Result<Option<types::Table>, RegisterError> {
        let request = GetTableRequest {
            db_name: Some(database.to_owned()),
            tbl_name: Some(name.to_owned()),
            ..GetTableRequest::default()
        };
        let args = GetTableReqArgs { req: Some(request) };
        let found = match self.client.find::<GetTableReq>(&args).await {
            Err(CallError::Unknown { .. }) => {
                let args = GetTableArgs {
                    dbname: Some(database.to_owned()),
                    tbl_name: Some(name.to_owned()),
                };
                self.client.find::<GetTable>(&args).await
            }
            found => found.map(|found| found.and_then(|found| found.table)),
        };
        found.map_err(|error| self.failed(error))
    }

    async fn call<R: thrift_idl::Rpc>(
        &mut self,
        args: &R::Args,
    ) -> Result<Option<<R::Reply as thrift_idl::Outcome>::Success>, RegisterError> {
        let answer = self.client.call::<R>(args).await;
        answer.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: CallError) -> RegisterError {
        RegisterError::Metastore {
            address: self.registration.address.clone(),
            error,
        }
    }

    fn leave(&mut self, database: &str, name: &str, reason: &str) {
        self.done.left.push(format!("{database}.{name}: {reason}"));
    }

    fn mark(&self, commit: CommitId) -> String {
        format!("{}@{commit}", self.repository)
    }

    /// Returns the mark of a table that this repository registered; another one is left alone.
    fn mark_or_leave(&mut self, database: &str, name: &str, known: &types::Table) -> Option<String> {
        let mark = known.parameters.as_ref().and_then(|all| all.get(MARK));
        let from = mark.and_then(|mark| mark.split_once('@'));
        if from.is_some_and(|(repository, _)| repository == self.repository) {
            return mark.cloned();
        }
        let reason = "the other metastore has one of that name that is not from here";
        self.leave(database, name, reason);
        None
    }

    fn names(&self, database: &str) -> Names {
        Names {
            catalog: "hive".to_owned(),
            database: database.to_owned(),
            locator: self.locator.clone(),
        }
    }
}

/// Returns a table as one whose files are not the metastore's to delete, with its mark.
fn external(mut wire: types::Table, mark: String) -> types::Table {
    let parameters = wire.parameters.get_or_insert_default();
    parameters.insert(MARK.to_owned(), mark);
    if wire.table_type.as_deref() == Some("MANAGED_TABLE") {
        wire.table_type = Some("EXTERNAL_TABLE".to_owned());
    }
    if wire.table_type.as_deref() == Some("EXTERNAL_TABLE") {
        parameters.insert("EXTERNAL".to_owned(), "TRUE".to_owned());
        // an external table may be told to take its files along
        parameters.remove("external.table.purge");
    }
    // clients before Hive 3 know no catalogs, and others mean this one when they say none
    wire.cat_name = None;
    wire.id = None;
    wire
}

/// Says that statistics are as the table says.
fn keep_statistics() -> EnvironmentContext {
    let said = ("DO_NOT_UPDATE_STATS".to_owned(), "true".to_owned());
    EnvironmentContext {
        properties: Some([said].into()),
    }
}
