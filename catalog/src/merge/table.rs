//! Tables: identity, kind, keys, columns, storage, parameters; each by its rule (versioning.md 5.2).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::columns::{self, Layout, Lists, Renumbered};
use super::conflict::{Choices, ConflictKind, Report, Scope, Subject, Texts};
use super::generic::Three;
use super::iceberg::History;
use super::options::Expected;
use super::params::{self, Data, Writers};
use super::report::Pick;
use super::{derived, iceberg, partition_keys, storage, table_place, validate};
use crate::model::{
    Column, Columns, Database, DatabaseId, Parameters, Storage, Table, TableFormat, TableId, TableKind,
};
use crate::snapshot::OpenTable;

/// What the rules of a table look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a> {
    pub(crate) versions: Three<&'a OpenTable>,
    /// What is known of the table's data as a whole.
    pub(crate) data: &'a Data,
    /// Who may have written files since the base.
    pub(crate) wrote: Writers,
    /// Who changed something beneath the table: partitions, statistics, files.
    pub(crate) beneath: Writers,
    /// Of an Iceberg table whose pointer both sides moved.
    pub(crate) history: Option<&'a History>,
    /// The merged databases.
    pub(crate) databases: &'a BTreeMap<DatabaseId, Database>,
}

/// A merged table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) table: Table,
    /// The ids that columns of theirs got.
    pub(crate) renumbered: Renumbered,
}

/// Merges a table that all three versions have. On conflicts what ours says stays.
pub(crate) fn merge(input: Input<'_>, scope: &Scope, report: &mut Report) -> Outcome {
    let tables = input.versions.map(|open| &open.table);
    if let Some(settled) = settled(input.versions, input.data.writers) {
        let mut table = table_place::taken(settled, input.databases);
        if let Some(whose) = partition_keys::check_one_sided(input, scope, report).whose() {
            table
                .partition_keys
                .clone_from(&tables.take(whose).partition_keys);
        }
        return Outcome {
            table,
            renumbered: Renumbered::new(),
        };
    }
    let mut outcome = match format_of(tables) {
        TableFormat::Hive => merge_fields(input, scope, report),
        format => merge_opaque(input, format, scope, report),
    };
    (outcome.table.database, outcome.table.name) = merge_name(input, scope, report);
    table_place::merge_place(&mut outcome.table, input, scope, report);
    validate::table(&mut outcome.table, tables, scope, report);
    outcome
}

/// Returns the version that can be taken as it is.
fn settled(versions: Three<&OpenTable>, writers: Writers) -> Option<&OpenTable> {
    let tables = versions.map(|open| &open.table);
    let settled = tables.settled()?;
    let alone = match writers {
        Writers::Nobody => true,
        Writers::Ours => settled == tables.ours,
        Writers::Theirs => settled == tables.theirs,
        Writers::Both => false,
    };
    let side = if settled == tables.ours {
        versions.ours
    } else {
        versions.theirs
    };
    alone.then_some(side)
}

fn format_of(tables: Three<&Table>) -> TableFormat {
    let formats = tables.map(TableFormat::of);
    [formats.base, formats.ours, formats.theirs]
        .into_iter()
        .max()
        .unwrap_or_default()
}

/// A table whose format keeps its own log is one thing: only one side may have changed it.
fn merge_opaque(input: Input<'_>, format: TableFormat, scope: &Scope, report: &mut Report) -> Outcome {
    let tables = input.versions.map(|open| &open.table);
    let contents = tables.map(content);
    let wrote = input.beneath.and(input.data.writers);
    let changed = Writers::of(contents.ours_changed(), contents.theirs_changed()).and(wrote);
    let whole = |table: &Table| Outcome {
        table: table.clone(),
        renumbered: Renumbered::new(),
    };
    let is_iceberg = format == TableFormat::Iceberg;
    match changed {
        Writers::Theirs => return whole(tables.theirs),
        Writers::Both if contents.ours != contents.theirs || wrote == Writers::Both => {}
        _ => return whole(tables.ours),
    }
    let led = if !is_iceberg {
        None
    } else if !iceberg::is_contested(tables) {
        iceberg::led(tables, None).filter(|_| wrote != Writers::Both)
    } else {
        iceberg::led(tables, input.history)
            .or_else(|| iceberg::diverged(tables, input.history, scope, report))
    };
    if let Some(led) = led {
        return merge_led(input, led, scope, report);
    }
    if !(is_iceberg && iceberg::is_contested(tables)) {
        report_diverged(tables.ours.id, format, scope, report);
    }
    whole(tables.ours)
}

/// Merges what the sides did to an Iceberg table in the metastore alone, where the state of one counts.
fn merge_led(input: Input<'_>, led: Three<Table>, scope: &Scope, report: &mut Report) -> Outcome {
    let open = |versions: &OpenTable, table| OpenTable {
        database: versions.database.clone(),
        table,
    };
    let led = Three::new(
        open(input.versions.base, led.base),
        open(input.versions.ours, led.ours),
        open(input.versions.theirs, led.theirs),
    );
    let input = Input {
        versions: led.as_ref(),
        ..input
    };
    merge_fields(input, scope, report)
}

