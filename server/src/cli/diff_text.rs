//! A diff as lines for people.

use api::diffs::{ColumnBody, DiffBody, FilesBody, PartitionBody, PropertyBody, TableBody};

use super::style::{Style, Tone};
use crate::output::{bytes, more};

/// How many columns, properties and paths of a thing are shown where the rest is folded.
const FOLDED: usize = 10;

/// The lines of a diff, while they are written.
struct Lines {
    style: Style,
    lines: Vec<String>,
}

/// Returns the whole diff as lines, or `none` if there is nothing in it.
pub(super) fn text(diff: &DiffBody, none: &str, style: Style) -> String {
    let lines = Vec::new();
    let mut lines = Lines { style, lines };
    for database in &diff.databases {
        let line = format!("database {}: {}", database.name, database.fate);
        lines.add(Tone::of(&database.fate), &line);
        lines.properties(&database.properties);
    }
    for one in &diff.tables {
        lines.table(one);
    }
    for function in &diff.functions {
        let line = format!(
            "function {}.{}: {}",
            function.database, function.name, function.fate
        );
        lines.add(Tone::of(&function.fate), &line);
    }
    if !is_empty(&diff.files) {
        let line = format!("files outside of tables: {}", files(&diff.files));
        lines.add(Tone::Changed, &line);
        lines.paths(Tone::Came, "+", &diff.files.added_paths, diff.files.added);
        lines.paths(Tone::Went, "-", &diff.files.removed_paths, diff.files.removed);
    }
    if lines.lines.is_empty() {
        none.to_owned()
    } else {
        lines.lines.join("\n")
    }
}

impl Lines {
    fn add(&mut self, tone: Tone, line: &str) {
        let line = self.style.paint(tone, line);
        self.lines.push(line);
    }

    /// Adds lines, of which some may be folded; `count` is how many there are in all, of which all may not be known.
    fn list<T>(
        &mut self,
        (items, count, folded): (&[T], u64, usize),
        (one, many): (&str, &str),
        line: impl Fn(&T) -> (Tone, String),
    ) {
        let shown = self.style.shown(items.len(), folded);
        for item in &items[..shown] {
            let (tone, line) = line(item);
            self.add(tone, &line);
        }
        let left = count.saturating_sub(shown as u64);
        if left > 0 {
            self.add(Tone::Plain, &format!("    … and {}", more(left, one, many)));
        }
    }

    fn properties(&mut self, properties: &[PropertyBody]) {
        let list = (properties, properties.len() as u64, FOLDED);
        self.list(list, ("property", "properties"), |one| {
            (Tone::Changed, property(one))
        });
    }

    fn paths(&mut self, tone: Tone, sign: &str, paths: &[String], count: u64) {
        self.list((paths, count, FOLDED), ("file", "files"), |path| {
            (tone, format!("    {sign} {path}"))
        });
    }

    fn table(&mut self, table: &TableBody) {
        self.add(Tone::of(&table.fate), &heading(table));
        let columns = (table.columns.as_slice(), table.columns.len() as u64, FOLDED);
        self.list(columns, ("column", "columns"), column);
        self.properties(&table.properties);
        let partitions = &table.partitions;
        let all = partitions.added
            + partitions.dropped
            + partitions.appended
            + partitions.rewritten
            + partitions.altered;
        // as many as were asked for
        let listed = (partitions.listed.as_slice(), all, usize::MAX);
        self.list(listed, ("partition", "partitions"), partition);
        if !is_empty(&table.files) {
            self.add(Tone::Plain, &format!("    files       {}", files(&table.files)));
        }
        if let (Some(added), Some(removed)) = (table.rows_added, table.rows_removed) {
            self.add(Tone::Plain, &format!("    rows        +{added} -{removed}"));
        }
    }
}

fn heading(table: &TableBody) -> String {
    let was = table
        .renamed_from
        .as_ref()
        .map(|name| format!(", renamed from {name}"))
        .unwrap_or_default();
    let data = match (table.unversioned, table.bound_to_ref) {
        (true, _) => ", data not versioned",
        (_, true) => ", Iceberg files bound to their ref: not to be merged",
        _ => "",
    };
    format!(
        "table {}.{}: {}{was}{data}",
        table.database, table.name, table.fate
    )
}

