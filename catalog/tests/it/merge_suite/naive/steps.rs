//! What histories are made of: on plain maps, and as statements.

use super::state::{Column, Database, Id, Parameters, Partition, State, Table};

/// One step, by numbers; what they choose from is small, so that sides meet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step([u8; 7]);

const DATABASES: [&str; 2] = ["d", "e"];
const TABLES: [&str; 3] = ["x", "y", "z"];
const COLUMNS: [&str; 5] = ["i", "j", "k", "l", "m"];
const TYPES: [&str; 4] = ["int", "bigint", "string", "smallint"];
const KEYS: [&str; 2] = ["k", "l"];
const VALUES: [&str; 3] = ["1", "2", "3"];
const PARTITIONS: [&str; 2] = ["p=1", "p=2"];
const FILES: [&str; 3] = ["f", "g", "000000_0"];
const PATHS: [&str; 3] = ["raw/x", "raw/y", "e.db/raw/x"];

/// How every history begins: two databases, three tables of three kinds, partitions and files.
pub(super) const BEGINNING: [Step; 10] = [
    Step([0, 1, 0, 0, 0, 0, 0]),
    Step([0, 0, 0, 0, 0, 0, 0]),
    Step([3, 1, 0, 2, 1, 0, 0]),
    Step([3, 1, 3, 7, 1, 0, 0]),
    Step([3, 1, 5, 0, 1, 0, 0]),
    Step([37, 1, 0, 1, 0, 0, 0]),
    Step([63, 1, 0, 1, 0, 0, 0]),
    Step([63, 1, 0, 1, 0, 1, 0]),
    Step([63, 1, 3, 1, 0, 0, 0]),
    Step([63, 1, 5, 1, 0, 0, 0]),
];

/// splitmix64.
#[derive(Debug)]
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn step(&mut self) -> Step {
        let bits = self.bits().to_le_bytes();
        Step([bits[0], bits[1], bits[2], bits[3], bits[4], bits[5], bits[6]])
    }
}

fn pick<'a>(all: &[&'a str], number: u8) -> &'a str {
    all[usize::from(number) % all.len()]
}

/// Gives ids.
#[derive(Debug, Default)]
pub(super) struct Counter(Id);

impl Counter {
    fn next(&mut self) -> Id {
        self.0 += 1;
        self.0
    }
}

impl Step {
    /// Does the step and returns the statement for it; `None` if the state does not allow it.
    pub(super) fn apply(self, state: &mut State, ids: &mut Counter) -> Option<String> {
        let [verb, database, table, rest @ ..] = self.0;
        // few databases come and go, and most tables are in the first
        let database = DATABASES[usize::from(database % 4 == 0)];
        // half of all is about the first table, so that sides meet
        let table = if table % 2 == 0 {
            TABLES[0]
        } else {
            pick(&TABLES, table / 2)
        };
        match verb % 64 {
            0..=2 => on_database(state, ids, verb % 64, database, rest),
            3..=5 => create(state, ids, (database, table), rest),
            6 => {
                let id = state.table(database, table)?;
                state.tables.remove(&id);
                Some(format!("drop {database}.{table}"))
            }
            7..=9 => rename(state, (database, table), rest),
            10..=12 => on_path(state, rest),
            number => {
                let id = state.table(database, table)?;
                let found = state.tables.get_mut(&id)?;
                let name = format!("{database}.{table}");
                match number {
                    13..=19 => on_fields(found, &name, rest),
                    20..=36 => on_columns(found, &name, ids, rest),
                    37..=46 => on_partition(found, &name, rest),
                    _ => on_files(found, rest),
                }
            }
        }
    }
}

fn on_database(
    state: &mut State,
    ids: &mut Counter,
    verb: u8,
    name: &str,
    [what, value, ..]: [u8; 4],
) -> Option<String> {
    let Some(id) = state.database(name) else {
        let new = Database {
            name: name.to_owned(),
            ..Database::default()
        };
        state.databases.insert(ids.next(), new);
        return Some(format!("database {name}"));
    };
    let (key, value) = (pick(&KEYS, what), pick(&VALUES, value));
    let found = state.databases.get_mut(&id)?;
    match verb {
        0 if what % 2 == 0 => {
            found.comment = Some(value.to_owned());
            Some(format!("comment {name} {value}"))
        }
        0 | 1 => {
            found.parameters.insert(key.to_owned(), value.to_owned());
            Some(format!("setdb {name} {key}={value}"))
        }
        // to drop the first would end most histories
        _ if name == DATABASES[0] && what % 8 != 0 => None,
        _ => {
            state.databases.remove(&id);
            // files that belong to no table stay
            state.tables.retain(|_, table| table.database != id);
            Some(format!("dropdb {name}"))
        }
    }
}

fn create(
    state: &mut State,
    ids: &mut Counter,
    (database, name): (&str, &str),
    [kind, columns, ..]: [u8; 4],
) -> Option<String> {
    let id = state.database(database)?;
    let place = format!("data/{database}{name}");
    if state.table(database, name).is_some() || state.tables.values().any(|table| table.place == place) {
        return None;
    }
    let names: &[&str] = if columns % 8 == 0 { &["j"] } else { &["i", "j"] };
    let column = |name: &&str| Column {
        id: ids.next(),
        name: (*name).to_owned(),
        type_name: "int".to_owned(),
        comment: None,
    };
    let new = Table {
        database: id,
        name: name.to_owned(),
        // mostly the same, so that tables that both sides make are often one
        is_positional: matches!(kind % 8, 0 | 1),
        is_partitioned: matches!(kind % 8, 1..=5),
        place: place.clone(),
        columns: names.iter().map(column).collect(),
        ..Table::default()
    };
    let keys = if new.is_partitioned { " by (p string)" } else { "" };
    let format = if new.is_positional { "text" } else { "parquet" };
    let list = list(&new.columns);
    state.tables.insert(ids.next(), new);
    Some(format!(
        "create {database}.{name} ({list}){keys} as {format} at {place}"
    ))
}

