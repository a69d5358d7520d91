//! Hive transactions and write ids, as far as clients of Hive 3 and 4 need them for one ref.

use thrift_idl::methods::{
    AbortTxn, AbortTxnArgs, AbortTxns, AbortTxnsArgs, AddDynamicPartitions, AddDynamicPartitionsArgs,
    AddWriteIdsToMinHistory, AddWriteIdsToMinHistoryArgs, AllocateTableWriteIds, AllocateTableWriteIdsArgs,
    CommitTxn, CommitTxnArgs, GetLatestTxnidInConflict, GetLatestTxnidInConflictArgs,
    GetMaxAllocatedTableWriteId, GetMaxAllocatedTableWriteIdArgs, GetOpenTxns, GetOpenTxnsInfo,
    GetOpenTxnsReq, GetOpenTxnsReqArgs, GetValidWriteIds, GetValidWriteIdsArgs, OpenTxns, OpenTxnsArgs,
    SeedTxnId, SeedTxnIdArgs, SeedWriteId, SeedWriteIdArgs, UpdateTransactionStatistics,
};
use thrift_idl::types::{
    AllocateTableWriteIdsResponse, GetOpenTxnsInfoResponse, GetOpenTxnsResponse, GetValidWriteIdsResponse,
    MaxAllocatedTableWriteIdResponse, OpenTxnsResponse, TableValidWriteIds, TxnInfo, TxnState, TxnToWriteId,
};

use super::locks::{lower_keys, operation};
use crate::context::Call;
use crate::exception::Failure;
use crate::ledger::{
    self, LedgerError, OpenTransactions, Opening, Operation, Owner, Resource, TableWrites, ValidTransactions,
};
use crate::registry::Routes;

/// How many transactions can be opened at once.
const OPENED_MAX: i32 = 100_000;

pub(super) fn routes() -> Routes {
    writes()
        .serve::<OpenTxns, _, _>(open)
        .serve::<AbortTxn, _, _>(abort)
        .serve::<AbortTxns, _, _>(abort_all)
        .serve::<CommitTxn, _, _>(commit)
        .serve::<GetOpenTxns, _, _>(async |call, _| open_list(&call, &[]).await)
        .serve::<GetOpenTxnsReq, _, _>(async |call, args: GetOpenTxnsReqArgs| {
            let request = args.get_open_txns_request.unwrap_or_default();
            let without = request.exclude_txn_types.unwrap_or_default();
            let without: Vec<u32> = without.iter().map(|kind| kind.0 as u32).collect();
            open_list(&call, &without).await
        })
        .serve::<GetOpenTxnsInfo, _, _>(async |call, _| open_info(&call).await)
        .serve::<AddDynamicPartitions, _, _>(add_dynamic_partitions)
        .serve::<GetLatestTxnidInConflict, _, _>(async |call: Call, args: GetLatestTxnidInConflictArgs| {
            let id = args.txn_id.unwrap_or_default();
            Ok(call.look(|ledger| ledger.last_in_conflict(id)).await? as i64)
        })
        .serve::<SeedTxnId, _, _>(async |call: Call, args: SeedTxnIdArgs| {
            let seed = args.rqst.unwrap_or_default().seed_txn_id.unwrap_or_default();
            call.decide(|draft| draft.seed_transactions(seed)).await
        })
        .serve::<UpdateTransactionStatistics, _, _>(async |_, _| Ok(()))
}

fn writes() -> Routes {
    Routes::default()
        .serve::<AllocateTableWriteIds, _, _>(allocate)
        .serve::<GetValidWriteIds, _, _>(valid_write_ids)
        .serve::<GetMaxAllocatedTableWriteId, _, _>(max_allocated)
        .serve::<SeedWriteId, _, _>(seed_write_id)
        .serve::<AddWriteIdsToMinHistory, _, _>(async |call: Call, args: AddWriteIdsToMinHistoryArgs| {
            let id = args.txn_id.unwrap_or_default();
            call.decide(|draft| draft.touch(id, Vec::new(), Operation::Other))
                .await
        })
}

