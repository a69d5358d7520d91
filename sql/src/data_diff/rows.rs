//! Row diffs by key: which rows came, went and changed, told from the files that did.
//!
//! A row of a file that both sides have is the same on both, so it is not read. Rows that only moved to another file
//! are read and cancel out. What is left is told by key: rows whose key another row has as well, and rows with NULL in
//! their key, are nobody's before or after, and are counted.

use std::collections::VecDeque;

use catalog::diff::{Fate, Limits, TableDiff};
use catalog::names::normalize;
use serde_json::{Map, Value};
use versioning::{RefExpr, Repository};

use super::keyed::{Columns, invalid};
use super::sides::{Compared, Sides, Unit, only};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::run::Rows;

/// The most partitions, and the most files on each side, that may differ of a table whose rows are compared.
const CHANGES_MAX: usize = 100_000;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowWish {
    /// `database.table`, as it is called after; before, if it was dropped.
    pub table: String,
    /// The columns by which a row is known.
    pub key: Vec<String>,
    /// The most rows that are told.
    pub rows_max: usize,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowChangeKind {
    Added,
    Removed,
    Changed,
    /// Several rows have the key on one side: they are counted, and not paired.
    DuplicateKey,
    /// A part of the key is NULL, which names no row: they are counted.
    NullKey,
}

impl RowChangeKind {
    /// Returns the word: `added`, `removed`, `changed`, `duplicate_key`, `null_key`.
    pub fn as_str(self) -> &'static str {
        match self {
            RowChangeKind::Added => "added",
            RowChangeKind::Removed => "removed",
            RowChangeKind::Changed => "changed",
            RowChangeKind::DuplicateKey => "duplicate_key",
            RowChangeKind::NullKey => "null_key",
        }
    }
}

/// A row that differs, or the rows of one key that are not told apart.
#[derive(Debug, Clone, PartialEq)]
pub struct RowChange {
    pub kind: RowChangeKind,
    pub key: Map<String, Value>,
    /// The values without the key: of a changed row those that differ; none of rows that are only counted.
    pub before: Map<String, Value>,
    pub after: Map<String, Value>,
    /// How many rows of changed files have the key.
    pub rows_before: u64,
    pub rows_after: u64,
}

/// The rows that differ, as they come, ordered by key. Dropping it stops the query.
#[derive(Debug)]
pub struct RowDiff {
    /// As the table calls them after, in lower case.
    key: Vec<String>,
    columns: Vec<String>,
    one_sided: Vec<String>,
    /// `None` where no data of the table differs.
    rows: Option<Rows>,
    waiting: VecDeque<RowChange>,
    /// How many more may be told.
    left: usize,
    is_cut: bool,
}

impl RowDiff {
    /// Returns the columns by which rows are known.
    pub fn key(&self) -> &[String] {
        &self.key
    }

    /// Returns the other columns that are compared.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Returns those of the columns that only one side has: on the other they are NULL.
    pub fn one_sided(&self) -> &[String] {
        &self.one_sided
    }

    /// Returns whether more rows differ than were asked for. Known once the last one was told.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Returns the next row; `None` at the end.
    ///
    /// # Errors
    /// As [`Engine::query`].
    pub async fn next(&mut self) -> Result<Option<RowChange>> {
        while self.waiting.is_empty() {
            let Some(rows) = &mut self.rows else {
                return Ok(None);
            };
            match rows.next().await? {
                Some(page) => {
                    let told = page.json()?;
                    let changes = told.iter().map(|row| change_of(row, &self.key, &self.columns));
                    self.waiting.extend(changes);
                }
                None => self.rows = None,
            }
        }
        if self.left == 0 {
            self.is_cut = true;
            (self.rows, self.waiting) = (None, VecDeque::new());
            return Ok(None);
        }
        self.left -= 1;
        Ok(self.waiting.pop_front())
    }
}

impl Engine {
    /// Returns the rows of a table that differ between two refs, by key. Only files that came or went are read.
    ///
    /// # Errors
    /// [`Error::Statement`] for a table that neither ref has, and for a key that is none; else as [`Engine::query`].
    pub async fn row_diff(
        &self,
        repository: &Repository,
        refs: (&RefExpr, &RefExpr),
        wish: &RowWish,
    ) -> Result<RowDiff> {
        let limits = Limits {
            partitions_max: CHANGES_MAX,
            paths_max: CHANGES_MAX,
            ..Limits::default()
        };
        let compared = Box::pin(Compared::open(repository, refs, &limits)).await?;
        let (database, name) = names(&wish.table)?;
        let Some((sides, units)) = found(&compared, &database, &name).await? else {
            is_anywhere(&compared, &database, &name).await?;
            return Ok(nothing(wish));
        };
        let columns = Columns::new(&sides.columns().await?, &wish.key)?;
        let before = only(
            units
                .iter()
                .map(|unit| (unit.partition.as_ref(), unit.before.as_ref())),
        );
        let after = only(
            units
                .iter()
                .map(|unit| (unit.partition.as_ref(), unit.after.as_ref())),
        );
        let tables = Box::pin(sides.handed_in(before, after)).await?;
        let names: Vec<&str> = tables.iter().map(|table| table.name).collect();
        let rows = match names.is_empty() {
            true => None,
            false => {
                let sql = columns.statement(&names, wish.rows_max.saturating_add(1));
                Some(Box::pin(self.rows_over(self.limits().time_ms, tables, sql)).await?)
            }
        };
        Ok(RowDiff {
            key: columns.key(),
            columns: columns.others(),
            one_sided: columns.one_sided().to_vec(),
            rows,
            waiting: VecDeque::new(),
            left: wish.rows_max,
            is_cut: false,
        })
    }
}

