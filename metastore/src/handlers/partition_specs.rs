//! Partitions as specs: lists of them that say once what they have in common.

use thrift_idl::methods::{
    AddPartitionsPspec, AddPartitionsPspecArgs, GetPartSpecsByFilter, GetPartSpecsByFilterArgs,
    GetPartitionsPspec, GetPartitionsPspecArgs,
};
use thrift_idl::types::{
    self, PartitionListComposingSpec, PartitionSpec, PartitionSpecWithSharedSD, PartitionWithoutSD,
};

use super::partition_adds::add_list;
use super::partitions::{check_limit, plan};
use crate::context::Call;
use crate::exception::Failure;
use crate::registry::Routes;
use crate::target::{NamedTable, SeenTable};
use crate::walk::{Among, Walk};

/// The parameter of a table by which it wants its partitions grouped.
const GROUPING: &str = "hive.hcatalog.partition.spec.grouping.enabled";

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
            let mut partitions = Vec::new();
            for spec in args.new_parts.unwrap_or_default() {
                partitions.extend(partitions_of(spec)?);
            }
            add_list(&call, partitions).await
        })
}

async fn filtered(
    named: NamedTable,
    filter: Option<String>,
    max: Option<i32>,
) -> Result<Vec<PartitionSpec>, Failure> {
    let limit = named.target.settings.partitions_max;
    let seen = named.see().await?;
    let plan = plan(&seen, filter.as_deref())?;
    let max = max.and_then(|max| usize::try_from(max).ok());
    let is_grouped = seen.open.table.is_set(GROUPING);
    let walk = Walk::start(seen, Among::All, plan, max.unwrap_or(usize::MAX)).await?;
    if let Some(limit) = limit {
        check_limit(&walk, max, limit).await?;
    }
    if is_grouped {
        specs(walk).await
    } else {
        listed(walk).await
    }
}

/// Returns the partitions of a walk as one list.
async fn listed(walk: Walk) -> Result<Vec<PartitionSpec>, Failure> {
    let seen = walk.seen.clone();
    let found = walk.collect().await?;
    let partitions = found.iter().map(|partition| seen.partition_to_wire(partition));
    Ok(vec![PartitionSpec {
        partition_list: Some(PartitionListComposingSpec {
            partitions: Some(partitions.collect()),
        }),
        ..whole(&seen)
    }])
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

/// Returns the partitions that a spec stands for, each with the names of its table. A list goes before a group that
/// shares storage.
fn partitions_of(spec: PartitionSpec) -> Result<Vec<types::Partition>, Failure> {
    let (Some(_), Some(_)) = (&spec.db_name, &spec.table_name) else {
        return Err(Failure::Null("Name of the table of a partition spec"));
    };
    let partitions = match (spec.partition_list, spec.shared_sd_partition_spec) {
        (Some(list), _) => {
            let list = list.partitions.unwrap_or_default();
            if list
                .iter()
                .any(|it| it.db_name.is_none() || it.table_name.is_none())
            {
                return Err(Failure::Null("Table of a partition"));
            }
            list
        }
        (None, Some(group)) => sharing(group, spec.root_path.as_deref())?,
        (None, None) => Vec::new(),
    };
    let named = |partition| types::Partition {
        db_name: spec.db_name.clone(),
        table_name: spec.table_name.clone(),
        cat_name: spec.cat_name.clone(),
        ..partition
    };
    Ok(partitions.into_iter().map(named).collect())
}

/// Returns the partitions of a group that shares storage.
fn sharing(
    group: PartitionSpecWithSharedSD,
    root_path: Option<&str>,
) -> Result<Vec<types::Partition>, Failure> {
    let storage = group.sd.ok_or(Failure::Null("Storage that partitions share"))?;
    let root = storage.location.clone();
    let root = root.or_else(|| root_path.map(str::to_owned));
    let root = root.ok_or_else(|| Failure::meta("The location that partitions share cannot be null."))?;
    let whole = |partition: PartitionWithoutSD| {
        if partition.values.is_none() {
            return Err(Failure::Null("Values of a partition"));
        }
        // the original spells a path that is left out so
        let relative = partition.relative_path.as_deref().unwrap_or("null");
        Ok(types::Partition {
            values: partition.values,
            create_time: partition.create_time,
            last_access_time: partition.last_access_time,
            sd: Some(types::StorageDescriptor {
                location: Some(format!("{root}{relative}")),
                ..storage.clone()
            }),
            parameters: partition.parameters,
            privileges: partition.privileges,
            ..types::Partition::default()
        })
    };
    group
        .partitions
        .unwrap_or_default()
        .into_iter()
        .map(whole)
        .collect()
}
