//! A walk over the partitions of a table, and what is encoded on the way.

use async_trait::async_trait;
use catalog::codec::Shared;
use catalog::model::{Location, Partition};
use catalog::{Error, PartitionRef, PartitionScan, SharedRefs};
use thrift_idl::splice::{PartitionTemplate, Row};
use thrift_idl::types::Partition as Wire;
use thrift_idl::{Encoder, Protocol};

use crate::exception::Failure;
use crate::filter::{Plan, Step};
use crate::stream::{PIECE_BYTES, Rows};
use crate::target::SeenTable;

/// Which partitions are walked over, before a filter looks at them.
#[derive(Debug, Clone)]
pub(crate) enum Among {
    All,
    /// Those with these first values; an empty one is any.
    Values(Vec<String>),
    /// Those of these names, as far as they are there.
    Names(Names),
}

/// Names of partitions, in order.
#[derive(Debug, Clone)]
pub(crate) struct Names(Vec<String>);

impl Names {
    pub(crate) fn new(mut names: Vec<String>) -> Names {
        names.sort_unstable();
        names.dedup();
        Names(names)
    }

    /// Returns what to do at a name.
    fn step(&self, name: &str) -> Step {
        match self.0.binary_search_by(|one| one.as_str().cmp(name)) {
            Ok(_) => Step::Look,
            Err(place) => match self.0.get(place) {
                Some(next) => Step::Seek(next.clone().into_bytes()),
                None => Step::End,
            },
        }
    }
}

impl Among {
    /// Returns where to begin; `None` if there is nothing.
    fn start(&self, plan: &Plan) -> Option<Vec<u8>> {
        match self {
            Among::All | Among::Values(_) => plan.start(),
            Among::Names(names) => names.0.first().map(|name| name.clone().into_bytes()),
        }
    }

    /// Returns what to do at a name.
    fn step(&self, plan: &Plan, name: &str) -> Step {
        match self {
            Among::All | Among::Values(_) => plan.step(name.as_bytes()),
            Among::Names(names) => names.step(name),
        }
    }
}

/// A walk over partitions in the order of their names.
#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) seen: SeenTable,
    among: Among,
    plan: Plan,
    scan: PartitionScan,
    /// How many may still be taken.
    room: usize,
    /// The name of the last one that was taken.
    last: Option<String>,
    /// How many have been taken.
    taken: u64,
    fuel: Fuel,
}

/// How many conditions are judged before other tasks have their turn: some milliseconds. All rows of a walk can
/// be in memory, and then nothing else in it waits. A client that has left is noticed there too.
const TERMS_A_TURN: usize = 10_000;

/// What a walk may still judge before it lets others have their turn.
#[derive(Debug)]
struct Fuel {
    left: usize,
    /// What a row costs, at most.
    a_row: usize,
}

impl Fuel {
    fn of(plan: &Plan) -> Fuel {
        Fuel {
            left: TERMS_A_TURN,
            a_row: plan.terms_a_row().max(1),
        }
    }

    /// Spends what a row costs.
    async fn spend(&mut self) {
        if self.left < self.a_row {
            tokio::task::yield_now().await;
            self.left = TERMS_A_TURN;
        }
        self.left = self.left.saturating_sub(self.a_row);
    }
}

/// Returns how many partitions a client wants: a negative number, or none, is all.
pub(crate) fn room(max: impl Into<Option<i16>>) -> usize {
    max.into()
        .and_then(|max| usize::try_from(max).ok())
        .unwrap_or(usize::MAX)
}

impl Walk {
    /// Starts a walk that takes at most `room` partitions.
    pub(crate) async fn start(
        seen: SeenTable,
        among: Among,
        plan: Plan,
        room: usize,
    ) -> Result<Walk, Failure> {
        let mut scan = open_scan(&seen, &among)?;
        let start = among.start(&plan);
        let room = if start.is_some() { room } else { 0 };
        seek(&mut scan, start.as_deref().unwrap_or_default()).await?;
        Ok(Walk {
            seen,
            among,
            fuel: Fuel::of(&plan),
            plan,
            scan,
            room,
            last: None,
            taken: 0,
        })
    }

