//! Parts of partitions: chosen fields, and values of keys alone.

use std::collections::BTreeSet;

use thrift_idl::methods::{
    GetPartitionValues, GetPartitionValuesArgs, GetPartitionsWithSpecs, GetPartitionsWithSpecsArgs,
};
use thrift_idl::types::{
    FieldSchema, GetPartitionsFilterSpec, GetPartitionsRequest, GetPartitionsResponse, GetProjectionsSpec,
    Partition, PartitionFilterMode, PartitionValuesRequest, PartitionValuesResponse, PartitionValuesRow,
    SerDeInfo, StorageDescriptor,
};

use super::partition_specs::{grouped, whole};
use super::partitions::{named, plan};
use crate::context::Call;
use crate::exception::Failure;
use crate::filter::sql_like;
use crate::registry::Routes;
use crate::target::SeenTable;
use crate::walk::{Among, Walk};

pub(super) fn routes() -> Routes {
    Routes::default()
        .serve::<GetPartitionsWithSpecs, _, _>(async |call, args: GetPartitionsWithSpecsArgs| {
            Box::pin(with_specs(call, args.request.unwrap_or_default())).await
        })
        .serve::<GetPartitionValues, _, _>(async |call, args: GetPartitionValuesArgs| {
            Box::pin(values(call, args.request.unwrap_or_default())).await
        })
}

async fn with_specs(call: Call, request: GetPartitionsRequest) -> Result<GetPartitionsResponse, Failure> {
    let named = call
        .table(request.db_name, request.tbl_name, request.cat_name)
        .await?;
    let seen = named.see().await?;
    let projection = Projection::new(request.projection_spec.unwrap_or_default());
    let mut partitions = filtered(&seen, request.filter_spec.unwrap_or_default()).await?;
    partitions.iter_mut().for_each(|it| projection.apply(it));
    Ok(GetPartitionsResponse {
        partition_spec: Some(grouped(partitions, &whole(&seen))),
    })
}

/// Returns the partitions that a filter accepts; without a mode, all.
async fn filtered(seen: &SeenTable, spec: GetPartitionsFilterSpec) -> Result<Vec<Partition>, Failure> {
    let filters = spec.filters.unwrap_or_default();
    let (among, filter) = match spec.filter_mode {
        Some(PartitionFilterMode::BY_NAMES) => return named(seen, filters).await,
        Some(PartitionFilterMode::BY_VALUES) => (Among::Values(filters), String::new()),
        Some(PartitionFilterMode::BY_EXPR) => (Among::All, all_of(&filters)),
        None => (Among::All, String::new()),
        Some(other) => return Err(Failure::meta(format!("there is no filter mode {}", other.0))),
    };
    let plan = plan(seen, Some(&filter))?;
    let walk = Walk::start(seen.clone(), among, plan, usize::MAX).await?;
    let found = walk.collect().await?;
    Ok(found.iter().map(|it| seen.partition_to_wire(it)).collect())
}

/// Returns a filter that accepts what all of them do.
fn all_of(filters: &[String]) -> String {
    match filters {
        [one] => one.clone(),
        many => {
            let parts: Vec<String> = many.iter().map(|filter| format!("({filter})")).collect();
            parts.join(" and ")
        }
    }
}

/// Which fields of a partition are wanted.
#[derive(Debug)]
struct Projection {
    /// Paths such as `sd.location`; none are all.
    fields: Vec<String>,
    /// Patterns of SQL for the keys of parameters; empty is any.
    include: String,
    exclude: String,
}

impl Projection {
    fn new(spec: GetProjectionsSpec) -> Projection {
        Projection {
            fields: spec.field_list.unwrap_or_default(),
            include: spec.include_param_key_pattern.unwrap_or_default(),
            exclude: spec.exclude_param_key_pattern.unwrap_or_default(),
        }
    }

