//! Tables: identity, kind, keys, columns, storage, parameters; each by its rule (versioning.md 5.2).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::columns::{self, Layout, Lists, Renumbered, text_of};
use super::conflict::{ConflictKind, Report, Scope, Subject, Texts};
use super::generic::Three;
use super::params::{self, Data, Writers};
use super::{spark, storage, validate};
use crate::location::{Location, Place};
use crate::model::{
    Column, Columns, Database, DatabaseId, Parameters, Storage, Table, TableFormat, TableKind,
};
use crate::snapshot::OpenTable;

/// What the rules of a table look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a> {
    pub(crate) versions: Three<&'a OpenTable>,
    /// What is known of the table's data as a whole.
    pub(crate) data: &'a Data,
    /// Who changed something beneath the table: partitions, statistics, files.
    pub(crate) beneath: Writers,
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
    if let Some(settled) = settled(tables, input.data.writers) {
        check_one_sided_keys(input, scope, report);
        return Outcome {
            table: settled.clone(),
            renumbered: Renumbered::new(),
        };
    }
    let mut outcome = match format_of(tables) {
        TableFormat::Hive => merge_fields(input, scope, report),
        format => Outcome {
            table: merge_opaque(input, format, scope, report),
            renumbered: Renumbered::new(),
        },
    };
    (outcome.table.database, outcome.table.name) = merge_name(input, scope, report);
    merge_place(&mut outcome.table, input, scope, report);
    validate::table(&outcome.table, tables, scope, report);
    outcome
}

/// Returns the version that can be taken as it is.
fn settled(tables: Three<&Table>, writers: Writers) -> Option<&Table> {
    let alone = |settled: &&Table| match writers {
        Writers::Nobody => true,
        Writers::Ours => **settled == *tables.ours,
        Writers::Theirs => **settled == *tables.theirs,
        Writers::Both => false,
    };
    tables.settled().filter(alone)
}

fn format_of(tables: Three<&Table>) -> TableFormat {
    let formats = tables.map(TableFormat::of);
    [formats.base, formats.ours, formats.theirs]
        .into_iter()
        .max()
        .unwrap_or_default()
}

/// A table whose format keeps its own log is one thing: only one side may have changed it.
fn merge_opaque(input: Input<'_>, format: TableFormat, scope: &Scope, report: &mut Report) -> Table {
    let tables = input.versions.map(|open| &open.table);
    let contents = tables.map(content);
    let wrote = input.beneath.and(input.data.writers);
    let changed = Writers::of(contents.ours_changed(), contents.theirs_changed()).and(wrote);
    match changed {
        Writers::Theirs => tables.theirs.clone(),
        Writers::Both if contents.ours != contents.theirs || wrote == Writers::Both => {
            let texts = Texts::new(None, "changed", "changed otherwise");
            let subject = Subject::Field(match format {
                TableFormat::Iceberg => "the Iceberg table",
                TableFormat::Delta => "the Delta table",
                TableFormat::Hudi => "the Hudi table",
                TableFormat::Acid => "the transactional table",
                TableFormat::Hive => "the table",
            });
            report.add(scope, ConflictKind::FormatDiverged, subject, texts);
            tables.ours.clone()
        }
        _ => tables.ours.clone(),
    }
}

/// Returns a table without its identity and without traces.
fn content(table: &Table) -> Table {
    let parameters = params::meant(table.parameters.as_ref());
    let mut content = Table {
        name: String::new(),
        database: DatabaseId::default(),
        accessed_s: None,
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
        report.add(scope, ConflictKind::RenameRename, Subject::Whole, texts);
        names.ours
    })
}

/// Merges where the table and its partitions lie, and states it by the name that the table has now.
fn merge_place(table: &mut Table, input: Input<'_>, scope: &Scope, report: &mut Report) {
    let places = input.versions.map(OpenTable::place);
    let mut place = storage::merge_place(places.as_ref(), scope, report);
    let bases = input.versions.map(|open| &open.partition_base);
    let at = (
        scope,
        ConflictKind::LocationBoth,
        Subject::Field("the folder of partitions"),
    );
    table.partition_base = bases.or_conflict(at, |_| Some("another".to_owned()), report);
    if let Some(left) = left_behind(input, place.as_ref()) {
        match left {
            Left::Stays(old) => place = Some(old),
            Left::Contested => report_left(places.as_ref(), input, scope, report),
        }
    }
    let base = input
        .databases
        .get(&table.database)
        .map(|database| database.table_base(&table.kind));
    let location = place.map(|place| match &base {
        Some(base) => place.relative_to(base, &table.name),
        None => place.into(),
    });
    if let Some(storage) = &mut table.storage {
        storage.location = location;
    }
}

/// What one side wrote to a place that the other moved the table away from.
enum Left {
    /// The table was only renamed while it was empty: it stays where the data is by now.
    Stays(Place),
    Contested,
}

