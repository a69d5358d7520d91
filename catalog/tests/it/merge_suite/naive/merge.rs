//! The tables of versioning.md 5 as a function of three states; it knows nothing of how the real merge works.

use std::collections::{BTreeMap, BTreeSet};

use super::columns;
use super::data;
use super::state::{Column, Database, Files, Id, Parameters, State, Table};

/// What has to be decided: `kind place: subject`.
pub(super) type Conflicts = BTreeSet<String>;

/// Returns what three states merge to, or all conflicts.
pub(super) fn merge(base: &State, ours: &State, theirs: &State) -> Result<State, Conflicts> {
    let theirs = &unified(base, ours, theirs);
    let mut out = Conflicts::new();
    let mut merged = State::default();
    for id in keys([&base.databases, &ours.databases, &theirs.databases]) {
        let sides = Three::of(&id, &base.databases, &ours.databases, &theirs.databases);
        match sides {
            Three(Some(old), None, Some(new)) => {
                drop_database((id, old, new), (base, ours, theirs), &mut out);
            }
            Three(Some(old), Some(new), None) => {
                drop_database((id, old, new), (base, theirs, ours), &mut out);
            }
            Three(_, None, None) => {}
            Three(_, Some(one), None) | Three(None, None, Some(one)) => {
                merged.databases.insert(id, one.clone());
            }
            Three(old, Some(ours), Some(theirs)) => {
                let one = databases(old, ours, theirs, &mut out);
                merged.databases.insert(id, one);
            }
        }
    }
    for id in keys([&base.tables, &ours.tables, &theirs.tables]) {
        let sides = Three::of(&id, &base.tables, &ours.tables, &theirs.tables);
        let place = match sides {
            Three(_, Some(table), _) => ours.name(table),
            Three(_, None, Some(table)) => theirs.name(table),
            Three(..) => continue,
        };
        match sides {
            Three(Some(old), Some(new), None) => drop_table(&place, (old, new), theirs, &mut out),
            Three(Some(old), None, Some(new)) => drop_table(&place, (old, new), ours, &mut out),
            Three(_, Some(one), None) | Three(_, None, Some(one)) => {
                merged.tables.insert(id, one.clone());
            }
            Three(old, Some(ours), Some(theirs)) => {
                let one = tables(&place, old, ours, theirs, &mut out);
                merged.tables.insert(id, one);
            }
            Three(_, None, None) => {}
        }
    }
    remade_databases(base, ours, theirs, &mut out);
    loose(base, ours, theirs, &mut merged, &mut out);
    collisions(&merged, (base, ours, theirs), &mut out);
    if out.is_empty() { Ok(merged) } else { Err(out) }
}

/// What three states have under one key.
#[derive(Debug)]
pub(super) struct Three<'a, V>(
    pub(super) Option<&'a V>,
    pub(super) Option<&'a V>,
    pub(super) Option<&'a V>,
);

impl<V> Clone for Three<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Three<'_, V> {}

impl<'a, V> Three<'a, V> {
    pub(super) fn of<K: Ord>(
        key: &K,
        base: &'a BTreeMap<K, V>,
        ours: &'a BTreeMap<K, V>,
        theirs: &'a BTreeMap<K, V>,
    ) -> Three<'a, V> {
        Three(base.get(key), ours.get(key), theirs.get(key))
    }
}

pub(super) fn keys<K: Ord + Clone, V>(all: [&BTreeMap<K, V>; 3]) -> BTreeSet<K> {
    all.into_iter().flat_map(|map| map.keys().cloned()).collect()
}

/// The first four rows of 5.1: `None` where both sides changed it, and not to the same.
pub(super) fn pick<V: PartialEq + Clone>(base: &V, ours: &V, theirs: &V) -> Option<V> {
    if ours == theirs || theirs == base {
        Some(ours.clone())
    } else if ours == base {
        Some(theirs.clone())
    } else {
        None
    }
}

/// Returns theirs with the ids of ours for what both made under one name.
fn unified(base: &State, ours: &State, theirs: &State) -> State {
    let mut out = theirs.clone();
    for (id, new) in &theirs.databases {
        let Some(twin) = ours.database(&new.name) else {
            continue;
        };
        if base.databases.contains_key(id) || base.databases.contains_key(&twin) {
            continue;
        }
        out.databases.remove(id);
        out.databases.insert(twin, new.clone());
        for table in out.tables.values_mut().filter(|table| table.database == *id) {
            table.database = twin;
        }
    }
    for (id, new) in out.clone().tables {
        let twin = ours
            .tables
            .iter()
            .find(|(_, table)| (table.database, &table.name) == (new.database, &new.name));
        let Some((twin, known)) = twin else { continue };
        if base.tables.contains_key(&id) || base.tables.contains_key(twin) {
            continue;
        }
        out.tables.remove(&id);
        out.tables.insert(*twin, renumbered(new, known));
    }
    out
}