fn column(column: &ColumnBody) -> (Tone, String) {
    let kind = if column.partition_key { "key" } else { "column" };
    let types = match (&column.type_before, &column.type_after) {
        (Some(before), Some(after)) if before != after => format!("{before} -> {after}"),
        (Some(one), _) | (None, Some(one)) => one.clone(),
        (None, None) => String::new(),
    };
    let changes = column.changes.join(", ");
    let line = format!("    {kind:<11} {} {types}: {changes}", column.name);
    (Tone::of(&changes), line)
}

fn property(property: &PropertyBody) -> String {
    let show = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".into());
    format!(
        "    {}: {} -> {}",
        property.name,
        show(&property.before),
        show(&property.after)
    )
}

fn partition(partition: &PartitionBody) -> (Tone, String) {
    let told = if is_empty(&partition.files) {
        String::new()
    } else {
        format!("  {}", files(&partition.files))
    };
    let line = format!("    partition   {} {}{told}", partition.name, partition.fate);
    (Tone::of(&partition.fate), line)
}

fn is_empty(files: &FilesBody) -> bool {
    files.added == 0 && files.removed == 0
}

fn files(files: &FilesBody) -> String {
    let side = |sign: char, n: u64, size: u64| match n {
        0 => None,
        n => Some(format!("{sign}{n} ({})", bytes(size))),
    };
    let sides = [
        side('+', files.added, files.added_bytes),
        side('-', files.removed, files.removed_bytes),
    ];
    sides.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(is_coloured: bool, is_full: bool) -> String {
        let files = json!({"added": 0, "removed": 0, "added_bytes": 0, "removed_bytes": 0});
        let partition = |n: usize| json!({"name": format!("dt={n:02}"), "fate": "added", "files": files});
        let property = |n: usize| json!({"name": format!("p{n:02}"), "before": null, "after": "x"});
        let body = json!({
            "databases": [{"name": "old", "fate": "dropped", "properties": []}],
            "tables": [{
                "database": "sales", "name": "t", "fate": "changed", "unversioned": false, "bound_to_ref": false,
                "columns": [{"name": "n", "partition_key": false, "type_before": "int", "type_after": "int",
                    "changes": ["moved"]}],
                "properties": (0..12).map(property).collect::<Vec<_>>(), "files": files, "rows_added": 7, "rows_removed": 2,
                "partitions": {"added": 30, "dropped": 0, "appended": 0, "rewritten": 0, "altered": 0,
                    "listed": (0..25).map(partition).collect::<Vec<_>>()}
            }],
            "functions": [], "files": files,
        });
        let diff: DiffBody = serde_json::from_value(body).unwrap();
        text(&diff, "none", Style { is_coloured, is_full })
    }

    #[test]
    fn long_lists_are_folded_unless_all_is_asked_for() {
        let folded = shown(false, false);
        assert!(folded.contains("p09") && !folded.contains("p10"), "{folded}");
        assert!(folded.contains("… and 2 more properties"), "{folded}");
        assert!(folded.contains("… and 5 more partitions"), "{folded}");
        assert!(folded.contains("column      n int: moved"), "{folded}");
        assert!(folded.ends_with("rows        +7 -2"), "{folded}");
        let full = shown(false, true);
        assert!(
            full.contains("p11") && !full.contains("more properties"),
            "{full}"
        );
    }

    #[test]
    fn colours_tell_what_came_and_went() {
        assert!(!shown(false, true).contains('\x1b'));
        let coloured = shown(true, true);
        let lines: Vec<_> = coloured.lines().collect();
        assert_eq!(lines[0], "\x1b[31mdatabase old: dropped\x1b[0m");
        assert_eq!(lines[1], "\x1b[33mtable sales.t: changed\x1b[0m");
        assert!(
            lines.contains(&"\x1b[32m    partition   dt=00 added\x1b[0m"),
            "{coloured}"
        );
    }
}
