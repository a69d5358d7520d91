//! Locks. At a tag or a commit nothing can change, so whoever asks there is granted the lock number 0.

use thrift_idl::methods::{
    CheckLock, CheckLockArgs, Heartbeat, HeartbeatArgs, HeartbeatTxnRange, HeartbeatTxnRangeArgs, Lock,
    LockArgs, ShowLocks, ShowLocksArgs, Unlock, UnlockArgs,
};
use thrift_idl::types::{
    DataOperationType, HeartbeatTxnRangeResponse, LockComponent, LockRequest, LockResponse, LockState,
    LockType, ShowLocksResponse, ShowLocksResponseElement,
};

use crate::context::Call;
use crate::exception::Failure;
use crate::ledger::{self, Component, Kind, LedgerError, LockAnswer, Operation, Owner, Request, Resource};
use crate::registry::Routes;

/// Of how many transactions one heartbeat can be.
const BEATS_MAX: i64 = 100_000;

pub(super) fn routes() -> Routes {
    Routes::default()
        .serve::<Lock, _, _>(lock)
        .serve::<CheckLock, _, _>(check_lock)
        .serve::<Unlock, _, _>(unlock)
        .serve::<Heartbeat, _, _>(heartbeat)
        .serve::<HeartbeatTxnRange, _, _>(heartbeat_range)
        .serve::<ShowLocks, _, _>(show_locks)
}

async fn lock(call: Call, args: LockArgs) -> Result<LockResponse, Failure> {
    let request = args.rqst.unwrap_or_default();
    let mut components = Vec::new();
    for part in request.component.iter().flatten() {
        components.extend(component(&call, part).await?);
    }
    let asked = Request {
        transaction: request.txnid.unwrap_or_default(),
        without_waiting: refuses_to_wait(&request, &components),
        owner: Owner {
            user: request.user.unwrap_or_default(),
            host: request.hostname.unwrap_or_default(),
            agent: request.agent_info,
        },
        components,
    };
    if asked.components.is_empty() {
        return Ok(response(0, LockState::ACQUIRED));
    }
    let answer = call.decide(|draft| draft.lock(asked.clone())).await?;
    Ok(spell(answer, request.exclusive_ctas == Some(true)))
}

/// Returns what is to be locked; nothing at a ref that cannot change.
async fn component(call: &Call, part: &LockComponent) -> Result<Option<Component>, Failure> {
    let kind = match part.r#type.unwrap_or_default() {
        LockType::SHARED_READ => Kind::SharedRead,
        LockType::SHARED_WRITE => Kind::SharedWrite,
        LockType::EXCLUSIVE => Kind::Exclusive,
        LockType::EXCL_WRITE => Kind::ExclusiveWrite,
        unknown => return Err(Failure::meta(format!("there is no {unknown:?}"))),
    };
    let resource = resource(call, part).await?;
    let transactional = part.is_transactional != Some(false);
    Ok(resource.map(|resource| Component {
        resource,
        kind,
        operation: operation(part.operation_type.filter(|_| transactional)),
    }))
}

pub(super) fn operation(of: Option<DataOperationType>) -> Operation {
    match of {
        Some(DataOperationType::INSERT) => Operation::Insert,
        Some(DataOperationType::UPDATE) => Operation::Update,
        Some(DataOperationType::DELETE) => Operation::Delete,
        _ => Operation::Other,
    }
}

async fn resource(call: &Call, part: &LockComponent) -> Result<Option<Resource>, Failure> {
    let target = call.database(part.dbname.as_deref(), None).await?;
    Ok(target.is_branch().await?.then(|| Resource {
        reference: target.reference.name.to_string(),
        database: target.database.clone(),
        table: part.tablename.as_ref().map(|name| name.to_lowercase()),
        partition: part.partitionname.as_ref().map(|name| lower_keys(name)),
    }))
}

/// Returns the name of a partition with its keys in lower case.
pub(super) fn lower_keys(name: &str) -> String {
    let lower = |part: &str| match part.split_once('=') {
        Some((key, value)) => format!("{}={value}", key.to_lowercase()),
        None => part.to_owned(),
    };
    name.split('/').map(lower).collect::<Vec<_>>().join("/")
}

/// Returns whether a client of Hive 4 asks to be told rather than to wait.
fn refuses_to_wait(request: &LockRequest, components: &[Component]) -> bool {
    let reads = components.iter().all(|part| part.kind == Kind::SharedRead);
    request.zero_wait_read_enabled == Some(true) && reads || request.exclusive_ctas == Some(true)
}

fn response(id: u64, state: LockState) -> LockResponse {
    LockResponse {
        lockid: Some(id as i64),
        state: Some(state),
        error_message: None,
    }
}

fn spell(answer: LockAnswer, creates: bool) -> LockResponse {
    match answer {
        LockAnswer::Granted(id) => response(id, LockState::ACQUIRED),
        LockAnswer::Waiting(id) => response(id, LockState::WAITING),
        LockAnswer::Refused { id, other } => {
            let reason = if creates {
                "Failed to initiate a concurrent CTAS operation with the same table name"
            } else {
                "Unable to acquire read lock due to an existing exclusive lock"
            };
            LockResponse {
                error_message: Some(format!("{reason} {{lockid:{other}}}")),
                ..response(id, LockState::NOT_ACQUIRED)
            }
        }
    }
}

async fn check_lock(call: Call, args: CheckLockArgs) -> Result<LockResponse, Failure> {
    let id = args.rqst.unwrap_or_default().lockid.unwrap_or_default();
    if id == 0 {
        return Ok(response(0, LockState::ACQUIRED));
    }
    let answer = call.decide(|draft| draft.check_lock(id)).await?;
    Ok(spell(answer, false))
}

