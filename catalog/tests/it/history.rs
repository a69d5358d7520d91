//! Histories in a small language, one statement a line; a path or a name says what it is about.
//!
//! ```text
//! create sales.orders (id int, amt int) by (dt string) as csv
//! columns sales.orders (id int, amt bigint)     rename sales.orders sales.old     drop sales.orders
//! set sales.orders k=v                          unset sales.orders k              owner sales.orders eve
//! add sales.orders dt=1 [at path]               droppart sales.orders dt=1        setpart sales.orders dt=1 k=v
//! analyze sales.orders id@7                     analyzepart sales.orders dt=1 id@7
//! put path content                              rm path                           move sales.orders path
//! database x    dropdb x    comment x text      function sales.f class            dropfn sales.f
//! view sales.v text
//! ```

use std::sync::Arc;

use catalog::draft::{AddPartitions, AlterPartitions, AlterTable};
use catalog::merge::CatalogResolver;
use catalog::model::{
    BooleanStatistics, Column, ColumnId, ColumnStatistics, Columns, Function, Location, Parameters, Serde,
    StatisticsData, Storage, Table, TableKind, Template,
};
use catalog::names::{Pattern, parse_partition_name};
use catalog::{Catalog, Draft, Result, Snapshot};
use versioning::merge::{Landing, MergeOutcome, OpenGate, Resolver, Sides};
use versioning::object::{DataFile, Object, Segment};
use versioning::refs::CommitMode;
use versioning::repository::CommitMessage;
use versioning::{Batch, CommitId, KeyRange, RefExpr, RefName, Repositories, Space, View};

use super::fixture::{columns, database};

/// A repository whose branches are written in the language.
pub(crate) struct History {
    pub(crate) catalog: Catalog,
    _store: Repositories,
}

pub(crate) fn name(name: &str) -> RefName {
    RefName::parse(name).unwrap()
}

pub(crate) fn at(text: &str) -> RefExpr {
    RefExpr::parse(text).unwrap()
}

impl History {
    /// Starts with the database `sales`, and what `statements` say, committed on `main`.
    pub(crate) async fn new(statements: &str) -> History {
        let (store, repository) = testkit::repository(11).await.unwrap();
        let history = History {
            catalog: Catalog::new(repository),
            _store: store,
        };
        history
            .commit("main", &format!("database sales\n{statements}"))
            .await;
        history
    }

    /// Makes a branch from `main`.
    pub(crate) async fn branch(&self, branch: &str) {
        let repository = self.catalog.repository();
        repository
            .create_branch(&name(branch), &at("main"), CommitMode::Staged)
            .await
            .unwrap();
    }

    /// Does what the statements say on a branch and commits it. An empty text changes nothing.
    pub(crate) async fn commit(&self, branch: &str, statements: &str) -> CommitId {
        for statement in statements.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let done = self.execute(branch, statement).await;
            done.unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
        self.commit_as_is(branch).await
    }

    /// Does what one statement says, or nothing if it fails.
    pub(crate) async fn execute(&self, branch: &str, statement: &str) -> Result<()> {
        let repository = self.catalog.repository();
        let view = repository.view(&at(branch)).await.unwrap();
        let (ids, now) = (Arc::clone(repository.ids()), repository.clock().now_us());
        let mut draft = Draft::new(view, self.catalog.cache().clone(), ids, now);
        execute(&mut draft, statement).await?;
        let batch = draft.into_batch();
        let plan = move |_| {
            let batch = batch.clone();
            async move { Ok::<_, versioning::Error>((batch, ())) }
        };
        Ok(repository.write(&name(branch), plan).await?)
    }

    pub(crate) async fn commit_as_is(&self, branch: &str) -> CommitId {
        let repository = self.catalog.repository();
        let words = CommitMessage {
            allow_empty: true,
            ..CommitMessage::default()
        };
        repository.commit(&name(branch), words).await.unwrap()
    }

    pub(crate) async fn view(&self, commit: CommitId) -> View {
        self.catalog
            .repository()
            .view(&at(&commit.to_string()))
            .await
            .unwrap()
    }

    pub(crate) async fn merge(&self, source: &str, into: &str) -> MergeOutcome<catalog::merge::Conflict> {
        let landing = Landing {
            into: name(into),
            author: "test".to_owned(),
            message: None,
            metadata: Default::default(),
            dry_run: false,
        };
        let resolver = CatalogResolver::default();
        self.catalog
            .repository()
            .merge(&at(source), &landing, &resolver, &OpenGate)
            .await
            .unwrap()
    }

