//! The values of partition keys.

use std::collections::HashSet;

use thrift_idl::methods::{GetPartitionValues, GetPartitionValuesArgs};
use thrift_idl::types::{PartitionValuesResponse, PartitionValuesRow};

use super::partitions::plan;
use crate::context::Call;
use crate::exception::Failure;
use crate::registry::Routes;
use crate::target::SeenTable;
use crate::walk::{Among, Walk};

pub(super) fn routes() -> Routes {
    Routes::default().serve::<GetPartitionValues, _, _>(values)
}

/// Answers with the values of some keys of all partitions that a filter accepts, each combination once unless the
/// client wants otherwise.
async fn values(call: Call, args: GetPartitionValuesArgs) -> Result<PartitionValuesResponse, Failure> {
    let request = args.request.unwrap_or_default();
    // the original says with a MetaException what else would be a NoSuchObjectException
    let missing = |failure: Failure| Failure::meta(failure.to_string());
    let named = call
        .table(request.db_name, request.tbl_name, request.cat_name)
        .await
        .map_err(missing)?;
    let seen = named.see().await.map_err(missing)?;
    let wanted: Vec<String> = request
        .partition_keys
        .into_iter()
        .flatten()
        .map(|key| key.name.unwrap_or_default())
        .collect();
    let wanted = positions(&seen, &wanted)?;
    let room = request.max_parts.and_then(|max| usize::try_from(max).ok());
    let plan = plan(&seen, request.filter.as_deref())?;
    let mut walk = Walk::start(seen, Among::All, plan, usize::MAX).await?;
    let distinct = request.apply_distinct.unwrap_or(true);
    let (mut rows, mut known) = (Vec::new(), HashSet::new());
    while let Some(values) = walk.next(|_, row| row.values()).await? {
        let row: Vec<String> = wanted
            .iter()
            .filter_map(|at| values.get(*at))
            .map(ToString::to_string)
            .collect();
        if !distinct || known.insert(row.clone()) {
            rows.push(PartitionValuesRow { row: Some(row) });
        }
    }
    if request.ascending == Some(false) {
        rows.reverse();
    }
    rows.truncate(room.unwrap_or(usize::MAX));
    Ok(PartitionValuesResponse {
        partition_values: Some(rows),
    })
}

/// Returns where keys stand among those of the table.
fn positions(seen: &SeenTable, wanted: &[String]) -> Result<Vec<usize>, Failure> {
    if wanted.is_empty() {
        return Err(Failure::meta("no partition key is named"));
    }
    let keys = seen.open.key_names();
    let position = |name: &String| {
        let found = keys.iter().position(|key| key.eq_ignore_ascii_case(name));
        found.ok_or_else(|| Failure::meta(format!("{name} is no partition key of {}", seen.open.name)))
    };
    wanted.iter().map(position).collect()
}
