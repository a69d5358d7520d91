//! `skep diff` and `skep status`.

use api::diffs::{ColumnBody, DiffBody, FilesBody, PartitionBody, PropertyBody, TableBody};
use clap::Args;

use super::Remote;
use crate::error::Failure;
use crate::output::bytes;

#[derive(Debug, Args)]
pub(super) struct DiffArguments {
    /// The version before: a branch (`name@` without what is staged), tag or commit
    from: String,
    /// The version after
    to: String,
    /// How many partitions of a table to list
    #[arg(long, default_value_t = 20)]
    partitions: usize,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct StatusArguments {
    /// The branch [default: the default branch]
    branch: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

pub(super) async fn diff(arguments: DiffArguments) -> Result<(), Failure> {
    let DiffArguments {
        from,
        to,
        partitions,
        remote,
    } = arguments;
    let query = [("from", from), ("to", to), ("partitions", partitions.to_string())];
    let diff: DiffBody = remote.client().get_with(&["diff"], &query).await?;
    remote.format().print(&diff, |diff| text(diff, "no differences"))
}

pub(super) async fn status(arguments: StatusArguments) -> Result<(), Failure> {
    let StatusArguments { branch, remote } = arguments;
    let client = remote.client();
    let branch = client.branch_or_default(branch).await?;
    let diff: DiffBody = client.get(&["branches", &branch, "status"]).await?;
    remote
        .format()
        .print(&diff, |diff| text(diff, "nothing is staged"))
}

/// Returns the whole diff as lines, or `none` if there is nothing in it.
fn text(diff: &DiffBody, none: &str) -> String {
    let mut lines = Vec::new();
    for database in &diff.databases {
        lines.push(format!("database {}: {}", database.name, database.fate));
        lines.extend(database.properties.iter().map(property));
    }
    for table in &diff.tables {
        lines.extend(table_lines(table));
    }
    for function in &diff.functions {
        lines.push(format!(
            "function {}.{}: {}",
            function.database, function.name, function.fate
        ));
    }
    if !is_empty(&diff.files) {
        lines.push(format!("files outside of tables: {}", files(&diff.files)));
        lines.extend(paths(&diff.files));
    }
    if lines.is_empty() {
        none.to_owned()
    } else {
        lines.join("\n")
    }
}

fn table_lines(table: &TableBody) -> Vec<String> {
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
    let mut lines = vec![format!(
        "table {}.{}: {}{was}{data}",
        table.database, table.name, table.fate
    )];
    lines.extend(table.columns.iter().map(column));
    lines.extend(table.properties.iter().map(property));
    lines.extend(table.partitions.listed.iter().map(partition));
    let partitions = &table.partitions;
    let all = partitions.added
        + partitions.dropped
        + partitions.appended
        + partitions.rewritten
        + partitions.altered;
    if all > partitions.listed.len() as u64 {
        lines.push(format!(
            "    … and {} more partitions",
            all - partitions.listed.len() as u64
        ));
    }
    if !is_empty(&table.files) {
        lines.push(format!("    files       {}", files(&table.files)));
    }
    if let (Some(added), Some(removed)) = (table.rows_added, table.rows_removed) {
        lines.push(format!("    rows        +{added} -{removed}"));
    }
    lines
}

fn column(column: &ColumnBody) -> String {
    let kind = if column.partition_key { "key" } else { "column" };
    let types = match (&column.type_before, &column.type_after) {
        (Some(before), Some(after)) if before != after => format!("{before} -> {after}"),
        (Some(one), _) | (None, Some(one)) => one.clone(),
        (None, None) => String::new(),
    };
    format!(
        "    {kind:<11} {} {types}: {}",
        column.name,
        column.changes.join(", ")
    )
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

fn partition(partition: &PartitionBody) -> String {
    let told = if is_empty(&partition.files) {
        String::new()
    } else {
        format!("  {}", files(&partition.files))
    };
    format!("    partition   {} {}{told}", partition.name, partition.fate)
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

fn paths(files: &FilesBody) -> Vec<String> {
    let added = files.added_paths.iter().map(|path| format!("    + {path}"));
    added
        .chain(files.removed_paths.iter().map(|path| format!("    - {path}")))
        .collect()
}
