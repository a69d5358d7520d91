//! Partitions by an expression, which is how Hive asks for them.

use thrift_idl::methods::{
    GetPartitionNamesReq, GetPartitionNamesReqArgs, GetPartitionsByExpr, GetPartitionsByExprArgs,
    GetPartitionsSpecByExpr, GetPartitionsSpecByExprArgs,
};
use thrift_idl::types::{PartitionsByExprRequest, PartitionsByExprResult, PartitionsSpecByExprResult};

use super::partition_specs::specs;
use crate::context::Call;
use crate::exception::Failure;
use crate::filter::{Expressed, Plan, plan_expression};
use crate::registry::Routes;
use crate::stream::Listing;
use crate::target::SeenTable;
use crate::walk::{Among, NameRows, PartitionRows, Walk, room};

pub(super) fn routes() -> Routes {
    Routes::default()
        .stream::<GetPartitionsByExpr, _, _>(async |call, args: GetPartitionsByExprArgs| {
            let found = find(call, args.req.unwrap_or_default()).await?;
            let value = PartitionsByExprResult {
                partitions: Some(Vec::new()),
                has_unknown_partitions: Some(found.unknown),
            };
            Ok(Listing {
                value,
                path: &[1],
                rows: Box::new(PartitionRows::new(found.walk)),
            })
        })
        .serve::<GetPartitionsSpecByExpr, _, _>(async |call, args: GetPartitionsSpecByExprArgs| {
            let found = find(call, args.req.unwrap_or_default()).await?;
            Ok(PartitionsSpecByExprResult {
                partitions_spec: Some(specs(found.walk).await?),
                has_unknown_partitions: Some(found.unknown),
            })
        })
        .stream::<GetPartitionNamesReq, _, _>(async |call, args: GetPartitionNamesReqArgs| {
            let found = find(call, args.req.unwrap_or_default()).await?;
            Ok(Listing::of(NameRows(found.walk)))
        })
}

/// The partitions that an expression accepts, and whether there may be others among them.
struct Found {
    walk: Walk,
    unknown: bool,
}

async fn find(call: Call, request: PartitionsByExprRequest) -> Result<Found, Failure> {
    let named = call
        .table(request.db_name, request.tbl_name, request.cat_name)
        .await?;
    let seen = named.see().await?;
    let bytes = request.expr.unwrap_or_default();
    let Expressed { plan, unknown } = if bytes.is_empty() {
        let plan = Plan::all(&seen.keys());
        Expressed { plan, unknown: None }
    } else {
        plan_expression(&bytes, &seen.keys())
    };
    if let Some(reason) = &unknown {
        tracing::debug!(table = %seen.open.name, reason, "a client has to look at partitions itself");
    }
    Ok(Found {
        walk: Walk::start(seen, Among::All, plan, room(request.max_parts)).await?,
        unknown: unknown.is_some(),
    })
}

/// Returns the names of the partitions that an expression accepts, to drop them.
///
/// # Errors
/// None of those that it may not accept are among them: it has to be understood to the last part.
pub(super) async fn names_to_drop(seen: SeenTable, bytes: &[u8]) -> Result<Vec<String>, Failure> {
    let Expressed { plan, unknown } = plan_expression(bytes, &seen.keys());
    if let Some(reason) = unknown {
        return Err(Failure::meta(format!(
            "Unexpected unknown partitions to drop: {reason}"
        )));
    }
    let mut walk = Walk::start(seen, Among::All, plan, usize::MAX).await?;
    let mut names = Vec::new();
    while let Some(name) = walk.next(|_, row| Ok(row.name.to_owned())).await? {
        names.push(name);
    }
    Ok(names)
}