    pub(crate) async fn dump(&self, branch: &str) -> String {
        dump(&self.catalog.snapshot(&at(branch)).await.unwrap()).await
    }
}

/// Merges `theirs` into `ours`, both of which start from `base`; returns the merged catalog or the conflicts, and
/// checks what has to hold of every merge.
pub(crate) async fn merged(base: &str, ours: &str, theirs: &str) -> String {
    let history = History::new(base).await;
    history.branch("etl").await;
    let base = history
        .catalog
        .repository()
        .resolve(&at("main"))
        .await
        .unwrap()
        .commit;
    let theirs = history.commit("etl", theirs).await;
    let ours = history.commit("main", ours).await;
    let (b, o, t) = (
        history.view(base).await,
        history.view(ours).await,
        history.view(theirs).await,
    );
    check_laws(&b, &o, &t).await;
    match history.merge("etl", "main").await {
        MergeOutcome::Landed(_) | MergeOutcome::UpToDate(_) => {
            check_ids(&history.catalog.snapshot(&at("main")).await.unwrap()).await;
            history.dump("main").await
        }
        MergeOutcome::Conflicts(conflicts) => {
            let lines: Vec<String> = conflicts
                .iter()
                .map(|conflict| format!("! {conflict}\n"))
                .collect();
            lines.concat()
        }
        other => panic!("{other:?}"),
    }
}

/// What has to hold of every merge, whatever the rules say (versioning.md 8, I5).
pub(crate) async fn check_laws(base: &View, ours: &View, theirs: &View) {
    for side in [ours, theirs] {
        assert_eq!(
            clean(base, side, base).await,
            entries(side).await,
            "merge(b, x, b) = x"
        );
        assert_eq!(
            clean(base, base, side).await,
            entries(side).await,
            "merge(b, b, x) = x"
        );
        assert_eq!(
            clean(base, side, side).await,
            entries(side).await,
            "merge(b, x, x) = x"
        );
    }
    let kinds = |resolution: versioning::merge::Resolution<catalog::merge::Conflict>| {
        let mut kinds: Vec<_> = resolution
            .conflicts
            .iter()
            .map(|conflict| conflict.kind)
            .collect();
        kinds.sort();
        kinds
    };
    let (one, two) = (
        resolve(base, ours, theirs).await,
        resolve(base, theirs, ours).await,
    );
    assert_eq!(
        kinds(one),
        kinds(two),
        "swapped sides agree on the kinds of conflicts"
    );
}

pub(crate) async fn resolve(
    base: &View,
    ours: &View,
    theirs: &View,
) -> versioning::merge::Resolution<catalog::merge::Conflict> {
    let sides = Sides {
        base: base.clone(),
        ours: ours.clone(),
        theirs: theirs.clone(),
    };
    CatalogResolver::default().resolve(&sides).await.unwrap()
}

async fn clean(base: &View, ours: &View, theirs: &View) -> Vec<(Space, String)> {
    let resolution = resolve(base, ours, theirs).await;
    assert!(resolution.conflicts.is_empty(), "{:?}", resolution.conflicts);
    entries(&ours.with(&resolution.patch)).await
}

/// Returns everything that a view holds.
async fn entries(view: &View) -> Vec<(Space, String)> {
    let mut all = Vec::new();
    for space in Space::ALL {
        let mut scan = view.scan(space, KeyRange::all());
        while let Some(entry) = scan.next().await.unwrap() {
            let blobs: Vec<_> = entry.blobs.iter().map(|blob| blob.hash).collect();
            let text = format!(
                "{} = {} {blobs:?}",
                entry.key.escape_ascii(),
                entry.payload.escape_ascii()
            );
            all.push((space, text));
        }
    }
    all
}