fn renumbered(mut table: Table, known: &Table) -> Table {
    let renumber = |columns: &mut Vec<Column>| {
        for column in columns {
            let twin = known.columns.iter().find(|twin| twin.name == column.name);
            column.id = twin.map_or(column.id, |twin| twin.id);
        }
    };
    renumber(&mut table.columns);
    for partition in table.partitions.values_mut() {
        renumber(&mut partition.columns);
    }
    table
}

/// One side dropped a table. Files that the other wrote are told of where they lie, if that is another table's folder
/// now.
fn drop_table(place: &str, (old, new): (&Table, &Table), dropper: &State, out: &mut Conflicts) {
    if old == new {
        return;
    }
    let mut written = old.clone();
    written.files = new.files.clone();
    for (name, partition) in &mut written.partitions {
        if let Some(new) = new.partitions.get(name) {
            partition.files = new.files.clone();
        }
    }
    let remade = dropper.tables.values().find(|table| table.place == old.place);
    if written != *new || remade.is_none() {
        out.insert(format!("DropModify {place}: whole"));
    }
    let Some(remade) = remade else { return };
    let place = dropper.name(remade);
    if old.files != new.files {
        out.insert(format!("DropModify {place}: whole"));
    }
    let none = Files::new();
    let files = |table: &Table, name: &String| {
        let partition = table.partitions.get(name);
        partition.map_or(none.clone(), |partition| partition.files.clone())
    };
    for name in keys([&old.partitions, &new.partitions, &new.partitions]) {
        if files(old, &name) != files(new, &name) {
            out.insert(match remade.is_partitioned {
                true => format!("DropModify {place} {name}: whole"),
                false => format!("DropModify {place}: whole"),
            });
        }
    }
}

/// One side dropped a database. What is beneath: tables and files that came. Tables of old, and those that the one
/// side dropped, speak for themselves.
fn drop_database(
    (id, old, new): (Id, &Database, &Database),
    (base, dropper, side): (&State, &State, &State),
    out: &mut Conflicts,
) {
    let is_new = |table: &Id| match base.tables.get(table) {
        Some(known) => known.database != id && dropper.tables.contains_key(table),
        None => true,
    };
    let has_new = side
        .tables
        .iter()
        .any(|(table, now)| now.database == id && is_new(table));
    let folder = format!("{}.db/", new.name);
    let has_written = side
        .loose
        .iter()
        .any(|(path, content)| path.starts_with(&folder) && base.loose.get(path) != Some(content));
    if old != new || has_new || has_written {
        out.insert(format!("DropModify {}: whole", new.name));
    }
}

/// To make a database anew is a change of it, where the other side dropped or changed it.
fn remade_databases(base: &State, ours: &State, theirs: &State, out: &mut Conflicts) {
    for (id, old) in &base.databases {
        let is_remade = |side: &State| side.database(&old.name).is_some_and(|now| now != *id);
        let is_dropped = |side: &State| side.database(&old.name).is_none();
        if is_remade(ours) && is_dropped(theirs) || is_dropped(ours) && is_remade(theirs) {
            out.insert(format!("DropModify {}: whole", old.name));
        }
    }
}

fn databases(base: Option<&Database>, ours: &Database, theirs: &Database, out: &mut Conflicts) -> Database {
    let none = Database::default();
    let base = base.unwrap_or(&none);
    let place = &ours.name;
    let comment = pick(&base.comment, &ours.comment, &theirs.comment);
    if comment.is_none() {
        out.insert(format!("FieldBoth {place}: description"));
    }
    Database {
        name: ours.name.clone(),
        comment: comment.unwrap_or_default(),
        parameters: parameters(
            place,
            Three(
                Some(&base.parameters),
                Some(&ours.parameters),
                Some(&theirs.parameters),
            ),
            out,
        ),
    }
}

