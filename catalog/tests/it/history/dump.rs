//! A catalog as text.

use catalog::Snapshot;
use catalog::model::{Column, ColumnId, ColumnStatistics, Database, Location, Parameters, Table};
use catalog::names::Pattern;
use versioning::object::Object;
use versioning::{KeyRange, Space};

/// Fails unless the columns of partitions have the ids of the table's columns of the same names, as long as no
/// column was dropped and added again.
pub(super) async fn check_ids(snapshot: &Snapshot) {
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
        if db != "default" {
            let said = dump_database(&found);
            if db != "sales" || said != "sales" {
                out += &format!("{said}\n");
            }
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
    for (place, _) in snapshot.all_schema_versions().await.unwrap() {
        let database = snapshot.find_database_by_id(place.database).await.unwrap();
        let database = database.expect("its database").name;
        snapshot
            .schema(&database, &place.schema)
            .await
            .expect("its schema");
        out += &format!("{database}.{} version {}\n", place.schema, place.version);
    }
    let mut scan = snapshot.view().scan(Space::Objects, KeyRange::all());
    while let Some(entry) = scan.next().await.unwrap() {
        let path = String::from_utf8(entry.key.to_vec()).unwrap();
        let object = Object::decode(entry.key, entry.payload).unwrap();
        out += &format!("{path}: {}\n", object.etag);
    }
    out
}

fn dump_database(database: &Database) -> String {
    let mut out = database.name.clone();
    if let Some(text) = &database.description {
        out += &format!(" '{text}'");
    }
    out += &text_of(database.parameters.as_ref());
    if let Some(owner) = &database.owner {
        out += &format!(" owner {owner}");
    }
    out
}

async fn dump_constraints(snapshot: &Snapshot, open: &catalog::OpenTable) -> String {
    let names = |table: &Table, ids: &[ColumnId]| {
        let name = |id: &ColumnId| {
            let mut all = table.columns().iter().chain(table.keys());
            all.find(|column| column.id == *id)
                .expect("its column")
                .name
                .clone()
        };
        ids.iter().map(name).collect::<Vec<_>>().join(", ")
    };
    let mut out = String::new();
    for found in snapshot.constraints(open.id).await.unwrap() {
        // names that nobody chose tell the table's id
        let name = if found.name.ends_with(|c: char| c.is_ascii_digit()) && found.name.len() > 6 {
            "-"
        } else {
            &found.name
        };
        out += &format!(
            "  {} {name} ({})",
            found.kind.as_str(),
            names(open, &found.columns)
        );
        if let Some(reference) = &found.reference {
            let parent = snapshot
                .find_table_by_id(reference.table)
                .await
                .unwrap()
                .expect("its parent");
            out += &format!(" -> {} ({})", parent.name, names(&parent, &reference.columns));
        }
        if let Some(text) = &found.text {
            out += &format!(" {text}");
        }
        out += "\n";
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
    out += &dump_constraints(snapshot, open).await;
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
    let mut texts: Vec<String> = found.columns.iter().map(text).collect();
    // they stand in the order of ids, which are drawn
    texts.sort();
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
