//! Profiles: of each changed partition the rows, and of each column the least, the greatest, nulls and distinct values.

use std::time::Duration;

use catalog::diff::{Limits, TableDiff};
use catalog::names::Pattern;
use datafusion::arrow::datatypes::DataType;
use serde_json::{Map, Value};
use tokio::time::Instant;
use versioning::{RefExpr, Repository};

use super::columns::{Pair, Seen, is_nested};
use super::sides::{Compared, Sides, Unit, only};
use crate::branches::quoted;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::table::FilesOf;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileWish {
    /// Which tables, as `sales.*`; alternatives are divided by `|`.
    pub tables: String,
    /// The most partitions of a table that are read.
    pub partitions_max: usize,
}

/// The tables of which data changed, before and after.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    pub tables: Vec<TableProfile>,
}

/// A table of which data changed.
#[derive(Debug, Clone, PartialEq)]
pub struct TableProfile {
    pub database: String,
    pub name: String,
    /// The changed partitions by name, or one without a name for a table that has none.
    pub partitions: Vec<PartitionProfile>,
    /// How many more partitions differ that were not read.
    pub partitions_left: u64,
    /// Why it cannot be read, if it cannot.
    pub unread: Option<String>,
}

/// A partition whose data changed, or a table without partitions.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionProfile {
    /// `None` for a whole table.
    pub name: Option<String>,
    /// `added`, `dropped`, `appended`, `rewritten` or `altered`; of a table `created`, `dropped` or `changed`.
    pub fate: &'static str,
    /// `None` where it was not there.
    pub rows_before: Option<u64>,
    pub rows_after: Option<u64>,
    pub columns: Vec<ColumnProfile>,
}

/// A column of a changed partition.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnProfile {
    pub name: String,
    /// `None` where the partition, or the column, is not there.
    pub before: Option<Values>,
    pub after: Option<Values>,
}

/// What is told of the values of a column.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Values {
    /// JSON's null where there is none, and for values that have parts.
    pub min: Value,
    pub max: Value,
    pub nulls: u64,
    /// Approximately: by HyperLogLog, which is wrong by a percent or so. `None` for values that have parts.
    pub distinct: Option<u64>,
}

/// What one side of a unit tells.
#[derive(Debug, Clone, PartialEq, Default)]
struct Told {
    rows: u64,
    /// For the columns that were asked for, in their order.
    values: Vec<Values>,
}

impl Engine {
    /// Returns profiles of what changed between two refs: each changed partition is read as a whole on both sides, and
    /// nothing else. All of it takes no longer than one query may.
    ///
    /// # Errors
    /// As [`Engine::query`]. A table that cannot be read is none: it says why.
    pub async fn profile(
        &self,
        repository: &Repository,
        refs: (&RefExpr, &RefExpr),
        wish: &ProfileWish,
    ) -> Result<Profile> {
        let limits = Limits {
            partitions_max: wish.partitions_max,
            paths_max: 0,
            ..Limits::default()
        };
        let compared = Compared::open(repository, refs, &limits).await?;
        let (tables, pattern) = (compared.diff.tables.iter(), Pattern::parse(&dotted(&wish.tables)));
        let wanted = tables.filter(|table| pattern.matches(&format!("{}.{}", table.database, table.name)));
        let profiler = Profiler {
            engine: self,
            deadline: Instant::now() + Duration::from_millis(self.limits().time_ms),
        };
        let mut profiles = Vec::new();
        for table in wanted {
            let profile = profiler.table(&compared, table).await;
            profiles.extend(profile.map_err(|error| self.too_long_in_all(error))?);
        }
        Ok(Profile { tables: profiles })
    }

    /// The last query had what was left of the time.
    fn too_long_in_all(&self, error: Error) -> Error {
        match error {
            Error::TooLong { .. } => Error::TooLong {
                limit_ms: self.limits().time_ms,
            },
            other => other,
        }
    }
}

/// A pattern of names takes `.*` for any text; here the dot is that between database and table.
fn dotted(glob: &str) -> String {
    glob.replace(".*", "..*")
}

struct Profiler<'a> {
    engine: &'a Engine,
    deadline: Instant,
}

