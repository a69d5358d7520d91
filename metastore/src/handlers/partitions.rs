//! Partitions, read.

use std::collections::BTreeMap;

use catalog::{Error, names};
use thrift_idl::methods::{
    FetchPartitionNamesReq, FetchPartitionNamesReqArgs, GetNumPartitionsByFilter,
    GetNumPartitionsByFilterArgs, GetPartition, GetPartitionArgs, GetPartitionByName, GetPartitionByNameArgs,
    GetPartitionNames, GetPartitionNamesArgs, GetPartitionNamesPs, GetPartitionNamesPsArgs,
    GetPartitionNamesPsReq, GetPartitionNamesPsReqArgs, GetPartitionReq, GetPartitionReqArgs, GetPartitions,
    GetPartitionsArgs, GetPartitionsByFilter, GetPartitionsByFilterArgs, GetPartitionsByFilterReq,
    GetPartitionsByFilterReqArgs, GetPartitionsByNames, GetPartitionsByNamesArgs, GetPartitionsByNamesReq,
    GetPartitionsByNamesReqArgs, GetPartitionsPs, GetPartitionsPsArgs, GetPartitionsReq,
    GetPartitionsReqArgs, PartitionNameHasValidCharacters, PartitionNameHasValidCharactersArgs,
    PartitionNameToSpec, PartitionNameToSpecArgs, PartitionNameToVals, PartitionNameToValsArgs,
};
use thrift_idl::types::{
    self, GetPartitionNamesPsResponse, GetPartitionResponse, GetPartitionsByNamesResult, PartitionsResponse,
};

use crate::context::Call;
use crate::exception::Failure;
use crate::filter::{self, Plan};
use crate::registry::Routes;
use crate::stream::Listing;
use crate::target::{NamedTable, SeenTable};
use crate::walk::{Among, NameRows, Names, PartitionRows, Walk, room};

pub(super) fn routes() -> Routes {
    single()
        .and(all())
        .and(by_values())
        .and(by_filter())
        .and(by_names())
        .and(of_names())
}

fn single() -> Routes {
    Routes::default()
        .serve::<GetPartition, _, _>(async |call: Call, args: GetPartitionArgs| {
            let named = call.table(args.db_name, args.tbl_name, None).await?;
            one(&named.see().await?, args.part_vals).await
        })
        .serve::<GetPartitionReq, _, _>(async |call: Call, args: GetPartitionReqArgs| {
            let request = args.req.unwrap_or_default();
            let named = call
                .table(request.db_name, request.tbl_name, request.cat_name)
                .await?;
            Ok(GetPartitionResponse {
                partition: Some(one(&named.see().await?, request.part_vals).await?),
            })
        })
        .serve::<GetPartitionByName, _, _>(async |call: Call, args: GetPartitionByNameArgs| {
            let named = call.table(args.db_name, args.tbl_name, None).await?;
            let seen = named.see().await?;
            let values =
                names::partition_values(&seen.open.key_names(), &args.part_name.unwrap_or_default())?;
            Ok(seen.partition_to_wire(&seen.snapshot.partition(&seen.open, &values).await?))
        })
}

fn all() -> Routes {
    Routes::default()
        .stream::<GetPartitions, _, _>(async |call: Call, args: GetPartitionsArgs| {
            let named = call.table(args.db_name, args.tbl_name, None).await?;
            Ok(Listing::of(
                partitions(named, Among::All, None, args.max_parts).await?,
            ))
        })
        .stream::<GetPartitionsReq, _, _>(async |call: Call, args: GetPartitionsReqArgs| {
            let request = args.req.unwrap_or_default();
            let named = call
                .table(request.db_name, request.tbl_name, request.cat_name)
                .await?;
            let rows = partitions(named, Among::All, None, request.max_parts).await?;
            let value = PartitionsResponse {
                partitions: Some(Vec::new()),
            };
            Ok(Listing {
                value,
                path: &[1],
                rows: Box::new(rows),
            })
        })
        .stream::<GetPartitionNames, _, _>(async |call: Call, args: GetPartitionNamesArgs| {
            let named = call.table(args.db_name, args.tbl_name, None).await?;
            Ok(Listing::of(
                partition_names(named, Among::All, args.max_parts).await?,
            ))
        })
        .stream::<FetchPartitionNamesReq, _, _>(async |call: Call, args: FetchPartitionNamesReqArgs| {
            let request = args.partition_req.unwrap_or_default();
            let named = call
                .table(request.db_name, request.tbl_name, request.cat_name)
                .await?;
            Ok(Listing::of(
                partition_names(named, Among::All, request.max_parts).await?,
            ))
        })
}

