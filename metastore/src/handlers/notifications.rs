//! Notifications: what happened on a branch, in the order in which it took effect.
//!
//! A branch counts its own events. Calls that name no database mean the listener's ref; at a tag or a commit
//! nothing ever happens.

use thrift_idl::methods::{
    FireListenerEvent, FireListenerEventArgs, GetCurrentNotificationEventId, GetNextNotification,
    GetNextNotificationArgs, GetNotificationEventsCount, GetNotificationEventsCountArgs,
};
use thrift_idl::types::{
    CurrentNotificationEventId, FireEventRequest, FireEventRequestData, FireEventResponse,
    InsertEventRequestData, NotificationEvent, NotificationEventRequest, NotificationEventResponse,
    NotificationEventsCountRequest, NotificationEventsCountResponse,
};
use versioning::RefName;

use crate::context::Call;
use crate::exception::Failure;
use crate::notify::{Inserted, Stored, Told, insert, store};
use crate::registry::Routes;
use crate::route::Asked;
use crate::target::{SeenTable, Target};

/// How many runs of events are read at once; most are of one.
const PAGE: usize = 100;
/// Behind how many bytes of messages an answer ends.
const ANSWER_BYTES_MAX: usize = 32 << 20;

pub(super) fn routes() -> Routes {
    Routes::default()
        .serve::<GetCurrentNotificationEventId, _, _>(async |call, _| current(&call).await)
        .serve::<GetNextNotification, _, _>(next)
        .serve::<GetNotificationEventsCount, _, _>(count)
        .serve::<FireListenerEvent, _, _>(fire)
}

/// Returns the listener's ref, or that of a Hive catalog, and the branch if it is one.
async fn followed(call: &Call, catalog: Option<&str>) -> Result<(Target, Option<RefName>), Failure> {
    let target = call.resolve(Asked::parse(None, catalog)).await?;
    let branch = target.is_branch().await?.then(|| target.reference.name.clone());
    Ok((target, branch))
}

async fn current(call: &Call) -> Result<CurrentNotificationEventId, Failure> {
    let (target, branch) = followed(call, None).await?;
    let last = match branch {
        Some(branch) => target.catalog.repository().last_event(&branch).await?,
        None => 0,
    };
    Ok(CurrentNotificationEventId {
        event_id: i64::try_from(last).ok(),
    })
}

/// Which events a client asks for.
#[derive(Debug, Default)]
struct Wanted {
    /// In lower case, as the following.
    database: Option<String>,
    tables: Vec<String>,
    kinds: Vec<String>,
    skipped: Vec<String>,
    last: Option<i64>,
    max: usize,
}

impl Wanted {
    /// Returns what is about the database and tables named; a `max` that is not positive is none.
    fn about(database: Option<&String>, tables: Option<&Vec<String>>, max: Option<i64>) -> Wanted {
        let max = max.and_then(|max| usize::try_from(max).ok());
        Wanted {
            database: database.map(|name| plain(name)),
            tables: tables.into_iter().flatten().map(|name| plain(name)).collect(),
            max: max.filter(|max| *max > 0).unwrap_or(usize::MAX),
            ..Wanted::default()
        }
    }

    fn of(request: &NotificationEventRequest) -> Wanted {
        let (database, tables) = (request.db_name.as_ref(), request.table_names.as_ref());
        Wanted {
            kinds: request.event_type_list.clone().unwrap_or_default(),
            skipped: request.event_type_skip_list.clone().unwrap_or_default(),
            ..Wanted::about(database, tables, request.max_events.map(i64::from))
        }
    }

    fn counted(request: &NotificationEventsCountRequest) -> Wanted {
        let (database, tables) = (request.db_name.as_ref(), request.table_names.as_ref());
        Wanted {
            last: request.to_event_id.filter(|id| *id > 0),
            ..Wanted::about(database, tables, request.limit)
        }
    }

    fn holds(&self, event: &NotificationEvent) -> bool {
        let kind = event.event_type.as_deref().unwrap_or_default();
        let of_table = event
            .table_name
            .as_ref()
            .is_some_and(|name| self.tables.contains(name));
        (self.database.is_none() || self.database == event.db_name)
            && (self.tables.is_empty() || of_table)
            && (self.kinds.is_empty() || self.kinds.iter().any(|other| other == kind))
            && !self.skipped.iter().any(|other| other == kind)
    }

    fn ends_before(&self, event: &NotificationEvent) -> bool {
        self.last
            .is_some_and(|last| event.event_id.unwrap_or_default() > last)
    }
}

/// Returns the name of a database or table in lower case, without the catalog and the ref that clients add.
fn plain(name: &str) -> String {
    let asked = Asked::parse(Some(name), None).database.unwrap_or_default();
    let (name, _) = asked.split_once('@').unwrap_or((&asked, ""));
    name.to_lowercase()
}

