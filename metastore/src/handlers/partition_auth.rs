//! Partitions with what a caller was granted on them, where their table says that grants are kept by partition.

use async_trait::async_trait;
use thrift_idl::methods::{
    GetPartitionWithAuth, GetPartitionWithAuthArgs, GetPartitionsPsWithAuth, GetPartitionsPsWithAuthArgs,
    GetPartitionsPsWithAuthReq, GetPartitionsPsWithAuthReqArgs, GetPartitionsWithAuth,
    GetPartitionsWithAuthArgs,
};
use thrift_idl::types::{GetPartitionsPsWithAuthResponse, HiveObjectRef, HiveObjectType, Partition};
use thrift_idl::{Encoder, Protocol};

use super::partitions::{first_values, one, walk};
use super::privileges::Asking;
use crate::context::Call;
use crate::exception::Failure;
use crate::registry::Routes;
use crate::stream::{Listing, PIECE_BYTES, Rows};
use crate::target::{NamedTable, SeenTable};
use crate::walk::{Among, PartitionRows, Walk};

/// The parameter of a table whose partitions have grants of their own.
const BY_PARTITION: &str = "PARTITION_LEVEL_PRIVILEGE";

pub(super) fn routes() -> Routes {
    Routes::default()
        .serve::<GetPartitionWithAuth, _, _>(async |call: Call, args: GetPartitionWithAuthArgs| {
            let named = call.table(args.db_name, args.tbl_name, None).await?;
            let asking = Asking::new(args.user_name, args.group_names);
            let seen = named.see().await?;
            let mut found = [one(&seen, args.part_vals).await?];
            if seen.open.table.is_set(BY_PARTITION) {
                put_grants(&call, &seen, &asking, &mut found).await?;
            }
            let [partition] = found;
            Ok(partition)
        })
        .stream::<GetPartitionsWithAuth, _, _>(async |call: Call, args: GetPartitionsWithAuthArgs| {
            let named = call.table(args.db_name, args.tbl_name, None).await?;
            let asking = Asking::new(args.user_name, args.group_names);
            Box::pin(list(&call, named, Among::All, args.max_parts, &asking)).await
        })
        .stream::<GetPartitionsPsWithAuth, _, _>(async |call: Call, args: GetPartitionsPsWithAuthArgs| {
            let named = call.table(args.db_name, args.tbl_name, None).await?;
            let asking = Asking::new(args.user_name, args.group_names);
            let among = first_values(args.part_vals)?;
            Box::pin(list(&call, named, among, args.max_parts, &asking)).await
        })
        .stream::<GetPartitionsPsWithAuthReq, _, _>(
            async |call: Call, args: GetPartitionsPsWithAuthReqArgs| {
                let request = args.req.unwrap_or_default();
                let named = call
                    .table(request.db_name, request.tbl_name, request.cat_name)
                    .await?;
                let asking = Asking::new(request.user_name, request.group_names);
                let among = first_values(request.part_vals)?;
                let listing = Box::pin(list(&call, named, among, request.max_parts, &asking)).await?;
                let value = GetPartitionsPsWithAuthResponse {
                    partitions: Some(Vec::new()),
                };
                Ok(Listing {
                    value,
                    path: &[1],
                    rows: listing.rows,
                })
            },
        )
}

async fn list(
    call: &Call,
    named: NamedTable,
    among: Among,
    max: Option<i16>,
    asking: &Asking,
) -> Result<Listing<Vec<Partition>>, Failure> {
    let walk = walk(named, among, None, max).await?;
    if !walk.seen.open.table.is_set(BY_PARTITION) {
        return Ok(Listing::of(PartitionRows::new(walk)));
    }
    let rows = granted(call, walk, asking).await?;
    Ok(Listing::of(Ready(rows.into_iter())))
}

async fn granted(call: &Call, walk: Walk, asking: &Asking) -> Result<Vec<Partition>, Failure> {
    let seen = walk.seen.clone();
    let found = walk.collect().await?;
    let found = found.iter().map(|partition| seen.partition_to_wire(partition));
    let mut found: Vec<Partition> = found.collect();
    put_grants(call, &seen, asking, &mut found).await?;
    Ok(found)
}

/// Puts into each partition what was granted on it.
async fn put_grants(
    call: &Call,
    seen: &SeenTable,
    asking: &Asking,
    partitions: &mut [Partition],
) -> Result<(), Failure> {
    call.roles(|roles| {
        for partition in partitions {
            let object = HiveObjectRef {
                object_type: Some(HiveObjectType::PARTITION),
                db_name: Some(seen.open.database.name.clone()),
                object_name: Some(seen.open.name.clone()),
                part_values: partition.values.clone(),
                ..HiveObjectRef::default()
            };
            partition.privileges = Some(asking.granted_on(roles, object));
        }
    })
    .await
}

/// Partitions that are whole already.
struct Ready(std::vec::IntoIter<Partition>);

#[async_trait]
impl Rows for Ready {
    async fn fill(&mut self, protocol: Protocol, out: &mut Vec<u8>) -> Result<usize, Failure> {
        let mut count = 0;
        while out.len() < PIECE_BYTES {
            let Some(next) = self.0.next() else { break };
            Encoder::new(protocol, out).structure(&next);
            count += 1;
        }
        Ok(count)
    }

    async fn left(&mut self) -> Result<usize, Failure> {
        Ok(self.0.len())
    }
}
