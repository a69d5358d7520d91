//! Random histories against plain maps: what a catalog says, and that its records fit together.

use std::collections::{BTreeMap, BTreeSet};

use catalog::draft::AddPartitions;
use catalog::keys::{self, MetaKey};
use catalog::model::{Location, TableId};
use catalog::names::Pattern;
use catalog::{Draft, Snapshot};
use proptest::prelude::*;
use versioning::{KeyRange, Space};

use super::fixture::{Lake, add_to, database, lake, put_files, table, write};

const NAMES: [&str; 2] = ["a", "b"];

#[derive(Debug, Clone)]
enum Step {
    CreateDatabase(usize),
    DropDatabase(usize, bool),
    CreateTable(usize, usize),
    DropTable(usize, usize),
    Rename(usize, usize, usize, usize),
    Add(usize, usize, u8),
    DropPartition(usize, usize, u8),
    WriteFile(usize, usize, u8),
}

fn step() -> impl Strategy<Value = Step> {
    let name = || 0..NAMES.len();
    prop_oneof![
        2 => name().prop_map(Step::CreateDatabase),
        1 => (name(), any::<bool>()).prop_map(|(d, cascade)| Step::DropDatabase(d, cascade)),
        8 => (name(), name()).prop_map(|(d, t)| Step::CreateTable(d, t)),
        1 => (name(), name()).prop_map(|(d, t)| Step::DropTable(d, t)),
        6 => (name(), name(), name(), name()).prop_map(|(d, t, e, u)| Step::Rename(d, t, e, u)),
        8 => (name(), name(), 0..2u8).prop_map(|(d, t, v)| Step::Add(d, t, v)),
        1 => (name(), name(), 0..2u8).prop_map(|(d, t, v)| Step::DropPartition(d, t, v)),
        8 => (name(), name(), 0..2u8).prop_map(|(d, t, v)| Step::WriteFile(d, t, v)),
    ]
}

/// What the catalog has to say: the partitions of the tables of the databases, and which of them have a file.
type Model = BTreeMap<&'static str, BTreeMap<&'static str, BTreeMap<u8, bool>>>;

/// Does the step on the model; returns whether it is allowed.
fn model_step(model: &mut Model, step: &Step) -> bool {
    let find =
        |model: &Model, d: usize, t: usize| model.get(NAMES[d]).is_some_and(|d| d.contains_key(NAMES[t]));
    match *step {
        Step::CreateDatabase(d) => model.insert_new(NAMES[d]),
        Step::DropDatabase(d, cascade) => {
            let allowed = model
                .get(NAMES[d])
                .is_some_and(|tables| cascade || tables.is_empty());
            allowed && model.remove(NAMES[d]).is_some()
        }
        Step::CreateTable(d, t) => model
            .get_mut(NAMES[d])
            .is_some_and(|tables| tables.insert_new(NAMES[t])),
        Step::DropTable(d, t) => model
            .get_mut(NAMES[d])
            .is_some_and(|tables| tables.remove(NAMES[t]).is_some()),
        Step::Rename(d, t, e, u) => {
            let same = (d, t) == (e, u);
            if !find(model, d, t) || !model.contains_key(NAMES[e]) || (find(model, e, u) && !same) {
                return false;
            }
            let table = model
                .get_mut(NAMES[d])
                .and_then(|tables| tables.remove(NAMES[t]))
                .unwrap_or_default();
            model.entry(NAMES[e]).or_default().insert(NAMES[u], table);
            true
        }
        Step::Add(d, t, v) => {
            find(model, d, t) && {
                let partitions = model.entry(NAMES[d]).or_default().entry(NAMES[t]).or_default();
                partitions.insert_new(v)
            }
        }
        Step::DropPartition(d, t, v) => {
            find(model, d, t) && {
                let partitions = model.entry(NAMES[d]).or_default().entry(NAMES[t]).or_default();
                partitions.remove(&v).is_some()
            }
        }
        Step::WriteFile(d, t, v) => {
            find(model, d, t) && {
                let partitions = model.entry(NAMES[d]).or_default().entry(NAMES[t]).or_default();
                partitions.get_mut(&v).map(|file| *file = true).is_some()
            }
        }
    }
}

/// Inserts a default value unless there is one; returns whether there was none.
trait InsertNew<K> {
    fn insert_new(&mut self, key: K) -> bool;
}

impl<K: Ord, V: Default> InsertNew<K> for BTreeMap<K, V> {
    fn insert_new(&mut self, key: K) -> bool {
        let is_new = !self.contains_key(&key);
        self.entry(key).or_default();
        is_new
    }
}

