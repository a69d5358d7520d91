//! States as text: those of the model, and what the catalog holds.

use std::collections::BTreeSet;

use catalog::Snapshot;
use catalog::model::{self, Location};
use catalog::names::Pattern;
use versioning::object::Object;
use versioning::{KeyRange, Space};

use super::state::{Column, Parameters, State};
use super::steps::list;

pub(super) fn of_state(state: &State) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for database in state.databases.values() {
        let (name, comment) = (&database.name, &database.comment);
        lines.insert(format!("{name} {comment:?} {:?}", database.parameters));
    }
    for table in state.tables.values() {
        let name = state.name(table);
        let (owner, place, columns) = (&table.owner, &table.place, list(&table.columns));
        let by = table.is_partitioned;
        lines.insert(format!(
            "{name} ({columns}) {by} {:?} {owner:?} {place}",
            table.parameters
        ));
        lines.extend(
            table
                .files
                .iter()
                .map(|(file, content)| format!("{place}/{file}: {content}")),
        );
        for (part, partition) in &table.partitions {
            lines.insert(format!("{name} {part} {:?}", partition.parameters));
            let files = partition.files.iter();
            lines.extend(files.map(|(file, content)| format!("{place}/{part}/{file}: {content}")));
        }
    }
    lines.extend(
        state
            .loose
            .iter()
            .map(|(path, content)| format!("{path}: {content}")),
    );
    lines
}

/// Returns the catalog as `of_state` has it.
pub(super) async fn of_catalog(snapshot: &Snapshot) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for name in snapshot.databases(&Pattern::all()).await.unwrap() {
        let database = snapshot.database(&name).await.unwrap();
        if name != "default" {
            let (comment, parameters) = (&database.description, parameters(database.parameters.as_ref()));
            lines.insert(format!("{name} {comment:?} {parameters:?}"));
        }
        for (table, _) in snapshot.tables(database.id, &Pattern::all()).await.unwrap() {
            of_table(snapshot, &name, &table, &mut lines).await;
        }
    }
    let mut scan = snapshot.view().scan(Space::Objects, KeyRange::all());
    while let Some(entry) = scan.next().await.unwrap() {
        let object = Object::decode(entry.key, entry.payload).unwrap();
        lines.insert(format!("{}: {}", entry.key.escape_ascii(), object.etag));
    }
    lines
}

async fn of_table(snapshot: &Snapshot, database: &str, table: &str, lines: &mut BTreeSet<String>) {
    let open = snapshot.table(database, table).await.unwrap();
    let column = |column: &model::Column| Column {
        id: 0,
        name: column.name.clone(),
        type_name: column.type_name.clone(),
        comment: column.comment.clone(),
    };
    let columns: Vec<Column> = open.columns().iter().map(column).collect();
    let Some(Location::Rel(place)) = open.location() else {
        panic!("{open:?}");
    };
    let (columns, by, owner) = (list(&columns), open.is_partitioned(), &open.owner);
    let said = parameters(open.parameters.as_ref());
    lines.insert(format!(
        "{database}.{table} ({columns}) {by} {said:?} {owner:?} {place}"
    ));
    let mut scan = snapshot.partitions(open.id);
    while let Some(found) = scan.next().await.unwrap() {
        let shared = snapshot.shared(&found.shared).await.unwrap();
        let partition = found.to_partition(&shared).unwrap();
        let said = parameters(partition.parameters.as_ref());
        lines.insert(format!("{database}.{table} {} {said:?}", partition.name));
    }
}

/// Returns those parameters that histories set.
fn parameters(all: Option<&model::Parameters>) -> Parameters {
    let mut known: Parameters = all.cloned().unwrap_or_default();
    known.retain(|key, _| key.len() == 1);
    known
}
