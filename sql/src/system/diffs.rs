//! `diff('main', 'etl')`: what differs between two refs, one row for each thing that does.

use std::sync::Arc;

use catalog::diff::{
    CatalogDiff, ColumnChange, ColumnChangeKind, FilesDiff, Limits, PropertyChange, TableDiff, diff,
};
use datafusion::catalog::{TableFunctionImpl, TableProvider};
use datafusion::common::{DataFusionError, Result, plan_err};
use datafusion::logical_expr::Expr;
use versioning::RefExpr;

use super::rows::Value;
use super::{Kind, SystemTable};
use crate::names::Versions;

/// The most partitions of a table that are told one by one.
const PARTITIONS_MAX: usize = 100_000;

/// The function.
#[derive(Debug)]
pub(crate) struct DiffFunction(pub(crate) Arc<Versions>);

impl TableFunctionImpl for DiffFunction {
    fn call(&self, arguments: &[Expr]) -> Result<Arc<dyn TableProvider>, DataFusionError> {
        let text = |argument: &Expr| match argument {
            Expr::Literal(value, _) => value.try_as_str().flatten().map(str::to_owned),
            _ => None,
        };
        let texts: Option<Vec<_>> = arguments.iter().map(text).collect();
        match texts.as_deref() {
            Some([from, to]) => {
                let kind = Kind::Diff(from.clone(), to.clone());
                Ok(Arc::new(SystemTable::new(kind, Arc::clone(&self.0), None)))
            }
            _ => plan_err!("diff takes two refs, as in diff('main', 'etl')"),
        }
    }
}

type Row = [Value; 11];

/// Returns what differs between two refs.
pub(super) async fn rows(versions: &Versions, from: &str, to: &str) -> crate::Result<Vec<Row>> {
    let repository = versions.repository();
    let before = repository.settled(&RefExpr::parse(from)?).await?;
    let after = repository.settled(&RefExpr::parse(to)?).await?;
    let limits = Limits {
        partitions_max: PARTITIONS_MAX,
        ..Limits::default()
    };
    Ok(all(diff(&before, &after, &limits).await?))
}

fn all(diff: CatalogDiff) -> Vec<Row> {
    let mut rows = Vec::new();
    for database in diff.databases {
        let name = Some(database.name.as_str());
        rows.push(row(
            (name, None),
            "database",
            &database.name,
            database.fate.as_str(),
            (None, None),
            None,
        ));
        rows.extend(
            database
                .properties
                .iter()
                .map(|change| property((name, None), change)),
        );
    }
    for table in &diff.tables {
        of_table(table, &mut rows);
    }
    for function in diff.functions {
        let name = function.name.as_str();
        rows.push(row(
            (Some(&function.database), None),
            "function",
            name,
            function.fate.as_str(),
            (None, None),
            None,
        ));
    }
    if !diff.files.is_empty() {
        rows.push(row(
            (None, None),
            "files",
            "",
            "changed",
            (None, None),
            Some(&diff.files),
        ));
    }
    rows
}

/// The database and the table.
type Of<'a> = (Option<&'a str>, Option<&'a str>);

fn of_table(table: &TableDiff, rows: &mut Vec<Row>) {
    let of: Of<'_> = (Some(&table.database), Some(&table.name));
    let renamed = table
        .renamed_from
        .as_ref()
        .map(|(database, name)| format!("{database}.{name}"));
    let change = if renamed.is_some() {
        "renamed"
    } else {
        table.fate.as_str()
    };
    rows.push(row(
        of,
        "table",
        &table.name,
        change,
        (renamed.as_deref(), None),
        Some(&table.files),
    ));
    rows.extend(table.columns.iter().map(|change| column(of, change)));
    rows.extend(table.properties.iter().map(|change| property(of, change)));
    let listed = table.partitions.listed.iter();
    rows.extend(listed.map(|part| {
        row(
            of,
            "partition",
            &part.name,
            part.fate.as_str(),
            (None, None),
            Some(&part.files),
        )
    }));
    let more = table
        .partitions
        .count()
        .saturating_sub(table.partitions.listed.len() as u64);
    if more > 0 {
        let name = format!("{more} more");
        rows.push(row(of, "partitions", &name, "changed", (None, None), None));
    }
}

fn column(of: Of<'_>, change: &ColumnChange) -> Row {
    let word = |kind: &ColumnChangeKind| match kind {
        ColumnChangeKind::Added => "added".to_owned(),
        ColumnChangeKind::Dropped => "dropped".to_owned(),
        ColumnChangeKind::RenamedFrom(name) => format!("renamed from {name}"),
        ColumnChangeKind::Retyped => "retyped".to_owned(),
        ColumnChangeKind::Comment(..) => "comment".to_owned(),
        ColumnChangeKind::Moved => "moved".to_owned(),
    };
    let words: Vec<_> = change.kinds.iter().map(word).collect();
    let item = if change.is_partition_key {
        "partition key"
    } else {
        "column"
    };
    let types = (change.type_before.as_deref(), change.type_after.as_deref());
    row(of, item, &change.name, &words.join(", "), types, None)
}

fn property(of: Of<'_>, change: &PropertyChange) -> Row {
    let values = (change.before.as_deref(), change.after.as_deref());
    row(of, "property", &change.name, "changed", values, None)
}

fn row(
    (database, table): Of<'_>,
    item: &str,
    name: &str,
    change: &str,
    (before, after): (Option<&str>, Option<&str>),
    files: Option<&FilesDiff>,
) -> Row {
    let count = |of: fn(&FilesDiff) -> u64| files.map_or(Value::Null, |files| Value::Number(of(files)));
    [
        database.into(),
        table.into(),
        item.into(),
        name.into(),
        change.into(),
        before.into(),
        after.into(),
        count(|files| files.added),
        count(|files| files.removed),
        count(|files| files.added_bytes),
        count(|files| files.removed_bytes),
    ]
}