/// Reports that both sides changed a table of a format that keeps its own log.
pub(super) fn report_diverged(id: TableId, format: TableFormat, scope: &Scope, report: &mut Report) {
    let texts = Texts::new(None, "changed", "changed otherwise");
    let subject = Subject::Field(match format {
        TableFormat::Iceberg => "the Iceberg table",
        TableFormat::Delta => "the Delta table",
        TableFormat::Hudi => "the Hudi table",
        TableFormat::Acid => "the transactional table",
        TableFormat::Hive => "the table",
    });
    let at = (scope, ConflictKind::FormatDiverged, subject);
    report.decide_whole(at, texts, Choices::ANY, |settled, whose| {
        settled.settle_table(id, whose);
    });
}

/// Returns a table without its identity and without traces.
pub(super) fn content(table: &Table) -> Table {
    let parameters = params::meant(table.parameters.as_ref());
    let mut content = Table {
        name: String::new(),
        database: DatabaseId::default(),
        accessed_s: None,
        next_column_id: 0,
        parameters: Some(parameters),
        partition_base: None,
        ..table.clone()
    };
    if let Some(storage) = &mut content.storage {
        storage.location = None;
    }
    content
}

/// Returns whether a version of a table says something else, traces aside.
pub(crate) fn is_changed(base: &Table, version: &Table) -> bool {
    let place = |table: &Table| table.storage.as_ref().map(|storage| storage.location.clone());
    (base.database, &base.name) != (version.database, &version.name)
        || place(base) != place(version)
        || content(base) != content(version)
}

fn merge_name(input: Input<'_>, scope: &Scope, report: &mut Report) -> (DatabaseId, String) {
    let names = input
        .versions
        .map(|open| (open.table.database, open.name.clone()));
    let settled = names.as_ref().settled().cloned();
    settled.unwrap_or_else(|| {
        let full = input
            .versions
            .map(|open| format!("renamed to {}.{}", open.database.name, open.name));
        let texts = Texts::new(None, full.ours, full.theirs);
        let at = (scope, ConflictKind::RenameRename, Subject::Whole);
        report.decide(at, texts, Choices::ANY).of(names)
    })
}

fn merge_fields(input: Input<'_>, scope: &Scope, report: &mut Report) -> Outcome {
    let tables = input.versions.map(|open| &open.table);
    let mut merged = tables.ours.clone();
    let kind = merge_kind(tables, scope, report);
    merged.kind = kind.0;
    merged.partition_keys = partition_keys::merge(input, scope, report);
    let before = report.asked();
    let (storage, next, renumbered) = merge_storage(input, scope, report);
    let columns_are_contested = report.asked() > before;
    merged.storage = storage;
    merged.next_column_id = next;
    merge_plain(&mut merged, tables, scope, report);
    let parameters = tables.map(|table| &table.parameters);
    let is_elsewhere = |key: &str| is_of_kind(key) || params::class_of(key) == params::Class::Derived;
    merged.parameters = params::merge(parameters, input.data, &is_elsewhere, scope, report);
    storage::merge_bucketing(&mut merged, tables, scope, report);
    // what is derived from contested columns is contested with them, and needs no decision of its own
    let mut aside = report.alike();
    let derived_report = if columns_are_contested {
        &mut aside
    } else {
        &mut *report
    };
    let derived = derived::merge(tables, (merged.columns(), &renumbered), scope, derived_report);
    let more: Vec<_> = kind.1.into_iter().chain(derived).collect();
    if !more.is_empty() {
        merged.parameters.get_or_insert_default().extend(more);
    }
    Outcome {
        table: merged,
        renumbered,
    }
}

/// Returns whether a parameter says what kind of table it is.
fn is_of_kind(key: &str) -> bool {
    matches!(
        key,
        "EXTERNAL" | "table_type" | "tableType" | "storage_handler" | "spark.sql.sources.provider"
    ) || key.starts_with("transactional")
}

fn merge_kind(tables: Three<&Table>, scope: &Scope, report: &mut Report) -> (TableKind, Parameters) {
    let groups = tables.map(|table| {
        let parameters = params::select(table.parameters.as_ref(), &is_of_kind);
        (table.kind.clone(), parameters)
    });
    let text = |group: &(TableKind, Parameters)| {
        let parameters: Vec<String> = group
            .1
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        Some(
            format!("{} {}", group.0.as_str(), parameters.join(" "))
                .trim_end()
                .to_owned(),
        )
    };
    let at = (scope, ConflictKind::TableKind, Subject::Field("the kind"));
    groups.as_ref().or_conflict(at, text, report)
}