fn left_behind(input: Input<'_>, merged: Option<&Place>) -> Option<Left> {
    let Three { base, ours, theirs } = input.versions;
    let wrote = |one: Writers| input.beneath == one || input.beneath == Writers::Both;
    let is_left = |writer: &OpenTable| {
        writer.place().as_ref() != merged && writer.place() == base.place() && !is_kept_apart(input, writer)
    };
    let (mover, writer, mover_wrote) = if wrote(Writers::Ours) && is_left(ours) {
        (theirs, ours, wrote(Writers::Theirs))
    } else if wrote(Writers::Theirs) && is_left(theirs) {
        (ours, theirs, wrote(Writers::Ours))
    } else {
        return None;
    };
    let default = Some(&Location::Default);
    let is_rename = mover.location() == default && base.location() == default;
    match writer.place().filter(|_| is_rename && !mover_wrote) {
        Some(place) => Some(Left::Stays(place)),
        None => Some(Left::Contested),
    }
}

/// Returns whether the partitions stay in one folder on all sides, wherever the table goes.
fn is_kept_apart(input: Input<'_>, writer: &OpenTable) -> bool {
    let bases = input.versions.map(OpenTable::partition_base);
    writer.is_partitioned() && bases.ours == bases.theirs
}

fn report_left(places: Three<&Option<Place>>, input: Input<'_>, scope: &Scope, report: &mut Report) {
    let base = places.base.as_ref().map(storage::text_of);
    let did = |side: &Option<Place>| match side {
        Some(place) if Some(place) != places.base.as_ref() => storage::text_of(place),
        _ => "the old one, with new data".to_owned(),
    };
    let texts = Texts::new(base.as_deref(), did(places.ours), did(places.theirs));
    debug_assert!(input.beneath != Writers::Nobody);
    report.add(
        scope,
        ConflictKind::LocationBoth,
        Subject::Field("location"),
        texts,
    );
}

