//! What Hive asks before and while it rebuilds a materialized view.

use thrift_idl::methods::{
    GetLockMaterializationRebuild, GetLockMaterializationRebuildArgs, GetMaterializationInvalidationInfo,
    HeartbeatLockMaterializationRebuild, HeartbeatLockMaterializationRebuildArgs,
};
use thrift_idl::types::{LockResponse, LockState, Materialization};

use crate::context::Call;
use crate::exception::Failure;
use crate::ledger::{Component, Kind, LedgerError, LockAnswer, Operation, Owner, Request, Resource};
use crate::registry::Routes;

pub(super) fn routes() -> Routes {
    Routes::default()
        .serve::<GetMaterializationInvalidationInfo, _, _>(async |_, _| {
            // what was updated since is not kept, and a rebuild of the whole is always right
            Ok(Materialization {
                source_tables_update_delete_modified: Some(true),
                source_tables_compacted: Some(true),
            })
        })
        .serve::<GetLockMaterializationRebuild, _, _>(lock)
        .serve::<HeartbeatLockMaterializationRebuild, _, _>(heartbeat)
}

/// Locks a view for the transaction that rebuilds it, until that ends. Readers of the view do not wait for it.
async fn lock(call: Call, args: GetLockMaterializationRebuildArgs) -> Result<LockResponse, Failure> {
    let target = call.database(args.db_name.as_deref(), None).await?;
    let transaction = args.txn_id.unwrap_or_default();
    let view = args.table_name.unwrap_or_default().to_lowercase();
    let resource = Resource {
        reference: target.reference.name.to_string(),
        database: target.database.clone(),
        // no table is named so
        table: Some(format!("rebuild of {view}")),
        partition: None,
    };
    let asked = Request {
        transaction,
        without_waiting: true,
        owner: Owner {
            user: call.session.user().unwrap_or_default(),
            host: String::new(),
            agent: None,
        },
        components: vec![Component {
            resource,
            kind: Kind::Exclusive,
            operation: Operation::Other,
        }],
    };
    let state = match call.decide(|draft| draft.lock(asked.clone())).await? {
        LockAnswer::Granted(_) => LockState::ACQUIRED,
        LockAnswer::Waiting(_) | LockAnswer::Refused { .. } => LockState::NOT_ACQUIRED,
    };
    Ok(LockResponse {
        lockid: Some(transaction),
        state: Some(state),
        error_message: None,
    })
}

/// Answers whether the rebuild may go on.
async fn heartbeat(call: Call, args: HeartbeatLockMaterializationRebuildArgs) -> Result<bool, Failure> {
    let id = args.txn_id.unwrap_or_default();
    call.decide(|draft| match draft.beat_transaction(id) {
        Ok(()) => Ok(true),
        Err(LedgerError::Aborted(_) | LedgerError::NoTransaction(_) | LedgerError::Committed(_)) => Ok(false),
        Err(error) => Err(error),
    })
    .await
}
