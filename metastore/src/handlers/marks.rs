//! Marks of partitions for events.

use std::collections::BTreeMap;

use catalog::{Error, names};
use thrift_idl::methods::{
    IsPartitionMarkedForEvent, IsPartitionMarkedForEventArgs, MarkPartitionForEvent,
    MarkPartitionForEventArgs,
};
use thrift_idl::types::PartitionEventType;

use crate::context::Call;
use crate::exception::{Class, Failure};
use crate::facts::{Mark, Marks};
use crate::registry::Routes;

pub(super) fn routes() -> Routes {
    Routes::default()
        .serve::<MarkPartitionForEvent, _, _>(async |call: Call, args: MarkPartitionForEventArgs| {
            let of = (args.db_name, args.tbl_name);
            let mark = mark(&call, of, args.part_vals, args.event_type).await?;
            let plan = |_: &Marks| Ok::<_, Failure>((Marks::mark(&mark), ()));
            call.states().await?.marks.change(plan).await
        })
        .serve::<IsPartitionMarkedForEvent, _, _>(async |call: Call, args: IsPartitionMarkedForEventArgs| {
            let of = (args.db_name, args.tbl_name);
            let mark = mark(&call, of, args.part_vals, args.event_type).await?;
            Ok(call.states().await?.marks.read(|marks| marks.has(&mark)).await?)
        })
}

async fn mark(
    call: &Call,
    (database, table): (Option<String>, Option<String>),
    values: Option<BTreeMap<String, String>>,
    event: Option<PartitionEventType>,
) -> Result<Mark, Failure> {
    let seen = call.table(database, table, None).await?;
    let reference = seen.target.reference.name.to_string();
    let seen = seen.see().await.map_err(|failure| match failure {
        Failure::Catalog(error @ Error::NoSuchTable { .. }) => {
            Failure::As(&[Class::UnknownTable], error.to_string())
        }
        other => other,
    })?;
    let values: BTreeMap<String, String> = values
        .unwrap_or_default()
        .into_iter()
        .map(|(key, value)| (key.to_lowercase(), value))
        .collect();
    let keys = seen.open.key_names();
    let of_key = |key: &&str| values.get(*key).cloned();
    let ordered: Option<Vec<String>> = keys.iter().map(of_key).collect();
    let ordered = ordered.filter(|_| values.len() == keys.len());
    let ordered = ordered.ok_or_else(|| Failure::meta("a value of each partition key has to be given"))?;
    Ok(Mark {
        reference,
        database: seen.open.database.name.clone(),
        table: seen.open.name.clone(),
        partition: names::partition_name(&keys, &ordered)?,
        event: event.unwrap_or(PartitionEventType::LOAD_DONE).0,
    })
}