fn merge_fields(input: Input<'_>, scope: &Scope, report: &mut Report) -> Outcome {
    let tables = input.versions.map(|open| &open.table);
    let mut merged = tables.ours.clone();
    let kind = merge_kind(tables, scope, report);
    merged.kind = kind.0;
    merged.partition_keys = merge_keys(input, scope, report);
    let before = report.len();
    let (storage, next, renumbered) = merge_storage(tables, scope, report);
    let columns_are_contested = report.len() > before;
    merged.storage = storage;
    merged.next_column_id = next;
    merge_plain(&mut merged, tables, scope, report);
    let parameters = tables.map(|table| &table.parameters);
    merged.parameters = params::merge(parameters, input.data, &is_of_kind, scope, report);
    // what is derived from contested columns is contested with them, and needs no decision of its own
    let mut aside = Report::default();
    let derived_report = if columns_are_contested {
        &mut aside
    } else {
        &mut *report
    };
    let derived = spark::merge(tables, &renumbered, scope, derived_report);
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

fn shape(keys: &[Column]) -> Vec<(&str, &str)> {
    keys.iter()
        .map(|key| (key.name.as_str(), key.type_name.as_str()))
        .collect()
}

/// Partition keys are what all names and folders of partitions follow: no one else may have touched the table.
fn merge_keys(input: Input<'_>, scope: &Scope, report: &mut Report) -> Option<Vec<Column>> {
    let tables = input.versions.map(|open| &open.table);
    let shapes = tables.map(|table| shape(table.keys()));
    if shapes.base == shapes.ours && shapes.base == shapes.theirs {
        return merge_key_comments(tables, scope, report);
    }
    let (ours, theirs) = (shapes.ours != shapes.base, shapes.theirs != shapes.base);
    let is_free = shapes.ours == shapes.theirs
        || ours && !theirs && content(tables.theirs) == content(tables.base)
        || theirs && !ours && content(tables.ours) == content(tables.base);
    if is_free {
        check_one_sided_keys(input, scope, report);
    } else {
        report_keys(tables, scope, report);
    }
    if ours { tables.ours } else { tables.theirs }
        .partition_keys
        .clone()
}

/// Reports partition keys that one side changed while the other changed something beneath the table.
fn check_one_sided_keys(input: Input<'_>, scope: &Scope, report: &mut Report) {
    let tables = input.versions.map(|open| &open.table);
    let shapes = tables.map(|table| shape(table.keys()));
    let by_ours = shapes.ours != shapes.base && matches!(input.beneath, Writers::Theirs | Writers::Both);
    let by_theirs = shapes.theirs != shapes.base && matches!(input.beneath, Writers::Ours | Writers::Both);
    if (by_ours || by_theirs) && shapes.ours != shapes.theirs {
        report_keys(tables, scope, report);
    }
}

fn report_keys(tables: Three<&Table>, scope: &Scope, report: &mut Report) {
    let did = |side: &Table| {
        if shape(side.keys()) == shape(tables.base.keys()) {
            "kept, and the table changed".to_owned()
        } else {
            format!("changed to {}", text_of(side.keys()))
        }
    };
    let base = text_of(tables.base.keys());
    let texts = Texts::new(Some(&base), did(tables.ours), did(tables.theirs));
    report.add(
        scope,
        ConflictKind::PartitionKeys,
        Subject::Field("the list of partition keys"),
        texts,
    );
}

fn merge_key_comments(tables: Three<&Table>, scope: &Scope, report: &mut Report) -> Option<Vec<Column>> {
    let mut keys = tables.ours.partition_keys.clone()?;
    for (at, key) in keys.iter_mut().enumerate() {
        let comments = tables.map(|table| table.keys().get(at).and_then(|key| key.comment.clone()));
        let subject = Subject::Column(key.name.clone());
        let at = (scope, ConflictKind::CommentBoth, subject);
        key.comment = comments.as_ref().or_conflict(at, Option::clone, report);
    }
    Some(keys)
}

fn merge_storage(
    tables: Three<&Table>,
    scope: &Scope,
    report: &mut Report,
) -> (Option<Storage>, u32, Renumbered) {
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
    let columns = columns::merge(lists, layout_of(tables), scope, report);
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

/// Returns how the table's files find columns; of two formats the stricter counts. A view has no files.
fn layout_of(tables: Three<&Table>) -> Layout {
    let layout = |table: &Table| match table.kind {
        TableKind::View | TableKind::MaterializedView => Layout::ByName,
        _ => storage::layout(
            table.storage.as_ref(),
            table.parameter("spark.sql.sources.provider"),
        ),
    };
    let layouts = tables.map(layout);
    if layouts == Three::new(Layout::ByName, Layout::ByName, Layout::ByName) {
        Layout::ByName
    } else {
        Layout::ByPosition
    }
}

/// Merges fields that have no rule but the first.
fn merge_plain(merged: &mut Table, tables: Three<&Table>, scope: &Scope, report: &mut Report) {
    let field = |name| (scope, ConflictKind::FieldBoth, Subject::Field(name));
    let other = |name: &'static str| (field(name), "other");
    let text = Option::<String>::clone;
    merged.owner = tables
        .map(|side| &side.owner)
        .or_conflict(field("owner"), text, report);
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
    let text = |text: &(Option<String>, Option<String>)| text.0.clone();
    (merged.view_original_text, merged.view_expanded_text) = texts.as_ref().or_conflict(at, text, report);
}

/// Returns what two tables of one name agree on, each of which one side created, if they are the same table: the
/// same columns, keys and format in the same place. What they do not agree on counts as added by each.
pub(crate) fn common(ours: &OpenTable, theirs: &OpenTable) -> Option<Table> {
    let template = |table: &Table| table.storage.as_ref().map(|storage| storage.template.clone());
    let ids = |columns: &[Column]| -> Vec<_> {
        columns
            .iter()
            .map(|column| (column.id, column.name.clone(), column.type_name.clone()))
            .collect()
    };
    let is_same = ours.kind == theirs.kind
        && ids(ours.columns()) == ids(theirs.columns())
        && ids(ours.keys()) == ids(theirs.keys())
        && template(ours) == template(theirs)
        && ours.place() == theirs.place()
        && ours.partition_base == theirs.partition_base
        && TableFormat::of(ours) == TableFormat::Hive
        && TableFormat::of(theirs) == TableFormat::Hive;
    if !is_same {
        return None;
    }
    let (a, b) = (&ours.table, &theirs.table);
    let mut common = a.clone();
    common.parameters = common_parameters(a.parameters.as_ref(), b.parameters.as_ref());
    common.created_s = None;
    common.accessed_s = None;
    keep_if(a.owner == b.owner, &mut common.owner);
    keep_if(a.retention == b.retention, &mut common.retention);
    keep_if(a.privileges == b.privileges, &mut common.privileges);
    keep_if(a.rest == b.rest, &mut common.rest);
    keep_if(a.extra == b.extra, &mut common.extra);
    keep_if(a.locations == b.locations, &mut common.locations);
    if (&a.view_original_text, &a.view_expanded_text) != (&b.view_original_text, &b.view_expanded_text) {
        (common.view_original_text, common.view_expanded_text) = (None, None);
    }
    forget_comments(&mut common, b);
    Some(common)
}

fn keep_if<T: Default>(is_same: bool, value: &mut T) {
    if !is_same {
        *value = T::default();
    }
}

fn common_parameters(ours: Option<&Parameters>, theirs: Option<&Parameters>) -> Option<Parameters> {
    let (ours, theirs) = (ours?, theirs?);
    let same = ours.iter().filter(|(key, value)| theirs.get(*key) == Some(value));
    Some(same.map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// Removes comments that the other table does not share.
fn forget_comments(common: &mut Table, other: &Table) {
    let forget = |columns: &mut [Column], others: &[Column]| {
        for (column, other) in columns.iter_mut().zip(others) {
            keep_if(column.comment == other.comment, &mut column.comment);
        }
    };
    forget(
        common.partition_keys.as_deref_mut().unwrap_or_default(),
        other.keys(),
    );
    if let Some(columns) = common
        .storage
        .as_mut()
        .and_then(|storage| storage.columns.as_mut())
    {
        forget(&mut Arc::make_mut(columns).0, other.columns());
    }
}
