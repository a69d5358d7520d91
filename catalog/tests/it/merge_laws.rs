//! What has to hold of merges of random histories, whatever the rules decide.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use catalog::Snapshot;
use catalog::keys::{MetaKey, decode_partition};
use catalog::merge::{self, Choice, Options, Profile, Side};
use catalog::model::{Constraint, ConstraintKind, TableId};
use proptest::prelude::*;
use versioning::object::Object;
use versioning::{KeyRange, Space, Value, View};

use super::history::{History, check_laws, dump, resolve, resolve_with};

const BASE: &str = "create sales.a (i int, j int) by (d string)
    add sales.a d=1
    add sales.a d=2
    put sales.db/a/d=1/f one
    put sales.db/a/d=2/f two
    create sales.b (i int)
    put sales.db/b/f three
    create sales.e (i int)
    put raw/x one";

/// What histories are made of; a step that fails is left out.
const STEPS: [&str; 61] = [
    "add sales.a d=1",
    "add sales.a d=3",
    "add sales.a d=4 k=1",
    "add sales.a d=4 at raw/far",
    "droppart sales.a d=1",
    "droppart sales.a d=2",
    "setpart sales.a d=1 k=1",
    "setpart sales.a d=1 k=2",
    "setpart sales.a d=2 numFiles=1",
    "put sales.db/a/d=1/f one!",
    "put sales.db/a/d=1/g x",
    "put sales.db/a/d=1/g y",
    "put sales.db/a/d=2/h z",
    "put sales.db/a/d=3/f z",
    "put raw/far/f z",
    "rm sales.db/a/d=1/f",
    "rm sales.db/a/d=2/f",
    "put sales.db/a/d=1/_SUCCESS x",
    "columns sales.a (i int, j int, k int)",
    "columns sales.a (i int, j int, l string)",
    "columns sales.a (i bigint, j int)",
    "columns sales.a (i int)",
    "columns sales.a (j int, i int)",
    "cascade sales.a (i int, j int, m date)",
    "columns sales.a (x int, j int)",
    "set sales.a k=1",
    "set sales.a k=2",
    "set sales.b numRows=5",
    "owner sales.b eve",
    "rename sales.a sales.c",
    "rename sales.b sales.a",
    "rename sales.e sales.g",
    "put sales.db/e/f x",
    "drop sales.a",
    "drop sales.b",
    "forget sales.b",
    "create sales.c (i int)",
    "create sales.c (i int) by (d string)",
    "add sales.c d=1",
    "put sales.db/c/d=1/f x",
    "move sales.b raw/b",
    "put sales.db/b/g x",
    "put raw/x two",
    "rm raw/x",
    "analyze sales.b i@3",
    "analyzepart sales.a d=1 i@4",
    "dropdb sales",
    "function sales.f x",
    "pk sales.a k1 i",
    "pk sales.a - i",
    "nn sales.a n1 i",
    "fk sales.b f1 i sales.a i",
    "check sales.b c1 i > 0",
    "unconstrain sales.a k1",
    "unconstrain sales.b f1",
    "schema sales.s x",
    "schema sales.s y",
    "version sales.s 1",
    "version sales.s 2",
    "dropversion sales.s 1",
    "dropschema sales.s",
];

fn steps() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(0..STEPS.len(), 0..8)
}

async fn run(history: &History, branch: &str, steps: &[usize]) -> View {
    for step in steps {
        // those that the state does not allow are no part of the history
        let _ = history.execute(branch, STEPS[*step]).await;
    }
    let commit = history.commit_as_is(branch).await;
    history.view(commit).await
}

async fn entries(view: &View, space: Space) -> BTreeMap<Bytes, Value> {
    let mut all = BTreeMap::new();
    let mut scan = view.scan(space, KeyRange::all());
    while let Some(entry) = scan.next().await.unwrap() {
        all.insert(Bytes::copy_from_slice(entry.key), entry.value());
    }
    all
}