fn by_values() -> Routes {
    Routes::default()
        .stream::<GetPartitionsPs, _, _>(async |call: Call, args: GetPartitionsPsArgs| {
            let named = call.table(args.db_name, args.tbl_name, None).await?;
            let among = first_values(args.part_vals)?;
            Ok(Listing::of(partitions(named, among, None, args.max_parts).await?))
        })
        .stream::<GetPartitionNamesPs, _, _>(async |call: Call, args: GetPartitionNamesPsArgs| {
            let named = call.table(args.db_name, args.tbl_name, None).await?;
            let among = first_values(args.part_vals)?;
            Ok(Listing::of(partition_names(named, among, args.max_parts).await?))
        })
        .stream::<GetPartitionNamesPsReq, _, _>(async |call: Call, args: GetPartitionNamesPsReqArgs| {
            let request = args.req.unwrap_or_default();
            let named = call
                .table(request.db_name, request.tbl_name, request.cat_name)
                .await?;
            let among = first_values(request.part_values)?;
            let rows = partition_names(named, among, request.max_parts).await?;
            let value = GetPartitionNamesPsResponse {
                names: Some(Vec::new()),
            };
            Ok(Listing {
                value,
                path: &[1],
                rows: Box::new(rows),
            })
        })
}

fn by_filter() -> Routes {
    Routes::default()
        .stream::<GetPartitionsByFilter, _, _>(async |call: Call, args: GetPartitionsByFilterArgs| {
            let named = call.table(args.db_name, args.tbl_name, None).await?;
            Ok(Listing::of(
                partitions(named, Among::All, args.filter, args.max_parts).await?,
            ))
        })
        .stream::<GetPartitionsByFilterReq, _, _>(async |call: Call, args: GetPartitionsByFilterReqArgs| {
            let request = args.req.unwrap_or_default();
            let named = call
                .table(request.db_name, request.tbl_name, request.cat_name)
                .await?;
            Ok(Listing::of(
                partitions(named, Among::All, request.filter, request.max_parts).await?,
            ))
        })
        .serve::<GetNumPartitionsByFilter, _, _>(async |call: Call, args: GetNumPartitionsByFilterArgs| {
            let named = call.table(args.db_name, args.tbl_name, None).await?;
            count(named, args.filter).await
        })
}

fn by_names() -> Routes {
    Routes::default()
        .stream::<GetPartitionsByNames, _, _>(async |call: Call, args: GetPartitionsByNamesArgs| {
            let named = call.table(args.db_name, args.tbl_name, None).await?;
            Ok(Listing::of(named_partitions(named, args.names).await?))
        })
        .stream::<GetPartitionsByNamesReq, _, _>(async |call: Call, args: GetPartitionsByNamesReqArgs| {
            let request = args.req.unwrap_or_default();
            let named = call.table(request.db_name, request.tbl_name, None).await?;
            let rows = named_partitions(named, request.names).await?;
            let value = GetPartitionsByNamesResult {
                partitions: Some(Vec::new()),
                dictionary: None,
            };
            Ok(Listing {
                value,
                path: &[1],
                rows: Box::new(rows),
            })
        })
}

/// What can be said of a name alone.
fn of_names() -> Routes {
    Routes::default()
        .serve::<PartitionNameToVals, _, _>(async |_, args: PartitionNameToValsArgs| {
            Ok(parse(args.part_name)?
                .into_iter()
                .map(|(_, value)| value)
                .collect())
        })
        .serve::<PartitionNameToSpec, _, _>(async |_, args: PartitionNameToSpecArgs| {
            Ok(parse(args.part_name)?.into_iter().collect::<BTreeMap<_, _>>())
        })
        .serve::<PartitionNameHasValidCharacters, _, _>(
            async |_, args: PartitionNameHasValidCharactersArgs| {
                let valid = args
                    .part_vals
                    .unwrap_or_default()
                    .iter()
                    .all(|value| !value.contains('\0'));
                match (valid, args.throw_exception) {
                    (false, Some(true)) => Err(Failure::meta("a partition value has a zero byte")),
                    (valid, _) => Ok(valid),
                }
            },
        )
}

/// Splits a name; none has no parts.
fn parse(name: Option<String>) -> Result<Vec<(String, String)>, Failure> {
    match name.filter(|name| !name.is_empty()) {
        Some(name) => Ok(names::parse_partition_name(&name)?),
        None => Ok(Vec::new()),
    }
}

pub(super) async fn one(seen: &SeenTable, values: Option<Vec<String>>) -> Result<types::Partition, Failure> {
    let partition = seen
        .snapshot
        .partition(&seen.open, &values.unwrap_or_default())
        .await?;
    Ok(seen.partition_to_wire(&partition))
}

/// Returns which partitions begin with values; there has to be one, which may be empty for any.
pub(super) fn first_values(values: Option<Vec<String>>) -> Result<Among, Failure> {
    match values.filter(|values| !values.is_empty()) {
        Some(values) => Ok(Among::Values(values)),
        None => Err(Failure::meta("Invalid partition key & values; no value is given")),
    }
}