/// Divides `database.table`.
fn names(table: &str) -> Result<(String, String)> {
    let (database, name) = table
        .split_once('.')
        .unwrap_or((catalog::DEFAULT_DATABASE, table));
    if name.is_empty() || name.contains('.') || table.contains('@') {
        return Err(invalid(format!(
            "{table:?} is no table, as in sales.orders: refs are given apart"
        )));
    }
    Ok((normalize(database), normalize(name)))
}

/// Returns the table as each side has it, and what changed of its data; `None` if nothing did. One that was dropped and
/// made again is two of which one is compared with the other.
async fn found(compared: &Compared, database: &str, name: &str) -> Result<Option<(Sides, Vec<Unit>)>> {
    let is_it = |table: &&TableDiff| table.database == database && table.name == name;
    let mut found: Option<(Sides, Vec<Unit>)> = None;
    let mut tables: Vec<_> = compared.diff.tables.iter().filter(is_it).collect();
    tables.sort_by_key(|table| table.fate == Fate::Dropped);
    for table in tables {
        if !table.files.lists_all() || table.partitions.count() > table.partitions.listed.len() as u64 {
            return Err(Error::Unreadable {
                table: format!("{database}.{name}"),
                reason: format!("more than {CHANGES_MAX} of its files or partitions differ"),
            });
        }
        let sides = compared.sides(table).await?;
        let mut units = sides.units(table).await?;
        found = Some(match found {
            None => (sides, units),
            Some((after, mut others)) => {
                others.append(&mut units);
                (after.after_and_before_of(sides), others)
            }
        });
    }
    Ok(found)
}

async fn is_anywhere(compared: &Compared, database: &str, name: &str) -> Result<()> {
    for version in [&compared.before, &compared.after] {
        if version.find_table(database, name).await?.is_some() {
            return Ok(());
        }
    }
    Err(catalog::Error::NoSuchTable {
        database: database.to_owned(),
        table: name.to_owned(),
    }
    .into())
}

/// The answer where nothing of the table's data differs.
fn nothing(wish: &RowWish) -> RowDiff {
    RowDiff {
        key: wish.key.iter().map(|name| normalize(name.trim())).collect(),
        columns: Vec::new(),
        one_sided: Vec::new(),
        rows: None,
        waiting: VecDeque::new(),
        left: 0,
        is_cut: false,
    }
}

/// Returns what a row of the query tells.
fn change_of(row: &Map<String, Value>, key: &[String], columns: &[String]) -> RowChange {
    let value = |name: String| row.get(&name).cloned().unwrap_or_default();
    let count = |name: &str| row.get(name).and_then(Value::as_u64).unwrap_or_default();
    let named = |names: &[String], letter: char| -> Map<String, Value> {
        let values = names.iter().enumerate();
        values
            .map(|(i, name)| (name.clone(), value(format!("{letter}{i}"))))
            .collect()
    };
    let key = named(key, 'k');
    let (rows_before, rows_after) = (count("rows_before"), count("rows_after"));
    let kind = kind_of(key.values().any(Value::is_null), rows_before, rows_after);
    let (mut before, mut after) = (named(columns, 'b'), named(columns, 'a'));
    match kind {
        RowChangeKind::Added => before.clear(),
        RowChangeKind::Removed => after.clear(),
        RowChangeKind::Changed => {
            let same: Vec<String> = before
                .iter()
                .filter(|(name, value)| after.get(*name) == Some(*value))
                .map(|(name, _)| name.clone())
                .collect();
            for name in same {
                before.remove(&name);
                after.remove(&name);
            }
        }
        RowChangeKind::DuplicateKey | RowChangeKind::NullKey => {
            before.clear();
            after.clear();
        }
    }
    RowChange {
        kind,
        key,
        before,
        after,
        rows_before,
        rows_after,
    }
}

fn kind_of(has_null: bool, rows_before: u64, rows_after: u64) -> RowChangeKind {
    match (has_null, rows_before, rows_after) {
        (true, ..) => RowChangeKind::NullKey,
        (_, 0, 1) => RowChangeKind::Added,
        (_, 1, 0) => RowChangeKind::Removed,
        (_, 1, 1) => RowChangeKind::Changed,
        _ => RowChangeKind::DuplicateKey,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_are_told_by_their_key() {
        let names = |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
        for (row, expected) in [
            (
                json!({"k0": 1, "b0": "x", "a0": "y", "b1": 1, "a1": 1, "rows_before": 1, "rows_after": 1}),
                json!(["changed", {"id": 1}, {"note": "x"}, {"note": "y"}]),
            ),
            (
                json!({"k0": 1, "b0": null, "a0": "y", "b1": null, "a1": 1, "rows_before": 0, "rows_after": 1}),
                json!(["added", {"id": 1}, {}, {"note": "y", "n": 1}]),
            ),
            (
                json!({"k0": 1, "b0": "x", "a0": null, "b1": 1, "a1": null, "rows_before": 1, "rows_after": 0}),
                json!(["removed", {"id": 1}, {"note": "x", "n": 1}, {}]),
            ),
            (
                json!({"k0": 1, "b0": "x", "a0": "y", "b1": 1, "a1": 1, "rows_before": 2, "rows_after": 1}),
                json!(["duplicate_key", {"id": 1}, {}, {}]),
            ),
            (
                json!({"k0": null, "b0": "x", "a0": "y", "rows_before": 1, "rows_after": 1}),
                json!(["null_key", {"id": null}, {}, {}]),
            ),
        ] {
            let told = change_of(row.as_object().unwrap(), &names(&["id"]), &names(&["note", "n"]));
            assert_eq!(
                json!([told.kind.as_str(), told.key, told.before, told.after]),
                expected
            );
        }
    }
}