/// Every file is what the one side made of it that changed it; names that no side has are copies.
async fn check_files(base: &View, ours: &View, theirs: &View, merged: &View) {
    let (base, ours) = (
        entries(base, Space::Objects).await,
        entries(ours, Space::Objects).await,
    );
    let (theirs, merged) = (
        entries(theirs, Space::Objects).await,
        entries(merged, Space::Objects).await,
    );
    let paths: BTreeSet<&Bytes> = [&base, &ours, &theirs, &merged]
        .into_iter()
        .flat_map(BTreeMap::keys)
        .collect();
    for path in paths {
        let (b, o, t, m) = (base.get(path), ours.get(path), theirs.get(path), merged.get(path));
        let copy = path.windows(6).any(|part| part == b"_copy_");
        match () {
            () if o == b => assert!(m == t || copy, "{path:?}"),
            () if t == b => assert_eq!(m, o, "{path:?}"),
            () => assert!(m == o, "{path:?}"),
        }
    }
}

/// Every partition of a table that all have is there, or is not, as the one side says that changed it.
async fn check_partitions(base: &View, ours: &View, theirs: &View, merged: &View) {
    let mut known = BTreeSet::new();
    for view in [base, ours, theirs] {
        let tables: BTreeSet<TableId> = tables(view).await.into_keys().collect();
        known = if known.is_empty() {
            tables
        } else {
            known.intersection(&tables).copied().collect()
        };
    }
    let (base, ours) = (
        entries(base, Space::Parts).await,
        entries(ours, Space::Parts).await,
    );
    let (theirs, merged) = (
        entries(theirs, Space::Parts).await,
        entries(merged, Space::Parts).await,
    );
    let keys: BTreeSet<&Bytes> = [&base, &ours, &theirs, &merged]
        .into_iter()
        .flat_map(BTreeMap::keys)
        .collect();
    for key in keys {
        let (table, name) = decode_partition(key).unwrap();
        if known.contains(&table) {
            let has = [&base, &ours, &theirs, &merged].map(|side| side.contains_key(key));
            let expected = if has[1] == has[0] { has[2] } else { has[1] };
            assert_eq!(has[3], expected, "{name}");
        }
    }
}

async fn tables(view: &View) -> BTreeMap<TableId, ()> {
    let all = entries(view, Space::Meta).await;
    let id = |key: &Bytes| match MetaKey::decode(key) {
        Some(MetaKey::Table(id)) => Some((id, ())),
        _ => None,
    };
    all.keys().filter_map(id).collect()
}

/// Records fit together: lists and tables are one to one, and nothing hangs below a table that is not there.
async fn check_whole(merged: &View) {
    let snapshot = Snapshot::new(merged.clone(), catalog::SharedCache::default());
    let listed = dump(&snapshot).await;
    let tables = tables(merged).await;
    let meta = entries(merged, Space::Meta).await;
    let lists = meta
        .keys()
        .filter(|key| matches!(MetaKey::decode(key), Some(MetaKey::Entry(..))))
        .count();
    assert_eq!(lists, tables.len(), "{listed}");
    for key in meta.keys() {
        if let Some(MetaKey::Constraint(table, ..)) = MetaKey::decode(key) {
            assert!(tables.contains_key(&table), "{listed}");
            let all = snapshot.constraints(table).await.unwrap();
            let is_primary = |it: &&Constraint| it.kind == ConstraintKind::PrimaryKey;
            assert!(all.iter().filter(is_primary).count() <= 1, "{listed}");
        }
    }
    for key in entries(merged, Space::Parts).await.keys() {
        assert!(tables.contains_key(&decode_partition(key).unwrap().0), "{listed}");
    }
    for key in entries(merged, Space::Stats).await.keys() {
        let key = catalog::keys::StatsKey::decode(key).unwrap();
        assert!(tables.contains_key(&key.table), "{listed}");
        if let Some(name) = key.partition {
            assert!(
                snapshot.find_partition(key.table, name).await.unwrap().is_some(),
                "{listed}"
            );
        }
    }
    for (path, value) in entries(merged, Space::Objects).await {
        Object::decode(&path, &value.payload).unwrap();
    }
}

