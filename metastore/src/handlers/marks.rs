//! Marks of partitions for events.

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog::model::TableId;
use catalog::{Error, names};
use thrift_idl::methods::{
    IsPartitionMarkedForEvent, IsPartitionMarkedForEventArgs, MarkPartitionForEvent,
    MarkPartitionForEventArgs,
};
use thrift_idl::types::PartitionEventType;

use crate::context::Call;
use crate::exception::{Class, Failure};
use crate::facts::{Mark, Marks};
use crate::registry::Routes;
use crate::states::States;
use crate::target::Target;

pub(super) fn routes() -> Routes {
    Routes::default()
        .serve::<MarkPartitionForEvent, _, _>(async |call: Call, args: MarkPartitionForEventArgs| {
            let of = (args.db_name, args.tbl_name);
            let named = named(&call, of, args.part_vals, args.event_type).await?;
            named.target.check_writable().await?;
            named.target.catalog.repository().check_open().await?;
            let (states, mark) = (named.states(&call).await?, named.mark().await?);
            let plan = |marks: &Marks| Ok::<_, Failure>((marks.mark(&mark, call.now_s()), ()));
            states.marks.change(plan).await
        })
        .serve::<IsPartitionMarkedForEvent, _, _>(async |call: Call, args: IsPartitionMarkedForEventArgs| {
            let of = (args.db_name, args.tbl_name);
            let named = named(&call, of, args.part_vals, args.event_type).await?;
            if !named.target.is_branch().await? {
                return Ok(false);
            }
            let (states, mark) = (named.states(&call).await?, named.mark().await?);
            Ok(states.marks.read(|marks| marks.has(&mark, call.now_s())).await?)
        })
}

/// A partition that need not be there, and an event.
struct NamedPartition {
    target: Target,
    table: TableId,
    name: String,
    /// When it was created, if it is there.
    created_s: Option<i32>,
    event: i32,
}

impl NamedPartition {
    /// Returns the states of the repository that the table is in, whatever the listener's own.
    async fn states(&self, call: &Call) -> Result<Arc<States>, Failure> {
        let repository = &self.target.catalog.repository().record().name;
        Ok(call.context.states(repository).await?)
    }

    /// Returns what is marked. It has to be on a branch.
    async fn mark(self) -> Result<Mark, Failure> {
        let branch = self.target.catalog.repository();
        let branch = branch.branch(&self.target.reference.name).await?;
        Ok(Mark {
            branch: branch.incarnation,
            table: self.table,
            partition: self.name,
            partition_s: self.created_s,
            event: self.event,
        })
    }
}

async fn named(
    call: &Call,
    (database, table): (Option<String>, Option<String>),
    values: Option<BTreeMap<String, String>>,
    event: Option<PartitionEventType>,
) -> Result<NamedPartition, Failure> {
    let seen = call.table(database, table, None).await?;
    let target = seen.target.clone();
    let seen = seen.see().await.map_err(|failure| match failure {
        Failure::Catalog(error @ Error::NoSuchTable { .. }) => {
            Failure::As(&[Class::UnknownTable], error.to_string())
        }
        other => other,
    })?;
    let name = name_of(&seen.open.key_names(), values)?;
    let found = seen.snapshot.find_partition(seen.open.id, &name).await?;
    Ok(NamedPartition {
        target,
        table: seen.open.id,
        name,
        created_s: found.map(|partition| partition.created_s.unwrap_or_default()),
        event: event.unwrap_or(PartitionEventType::LOAD_DONE).0,
    })
}

/// Returns the name of the partition with these values, of which there has to be one a key.
fn name_of(keys: &[&str], values: Option<BTreeMap<String, String>>) -> Result<String, Failure> {
    let values: BTreeMap<String, String> = values
        .unwrap_or_default()
        .into_iter()
        .map(|(key, value)| (key.to_lowercase(), value))
        .collect();
    let of_key = |key: &&str| values.get(*key).cloned();
    let ordered: Option<Vec<String>> = keys.iter().map(of_key).collect();
    let ordered = ordered.filter(|_| values.len() == keys.len());
    let ordered = ordered.ok_or_else(|| Failure::meta("a value of each partition key has to be given"))?;
    Ok(names::partition_name(keys, &ordered)?)
}
