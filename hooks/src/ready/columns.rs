//! `schema-compatibility`, how columns of a table may change, and `partition-columns`, how those of its partitions
//! may differ from them.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use catalog::diff::{ColumnChange, ColumnChangeKind, Fate, TableDiff};
use catalog::model::Column;
use catalog::types::ColumnType;
use catalog::{OpenTable, Snapshot};

use super::{Tables, Told, changed, judged, snapshot};
use crate::action::{Action, Call, Outcome};
use crate::document::{Fields, Wrong};

/// Who has to be able to read what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// The columns after read data that was written before.
    Backward,
    /// The columns before read data that is written after.
    Forward,
    Full,
}

#[derive(Debug)]
struct Compatibility {
    tables: Tables,
    rule: Rule,
}

pub(crate) fn schema_compatibility(fields: &mut Fields) -> Result<Arc<dyn Action>, Wrong> {
    let tables = Tables::read(fields)?;
    let rule = match fields.word("rule", &["backward", "forward", "full"])? {
        "forward" => Rule::Forward,
        "full" => Rule::Full,
        _ => Rule::Backward,
    };
    Ok(Arc::new(Compatibility { tables, rule }))
}

#[async_trait]
impl Action for Compatibility {
    async fn run(&self, call: &Call<'_>) -> Outcome {
        call.within(async {
            let diff = changed(call)
                .await?
                .ok_or("the event comes with no head before it")?;
            let tables = diff.tables.iter();
            let findings: Vec<_> = tables
                .filter(|table| self.tables.has(&table.database, &table.name))
                .flat_map(|table| findings(self.rule, table))
                .collect();
            Ok(judged(&findings))
        })
        .await
    }
}

fn findings(rule: Rule, table: &TableDiff) -> Vec<String> {
    let name = format!("{}.{}", table.database, table.name);
    match table.fate {
        Fate::Created => Vec::new(),
        Fate::Dropped if rule == Rule::Backward => Vec::new(),
        Fate::Dropped => vec![format!("{name} is dropped, which is not {}", word(rule))],
        Fate::Changed => {
            let against = table.columns.iter().flat_map(|column| against(rule, column));
            against
                .map(|what| format!("{name}: {what}, which is not {}", word(rule)))
                .collect()
        }
    }
}

fn word(rule: Rule) -> &'static str {
    match rule {
        Rule::Backward => "backward compatible",
        Rule::Forward => "forward compatible",
        Rule::Full => "fully compatible",
    }
}

/// Returns what about the change of a column breaks the rule.
fn against(rule: Rule, column: &ColumnChange) -> Vec<String> {
    let name = &column.name;
    let mut against = Vec::new();
    let (backward, forward) = (rule != Rule::Forward, rule != Rule::Backward);
    for kind in &column.kinds {
        match kind {
            ColumnChangeKind::Added if column.is_partition_key => {
                against.push(format!("partition key {name} is added"));
            }
            ColumnChangeKind::Dropped if column.is_partition_key => {
                against.push(format!("partition key {name} is dropped"));
            }
            ColumnChangeKind::Dropped if forward => against.push(format!("column {name} is dropped")),
            ColumnChangeKind::RenamedFrom(before) => {
                against.push(format!("column {before} is renamed to {name}"));
            }
            ColumnChangeKind::Retyped => {
                let before = column.type_before.as_deref().unwrap_or_default();
                let after = column.type_after.as_deref().unwrap_or_default();
                let fits = (!backward || widens(before, after)) && (!forward || widens(after, before));
                if !fits {
                    against.push(format!("column {name} becomes {after} from {before}"));
                }
            }
            ColumnChangeKind::Added
            | ColumnChangeKind::Dropped
            | ColumnChangeKind::Comment(..)
            | ColumnChangeKind::Moved => {}
        }
    }
    against
}

/// Returns whether data written with one type can be read with the other, by formats that find columns by name.
fn widens(from: &str, to: &str) -> bool {
    const CHAINS: [&[&str]; 2] = [&["tinyint", "smallint", "int", "bigint"], &["float", "double"]];
    let (Ok(from), Ok(to)) = (ColumnType::parse(from), ColumnType::parse(to)) else {
        return from == to;
    };
    let primitive = |kind: &ColumnType| match kind {
        ColumnType::Primitive { name, arguments } => Some((name.clone(), arguments.clone())),
        _ => None,
    };
    let (Some((name, arguments)), Some((wider, limits))) = (primitive(&from), primitive(&to)) else {
        return from == to;
    };
    let in_chain = |chain: &&[&str]| {
        let at = |name: &str| chain.iter().position(|link| *link == name);
        at(&name).zip(at(&wider)).is_some_and(|(from, to)| from <= to)
    };
    match (
        name.as_str(),
        arguments.as_slice(),
        wider.as_str(),
        limits.as_slice(),
    ) {
        ("decimal", [precision, scale], "decimal", [more, same]) => scale == same && precision <= more,
        ("varchar", [len], "varchar", [longer]) => len <= longer,
        ("varchar", _, "string", _) => true,
        _ => from == to || CHAINS.iter().any(in_chain),
    }
}