/// Where ours is taken throughout, files that both sides changed are as ours has them.
async fn check_contested_files(base: &View, ours: &View, theirs: &View, merged: &View) {
    let (base, ours) = (
        entries(base, Space::Objects).await,
        entries(ours, Space::Objects).await,
    );
    let (theirs, merged) = (
        entries(theirs, Space::Objects).await,
        entries(merged, Space::Objects).await,
    );
    let paths: BTreeSet<&Bytes> = [&base, &ours, &theirs]
        .into_iter()
        .flat_map(BTreeMap::keys)
        .collect();
    for path in paths {
        let (b, o, t) = (base.get(path), ours.get(path), theirs.get(path));
        if o != b && t != b {
            assert_eq!(merged.get(path), o, "{path:?}");
        }
    }
}

/// Whatever is decided, what lands fits together: one side throughout, and one thing or the other as it comes.
async fn check_decisions(base: &View, ours: &View, theirs: &View, profile: Profile, mut picks: u64) {
    let sides = (base, ours, theirs);
    let is_even = picks.is_multiple_of(2);
    let all = merge::Strategy {
        kind: None,
        tables: None,
        side: if is_even { Side::Ours } else { Side::Theirs },
    };
    let options = Options {
        strategies: vec![all],
        force_unsafe: picks.is_multiple_of(3),
        profile: Some(profile),
        ..Options::default()
    };
    let resolution = resolve_with(sides, &options).await.unwrap();
    if resolution.conflicts.is_empty() {
        let merged = ours.with(&resolution.patch);
        check_whole(&merged).await;
        if is_even {
            check_contested_files(base, ours, theirs, &merged).await;
        }
    }
    let mut options = Options {
        force_unsafe: true,
        append_union: is_even,
        profile: Some(profile),
        ..Options::default()
    };
    for _ in 0..6 {
        let resolution = resolve_with(sides, &options).await.unwrap();
        if resolution.conflicts.is_empty() {
            check_whole(&ours.with(&resolution.patch)).await;
            return;
        }
        for conflict in resolution.conflicts {
            let choices = conflict.choices;
            let mut listed = Vec::new();
            listed.extend(choices.ours.then_some(Choice::Ours));
            listed.extend(choices.theirs.then_some(Choice::Theirs));
            listed.extend(choices.base.then_some(Choice::Base));
            if !listed.is_empty() {
                let choice = listed.swap_remove(picks as usize % listed.len());
                picks = picks.rotate_right(5);
                options.decisions.insert(conflict.id, choice);
            }
        }
    }
}

/// A quarter of the usual number of cases, which `PROPTEST_CASES` sets: each makes and merges a repository.
fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases.div_ceil(4),
        failure_persistence: None,
        ..usual
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn random_histories_merge_lawfully(
        base in steps(),
        ours in steps(),
        theirs in steps(),
        profile in 0usize..4,
        picks: u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let history = History::new(BASE).await;
            let base = run(&history, "main", &base).await;
            history.branch("etl").await;
            let ours = run(&history, "main", &ours).await;
            let theirs = run(&history, "etl", &theirs).await;
            check_laws(&base, &ours, &theirs).await;
            let resolution = resolve(&base, &ours, &theirs).await;
            if resolution.conflicts.is_empty() {
                let merged = ours.with(&resolution.patch);
                check_files(&base, &ours, &theirs, &merged).await;
                check_partitions(&base, &ours, &theirs, &merged).await;
                check_whole(&merged).await;
            } else {
                let mut lines: Vec<String> = resolution.conflicts.iter().map(ToString::to_string).collect();
                assert!(lines.iter().all(|line| !line.contains('\n')));
                let count = lines.len();
                lines.dedup();
                assert_eq!(lines.len(), count, "each conflict once");
            }
            check_decisions(&base, &ours, &theirs, Profile::ALL[profile], picks).await;
        });
    }
}
