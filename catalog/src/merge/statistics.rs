//! Column statistics: whoever wrote the data knows it; after both did, nobody does (versioning.md 5.4).

use std::collections::BTreeMap;

use super::columns::Renumbered;
use super::generic::Three;
use super::params::Writers;
use crate::model::{Column, ColumnId, ColumnStatistics, TableStatistics};

/// Merges what one engine knows of the columns of a table or a partition. Statistics never conflict.
pub(crate) fn merge(versions: Three<Option<&TableStatistics>>, writers: Writers) -> Option<TableStatistics> {
    match writers {
        Writers::Both => None,
        Writers::Ours => versions.ours.cloned(),
        Writers::Theirs => versions.theirs.cloned(),
        Writers::Nobody => versions
            .settled()
            .map_or_else(|| merge_columns(versions), |settled| settled.cloned()),
    }
}

/// Merges statistics of the same data, column by column: the newer of two is kept.
fn merge_columns(versions: Three<Option<&TableStatistics>>) -> Option<TableStatistics> {
    let sides = versions.map(|side| {
        let columns = side.map(|side| side.columns.as_slice()).unwrap_or_default();
        columns
            .iter()
            .map(|column| (column.column, column))
            .collect::<BTreeMap<_, _>>()
    });
    let ids = [&sides.base, &sides.ours, &sides.theirs]
        .into_iter()
        .flat_map(BTreeMap::keys);
    let ids: std::collections::BTreeSet<ColumnId> = ids.copied().collect();
    let columns: Vec<ColumnStatistics> = ids
        .into_iter()
        .filter_map(|id| newer(sides.as_ref().map(|side| side.get(&id).copied())))
        .cloned()
        .collect();
    let whole = versions.ours.or(versions.theirs)?;
    (!columns.is_empty()).then(|| TableStatistics {
        columns,
        ..whole.clone()
    })
}

fn newer(versions: Three<Option<&ColumnStatistics>>) -> Option<&ColumnStatistics> {
    let analyzed = |side: Option<&ColumnStatistics>| side.map(|side| side.analyzed_s);
    match versions.settled() {
        Some(settled) => settled,
        None if analyzed(versions.ours) < analyzed(versions.theirs) => versions.theirs,
        None => versions.ours,
    }
}

/// Gives the statistics of theirs the ids that columns have after the merge.
pub(crate) fn renew_ids(statistics: &mut TableStatistics, renumbered: &Renumbered) {
    for column in &mut statistics.columns {
        if let Some(id) = renumbered.get(&column.column) {
            column.column = *id;
        }
    }
    statistics.columns.sort_by_key(|column| column.column);
}

/// Removes what is known of columns that are gone, or that have another type than when they were analyzed:
/// `known` are the columns of the side that the statistics come from.
pub(crate) fn fit(
    mut statistics: TableStatistics,
    known: &[Column],
    merged: &[Column],
) -> Option<TableStatistics> {
    let type_of = |columns: &[Column], id| {
        let found = columns.iter().find(|column: &&Column| column.id == id);
        found.map(|column| column.type_name.clone())
    };
    statistics.columns.retain(|column| {
        let (before, after) = (type_of(known, column.column), type_of(merged, column.column));
        before.is_none() || before == after
    });
    (!statistics.columns.is_empty()).then_some(statistics)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BooleanStatistics, StatisticsData};

    fn statistics(text: &str) -> Option<TableStatistics> {
        let column = |text: &str| {
            let (id, time) = text.split_once('@').unwrap();
            ColumnStatistics {
                column: ColumnId(id.parse().unwrap()),
                type_name: "boolean".into(),
                analyzed_s: Some(time.parse().unwrap()),
                data: StatisticsData::Boolean(BooleanStatistics::default()),
            }
        };
        let columns = text.split_whitespace().map(column).collect();
        (!text.is_empty()).then(|| TableStatistics {
            columns,
            ..TableStatistics::default()
        })
    }

    fn text(statistics: Option<TableStatistics>) -> String {
        let columns = statistics
            .map(|statistics| statistics.columns)
            .unwrap_or_default();
        let text = |column: &ColumnStatistics| format!("{}@{}", column.column.0, column.analyzed_s.unwrap());
        columns.iter().map(text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn who_wrote_the_data_knows_it() {
        use Writers::{Both, Nobody, Ours, Theirs};
        for (writers, base, ours, theirs, expected) in [
            (Nobody, "1@1", "1@2", "1@1", "1@2"),
            (Nobody, "1@1", "1@2", "1@3", "1@3"),
            (Nobody, "1@1", "1@3", "1@2", "1@3"),
            (Nobody, "", "1@1", "2@1", "1@1 2@1"),
            (Nobody, "1@1 2@1", "1@1", "1@2 2@1", "1@2"),
            (Nobody, "1@1", "", "1@1", ""),
            (Ours, "1@1", "", "1@9", ""),
            (Theirs, "1@1", "1@9", "1@1", "1@1"),
            (Both, "1@1", "1@2", "1@3", ""),
        ] {
            let (base, ours, theirs) = (statistics(base), statistics(ours), statistics(theirs));
            let versions = Three::new(base.as_ref(), ours.as_ref(), theirs.as_ref());
            assert_eq!(
                text(merge(versions, writers)),
                expected,
                "{writers:?} {versions:?}"
            );
        }
    }

    #[test]
    fn statistics_do_not_outlive_their_columns() {
        let column = |id: u32, type_name: &str| Column {
            id: ColumnId(id),
            ..Column::new("c", type_name)
        };
        let known = [column(1, "int"), column(2, "int"), column(3, "int")];
        let merged = [column(1, "int"), column(2, "bigint")];
        let fitted = fit(statistics("1@1 2@1 3@1").unwrap(), &known, &merged);
        assert_eq!(text(fitted), "1@1");
    }
}
