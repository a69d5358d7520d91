//! Partitions as specs: lists of them that say once what they have in common.

use thrift_idl::methods::{
    AddPartitionsPspec, AddPartitionsPspecArgs, GetPartSpecsByFilter, GetPartSpecsByFilterArgs,
    GetPartitionsPspec, GetPartitionsPspecArgs,
};
use thrift_idl::types::{
    self, PartitionListComposingSpec, PartitionSpec, PartitionSpecWithSharedSD, PartitionWithoutSD,
};

use super::partition_adds::add_list;
use super::partitions::plan;
use crate::context::Call;
use crate::exception::Failure;
use crate::registry::Routes;
use crate::target::{NamedTable, SeenTable};
use crate::walk::{Among, Walk};

pub(super) fn routes() -> Routes {
    Routes::default()
        .serve::<GetPartitionsPspec, _, _>(async |call: Call, args: GetPartitionsPspecArgs| {
            let named = call.table(args.db_name, args.tbl_name, None).await?;
            Box::pin(filtered(named, None, args.max_parts)).await
        })
        .serve::<GetPartSpecsByFilter, _, _>(async |call: Call, args: GetPartSpecsByFilterArgs| {
            let named = call.table(args.db_name, args.tbl_name, None).await?;
            Box::pin(filtered(named, args.filter, args.max_parts)).await
        })
        .serve::<AddPartitionsPspec, _, _>(async |call, args: AddPartitionsPspecArgs| {
            let specs = args.new_parts.unwrap_or_default();
            let partitions = specs.into_iter().flat_map(partitions_of).collect();
            add_list(&call, partitions).await
        })
}

async fn filtered(
    named: NamedTable,
    filter: Option<String>,
    max: Option<i32>,
) -> Result<Vec<PartitionSpec>, Failure> {
    let seen = named.see().await?;
    let plan = plan(&seen, filter.as_deref())?;
    let room = max
        .and_then(|max| usize::try_from(max).ok())
        .unwrap_or(usize::MAX);
    specs(Walk::start(seen, Among::All, plan, room).await?).await
}

/// Returns the partitions of a walk: those that lie below the table and are stored alike share one storage
/// descriptor, the others stand one by one.
pub(super) async fn specs(walk: Walk) -> Result<Vec<PartitionSpec>, Failure> {
    let seen = walk.seen.clone();
    let found = walk.collect().await?;
    let partitions = found.iter().map(|partition| seen.partition_to_wire(partition));
    Ok(grouped(partitions.collect(), &whole(&seen)))
}

/// Returns what all specs of a table say alike.
pub(super) fn whole(seen: &SeenTable) -> PartitionSpec {
    PartitionSpec {
        db_name: Some(seen.names.database.clone()),
        table_name: Some(seen.open.name.clone()),
        root_path: Some(seen.names.locator.uri(&seen.open.partition_base())),
        cat_name: Some(seen.names.catalog.clone()),
        ..PartitionSpec::default()
    }
}

/// Returns partitions as specs.
pub(super) fn grouped(partitions: Vec<types::Partition>, whole: &PartitionSpec) -> Vec<PartitionSpec> {
    let root = whole.root_path.as_deref().unwrap_or_default();
    let mut groups = Groups::default();
    for partition in partitions {
        groups.add(partition, root);
    }
    groups.into_specs(whole)
}

#[derive(Default)]
struct Groups {
    shared: Vec<PartitionSpecWithSharedSD>,
    alone: Vec<types::Partition>,
}

impl Groups {
    fn add(&mut self, mut partition: types::Partition, root: &str) {
        let location = partition.sd.as_ref().and_then(|sd| sd.location.as_deref());
        let below = location.and_then(|location| location.strip_prefix(root));
        let relative = below.filter(|below| below.starts_with('/')).map(str::to_owned);
        if location.is_some() && relative.is_none() {
            return self.alone.push(partition);
        }
        let mut storage = partition.sd.take();
        if let (Some(storage), Some(_)) = (&mut storage, &relative) {
            storage.location = Some(root.to_owned());
        }
        let partition = PartitionWithoutSD {
            values: partition.values,
            create_time: partition.create_time,
            last_access_time: partition.last_access_time,
            relative_path: relative,
            parameters: partition.parameters,
            privileges: partition.privileges,
        };
        // neighbours are mostly alike
        match self.shared.iter_mut().rev().find(|group| group.sd == storage) {
            Some(group) => group.partitions.get_or_insert_default().push(partition),
            None => self.shared.push(PartitionSpecWithSharedSD {
                partitions: Some(vec![partition]),
                sd: storage,
            }),
        }
    }

    fn into_specs(self, whole: &PartitionSpec) -> Vec<PartitionSpec> {
        let mut specs: Vec<PartitionSpec> = self
            .shared
            .into_iter()
            .map(|group| PartitionSpec {
                shared_sd_partition_spec: Some(group),
                ..whole.clone()
            })
            .collect();
        if !self.alone.is_empty() {
            specs.push(PartitionSpec {
                partition_list: Some(PartitionListComposingSpec {
                    partitions: Some(self.alone),
                }),
                ..whole.clone()
            });
        }
        specs
    }
}

/// Returns the partitions that a spec stands for, each with the names of its table.
fn partitions_of(spec: PartitionSpec) -> Vec<types::Partition> {
    let (database, table, catalog) = (spec.db_name, spec.table_name, spec.cat_name);
    let named = |partition| types::Partition {
        db_name: database.clone(),
        table_name: table.clone(),
        cat_name: catalog.clone(),
        ..partition
    };
    let listed = spec.partition_list.and_then(|list| list.partitions);
    let mut partitions: Vec<types::Partition> = listed.unwrap_or_default().into_iter().map(named).collect();
    if let Some(group) = spec.shared_sd_partition_spec {
        let root = group
            .sd
            .as_ref()
            .and_then(|sd| sd.location.clone())
            .or(spec.root_path);
        let storage = group.sd.unwrap_or_default();
        let whole = |partition: PartitionWithoutSD| {
            let relative = partition.relative_path.unwrap_or_default();
            named(types::Partition {
                values: partition.values,
                create_time: partition.create_time,
                last_access_time: partition.last_access_time,
                sd: Some(types::StorageDescriptor {
                    location: root.as_ref().map(|root| format!("{root}{relative}")),
                    ..storage.clone()
                }),
                parameters: partition.parameters,
                privileges: partition.privileges,
                ..types::Partition::default()
            })
        };
        partitions.extend(group.partitions.unwrap_or_default().into_iter().map(whole));
    }
    partitions
}