async fn unlock(call: Call, args: UnlockArgs) -> Result<(), Failure> {
    let id = args.rqst.unwrap_or_default().lockid.unwrap_or_default();
    call.decide(|draft| draft.unlock(id)).await
}

async fn heartbeat(call: Call, args: HeartbeatArgs) -> Result<(), Failure> {
    let request = args.ids.unwrap_or_default();
    let (lock, transaction) = (
        request.lockid.unwrap_or_default(),
        request.txnid.unwrap_or_default(),
    );
    call.decide(|draft| {
        draft.beat_lock(lock)?;
        draft.beat_transaction(transaction)
    })
    .await
}

/// Takes a sign of life of many transactions, and answers which of them are no more.
async fn heartbeat_range(
    call: Call,
    args: HeartbeatTxnRangeArgs,
) -> Result<HeartbeatTxnRangeResponse, Failure> {
    let range = args.txns.unwrap_or_default();
    let (min, max) = (range.min.unwrap_or_default(), range.max.unwrap_or_default());
    let max = max.min(min.saturating_add(BEATS_MAX));
    call.decide(|draft| {
        let mut response = HeartbeatTxnRangeResponse {
            aborted: Some(Default::default()),
            nosuch: Some(Default::default()),
        };
        for id in min..=max {
            let group = match draft.beat_transaction(id) {
                Ok(()) => None,
                Err(LedgerError::Aborted(_)) => response.aborted.as_mut(),
                Err(LedgerError::NoTransaction(_) | LedgerError::Committed(_)) => response.nosuch.as_mut(),
                Err(error) => return Err(error),
            };
            group.into_iter().for_each(|ids| {
                ids.insert(id);
            });
        }
        Ok(response)
    })
    .await
}

/// What of the locks a client wants to see.
struct Wanted {
    /// The ref and the database.
    database: Option<(String, String)>,
    table: Option<String>,
    partition: Option<String>,
    transaction: Option<i64>,
}

impl Wanted {
    fn holds(&self, lock: &ledger::Lock, at: &Resource) -> bool {
        let database = self.database.as_ref();
        database.is_none_or(|(reference, name)| *reference == at.reference && *name == at.database)
            && self
                .table
                .as_ref()
                .is_none_or(|name| at.table.as_ref() == Some(name))
            && self
                .partition
                .as_ref()
                .is_none_or(|name| at.partition.as_ref() == Some(name))
            && self.transaction.is_none_or(|id| lock.transaction as i64 == id)
    }
}

async fn show_locks(call: Call, args: ShowLocksArgs) -> Result<ShowLocksResponse, Failure> {
    let request = args.rqst.unwrap_or_default();
    let database = match request.dbname.filter(|name| !name.is_empty()) {
        Some(name) => {
            let target = call.database(Some(&name), None).await?;
            Some((target.reference.name.to_string(), target.database))
        }
        None => None,
    };
    let wanted = Wanted {
        database,
        table: request.tablename.map(|name| name.to_lowercase()),
        partition: request.partname.map(|name| lower_keys(&name)),
        transaction: request.txnid,
    };
    let own = call.database(Some(""), None).await?.reference.name.to_string();
    let locks = call.look(|ledger| {
        let parts = ledger.locks().flat_map(|(id, lock)| {
            let parts = lock.components.iter().enumerate();
            parts.map(move |(place, part)| (id, lock, place as i64 + 1, part))
        });
        let shown = parts.filter(|(_, lock, _, part)| wanted.holds(lock, &part.resource));
        shown
            .map(|(id, lock, place, part)| element(id, lock, (place, part), &own))
            .collect()
    });
    Ok(ShowLocksResponse {
        locks: Some(locks.await?),
    })
}

/// Describes a part of a lock. Databases at another ref than the listener's `own` are shown with that ref.
fn element(
    id: u64,
    lock: &ledger::Lock,
    (place, part): (i64, &Component),
    own: &str,
) -> ShowLocksResponseElement {
    let at = &part.resource;
    let database = match at.reference == own {
        true => at.database.clone(),
        false => format!("{}@{}", at.database, at.reference),
    };
    let state = match lock.granted_ms {
        Some(_) => LockState::ACQUIRED,
        None => LockState::WAITING,
    };
    ShowLocksResponseElement {
        lockid: Some(id as i64),
        dbname: Some(database),
        tablename: at.table.clone(),
        partname: at.partition.clone(),
        state: Some(state),
        r#type: Some(match part.kind {
            Kind::SharedRead => LockType::SHARED_READ,
            Kind::SharedWrite => LockType::SHARED_WRITE,
            Kind::Exclusive => LockType::EXCLUSIVE,
            Kind::ExclusiveWrite => LockType::EXCL_WRITE,
        }),
        txnid: Some(lock.transaction as i64),
        lastheartbeat: Some(lock.pulse.last_ms as i64),
        acquiredat: lock.granted_ms.map(|ms| ms as i64),
        user: Some(lock.owner.user.clone()),
        hostname: Some(lock.owner.host.clone()),
        heartbeat_count: Some(lock.pulse.beats as i32),
        agent_info: lock.owner.agent.clone(),
        blocked_by_ext_id: lock.blocker.map(|(other, _)| other as i64),
        blocked_by_int_id: lock.blocker.map(|(_, place)| place as i64),
        lock_id_internal: Some(place),
    }
}