/// Key by key (5.4).
pub(super) fn parameters(place: &str, sides: Three<Parameters>, out: &mut Conflicts) -> Parameters {
    let none = Parameters::default();
    let Three(base, ours, theirs) = sides;
    let [base, ours, theirs] = [base, ours, theirs].map(|side| side.unwrap_or(&none));
    let mut merged = Parameters::new();
    for key in keys([base, ours, theirs]) {
        match pick(&base.get(&key), &ours.get(&key), &theirs.get(&key)) {
            Some(value) => merged.extend(value.map(|value| (key, value.clone()))),
            None => {
                out.insert(format!("ParamBoth {place}: parameter {key}"));
            }
        }
    }
    merged
}

fn tables(place: &str, base: Option<&Table>, ours: &Table, theirs: &Table, out: &mut Conflicts) -> Table {
    let shape = |table: &Table| {
        let columns = table.columns.iter();
        let columns: Vec<_> = columns
            .map(|column| (column.name.clone(), column.type_name.clone()))
            .collect();
        (
            columns,
            table.is_partitioned,
            table.is_positional,
            table.place.clone(),
        )
    };
    if base.is_none() && shape(ours) != shape(theirs) {
        out.insert(format!("AddAdd {place}: whole"));
        return ours.clone();
    }
    let none = Table::default();
    let old = base.unwrap_or(&none);
    let mut merged = ours.clone();
    let of = |table: &Table| (table.database, table.name.clone());
    match pick(&of(old), &of(ours), &of(theirs)) {
        Some(name) => (merged.database, merged.name) = name,
        None => {
            out.insert(format!("RenameRename {place}: whole"));
        }
    }
    match pick(&old.owner, &ours.owner, &theirs.owner) {
        Some(owner) => merged.owner = owner,
        None => {
            out.insert(format!("FieldBoth {place}: owner"));
        }
    }
    merged.parameters = parameters(
        place,
        Three(
            Some(&old.parameters),
            Some(&ours.parameters),
            Some(&theirs.parameters),
        ),
        out,
    );
    merged.columns = columns::merge(
        place,
        ours.is_positional
            .then(|| (has_written(old, ours), has_written(old, theirs))),
        (&old.columns, &ours.columns, &theirs.columns),
        out,
    );
    data::merge(place, (old, ours, theirs), &mut merged, out);
    merged
}

/// Returns whether a side wrote a file of a table, or may have: a partition that it changed may lie anywhere.
fn has_written(base: &Table, side: &Table) -> bool {
    let without_files = |table: &Table| {
        let mut partitions = table.partitions.clone();
        partitions
            .values_mut()
            .for_each(|partition| partition.files.clear());
        partitions
    };
    if without_files(base) != without_files(side) {
        return true;
    }
    let is_new = |old: &Files, new: &Files| new.iter().any(|(name, content)| old.get(name) != Some(content));
    let none = Files::new();
    is_new(&base.files, &side.files)
        || side.partitions.iter().any(|(name, partition)| {
            let old = base.partitions.get(name).map_or(&none, |old| &old.files);
            is_new(old, &partition.files)
        })
}

fn loose(base: &State, ours: &State, theirs: &State, merged: &mut State, out: &mut Conflicts) {
    for path in keys([&base.loose, &ours.loose, &theirs.loose]) {
        let sides = [&base.loose, &ours.loose, &theirs.loose].map(|files| files.get(&path));
        match pick(&sides[0], &sides[1], &sides[2]) {
            Some(value) => merged.loose.extend(value.map(|value| (path, value.clone()))),
            None => {
                out.insert(format!("FileBoth : file {path}"));
            }
        }
    }
}

/// Two tables of one name, or in one folder (5.2, 5.7).
fn collisions(merged: &State, (base, ours, theirs): (&State, &State, &State), out: &mut Conflicts) {
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let mut places: BTreeMap<&str, Vec<Id>> = BTreeMap::new();
    for (id, table) in &merged.tables {
        let database = [merged, ours, theirs, base]
            .into_iter()
            .find_map(|state| state.databases.get(&table.database));
        let database = database.map_or("?", |database| database.name.as_str());
        *names.entry(format!("{database}.{}", table.name)).or_default() += 1;
        places.entry(&table.place).or_default().push(*id);
    }
    for (name, _) in names.into_iter().filter(|(_, count)| *count > 1) {
        out.insert(format!("NameCollision {name}: whole"));
    }
    for (place, ids) in places.into_iter().filter(|(_, ids)| ids.len() > 1) {
        let named = ids.iter().find_map(|id| ours.tables.get(id));
        let named = named.map_or_else(String::new, |table| ours.name(table));
        out.insert(format!("LocationCollision {named}: folder {place}"));
    }
}