    /// Returns what `take` makes of the next partition; `None` at the end.
    pub(crate) async fn next<T>(
        &mut self,
        take: impl FnOnce(&SeenTable, &PartitionRef<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Failure> {
        while self.room > 0 {
            self.fuel.spend().await;
            let Some(row) = self.scan.next().await? else { break };
            match self.among.step(&self.plan, row.name) {
                Step::Look => {
                    if self.plan.takes_all() || self.plan.takes(&row.values()?) {
                        self.room -= 1;
                        self.taken += 1;
                        let last = self.last.get_or_insert_default();
                        last.clear();
                        last.push_str(row.name);
                        return Ok(Some(take(&self.seen, &row)?));
                    }
                }
                Step::Next => {}
                Step::Seek(name) => seek(&mut self.scan, &name).await?,
                Step::End => break,
            }
        }
        self.room = 0;
        Ok(None)
    }

    /// Returns all that are left to take.
    pub(crate) async fn collect(mut self) -> Result<Vec<Partition>, Failure> {
        let mut shared: Vec<(SharedRefs, Shared)> = Vec::new();
        let mut partitions = Vec::new();
        loop {
            let next = self.next(
                |_, row| match shared.iter().rev().find(|(refs, _)| *refs == row.shared) {
                    Some((_, shared)) => row.to_partition(shared).map(Ok),
                    None => Ok(Err((row.shared, row.name.to_owned()))),
                },
            );
            match next.await? {
                None => return Ok(partitions),
                Some(Ok(partition)) => partitions.push(partition),
                Some(Err((refs, name))) => {
                    if shared.len() == TEMPLATES_MAX {
                        shared.remove(0);
                    }
                    shared.push((refs, self.seen.snapshot.shared(&refs).await?));
                    let found = self
                        .seen
                        .snapshot
                        .find_partition(self.seen.open.id, &name)
                        .await?;
                    partitions.extend(found);
                }
            }
        }
    }

    /// Returns how many are left to take.
    pub(crate) async fn left(&self) -> Result<usize, Failure> {
        if matches!(self.among, Among::All) && self.plan.takes_all() {
            let all = self.seen.snapshot.count_partitions(self.seen.open.id, "").await?;
            return Ok(usize::try_from(all.saturating_sub(self.taken))
                .unwrap_or(usize::MAX)
                .min(self.room));
        }
        let mut scan = open_scan(&self.seen, &self.among)?;
        let behind = self.last.as_ref().map(|last| format!("{last}\0"));
        let start = || self.among.start(&self.plan).unwrap_or_default();
        let start = behind.map_or_else(start, String::into_bytes);
        seek(&mut scan, &start).await?;
        let mut fuel = Fuel::of(&self.plan);
        let mut count = 0;
        while count < self.room {
            fuel.spend().await;
            let Some(row) = scan.next().await? else { break };
            match self.among.step(&self.plan, row.name) {
                Step::Look => {
                    count += usize::from(self.plan.takes_all() || self.plan.takes(&row.values()?));
                }
                Step::Next => {}
                Step::Seek(name) => seek(&mut scan, &name).await?,
                Step::End => break,
            }
        }
        Ok(count)
    }
}

fn open_scan(seen: &SeenTable, among: &Among) -> Result<PartitionScan, Failure> {
    Ok(match among {
        Among::All | Among::Names(_) => seen.snapshot.partitions(seen.open.id),
        Among::Values(values) => seen.snapshot.partitions_matching(&seen.open, values)?,
    })
}

async fn seek(scan: &mut PartitionScan, name: &[u8]) -> Result<(), Failure> {
    // names are text, and so is what a plan makes of them: anything else is before the next name anyway
    if let Ok(name) = str::from_utf8(name)
        && !name.is_empty()
    {
        scan.seek(name).await?;
    }
    Ok(())
}

/// The names of the partitions of a walk.
pub(crate) struct NameRows(pub(crate) Walk);

#[async_trait]
impl Rows for NameRows {
    async fn fill(&mut self, protocol: Protocol, out: &mut Vec<u8>) -> Result<usize, Failure> {
        let mut count = 0;
        while out.len() < PIECE_BYTES {
            let next = self.0.next(|_, row| {
                Encoder::new(protocol, out).text(row.name);
                Ok(())
            });
            match next.await? {
                Some(()) => count += 1,
                None => break,
            }
        }
        Ok(count)
    }

    async fn left(&mut self) -> Result<usize, Failure> {
        self.0.left().await
    }
}

/// The partitions of a walk, spliced: what alike ones have in common is encoded once.
pub(crate) struct PartitionRows {
    walk: Walk,
    /// What default locations begin with, up to and including the slash.
    base: String,
    /// What partitions share, by its refs. A table mostly has few.
    shared: Vec<(SharedRefs, Shared, Option<PartitionTemplate>)>,
}

/// How many different templates are kept at a time.
const TEMPLATES_MAX: usize = 64;

impl PartitionRows {
    pub(crate) fn new(walk: Walk) -> PartitionRows {
        let mut base = walk.seen.names.locator.uri(&walk.seen.open.partition_base());
        if !base.ends_with('/') {
            base.push('/');
        }
        PartitionRows {
            walk,
            base,
            shared: Vec::new(),
        }
    }

    /// Encodes the next partition; returns whether there was one.
    async fn encode_next(&mut self, protocol: Protocol, out: &mut Vec<u8>) -> Result<bool, Failure> {
        let PartitionRows { walk, base, shared } = self;
        let next = walk.next(|seen, row| {
            let Some(at) = shared.iter().rposition(|(refs, ..)| *refs == row.shared) else {
                return Ok(Err((row.shared, row.name.to_owned())));
            };
            let (_, shared, template) = &mut shared[at];
            encode(protocol, seen, base, row, shared, template, out).map(Ok)
        });
        match next.await? {
            None => Ok(false),
            Some(Ok(())) => Ok(true),
            Some(Err((refs, name))) => {
                self.encode_first(protocol, refs, &name, out).await?;
                Ok(true)
            }
        }
    }

    /// Encodes the first partition that shares what `refs` name, which has to be loaded.
    async fn encode_first(
        &mut self,
        protocol: Protocol,
        refs: SharedRefs,
        name: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let seen = &self.walk.seen;
        if self.shared.len() == TEMPLATES_MAX {
            self.shared.remove(0);
        }
        self.shared.push((refs, seen.snapshot.shared(&refs).await?, None));
        let found = seen.snapshot.find_partition(seen.open.id, name).await?;
        let partition = found.ok_or_else(|| Error::Corrupt {
            what: "partition",
            key: name.to_owned(),
            message: "it is in the list but cannot be found".into(),
        })?;
        Encoder::new(protocol, out).structure(&seen.partition_to_wire(&partition));
        Ok(())
    }
}

/// Encodes a partition: spliced, if it is plain; else field by field.
fn encode(
    protocol: Protocol,
    seen: &SeenTable,
    base: &str,
    row: &PartitionRef<'_>,
    shared: &Shared,
    template: &mut Option<PartitionTemplate>,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let plain = row
        .plain_location()?
        .zip(row.created_s()?)
        .zip(row.accessed_s()?)
        .zip(row.parameters()?);
    let Some((((location, create_time), last_access_time), parameters)) = plain else {
        return write_whole(protocol, seen, row, shared, out);
    };
    if template.is_none() {
        let sample: Wire = seen.partition_to_wire(&row.to_partition(shared)?);
        *template = PartitionTemplate::new(protocol, &sample).ok();
    }
    let Some(template) = template else {
        return write_whole(protocol, seen, row, shared, out);
    };
    let elsewhere;
    let location: &[&str] = match &location {
        Location::Default => &[base, row.name],
        other => {
            elsewhere = seen.names.uri(other, &seen.open.partition_base(), row.name);
            &[&elsewhere]
        }
    };
    let values = row.values()?;
    template.write(
        out,
        Row {
            values: &values,
            create_time,
            last_access_time,
            location,
            parameters,
        },
    );
    Ok(())
}

fn write_whole(
    protocol: Protocol,
    seen: &SeenTable,
    row: &PartitionRef<'_>,
    shared: &Shared,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let wire = seen.partition_to_wire(&row.to_partition(shared)?);
    Encoder::new(protocol, out).structure(&wire);
    Ok(())
}

#[async_trait]
impl Rows for PartitionRows {
    async fn fill(&mut self, protocol: Protocol, out: &mut Vec<u8>) -> Result<usize, Failure> {
        let mut count = 0;
        while out.len() < PIECE_BYTES && self.encode_next(protocol, out).await? {
            count += 1;
        }
        Ok(count)
    }

    async fn left(&mut self) -> Result<usize, Failure> {
        self.walk.left().await
    }
}

#[cfg(test)]
mod tests {
    use catalog::draft::AddPartitions;
    use catalog::location::Locator;
    use catalog::model::{Column, Database, Storage, Table};
    use catalog::{Catalog, Draft};
    use futures::FutureExt;
    use versioning::RefExpr;

    use super::*;
    use crate::convert::Names as TheirNames;
    use crate::filter::{Key, plan, plan_expression};

    const ROWS: usize = 40;

    fn partition(number: usize) -> Partition {
        Partition {
            values: vec![format!("v{number:02}")],
            storage: Some(Storage::default()),
            ..Partition::default()
        }
    }

    async fn fill(mut draft: Draft) -> Result<(Draft, ()), Error> {
        let database = Database {
            name: "sales".into(),
            ..Database::default()
        };
        draft.create_database(database).await?;
        let table = Table {
            name: "orders".into(),
            storage: Some(Storage::default()),
            partition_keys: Some(vec![Column::new("p", "string")]),
            ..Table::default()
        };
        draft.create_table("sales", table).await?;
        let partitions = (0..ROWS).map(partition).collect();
        let how = AddPartitions::default();
        draft.add_partitions("sales", "orders", partitions, &how).await?;
        Ok((draft, ()))
    }

    /// Returns a table with as many partitions as [`ROWS`].
    async fn table() -> SeenTable {
        let (_store, repository) = testkit::repository(1).await.unwrap();
        let main = RefExpr::parse("main").unwrap();
        let catalog = Catalog::new(repository);
        catalog.write(&main.name, fill).await.unwrap();
        let repository = catalog.repository().record().name.clone();
        let snapshot = catalog.snapshot(&main).await.unwrap();
        let open = snapshot.table("sales", "orders").await.unwrap();
        SeenTable {
            snapshot,
            open,
            names: TheirNames {
                catalog: "hive".into(),
                database: "sales".into(),
                locator: Locator::new(repository, &main, "s3a"),
            },
        }
    }

    /// Returns a filter that every partition passes, and not before its last term.
    fn long(terms: usize) -> String {
        let terms: Vec<_> = (0..terms).map(|term| format!("p <> \"x{term}\"")).collect();
        terms.join(" and ")
    }

    /// Returns what a future comes to, and how often it let others have their turn.
    async fn turns<T>(future: impl Future<Output = T>) -> (T, usize) {
        let (mut future, mut turns) = (Box::pin(future), 0);
        let done = std::future::poll_fn(|context| {
            let polled = future.poll_unpin(context);
            turns += usize::from(polled.is_pending());
            polled
        });
        (done.await, turns)
    }

    #[tokio::test]
    async fn a_long_filter_lets_others_have_their_turn() {
        let seen = table().await;
        let keys = [Key {
            name: "p".into(),
            type_name: "string".into(),
        }];
        let text = long(TERMS_A_TURN / 4);
        let by_text = plan(&text, &keys).unwrap();
        let by_expression = plan_expression(text.as_bytes(), &keys).plan;
        for plan in [by_text, by_expression] {
            // each name is judged, and then the values
            let expected = ROWS / 2 - 1;
            let walk = Walk::start(seen.clone(), Among::All, plan, usize::MAX)
                .await
                .unwrap();
            let (left, while_counting) = turns(walk.left()).await;
            assert_eq!((left.unwrap(), while_counting >= expected), (ROWS, true));
            let (all, while_walking) = turns(walk.collect()).await;
            assert_eq!((all.unwrap().len(), while_walking >= expected), (ROWS, true));
        }
    }

    #[tokio::test]
    async fn a_short_filter_is_judged_in_one_turn() {
        let plan = plan("", &[]).unwrap();
        let walk = Walk::start(table().await, Among::All, plan, usize::MAX).await;
        let (all, turns) = turns(walk.unwrap().collect()).await;
        assert_eq!((all.unwrap().len(), turns), (ROWS, 0));
    }
}