async fn open(call: Call, args: OpenTxnsArgs) -> Result<OpenTxnsResponse, Failure> {
    let request = args.rqst.unwrap_or_default();
    let count = request.num_txns.unwrap_or_default();
    if !(1..=OPENED_MAX).contains(&count) {
        return Err(Failure::meta(format!(
            "{count} transactions cannot be opened at once"
        )));
    }
    let opening = Opening {
        count: count as u32,
        owner: Owner {
            user: request.user.unwrap_or_default(),
            host: request.hostname.unwrap_or_default(),
            agent: request.agent_info,
        },
        kind: request.txn_type.unwrap_or_default().0 as u32,
    };
    let ids = call.decide(|draft| Ok(draft.open_transactions(&opening))).await?;
    Ok(OpenTxnsResponse {
        txn_ids: Some(ids.into_iter().map(|id| id as i64).collect()),
    })
}

async fn abort(call: Call, args: AbortTxnArgs) -> Result<(), Failure> {
    let id = args.rqst.unwrap_or_default().txnid.unwrap_or_default();
    call.decide(|draft| draft.abort(id)).await
}

/// Aborts those of the transactions that are open.
async fn abort_all(call: Call, args: AbortTxnsArgs) -> Result<(), Failure> {
    let ids = args.rqst.unwrap_or_default().txn_ids.unwrap_or_default();
    call.decide(|draft| {
        for id in &ids {
            match draft.abort(*id) {
                Ok(()) | Err(LedgerError::NoTransaction(_) | LedgerError::Committed(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    })
    .await
}

async fn commit(call: Call, args: CommitTxnArgs) -> Result<(), Failure> {
    let id = args.rqst.unwrap_or_default().txnid.unwrap_or_default();
    call.decide(|draft| draft.commit(id)).await
}

/// Returns bits of which the n-th says whether the n-th of `invalid` is aborted, as Java spells sets of bits.
fn aborted_bits(invalid: &[(u64, bool)]) -> Vec<u8> {
    let mut bits = Vec::new();
    for (place, _) in invalid.iter().enumerate().filter(|(_, (_, aborted))| *aborted) {
        bits.resize(place / 8 + 1, 0);
        bits[place / 8] |= 1 << (place % 8);
    }
    bits
}

async fn open_list(call: &Call, without: &[u32]) -> Result<GetOpenTxnsResponse, Failure> {
    let open: OpenTransactions = call.look(|ledger| ledger.open_transactions(without)).await?;
    Ok(GetOpenTxnsResponse {
        txn_high_water_mark: Some(open.last as i64),
        open_txns: Some(open.invalid.iter().map(|(id, _)| *id as i64).collect()),
        min_open_txn: open.first_open().map(|id| id as i64),
        aborted_bits: Some(aborted_bits(&open.invalid).into()),
    })
}

async fn open_info(call: &Call) -> Result<GetOpenTxnsInfoResponse, Failure> {
    let info = |(id, it): (u64, &ledger::Transaction)| TxnInfo {
        id: Some(id as i64),
        state: Some(if it.aborted {
            TxnState::ABORTED
        } else {
            TxnState::OPEN
        }),
        user: Some(it.owner.user.clone()),
        hostname: Some(it.owner.host.clone()),
        agent_info: it.owner.agent.clone(),
        heartbeat_count: Some(it.pulse.beats as i32),
        meta_info: None,
        started_time: Some(it.pulse.started_ms as i64),
        last_heartbeat_time: Some(it.pulse.last_ms as i64),
    };
    let (last, open) = call
        .look(|ledger| {
            (
                ledger.open_transactions(&[]).last,
                ledger.transactions().map(info).collect(),
            )
        })
        .await?;
    Ok(GetOpenTxnsInfoResponse {
        txn_high_water_mark: Some(last as i64),
        open_txns: Some(open),
    })
}

async fn add_dynamic_partitions(call: Call, args: AddDynamicPartitionsArgs) -> Result<(), Failure> {
    let request = args.rqst.unwrap_or_default();
    let target = call.database(request.dbname.as_deref(), None).await?;
    let table = request.tablename.map(|name| name.to_lowercase());
    let resource = |partition: &String| Resource {
        reference: target.reference.name.to_string(),
        database: target.database.clone(),
        table: table.clone(),
        partition: Some(lower_keys(partition)),
    };
    let partitions = request.partitionnames.unwrap_or_default();
    let resources: Vec<Resource> = partitions.iter().map(resource).collect();
    let (id, operation) = (
        request.txnid.unwrap_or_default(),
        operation(request.operation_type),
    );
    call.decide(|draft| draft.touch(id, resources.clone(), operation))
        .await
}

/// Returns the name under which a table's write ids are kept: the same at all refs.
async fn table_name(call: &Call, database: Option<&str>, table: Option<&str>) -> Result<String, Failure> {
    let target = call.database(database, None).await?;
    let table = table.ok_or_else(|| Failure::meta("Table name cannot be null."))?;
    Ok(format!("{}.{}", target.database, table.trim().to_lowercase()))
}

async fn allocate(
    call: Call,
    args: AllocateTableWriteIdsArgs,
) -> Result<AllocateTableWriteIdsResponse, Failure> {
    let request = args.rqst.unwrap_or_default();
    let table = table_name(&call, request.db_name.as_deref(), request.table_name.as_deref()).await?;
    let ids = match request.txn_ids {
        Some(ids) if !ids.is_empty() => ids,
        _ => {
            let source = request.src_txn_to_write_id_list.unwrap_or_default();
            source.iter().filter_map(|pair| pair.txn_id).collect()
        }
    };
    let given = call.decide(|draft| draft.allocate(&table, &ids)).await?;
    let pair = |(transaction, write): (u64, u64)| TxnToWriteId {
        txn_id: Some(transaction as i64),
        write_id: Some(write as i64),
    };
    Ok(AllocateTableWriteIdsResponse {
        txn_to_write_ids: Some(given.into_iter().map(pair).collect()),
    })
}

async fn valid_write_ids(
    call: Call,
    args: GetValidWriteIdsArgs,
) -> Result<GetValidWriteIdsResponse, Failure> {
    let request = args.rqst.unwrap_or_default();
    let seen = match request.valid_txn_list.filter(|list| !list.is_empty()) {
        Some(list) => Some(ValidTransactions::parse(&list)?),
        None => None,
    };
    let mut tables = Vec::new();
    for asked in request.full_table_names.unwrap_or_default() {
        let (database, table) = match asked.rsplit_once('.') {
            Some((database, table)) => (Some(database), Some(table)),
            None => (Some(""), Some(asked.as_str())),
        };
        let name = table_name(&call, database, table).await?;
        tables.push((asked, name));
    }
    let answers = call.look(|ledger| {
        let seen = seen.unwrap_or_else(|| ledger.open_transactions(&[]).into());
        let of = |(asked, name): (String, String)| valid_of(asked, &ledger.valid_writes(&name, &seen));
        tables.into_iter().map(of).collect()
    });
    Ok(GetValidWriteIdsResponse {
        tbl_valid_write_ids: Some(answers.await?),
    })
}

fn valid_of(table: String, writes: &TableWrites) -> TableValidWriteIds {
    TableValidWriteIds {
        full_table_name: Some(table),
        write_id_high_water_mark: Some(writes.last as i64),
        invalid_write_ids: Some(writes.invalid.iter().map(|(id, _)| *id as i64).collect()),
        min_open_write_id: writes.first_open().map(|id| id as i64),
        aborted_bits: Some(aborted_bits(&writes.invalid).into()),
    }
}

async fn max_allocated(
    call: Call,
    args: GetMaxAllocatedTableWriteIdArgs,
) -> Result<MaxAllocatedTableWriteIdResponse, Failure> {
    let request = args.rqst.unwrap_or_default();
    let table = table_name(&call, request.db_name.as_deref(), request.table_name.as_deref()).await?;
    let last = call.look(|ledger| ledger.last_write(&table)).await?;
    Ok(MaxAllocatedTableWriteIdResponse {
        max_write_id: Some(last as i64),
    })
}

async fn seed_write_id(call: Call, args: SeedWriteIdArgs) -> Result<(), Failure> {
    let request = args.rqst.unwrap_or_default();
    let table = table_name(&call, request.db_name.as_deref(), request.table_name.as_deref()).await?;
    let seed = request.seed_write_id.unwrap_or_default();
    call.decide(|draft| draft.seed_writes(&table, seed)).await
}