/// Returns how to find what a filter accepts among the partitions of a table; no filter accepts all.
pub(super) fn plan(seen: &SeenTable, filter: Option<&str>) -> Result<Plan, Failure> {
    Ok(filter::plan(filter.unwrap_or_default(), &seen.keys())?)
}

async fn partitions(
    named: NamedTable,
    among: Among,
    filter: Option<String>,
    max: Option<i16>,
) -> Result<PartitionRows, Failure> {
    Ok(PartitionRows::new(walk(named, among, filter, max).await?))
}

/// Starts a walk over partitions of a table, unless more are asked for than one call may.
pub(super) async fn walk(
    named: NamedTable,
    among: Among,
    filter: Option<String>,
    max: Option<i16>,
) -> Result<Walk, Failure> {
    let limit = named.target.settings.partitions_max;
    // the original does not look at the number here
    let is_by_values = matches!(among, Among::Values(_));
    let seen = named.see().await?;
    let plan = plan(&seen, filter.as_deref())?;
    let walk = Walk::start(seen, among, plan, room(max)).await?;
    if let Some(limit) = limit.filter(|_| !is_by_values) {
        let max = max.and_then(|max| usize::try_from(max).ok());
        check_limit(&walk, max, limit).await?;
    }
    Ok(walk)
}

/// Fails for a call that asks for more partitions than it may, by their number or by asking for all.
pub(super) async fn check_limit(walk: &Walk, max: Option<usize>, limit: u32) -> Result<(), Failure> {
    let asked = match max {
        Some(max) => max,
        None => walk.left().await?,
    };
    if asked <= usize::try_from(limit).unwrap_or(usize::MAX) {
        return Ok(());
    }
    let table = &walk.seen.open.name;
    Err(Failure::meta(format!(
        "Number of partitions scanned (={asked}) on table '{table}' exceeds limit (={limit}). This is controlled \
         on the metastore server by metastore.limit.partition.request."
    )))
}

async fn partition_names(named: NamedTable, among: Among, max: Option<i16>) -> Result<NameRows, Failure> {
    let seen = named.see().await?;
    let plan = plan(&seen, None)?;
    Ok(NameRows(Walk::start(seen, among, plan, room(max)).await?))
}

async fn count(named: NamedTable, filter: Option<String>) -> Result<i32, Failure> {
    // the original reads the filter before it looks for the table
    filter::names(filter.as_deref().unwrap_or_default())?;
    let seen = named.see().await?;
    let plan = plan(&seen, filter.as_deref())?;
    let count = if plan.takes_all() {
        seen.snapshot.count_partitions(seen.open.id, "").await?
    } else {
        Walk::start(seen, Among::All, plan, usize::MAX)
            .await?
            .left()
            .await? as u64
    };
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}

/// Returns those partitions of a list of names that are there, in the order of their names.
async fn named_partitions(table: NamedTable, names: Option<Vec<String>>) -> Result<PartitionRows, Failure> {
    let seen = table.see().await?;
    let names = names.ok_or_else(|| Failure::meta("Partition names cannot be null."))?;
    Ok(PartitionRows::new(walk_names(seen, names).await?))
}

/// As [`named_partitions`], of a table that has been seen, and all at once.
pub(super) async fn named(seen: &SeenTable, names: Vec<String>) -> Result<Vec<types::Partition>, Failure> {
    let found = walk_names(seen.clone(), names).await?.collect().await?;
    Ok(found
        .iter()
        .map(|partition| seen.partition_to_wire(partition))
        .collect())
}

async fn walk_names(seen: SeenTable, names: Vec<String>) -> Result<Walk, Failure> {
    let names = Names::new(names.into_iter().map(|name| escaped(&name)).collect());
    let plan = plan(&seen, None)?;
    Walk::start(seen, Among::Names(names), plan, usize::MAX).await
}

/// Returns a name escaped as those that are stored: clients do it as they like. What is no name at all is not found.
fn escaped(name: &str) -> String {
    let Ok(parts) = names::parse_partition_name(name) else {
        return name.to_owned();
    };
    let part = |(key, value): &(String, String)| format!("{}={}", names::escape(key), names::escape(value));
    parts.iter().map(part).collect::<Vec<_>>().join("/")
}

/// A partition, as a client points at it.
pub(super) enum Which {
    Values(Vec<String>),
    Name(String),
}

impl Which {
    pub(super) fn of(name: Option<String>, values: Option<Vec<String>>) -> Which {
        match name {
            Some(name) => Which::Name(name),
            None => Which::Values(values.unwrap_or_default()),
        }
    }

    pub(super) fn values(&self, keys: &[&str]) -> Result<Vec<String>, Error> {
        match self {
            Which::Values(values) => Ok(values.clone()),
            Which::Name(name) => names::partition_values(keys, name),
        }
    }
}