#[derive(Debug)]
struct PartitionColumns {
    tables: Tables,
    same: bool,
}

pub(crate) fn partition_columns(fields: &mut Fields) -> Result<Arc<dyn Action>, Wrong> {
    Ok(Arc::new(PartitionColumns {
        tables: Tables::read(fields)?,
        same: fields.word("types", &["readable", "same"])? == "same",
    }))
}

#[async_trait]
impl Action for PartitionColumns {
    async fn run(&self, call: &Call<'_>) -> Outcome {
        call.within(async {
            let snapshot = snapshot(call, call.commit()?).await?;
            let changed = changed(call).await?;
            let mut findings = Vec::new();
            for table in self.tables.open(&snapshot).await? {
                let is = |one: &TableDiff| one.id == table.id;
                let is_changed = changed.as_ref().is_none_or(|diff| diff.tables.iter().any(is));
                if is_changed && table.is_partitioned() {
                    findings.extend(self.differences(&snapshot, &table).await?);
                }
            }
            Ok(judged(&findings))
        })
        .await
    }
}

impl PartitionColumns {
    /// Returns where column lists of partitions cannot be read by the table. Partitions that share a list are judged
    /// once, by the first of them.
    async fn differences(&self, snapshot: &Snapshot, table: &OpenTable) -> Result<Vec<String>, String> {
        let mut lists = Vec::new();
        let mut partitions = snapshot.partitions(table.id);
        while let Some(partition) = partitions.next().await.told()? {
            if !lists.iter().any(|(_, shared)| *shared == partition.shared) {
                lists.push((partition.name.to_owned(), partition.shared));
            }
        }
        let columns: BTreeMap<_, _> = table
            .columns()
            .iter()
            .map(|column| (column.name.as_str(), column))
            .collect();
        let mut findings = Vec::new();
        for (partition, shared) in lists {
            let own = snapshot.shared(&shared).await.told()?.columns;
            for column in own.iter().flat_map(|columns| &columns.0) {
                let of_table = columns.get(column.name.as_str());
                if of_table.is_some_and(|of_table| !self.fits(column, of_table)) {
                    findings.push(format!(
                        "{}.{}: column {} is {} in partition {partition} and those like it, {} in the table",
                        table.database.name,
                        table.name,
                        column.name,
                        column.type_name,
                        of_table
                            .map(|of_table| of_table.type_name.as_str())
                            .unwrap_or_default()
                    ));
                }
            }
        }
        Ok(findings)
    }

    fn fits(&self, partition: &Column, table: &Column) -> bool {
        match self.same {
            true => partition.type_name == table.type_name,
            false => widens(&partition.type_name, &table.type_name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retyped(before: &str, after: &str) -> ColumnChange {
        ColumnChange {
            name: "c".into(),
            is_partition_key: false,
            type_before: Some(before.into()),
            type_after: Some(after.into()),
            kinds: vec![ColumnChangeKind::Retyped],
        }
    }

    fn changed(kind: ColumnChangeKind, is_partition_key: bool) -> ColumnChange {
        ColumnChange {
            kinds: vec![kind],
            is_partition_key,
            ..retyped("int", "int")
        }
    }

    #[test]
    fn rules_say_how_columns_may_change() {
        for (change, backward, forward) in [
            (changed(ColumnChangeKind::Added, false), true, true),
            (changed(ColumnChangeKind::Added, true), false, false),
            (changed(ColumnChangeKind::Dropped, false), true, false),
            (changed(ColumnChangeKind::Dropped, true), false, false),
            (
                changed(ColumnChangeKind::RenamedFrom("b".into()), false),
                false,
                false,
            ),
            (changed(ColumnChangeKind::Moved, false), true, true),
            (retyped("int", "bigint"), true, false),
            (retyped("bigint", "int"), false, true),
            (retyped("int", "string"), false, false),
            (retyped("decimal(10,2)", "decimal(12,2)"), true, false),
            (retyped("varchar(5)", "string"), true, false),
            (retyped("array<int>", "array<bigint>"), false, false),
        ] {
            let fits = |rule| against(rule, &change).is_empty();
            assert_eq!(
                (fits(Rule::Backward), fits(Rule::Forward)),
                (backward, forward),
                "{change:?}"
            );
            assert_eq!(fits(Rule::Full), backward && forward, "{change:?}");
        }
    }
}