fn rename(state: &mut State, (database, name): (&str, &str), [to, other, ..]: [u8; 4]) -> Option<String> {
    let id = state.table(database, name)?;
    let to_database = if other % 4 == 0 {
        pick(&DATABASES, other / 4)
    } else {
        database
    };
    let to = pick(&TABLES, to);
    if state.table(to_database, to).is_some() {
        return None;
    }
    let database_id = state.database(to_database)?;
    let found = state.tables.get_mut(&id)?;
    (found.database, found.name) = (database_id, to.to_owned());
    Some(format!("rename {database}.{name} {to_database}.{to}"))
}

fn on_path(state: &mut State, [what, path, content, ..]: [u8; 4]) -> Option<String> {
    let (path, content) = (pick(&PATHS, path), pick(&VALUES, content));
    if path.starts_with("e.db/") && state.database("e").is_none() {
        return None;
    }
    if what % 4 == 0 {
        state.loose.remove(path)?;
        return Some(format!("rm {path}"));
    }
    state.loose.insert(path.to_owned(), content.to_owned());
    Some(format!("put {path} {content}"))
}

fn on_fields(table: &mut Table, name: &str, [what, key, value, _]: [u8; 4]) -> Option<String> {
    let (key, value) = (pick(&KEYS, key), pick(&VALUES, value));
    match what % 4 {
        0 => {
            table.owner = Some(value.to_owned());
            Some(format!("owner {name} {value}"))
        }
        1 => {
            table.parameters.remove(key)?;
            Some(format!("unset {name} {key}"))
        }
        _ => {
            table.parameters.insert(key.to_owned(), value.to_owned());
            Some(format!("set {name} {key}={value}"))
        }
    }
}

fn on_columns(
    table: &mut Table,
    name: &str,
    ids: &mut Counter,
    [what, column, new, _]: [u8; 4],
) -> Option<String> {
    let (column, type_name) = (pick(&COLUMNS, column), pick(&TYPES, new));
    let place = table.columns.iter().position(|known| known.name == column);
    match (what % 7, place) {
        (0 | 1, None) => table.columns.push(Column {
            id: ids.next(),
            name: column.to_owned(),
            type_name: pick(&TYPES[..2], new).to_owned(),
            comment: None,
        }),
        (2, Some(place)) if table.columns.len() > 1 => drop(table.columns.remove(place)),
        (3, Some(place)) => {
            let new = pick(&COLUMNS, new);
            if table.columns.iter().any(|known| known.name == new) {
                return None;
            }
            table.columns[place].name = new.to_owned();
        }
        (4 | 5, Some(place)) if table.columns[place].type_name != type_name => {
            table.columns[place].type_name = type_name.to_owned();
        }
        (6, Some(place)) => table.columns[place].comment = Some(pick(&VALUES, new).to_owned()),
        _ => return None,
    }
    Some(format!("columns {name} ({})", list(&table.columns)))
}

fn on_partition(table: &mut Table, name: &str, [what, partition, key, value]: [u8; 4]) -> Option<String> {
    let partition = pick(&PARTITIONS, partition);
    if !table.is_partitioned {
        return None;
    }
    let (key, value) = (pick(&KEYS, key), pick(&VALUES, value));
    let Some(found) = table.partitions.get_mut(partition) else {
        let new = Partition {
            parameters: Parameters::default(),
            columns: table.columns.clone(),
            ..Partition::default()
        };
        table.partitions.insert(partition.to_owned(), new);
        return Some(format!("add {name} {partition}"));
    };
    if what % 3 == 0 {
        table.partitions.remove(partition);
        return Some(format!("droppart {name} {partition}"));
    }
    found.parameters.insert(key.to_owned(), value.to_owned());
    Some(format!("setpart {name} {partition} {key}={value}"))
}

fn on_files(table: &mut Table, [what, partition, file, content]: [u8; 4]) -> Option<String> {
    let partition = table.is_partitioned.then(|| pick(&PARTITIONS, partition));
    let folder = match partition {
        Some(partition) => format!("{}/{partition}", table.place),
        None => table.place.clone(),
    };
    let (file, content) = (pick(&FILES, file), pick(&VALUES, content));
    let files = table.files_of(partition)?;
    if what % 4 == 0 {
        files.remove(file)?;
        return Some(format!("rm {folder}/{file}"));
    }
    files.insert(file.to_owned(), content.to_owned());
    Some(format!("put {folder}/{file} {content}"))
}

/// Returns columns as statements have them.
pub(super) fn list(columns: &[Column]) -> String {
    let text = |column: &Column| {
        let comment = column.comment.as_ref().map(|text| format!(" '{text}'"));
        format!(
            "{} {}{}",
            column.name,
            column.type_name,
            comment.unwrap_or_default()
        )
    };
    columns.iter().map(text).collect::<Vec<_>>().join(", ")
}