    /// Returns whether a field is wanted, or a part of it, or what it is a part of.
    fn wants(&self, field: &str) -> bool {
        let is_within = |inner: &str, outer: &str| {
            inner
                .strip_prefix(outer)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.fields.is_empty()
            || self
                .fields
                .iter()
                .any(|wanted| is_within(wanted, field) || is_within(field, wanted))
    }

    fn keep<T>(&self, field: &str, value: &mut Option<T>) {
        if !self.wants(field) {
            *value = None;
        }
    }

    fn apply(&self, it: &mut Partition) {
        self.keep("values", &mut it.values);
        self.keep("dbName", &mut it.db_name);
        self.keep("tableName", &mut it.table_name);
        self.keep("createTime", &mut it.create_time);
        self.keep("lastAccessTime", &mut it.last_access_time);
        self.keep("catName", &mut it.cat_name);
        self.keep("writeId", &mut it.write_id);
        self.keep("privileges", &mut it.privileges);
        self.keep("parameters", &mut it.parameters);
        self.keep("sd", &mut it.sd);
        if let Some(parameters) = &mut it.parameters {
            let is_wanted = |key: &str| {
                (self.include.is_empty() || sql_like(&self.include, key))
                    && (self.exclude.is_empty() || !sql_like(&self.exclude, key))
            };
            parameters.retain(|key, _| is_wanted(key));
        }
        if let Some(storage) = &mut it.sd {
            self.apply_to_storage(storage);
        }
    }

    fn apply_to_storage(&self, it: &mut StorageDescriptor) {
        self.keep("sd.cols", &mut it.cols);
        self.keep("sd.location", &mut it.location);
        self.keep("sd.inputFormat", &mut it.input_format);
        self.keep("sd.outputFormat", &mut it.output_format);
        self.keep("sd.compressed", &mut it.compressed);
        self.keep("sd.numBuckets", &mut it.num_buckets);
        self.keep("sd.bucketCols", &mut it.bucket_cols);
        self.keep("sd.sortCols", &mut it.sort_cols);
        self.keep("sd.parameters", &mut it.parameters);
        self.keep("sd.skewedInfo", &mut it.skewed_info);
        self.keep("sd.storedAsSubDirectories", &mut it.stored_as_sub_directories);
        self.keep("sd.serdeInfo", &mut it.serde_info);
        if let Some(serde) = &mut it.serde_info {
            self.apply_to_serde(serde);
        }
    }

    fn apply_to_serde(&self, it: &mut SerDeInfo) {
        self.keep("sd.serdeInfo.name", &mut it.name);
        self.keep("sd.serdeInfo.serializationLib", &mut it.serialization_lib);
        self.keep("sd.serdeInfo.parameters", &mut it.parameters);
        self.keep("sd.serdeInfo.description", &mut it.description);
        self.keep("sd.serdeInfo.serializerClass", &mut it.serializer_class);
        self.keep("sd.serdeInfo.deserializerClass", &mut it.deserializer_class);
        self.keep("sd.serdeInfo.serdeType", &mut it.serde_type);
    }
}

async fn values(call: Call, request: PartitionValuesRequest) -> Result<PartitionValuesResponse, Failure> {
    // the original says with a MetaException what else would be a NoSuchObjectException
    let missing = |failure: Failure| Failure::meta(failure.to_string());
    let named = call
        .table(request.db_name, request.tbl_name, request.cat_name)
        .await
        .map_err(missing)?;
    let seen = named.see().await.map_err(missing)?;
    if request.partition_keys.as_ref().is_none_or(Vec::is_empty) {
        return Err(Failure::Null("Partition key"));
    }
    let columns = positions(&seen, request.partition_keys)?;
    let order = positions(&seen, request.partition_order)?;
    let plan = plan(&seen, request.filter.as_deref())?;
    let mut walk = Walk::start(seen, Among::All, plan, usize::MAX).await?;
    let mut rows: Vec<Vec<String>> = Vec::new();
    while let Some(row) = walk.next(|_, row| row.values()).await? {
        rows.push(row);
    }
    let ordered = |row: &Vec<String>| order.iter().map(|at| row[*at].clone()).collect::<Vec<_>>();
    if !order.is_empty() {
        rows.sort_by_cached_key(ordered);
    }
    if request.ascending == Some(false) {
        rows.reverse();
    }
    let mut seen_rows = BTreeSet::new();
    let room = request.max_parts.and_then(|max| usize::try_from(max).ok());
    let distinct = request.apply_distinct.unwrap_or(true);
    let partition_values = rows
        .iter()
        .map(|row| columns.iter().map(|at| row[*at].clone()).collect::<Vec<_>>())
        .filter(|row| !distinct || seen_rows.insert(row.clone()))
        .take(room.unwrap_or(usize::MAX))
        .map(|row| PartitionValuesRow { row: Some(row) })
        .collect();
    Ok(PartitionValuesResponse {
        partition_values: Some(partition_values),
    })
}

/// Returns where among the partition keys those are that a client names.
fn positions(seen: &SeenTable, fields: Option<Vec<FieldSchema>>) -> Result<Vec<usize>, Failure> {
    let keys = seen.open.key_names();
    let position = |field: FieldSchema| {
        let name = field.name.unwrap_or_default().to_lowercase();
        let found = keys.iter().position(|key| *key == name);
        found.ok_or_else(|| Failure::meta(format!("{name} is no partition key of {}", seen.open.name)))
    };
    fields.unwrap_or_default().into_iter().map(position).collect()
}
