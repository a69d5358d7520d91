//! Profiles and rows that differ, as tables for people.

use api::data_diffs::{ColumnProfileBody, PartitionProfileBody, ProfileBody, RowBody, RowLine, ValuesBody};
use serde_json::Value;

use super::style::{Style, Tone};
use crate::output::{more, table};

/// The most letters of a value that are shown.
const VALUE_CHARS: usize = 40;

/// Returns profiles as tables, one for each partition; columns that are alike before and after are folded.
pub(super) fn profile_text(profile: &ProfileBody, style: Style) -> String {
    let mut lines = Vec::new();
    for table in &profile.tables {
        lines.push(style.paint(Tone::Plain, &format!("table {}.{}", table.database, table.name)));
        if let Some(reason) = &table.unread {
            lines.push(style.paint(Tone::Plain, &format!("  not read: {reason}")));
        }
        for partition in &table.partitions {
            partition_lines(partition, style, &mut lines);
        }
        if table.partitions_left > 0 {
            let left = more(table.partitions_left, "partition", "partitions");
            lines.push(format!("  … and {left}, which were not read"));
        }
    }
    match lines.is_empty() {
        true => "no data of these tables differs".to_owned(),
        false => lines.join("\n"),
    }
}

fn partition_lines(partition: &PartitionProfileBody, style: Style, lines: &mut Vec<String>) {
    let count = |rows: Option<u64>| rows.map(|rows| rows.to_string());
    let rows = both(count(partition.rows_before), count(partition.rows_after));
    let name = partition.name.as_deref().unwrap_or("all of it");
    let line = format!("  {name} {}, rows {rows}", partition.fate);
    lines.push(style.paint(Tone::of(&partition.fate), &line));
    let differs = |column: &&ColumnProfileBody| style.is_full || column.before != column.after;
    let shown: Vec<_> = partition.columns.iter().filter(differs).collect();
    if !shown.is_empty() {
        let cells = shown.iter().map(|column| column_cells(column));
        let told = table(&["column", "min", "max", "nulls", "distinct, about"], cells);
        lines.extend(
            told.lines()
                .map(|line| style.paint(Tone::Plain, &format!("    {line}"))),
        );
    }
    let folded = partition.columns.len() - shown.len();
    if folded > 0 {
        lines.push(format!("    … and {folded} columns alike on both sides"));
    }
}

fn column_cells(column: &ColumnProfileBody) -> Vec<String> {
    let cell = |of: &dyn Fn(&ValuesBody) -> String| {
        both(column.before.as_ref().map(of), column.after.as_ref().map(of))
    };
    vec![
        column.name.clone(),
        cell(&|values| shown(&values.min)),
        cell(&|values| shown(&values.max)),
        cell(&|values| values.nulls.to_string()),
        cell(&|values| {
            values
                .distinct_approx
                .map_or("-".to_owned(), |count| count.to_string())
        }),
    ]
}