/// Hands the events behind `after` that are wanted to `take`, in order, which returns of how many bytes they are.
async fn walk(
    target: &Target,
    branch: &RefName,
    mut after: u64,
    wanted: &Wanted,
    mut take: impl FnMut(Stored) -> Result<usize, Failure>,
) -> Result<(), Failure> {
    let (mut taken, mut bytes) = (0, 0);
    while taken < wanted.max {
        let page = target.catalog.repository().events(branch, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        let behind = after;
        after = last.last();
        for run in &page {
            // a run may begin before what was asked for
            let told = (behind + 1).saturating_sub(run.first);
            let unread = Stored::read(run)?.skip(usize::try_from(told).unwrap_or(usize::MAX));
            for stored in unread {
                let headline = stored.headline();
                if wanted.ends_before(headline) {
                    return Ok(());
                }
                if !wanted.holds(headline) {
                    continue;
                }
                if taken == wanted.max || bytes > ANSWER_BYTES_MAX {
                    return Ok(());
                }
                taken += 1;
                bytes += take(stored)?;
            }
        }
    }
    Ok(())
}

async fn next(call: Call, args: GetNextNotificationArgs) -> Result<NotificationEventResponse, Failure> {
    let request = args.rqst.unwrap_or_default();
    let (target, branch) = followed(&call, request.cat_name.as_deref()).await?;
    let after = u64::try_from(request.last_event.unwrap_or_default()).unwrap_or_default();
    let mut events = Vec::new();
    if let Some(branch) = branch {
        let wanted = Wanted::of(&request);
        let take = |stored: Stored| {
            let event = stored.event(&target.names.locator)?;
            let bytes = event.message.as_ref().map_or(0, String::len);
            events.push(event);
            Ok(bytes)
        };
        walk(&target, &branch, after, &wanted, take).await?;
    }
    Ok(NotificationEventResponse { events: Some(events) })
}

async fn count(
    call: Call,
    args: GetNotificationEventsCountArgs,
) -> Result<NotificationEventsCountResponse, Failure> {
    let request: NotificationEventsCountRequest = args.rqst.unwrap_or_default();
    let (target, branch) = followed(&call, request.cat_name.as_deref()).await?;
    let after = u64::try_from(request.from_event_id.unwrap_or_default()).unwrap_or_default();
    let wanted = Wanted::counted(&request);
    let mut count = 0;
    if let Some(branch) = branch {
        let take = |_| {
            count += 1;
            Ok(0)
        };
        walk(&target, &branch, after, &wanted, take).await?;
    }
    Ok(NotificationEventsCountResponse {
        events_count: Some(count),
    })
}

/// Tells that data was written, of which engines inform the metastore afterwards.
async fn fire(call: Call, args: FireListenerEventArgs) -> Result<FireEventResponse, Failure> {
    let request = args.rqst.unwrap_or_default();
    let named = call
        .table(
            request.db_name.clone(),
            request.table_name.clone(),
            request.cat_name.clone(),
        )
        .await?;
    let target = named.target.clone();
    let seen = named.see().await?;
    let mut events = Vec::new();
    for data in written(&request) {
        events.push(store(inserted(&target, &seen, &request, data).await?));
    }
    if target.settings.notifications && !events.is_empty() && target.is_branch().await? {
        let branch = &target.reference.name;
        target.catalog.repository().tell(branch, &events).await?;
    }
    Ok(FireEventResponse::default())
}

fn written(request: &FireEventRequest) -> Vec<&InsertEventRequestData> {
    let Some(FireEventRequestData {
        insert_data,
        insert_datas,
        ..
    }) = &request.data
    else {
        return Vec::new();
    };
    insert_data.iter().chain(insert_datas.iter().flatten()).collect()
}

async fn inserted(
    target: &Target,
    seen: &SeenTable,
    request: &FireEventRequest,
    data: &InsertEventRequestData,
) -> Result<Told, Failure> {
    let values = data.partition_val.as_ref().or(request.partition_vals.as_ref());
    let partition = match values.filter(|values| !values.is_empty()) {
        Some(values) => Some(seen.snapshot.partition(&seen.open, values).await?),
        None => None,
    };
    let files = data.files_added.clone().unwrap_or_default();
    // place, checksum, where changed files are kept, folder: there is no second place, and so no use for a checksum
    let folders = data.sub_directory_list.as_deref().unwrap_or_default();
    let described = |(place, file): (usize, String)| {
        let folder = folders.get(place).map(String::as_str).unwrap_or_default();
        format!("{file}###{folder}")
    };
    let inserted = Inserted {
        replace: data.replace.unwrap_or_default(),
        files: files.into_iter().enumerate().map(described).collect(),
    };
    insert(&target.narrator(), &seen.open, partition.as_ref(), &inserted)
}