impl Profiler<'_> {
    async fn table(&self, compared: &Compared, table: &TableDiff) -> Result<Option<TableProfile>> {
        let sides = compared.sides(table).await?;
        let units = sides.units(table).await?;
        if units.is_empty() {
            return Ok(None);
        }
        let mut profile = TableProfile {
            database: table.database.clone(),
            name: table.name.clone(),
            partitions: Vec::new(),
            partitions_left: table.partitions.count() - table.partitions.listed.len() as u64,
            unread: None,
        };
        match self.units(&sides, &units).await {
            Ok(partitions) => profile.partitions = partitions,
            Err(Error::Unreadable { reason, .. }) => profile.unread = Some(reason),
            Err(error) => return Err(error),
        }
        Ok(Some(profile))
    }

    async fn units(&self, sides: &Sides, units: &[Unit]) -> Result<Vec<PartitionProfile>> {
        let columns = sides.columns().await?;
        let mut profiles = Vec::with_capacity(units.len());
        for unit in units {
            let before = self.side(sides, unit, "before", &columns).await?;
            let after = self.side(sides, unit, "after", &columns).await?;
            profiles.push(profile_of(unit, &columns, before, after));
        }
        Ok(profiles)
    }

    /// Reads one side of a partition, if it is there.
    async fn side(&self, sides: &Sides, unit: &Unit, name: &str, columns: &[Pair]) -> Result<Option<Told>> {
        let files = if name == "before" {
            &unit.before
        } else {
            &unit.after
        };
        if files.is_none() {
            return Ok(None);
        }
        let whole = only([(unit.partition.as_ref(), Some(&FilesOf::All))]);
        let (before, after) = if name == "before" {
            (whole, None)
        } else {
            (None, whole)
        };
        let tables = sides.handed_in(before, after).await?;
        let columns: Vec<&Seen> = columns.iter().filter_map(|pair| seen(pair, name)).collect();
        let left_ms = self
            .deadline
            .saturating_duration_since(Instant::now())
            .as_millis();
        let time_ms = u64::try_from(left_ms).unwrap_or(u64::MAX);
        let mut rows = self
            .engine
            .rows_over(time_ms, tables, statement(name, &columns))
            .await?;
        let mut told = Told::default();
        while let Some(page) = rows.next().await? {
            if let Some(row) = page.json()?.first() {
                told = told_by(row, columns.len());
            }
        }
        Ok(Some(told))
    }
}

fn seen<'a>(pair: &'a Pair, side: &str) -> Option<&'a Seen> {
    match side {
        "before" => pair.before.as_ref(),
        _ => pair.after.as_ref(),
    }
}

/// Returns the query of one side, which has one row.
fn statement(table: &str, columns: &[&Seen]) -> String {
    let mut told = vec!["count(*) as n".to_owned()];
    for (i, column) in columns.iter().enumerate() {
        let name = quoted(&column.name, '"');
        told.push(format!("count({name}) as c{i}"));
        if is_nested(&column.kind) || column.kind == DataType::Null {
            continue;
        }
        told.push(format!("min({name}) as a{i}, max({name}) as z{i}"));
        let counted = match column.kind {
            // the sketch has no hash of floats
            DataType::Float16 | DataType::Float32 | DataType::Float64 => format!("cast({name} as varchar)"),
            _ => name,
        };
        told.push(format!("approx_distinct({counted}) as d{i}"));
    }
    format!("select {} from {table}", told.join(", "))
}

fn told_by(row: &Map<String, Value>, columns: usize) -> Told {
    let number = |name: String| row.get(&name).and_then(Value::as_u64);
    let value = |name: String| row.get(&name).cloned().unwrap_or_default();
    let rows = number("n".to_owned()).unwrap_or_default();
    let values = |i: usize| Values {
        min: value(format!("a{i}")),
        max: value(format!("z{i}")),
        nulls: rows.saturating_sub(number(format!("c{i}")).unwrap_or_default()),
        distinct: number(format!("d{i}")),
    };
    Told {
        rows,
        values: (0..columns).map(values).collect(),
    }
}

fn profile_of(unit: &Unit, columns: &[Pair], before: Option<Told>, after: Option<Told>) -> PartitionProfile {
    let rows = |told: &Option<Told>| told.as_ref().map(|told| told.rows);
    let (rows_before, rows_after) = (rows(&before), rows(&after));
    let values = |told: Option<Told>| told.map(|told| told.values).unwrap_or_default().into_iter();
    let (mut before, mut after) = (values(before), values(after));
    let columns = columns.iter().map(|pair| ColumnProfile {
        name: pair.name().to_owned(),
        before: pair.before.as_ref().and_then(|_| before.next()),
        after: pair.after.as_ref().and_then(|_| after.next()),
    });
    PartitionProfile {
        name: unit.partition.clone(),
        fate: unit.fate,
        rows_before,
        rows_after,
        columns: columns.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_column_is_asked_what_it_can_tell() {
        let seen = |name: &str, kind| Seen {
            name: name.to_owned(),
            kind,
        };
        let (id, ratio, list) = (
            seen("i\"d", DataType::Int32),
            seen("ratio", DataType::Float64),
            seen("list", crate::types::list_of(DataType::Int32)),
        );
        assert_eq!(
            statement("before", &[&id, &ratio, &list]),
            "select count(*) as n, count(\"i\"\"d\") as c0, min(\"i\"\"d\") as a0, max(\"i\"\"d\") as z0, \
             approx_distinct(\"i\"\"d\") as d0, count(\"ratio\") as c1, min(\"ratio\") as a1, max(\"ratio\") as z1, \
             approx_distinct(cast(\"ratio\" as varchar)) as d1, count(\"list\") as c2 from before"
        );
    }

    #[test]
    fn tables_are_chosen_by_a_glob() {
        for (glob, name, expected) in [
            ("*", "sales.orders", true),
            ("sales.*", "sales.orders", true),
            ("sales.*", "salesx.orders", false),
            ("*.orders", "sales.orders", true),
            ("sales.orders", "sales.orders_old", false),
            ("sales.a|hr.*", "hr.people", true),
        ] {
            assert_eq!(
                Pattern::parse(&dotted(glob)).matches(name),
                expected,
                "{glob} {name}"
            );
        }
    }
}