/// Returns what was before and what is after; once if both are alike, and `none` for the side that is not there.
fn both(before: Option<String>, after: Option<String>) -> String {
    let show = |side: Option<String>| side.unwrap_or_else(|| "none".to_owned());
    match before == after {
        true => show(after),
        false => format!("{} -> {}", show(before), show(after)),
    }
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => return "NULL".to_owned(),
        Value::String(text) => text.replace(['\n', '\r', '\t'], " "),
        other => other.to_string(),
    };
    match text.char_indices().nth(VALUE_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The lines of a row diff, until all are there.
#[derive(Debug, Default)]
pub(super) struct Collected {
    key: Vec<String>,
    columns: Vec<String>,
    one_sided: Vec<String>,
    rows: Vec<RowBody>,
    is_cut: bool,
}

impl Collected {
    pub(super) fn add(&mut self, line: RowLine) {
        match line {
            RowLine::Columns {
                key,
                columns,
                one_sided,
            } => (self.key, self.columns, self.one_sided) = (key, columns, one_sided),
            RowLine::Row(row) => self.rows.push(row),
            RowLine::End { truncated, .. } => self.is_cut = truncated,
            RowLine::Error { .. } => {}
        }
    }

    /// Returns the rows as a table: what became of a row, its key, and the other columns.
    pub(super) fn text(&self, style: Style) -> String {
        let mut lines = Vec::new();
        if !self.rows.is_empty() {
            let headings: Vec<&str> = ["change"]
                .into_iter()
                .chain(self.key.iter().chain(&self.columns).map(String::as_str))
                .collect();
            let told = table(&headings, self.rows.iter().map(|row| self.cells(row)));
            let tones = self.rows.iter().map(|row| Tone::of(&row.change));
            let tones = [Tone::Plain].into_iter().chain(tones);
            lines.extend(
                told.lines()
                    .zip(tones)
                    .map(|(line, tone)| style.paint(tone, line)),
            );
        }
        let count = |change: &str| self.rows.iter().filter(|row| row.change == change).count();
        let more = if self.is_cut {
            ", and more that are not shown (--limit)"
        } else {
            ""
        };
        lines.push(format!(
            "{} added, {} removed, {} changed{more}",
            count("added"),
            count("removed"),
            count("changed")
        ));
        for (change, why) in [
            ("duplicate_key", "several rows have the key"),
            ("null_key", "the key has NULL in it"),
        ] {
            match count(change) {
                0 => {}
                keys => lines.push(format!(
                    "{change} {keys}: {why}, so that its rows are counted and not paired"
                )),
            }
        }
        if !self.one_sided.is_empty() {
            let names = self.one_sided.join(", ");
            let line = format!("NULL where one side has no such column: {names}");
            lines.push(style.paint(Tone::Plain, &line));
        }
        lines.join("\n")
    }

    fn cells(&self, row: &RowBody) -> Vec<String> {
        let word = match row.change.as_str() {
            "duplicate_key" | "null_key" => {
                format!("{}: {} -> {} rows", row.change, row.rows_before, row.rows_after)
            }
            word => word.to_owned(),
        };
        let key = self
            .key
            .iter()
            .map(|name| shown(row.key.get(name).unwrap_or(&Value::Null)));
        let others = self
            .columns
            .iter()
            .map(|name| match (row.before.get(name), row.after.get(name)) {
                (Some(before), Some(after)) => format!("{} -> {}", shown(before), shown(after)),
                (Some(one), None) | (None, Some(one)) => shown(one),
                (None, None) => String::new(),
            });
        [word].into_iter().chain(key).chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PLAIN: Style = Style {
        is_coloured: false,
        is_full: false,
    };

    #[test]
    fn profiles_show_what_differs() {
        let values =
            |min: i32, nulls: u64| json!({"min": min, "max": 9, "nulls": nulls, "distinct_approx": 5});
        let profile: ProfileBody = serde_json::from_value(json!({"tables": [{
            "database": "sales", "name": "t", "partitions_left": 3, "partitions": [{
                "name": "dt=a", "fate": "rewritten", "rows_before": 7, "rows_after": 6, "columns": [
                    {"name": "id", "before": values(1, 0), "after": values(2, 0)},
                    {"name": "same", "before": values(1, 0), "after": values(1, 0)},
                    {"name": "new", "before": null, "after": values(1, 4)},
                ]
            }]
        }]}))
        .unwrap();
        let told = profile_text(&profile, PLAIN);
        let words: Vec<Vec<&str>> = told
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        let words: Vec<String> = words.iter().map(|line| line.join(" ")).collect();
        assert_eq!(
            words,
            [
                "table sales.t",
                "dt=a rewritten, rows 7 -> 6",
                "COLUMN MIN MAX NULLS DISTINCT, ABOUT",
                "id 1 -> 2 9 0 5",
                "new none -> 1 none -> 9 none -> 4 none -> 5",
                "… and 1 columns alike on both sides",
                "… and 3 more partitions, which were not read",
            ]
        );
        let full = Style {
            is_full: true,
            ..PLAIN
        };
        assert!(profile_text(&profile, full).contains("same"));
    }

    #[test]
    fn rows_are_shown_with_old_and_new_values() {
        let mut collected = Collected::default();
        for line in [
            json!({"type": "columns", "key": ["id"], "columns": ["note", "n"], "one_sided": ["x"]}),
            json!({"type": "row", "change": "changed", "key": {"id": 2}, "before": {"note": "y"},
                "after": {"note": "yy"}, "rows_before": 1, "rows_after": 1}),
            json!({"type": "row", "change": "duplicate_key", "key": {"id": 7}, "rows_before": 2, "rows_after": 1}),
            json!({"type": "row", "change": "null_key", "key": {"id": null}, "rows_before": 1, "rows_after": 0}),
            json!({"type": "end", "rows": 3, "truncated": true}),
        ] {
            collected.add(serde_json::from_value(line).unwrap());
        }
        let told = collected.text(PLAIN);
        let lines: Vec<String> = told
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            lines,
            [
                "CHANGE ID NOTE N",
                "changed 2 y -> yy",
                "duplicate_key: 2 -> 1 rows 7",
                "null_key: 1 -> 0 rows NULL",
                "0 added, 0 removed, 1 changed, and more that are not shown (--limit)",
                "duplicate_key 1: several rows have the key, so that its rows are counted and not paired",
                "null_key 1: the key has NULL in it, so that its rows are counted and not paired",
                "NULL where one side has no such column: x",
            ]
        );
        let empty = Collected::default().text(PLAIN);
        assert_eq!(empty, "0 added, 0 removed, 0 changed");
    }
}