fn merge_storage(input: Input<'_>, scope: &Scope, report: &mut Report) -> (Option<Storage>, u32, Renumbered) {
    let tables = input.versions.map(|open| &open.table);
    let storages = tables.map(|table| &table.storage);
    let (Some(base), Some(ours), Some(theirs)) = (storages.base, storages.ours, storages.theirs) else {
        let at = (scope, ConflictKind::StorageBoth, Subject::Field("storage"));
        let text = |storage: &Option<Storage>| storage.as_ref().map(|_| "set".to_owned());
        let next = tables.ours.next_column_id.max(tables.theirs.next_column_id);
        return (storages.or_conflict(at, text, report), next, Renumbered::new());
    };
    let sides = Three::new(base, ours, theirs);
    let mut merged = ours.clone();
    let templates = sides.map(|side| &side.template);
    merged.template = storage::merge_template(templates, scope, report);
    storage::merge_other_places(&mut merged, sides, scope, report);
    let lists = Lists {
        columns: tables.map(Table::columns),
        next: tables.map(|table| table.next_column_id),
    };
    let columns = columns::merge(lists, layout_of(input), scope, report);
    let is_set = sides.map(|side| side.columns.is_some()).settled().unwrap_or(true);
    merged.columns = (is_set || !columns.columns.is_empty()).then(|| shared(ours, columns.columns));
    (Some(merged), columns.next, columns.renumbered)
}

/// Returns columns as a shared list, the one of ours if they are the same.
fn shared(ours: &Storage, columns: Vec<Column>) -> Arc<Columns> {
    match &ours.columns {
        Some(same) if same.0 == columns => Arc::clone(same),
        _ => Arc::new(Columns(columns)),
    }
}

/// Returns how the table's files find columns; of two formats the stricter counts. A view has no files. Who wrote
/// files that lie elsewhere is not known.
pub(super) fn layout_of(input: Input<'_>) -> Layout {
    let layout = |open: &OpenTable| match open.table.kind {
        TableKind::View | TableKind::MaterializedView => Layout::ByName,
        _ => storage::layout(
            open.table.storage.as_ref(),
            open.table.parameter("spark.sql.sources.provider"),
            input.wrote,
        ),
    };
    let Three { base, ours, theirs } = input.versions.map(layout);
    let by_position = [base, ours, theirs]
        .into_iter()
        .find(|layout| *layout != Layout::ByName);
    by_position.unwrap_or(Layout::ByName)
}

/// Merges fields that have no rule but the first.
fn merge_plain(merged: &mut Table, tables: Three<&Table>, scope: &Scope, report: &mut Report) {
    let field = |name| (scope, ConflictKind::FieldBoth, Subject::Field(name));
    let other = |name: &'static str| (field(name), "other");
    merged.owner = tables
        .map(|side| &side.owner)
        .text_or_conflict(field("owner"), report);
    merged.owner_kind = tables.map(|side| &side.owner_kind).or_greater();
    merged.created_s = tables.map(|side| &side.created_s).or_greater();
    merged.accessed_s = tables.map(|side| &side.accessed_s).or_greater();
    let retention = tables.map(|side| &side.retention);
    merged.retention =
        retention.or_conflict(field("retention"), |value| value.map(|n| n.to_string()), report);
    let (at, word) = other("privileges");
    let privileges = tables.map(|side| &side.privileges);
    merged.privileges = privileges.or_conflict(at, |_| Some(word.to_owned()), report);
    let (at, word) = other("what clients state");
    merged.rest = tables
        .map(|side| &side.rest)
        .or_conflict(at, |_| Some(word.to_owned()), report);
    let (at, word) = other("newer fields");
    merged.extra = tables
        .map(|side| &side.extra)
        .or_conflict(at, |_| Some(word.to_owned()), report);
    let places = tables.map(|side| &side.locations);
    let at = (
        scope,
        ConflictKind::LocationBoth,
        Subject::Field("places in parameters"),
    );
    merged.locations = places.or_conflict(at, |_| Some("another".to_owned()), report);
    let texts = tables.map(|side| (side.view_original_text.clone(), side.view_expanded_text.clone()));
    let at = (
        scope,
        ConflictKind::ViewText,
        Subject::Field("the text of the view"),
    );
    (merged.view_original_text, merged.view_expanded_text) = merge_view_text(texts.as_ref(), at, report);
}

type ViewText = (Option<String>, Option<String>);

fn merge_view_text(
    texts: Three<&ViewText>,
    at: (&Scope, ConflictKind, Subject),
    report: &mut Report,
) -> ViewText {
    if let Some(settled) = texts.settled() {
        return settled.clone();
    }
    let shown = texts.map(|text| text.0.as_deref());
    let shown = Texts::of(shown.base, shown.ours, shown.theirs);
    match report.decide(at, shown, Choices::ANY.or(Expected::Text)) {
        Pick::Value(text) => (Some(text.clone()), Some(text)),
        pick => pick.of(texts).clone(),
    }
}