async fn execute(draft: &mut Draft, statement: &str) -> Result<()> {
    let (verb, rest) = statement.split_once(' ').unwrap_or((statement, ""));
    let (what, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let (db, object) = what.split_once('.').unwrap_or((what, ""));
    match verb {
        "database" => draft.create_database(database(what)).await.map(drop),
        "dropdb" => draft.drop_database(what, true, true).await.map(drop),
        "comment" => {
            let mut found = draft.database(what).await?;
            found.description = Some(rest.to_owned());
            draft.alter_database(what, found).await.map(drop)
        }
        "function" => {
            let function = Function {
                name: object.to_owned(),
                class_name: Some(rest.to_owned()),
                ..Function::default()
            };
            if draft.function(db, object).await.is_ok() {
                return draft.alter_function(db, object, db, function).await;
            }
            draft.create_function(db, function).await.map(drop)
        }
        "dropfn" => draft.drop_function(db, object).await,
        "put" | "rm" => {
            let value = (verb == "put").then(|| file(rest).encode());
            let mut batch = Batch::default();
            match value {
                Some(value) => batch.put(Space::Objects, what.as_bytes().to_vec(), value),
                None => batch.delete(Space::Objects, what.as_bytes().to_vec()),
            }
            draft.add(batch);
            Ok(())
        }
        "create" => draft.create_table(db, table(object, rest)).await.map(drop),
        "view" => {
            let view = Table {
                name: object.to_owned(),
                kind: TableKind::View,
                view_original_text: Some(rest.to_owned()),
                view_expanded_text: Some(rest.to_owned()),
                ..Table::default()
            };
            if draft.find_table(db, object).await?.is_none() {
                return draft.create_table(db, view).await.map(drop);
            }
            draft
                .alter_table(db, object, view, &AlterTable::default())
                .await
                .map(drop)
        }
        "drop" => draft.drop_table(db, object, true).await.map(drop),
        "forget" => draft.drop_table(db, object, false).await.map(drop),
        "rename" => {
            let (to_db, to) = rest.split_once('.').unwrap();
            draft.rename_table(db, object, to_db, to).await.map(drop)
        }
        "add" | "droppart" | "setpart" => partitions(draft, verb, (db, object), rest).await,
        "analyze" => analyze(draft, (db, object), None, rest).await,
        "analyzepart" => {
            let (partition, rest) = rest.split_once(' ').unwrap();
            analyze(draft, (db, object), Some(partition), rest).await
        }
        _ => alter(draft, verb, (db, object), rest).await,
    }
}

async fn alter(draft: &mut Draft, verb: &str, (db, object): (&str, &str), rest: &str) -> Result<()> {
    let mut table = draft.table(db, object).await?.table;
    let mut how = AlterTable {
        keep_statistics: true,
        any_types: true,
        ..AlterTable::default()
    };
    match verb {
        "columns" | "cascade" => {
            let storage = table.storage.as_mut().unwrap();
            storage.columns = Some(Arc::new(Columns(columns_of(rest).0)));
            how.cascade = verb == "cascade";
        }
        "keycomment" => table.partition_keys.as_mut().unwrap()[0].comment = Some(rest.to_owned()),
        "set" => {
            let (key, value) = rest.split_once('=').unwrap();
            table.set_parameter(key, value);
        }
        "unset" => drop(table.parameters.as_mut().unwrap().remove(rest)),
        "owner" => table.owner = Some(rest.to_owned()),
        "move" => table.storage.as_mut().unwrap().location = Some(Location::Rel(rest.to_owned())),
        "serde" => {
            let template = Arc::make_mut(&mut table.storage.as_mut().unwrap().template);
            template.serde = Some(serde(rest));
        }
        "kind" => table.kind = TableKind::parse(rest),
        other => panic!("unknown statement {other}"),
    }
    draft.alter_table(db, object, table, &how).await.map(drop)
}

async fn partitions(draft: &mut Draft, verb: &str, (db, object): (&str, &str), rest: &str) -> Result<()> {
    let open = draft.table(db, object).await?;
    let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let values = parse_partition_name(name)?
        .into_iter()
        .map(|(_, value)| value)
        .collect::<Vec<_>>();
    match verb {
        "add" => {
            let mut partition = Draft::partition_like(&open, values);
            if let Some(path) = rest.strip_prefix("at ") {
                partition.storage.as_mut().unwrap().location = Some(Location::Rel(path.to_owned()));
            } else if let Some((key, value)) = rest.split_once('=') {
                partition.set_parameter(key, value);
            }
            let how = AddPartitions {
                keep_statistics: true,
                ..AddPartitions::default()
            };
            draft
                .add_partitions(db, object, vec![partition], &how)
                .await
                .map(drop)
        }
        "setpart" => {
            let mut partition = draft.partition(&open, &values).await?;
            let (key, value) = rest.split_once('=').unwrap();
            partition.set_parameter(key, value);
            let how = AlterPartitions {
                keep_statistics: true,
            };
            draft
                .alter_partitions(db, object, vec![partition], &how)
                .await
                .map(drop)
        }
        _ => draft
            .drop_partitions(db, object, &[name.to_owned()], true, false)
            .await
            .map(drop),
    }
}

async fn analyze(
    draft: &mut Draft,
    (db, object): (&str, &str),
    partition: Option<&str>,
    rest: &str,
) -> Result<()> {
    let column = |text: &str| {
        let (name, time) = text.split_once('@').unwrap();
        let statistics = ColumnStatistics {
            column: ColumnId::NONE,
            type_name: "boolean".to_owned(),
            analyzed_s: Some(time.parse().unwrap()),
            data: StatisticsData::Boolean(BooleanStatistics::default()),
        };
        (name.to_owned(), statistics)
    };
    let columns = rest.split(' ').map(column).collect();
    draft.set_statistics(db, object, partition, "hive", columns).await
}

fn file(content: &str) -> Object {
    let mut id = [0; 16];
    for (place, byte) in content.bytes().enumerate() {
        id[place % 16] ^= byte.wrapping_add(place as u8);
    }
    Object {
        segments: vec![Segment {
            file: DataFile { epoch: 0, id },
            offset: 0,
            len: content.len() as u64,
        }],
        etag: content.to_owned(),
        ..Object::default()
    }
}

fn serde(format: &str) -> Serde {
    let class = match format {
        "csv" => "org.apache.hadoop.hive.serde2.OpenCSVSerde",
        "orc" => "org.apache.hadoop.hive.ql.io.orc.OrcSerde",
        _ => "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    };
    Serde {
        library: Some(class.to_owned()),
        ..Serde::default()
    }
}

/// Reads `(name type 'comment', …)`; returns what follows, too.
fn columns_of(text: &str) -> (Vec<Column>, &str) {
    let (list, rest) = text
        .trim_start()
        .trim_start_matches('(')
        .split_once(')')
        .unwrap_or((text, ""));
    let mut found = Vec::new();
    for text in list.split(", ").filter(|text| !text.is_empty()) {
        let (text, comment) = text.split_once(" '").unwrap_or((text, ""));
        let mut column = columns(text).remove(0);
        column.comment = Some(comment.trim_end_matches('\'').to_owned()).filter(|text| !text.is_empty());
        found.push(column);
    }
    (found, rest.trim_start())
}

fn table(name: &str, rest: &str) -> Table {
    let (list, rest) = columns_of(rest);
    let (keys, rest) = match rest.strip_prefix("by ") {
        Some(rest) => columns_of(rest),
        None => (Vec::new(), rest),
    };
    let mut table = Table {
        name: name.to_owned(),
        partition_keys: Some(keys),
        ..Table::default()
    };
    let mut template = Template::default();
    let mut location = None;
    let mut words = rest.split_whitespace();
    while let Some(word) = words.next() {
        let value = words.next().unwrap();
        match word {
            "as" => template.serde = Some(serde(value)),
            "at" => location = Some(Location::Rel(value.to_owned())),
            "buckets" => template.buckets = Some(value.parse().unwrap()),
            "with" => {
                let (key, value) = value.split_once('=').unwrap();
                table.set_parameter(key, value);
            }
            other => panic!("unknown word {other}"),
        }
    }
    template.serde.get_or_insert_with(|| serde("parquet"));
    table.storage = Some(Storage {
        columns: Some(Arc::new(Columns(list))),
        template: Arc::new(template),
        location,
        ..Storage::default()
    });
    table
}

/// Fails unless the columns of partitions have the ids of the table's columns of the same names, as long as no
/// column was dropped and added again.
async fn check_ids(snapshot: &Snapshot) {
    let sales = snapshot.database("sales").await.unwrap();
    for (name, entry) in snapshot.tables(sales.id, &Pattern::all()).await.unwrap() {
        let table = snapshot.find_table_by_id(entry.id).await.unwrap().unwrap();
        let mut scan = snapshot.partitions(entry.id);
        while let Some(found) = scan.next().await.unwrap() {
            let shared = snapshot.shared(&found.shared).await.unwrap();
            for column in shared.columns.iter().flat_map(|columns| &columns.0) {
                let known = table.columns().iter().find(|known| known.name == column.name);
                assert!(
                    known.is_none_or(|known| known.id == column.id),
                    "{name}: {column:?} is {known:?}"
                );
            }
        }
    }
}

/// Returns what a catalog holds, for people.
pub(crate) async fn dump(snapshot: &Snapshot) -> String {
    let mut out = String::new();
    for db in snapshot.databases(&Pattern::all()).await.unwrap() {
        let found = snapshot.database(&db).await.unwrap();
        if let Some(text) = &found.description
            && db != "default"
        {
            out += &format!("{db} '{text}'\n");
        } else if db != "default" && db != "sales" {
            out += &format!("{db}\n");
        }
        for (table, entry) in snapshot.tables(found.id, &Pattern::all()).await.unwrap() {
            let open = snapshot.table(&db, &table).await.unwrap();
            assert_eq!(entry, open.entry(), "the list says what the table says");
            assert_eq!((open.name.as_str(), open.database.id), (table.as_str(), found.id));
            out += &dump_table(snapshot, &open).await;
        }
        for function in snapshot.functions(found.id, &Pattern::all()).await.unwrap() {
            let class = snapshot
                .function(&db, &function)
                .await
                .unwrap()
                .class_name
                .unwrap();
            out += &format!("{db}.{function} = {class}\n");
        }
    }
    let mut scan = snapshot.view().scan(Space::Objects, KeyRange::all());
    while let Some(entry) = scan.next().await.unwrap() {
        let path = String::from_utf8(entry.key.to_vec()).unwrap();
        let object = Object::decode(entry.key, entry.payload).unwrap();
        out += &format!("{path}: {}\n", object.etag);
    }
    out
}

async fn dump_table(snapshot: &Snapshot, open: &catalog::OpenTable) -> String {
    let list = |columns: &[Column]| {
        let text = |column: &Column| {
            let comment = column
                .comment
                .as_ref()
                .map(|comment| format!(" '{comment}'"))
                .unwrap_or_default();
            format!("{} {}{comment}", column.name, column.type_name)
        };
        columns.iter().map(text).collect::<Vec<_>>().join(", ")
    };
    let mut ids: Vec<_> = open
        .columns()
        .iter()
        .chain(open.keys())
        .map(|column| column.id.0)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(
        ids.len(),
        open.columns().len() + open.keys().len(),
        "every column has its own id"
    );
    let mut out = format!("{}.{} ({})", open.database.name, open.name, list(open.columns()));
    if open.is_partitioned() {
        out += &format!(" by ({})", list(open.keys()));
    }
    out += &text_of(open.parameters.as_ref());
    if let Some(owner) = &open.owner {
        out += &format!(" owner {owner}");
    }
    if let Some(text) = &open.view_original_text {
        out += &format!(" as {text}");
    }
    if let Some(Location::Rel(path)) = open.location() {
        out += &format!(" at {path}");
    }
    out += &statistics(snapshot, open, None).await;
    out += "\n";
    let mut scan = snapshot.partitions(open.id);
    while let Some(found) = scan.next().await.unwrap() {
        let shared = snapshot.shared(&found.shared).await.unwrap();
        let partition = found.to_partition(&shared).unwrap();
        let storage = partition.storage.as_ref().unwrap();
        out += &format!("  {}{}", partition.name, text_of(partition.parameters.as_ref()));
        let own = storage
            .columns
            .as_ref()
            .map(|columns| &columns.0[..])
            .unwrap_or_default();
        if own != open.columns() {
            out += &format!(" ({})", list(own));
        }
        if let Some(Location::Rel(path)) = &storage.location {
            out += &format!(" at {path}");
        }
        out += &statistics(snapshot, open, Some(&partition.name)).await;
        out += "\n";
    }
    out
}

async fn statistics(snapshot: &Snapshot, open: &catalog::OpenTable, partition: Option<&str>) -> String {
    let Some(found) = snapshot.statistics(open.id, partition, "hive").await.unwrap() else {
        return String::new();
    };
    let text = |column: &ColumnStatistics| {
        let known = open.columns().iter().find(|known| known.id == column.column);
        let name = known.map_or("?", |known| known.name.as_str());
        format!("{name}@{}", column.analyzed_s.unwrap())
    };
    let texts: Vec<String> = found.columns.iter().map(text).collect();
    format!(" knows {}", texts.join(" "))
}

fn text_of(parameters: Option<&Parameters>) -> String {
    let pairs: Vec<String> = parameters
        .into_iter()
        .flatten()
        .filter(|(key, _)| *key != "transient_lastDdlTime")
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    if pairs.is_empty() {
        String::new()
    } else {
        format!(" {{{}}}", pairs.join(" "))
    }
}