async fn do_step(draft: &mut Draft, step: &Step) -> catalog::Result<()> {
    match *step {
        Step::CreateDatabase(d) => draft.create_database(database(NAMES[d])).await.map(drop),
        Step::DropDatabase(d, cascade) => draft.drop_database(NAMES[d], true, cascade).await.map(drop),
        Step::CreateTable(d, t) => draft
            .create_table(NAMES[d], table(NAMES[t], "x int", "p string"))
            .await
            .map(drop),
        Step::DropTable(d, t) => draft.drop_table(NAMES[d], NAMES[t], true).await.map(drop),
        Step::Rename(d, t, e, u) => draft
            .rename_table(NAMES[d], NAMES[t], NAMES[e], NAMES[u])
            .await
            .map(drop),
        Step::Add(d, t, v) => {
            let how = AddPartitions::default();
            add_to(draft, NAMES[d], NAMES[t], &[&v.to_string()], &how)
                .await
                .map(drop)
        }
        Step::DropPartition(d, t, v) => {
            let names = [format!("p={v}")];
            draft
                .drop_partitions(NAMES[d], NAMES[t], &names, true, false)
                .await
                .map(drop)
        }
        Step::WriteFile(d, t, v) => {
            let open = draft.table(NAMES[d], NAMES[t]).await?;
            let partition = draft.partition(&open, &[v.to_string()]).await?;
            let location = partition
                .storage
                .and_then(|storage| storage.location)
                .unwrap_or_default();
            let folder = open
                .partition_place(&partition.name, &location)
                .object_prefix()
                .unwrap_or_default();
            put_files(draft, &[&format!("{folder}f")]);
            Ok(())
        }
    }
}

/// Fails unless the snapshot says what the model says, and nothing else is there.
async fn compare(main: &Snapshot, model: &Model) {
    let mut files = BTreeSet::new();
    let mut ids = BTreeSet::new();
    let mut partitions = 0;
    let databases = main.databases(&Pattern::all()).await.unwrap();
    assert_eq!(
        databases,
        model.keys().copied().chain(["default"]).collect::<Vec<_>>()
    );
    for (database, tables) in model {
        let database = main.database(database).await.unwrap();
        let entries = main.tables(database.id, &Pattern::all()).await.unwrap();
        assert_eq!(
            entries.iter().map(|entry| entry.0.as_str()).collect::<Vec<_>>(),
            tables.keys().copied().collect::<Vec<_>>()
        );
        for (name, expected) in tables {
            let open = main.table(&database.name, name).await.unwrap();
            assert_eq!((open.name.as_str(), open.table.database), (*name, database.id));
            assert!(ids.insert(open.id));
            let mut found = Vec::new();
            let mut scan = main.partitions(open.id);
            while let Some(partition) = scan.next().await.unwrap() {
                let location = partition.location().unwrap().unwrap_or(Location::Default);
                let place = open.partition_place(partition.name, &location);
                let has_file = main.objects_below(&place).await.unwrap().count == 1;
                files.extend(has_file.then(|| place.object_prefix()).flatten());
                found.push((partition.values().unwrap()[0].parse::<u8>().unwrap(), has_file));
            }
            assert_eq!(
                found,
                expected.iter().map(|(v, file)| (*v, *file)).collect::<Vec<_>>()
            );
            partitions += found.len() as u64;
        }
    }
    assert_eq!(table_ids(main).await, ids);
    let count = |space| main.view().totals(space, KeyRange::all());
    assert_eq!(count(Space::Parts).await.unwrap().count, partitions);
    assert_eq!(count(Space::Objects).await.unwrap().count, files.len() as u64);
    assert_eq!(
        count(Space::Meta).await.unwrap().count,
        (model.len() + 2 * ids.len()) as u64
    );
}

async fn table_ids(main: &Snapshot) -> BTreeSet<TableId> {
    let mut scan = main.view().scan(Space::Meta, KeyRange::prefix(keys::tables()));
    let mut ids = BTreeSet::new();
    while let Some(entry) = scan.next().await.unwrap() {
        match MetaKey::decode(entry.key) {
            Some(MetaKey::Table(id)) => assert!(ids.insert(id)),
            other => panic!("{other:?}"),
        }
    }
    ids
}

async fn run(steps: Vec<Step>) {
    let lake: Lake = lake().await;
    let mut model = Model::new();
    let databases = (0..NAMES.len()).map(Step::CreateDatabase);
    let steps: Vec<Step> = databases.chain(steps).collect();
    for step in &steps {
        let before = model.clone();
        let done = write!(lake, |draft| do_step(draft, step).await?);
        let allowed = model_step(&mut model, step);
        assert_eq!(done.is_ok(), allowed, "{step:?}: {done:?}");
        if !allowed {
            model = before;
        }
        compare(&lake.main().await, &model).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn a_catalog_is_what_was_done_to_it(steps in prop::collection::vec(step(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(steps));
    }
}
