//! Columns: matched by id, additions by name (versioning.md 5.3).

use std::collections::{BTreeMap, BTreeSet};

use super::conflict::{Choices, ConflictKind, Report, Scope, Subject, Texts};
use super::generic::{Three, Whose};
use super::options::Expected;
use super::params::Writers;
use super::report::Pick;
use crate::model::{Column, ColumnId};
use crate::types::ColumnType;

/// How a format finds the values of a column in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    ByName,
    /// With the sides that may have written files since the base, in which a column is where that side has it.
    ByPosition(Writers),
}

/// The columns of three versions of a table, each with the id that its next column would get.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lists<'a> {
    pub(crate) columns: Three<&'a [Column]>,
    pub(crate) next: Three<u32>,
}

/// The outcome of a merge of columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Merged {
    pub(crate) columns: Vec<Column>,
    pub(crate) next: u32,
    /// The new ids of those columns of theirs that could not keep theirs.
    pub(crate) renumbered: Renumbered,
}

/// Which of their columns have another id after the merge.
pub(crate) type Renumbered = BTreeMap<ColumnId, ColumnId>;

/// Merges columns. On a conflict the columns of ours stay.
pub(crate) fn merge(lists: Lists<'_>, layout: Layout, scope: &Scope, report: &mut Report) -> Merged {
    let (renumbered, next) = renumber(lists);
    let Three { base, ours, theirs } = lists.columns;
    let mut theirs = theirs.to_vec();
    renew_ids(&mut theirs, &renumbered);
    let lists = Three::new(base, ours, theirs.as_slice());
    let columns = match layout {
        Layout::ByPosition(wrote) if is_contested_by_position(lists) => match order_by_position(lists, wrote)
        {
            Some(order) => merge_by_id(lists, Some(order), scope, report),
            None => {
                let texts = Texts::new(Some(&text_of(base)), text_of(ours), text_of(&theirs));
                let at = (scope, ConflictKind::PositionalAdd, Subject::Columns);
                report.decide(at, texts, Choices::ANY).of(lists).to_vec()
            }
        },
        _ => {
            let columns = merge_by_id(lists, None, scope, report);
            leave_some(columns, lists, scope, report)
        }
    };
    Merged {
        columns,
        next,
        renumbered,
    }
}

/// Gives columns the ids that they have after the merge.
pub(crate) fn renew_ids(columns: &mut [Column], renumbered: &Renumbered) {
    for column in columns {
        if let Some(id) = renumbered.get(&column.id) {
            column.id = *id;
        }
    }
}

/// Finds new ids for those columns that theirs added, where ours gave the same id to another column, and for
/// those that both added. Returns the id of the next column, too.
fn renumber(lists: Lists<'_>) -> (Renumbered, u32) {
    let Three { base, ours, theirs } = lists.columns;
    let mut next = lists.next.ours.max(lists.next.theirs);
    let is_new = |column: &&Column| !base.iter().any(|base| base.id == column.id);
    let taken = |id: ColumnId| ours.iter().filter(is_new).any(|ours| ours.id == id);
    // ids do not ascend: a later change may count from a lower number
    let known: BTreeSet<ColumnId> = [base, ours, theirs]
        .into_iter()
        .flatten()
        .map(|column| column.id)
        .collect();
    let mut renumbered = Renumbered::new();
    for column in theirs.iter().filter(is_new) {
        let twin = ours.iter().filter(is_new).find(|ours| ours.name == column.name);
        let id = match twin {
            Some(twin) => twin.id,
            None if taken(column.id) => {
                while known.contains(&ColumnId(next)) || next == 0 {
                    next = next.wrapping_add(1);
                }
                let id = ColumnId(next);
                next = next.wrapping_add(1);
                id
            }
            None => column.id,
        };
        if id != column.id {
            renumbered.insert(column.id, id);
        }
    }
    (renumbered, next)
}

/// Returns whether both sides changed which column stands where, and not alike: files that each side wrote
/// would mean something else on the other.
fn is_contested_by_position(lists: Three<&[Column]>) -> bool {
    let shapes = lists.map(|columns| ids(columns).collect::<Vec<_>>());
    shapes.as_ref().settled().is_none()
}

/// Returns an order in which all files stay readable by position: both sides only added columns behind those of the
/// base, and one of them wrote no file since, so that what it added can stand behind what the other added.
fn order_by_position(lists: Three<&[Column]>, wrote: Writers) -> Option<Vec<ColumnId>> {
    let shapes = lists.map(|columns| ids(columns).collect::<Vec<_>>());
    let (first, second) = match wrote {
        Writers::Nobody | Writers::Ours => (shapes.ours, shapes.theirs),
        Writers::Theirs => (shapes.theirs, shapes.ours),
        Writers::Both => return None,
    };
    let only_adds = |side: &[ColumnId]| side.starts_with(&shapes.base);
    if !only_adds(&first) || !only_adds(&second) {
        return None;
    }
    let mut order = first;
    for id in second {
        if !order.contains(&id) {
            order.push(id);
        }
    }
    Some(order)
}

/// Merges column by column. They stand in the order `given`, if there is one.
fn merge_by_id(
    lists: Three<&[Column]>,
    given: Option<Vec<ColumnId>>,
    scope: &Scope,
    report: &mut Report,
) -> Vec<Column> {
    let ids: BTreeSet<ColumnId> = [lists.base, lists.ours, lists.theirs]
        .into_iter()
        .flatten()
        .map(|column| column.id)
        .collect();
    let mut merged = BTreeMap::new();
    for id in ids {
        let versions = lists.map(|columns| columns.iter().find(|column| column.id == id));
        if let Some(column) = merge_column(versions, scope, report) {
            merged.insert(id, column);
        }
    }
    let order = given.unwrap_or_else(|| order(lists, &merged, scope, report));
    let columns: Vec<Column> = order.iter().filter_map(|id| merged.remove(id)).collect();
    settle_names(columns, lists, scope, report)
}

/// Decides about columns of which each was dropped by one side, so that none would be left though both have some: no
/// reader opens such a table.
fn leave_some(
    merged: Vec<Column>,
    lists: Three<&[Column]>,
    scope: &Scope,
    report: &mut Report,
) -> Vec<Column> {
    if !merged.is_empty() || lists.ours.is_empty() || lists.theirs.is_empty() {
        return merged;
    }
    let texts = lists.map(text_of);
    let texts = Texts::new(Some(&texts.base), texts.ours, texts.theirs);
    let at = (scope, ConflictKind::DropModify, Subject::Columns);
    report.decide(at, texts, Choices::SIDES).of(lists).to_vec()
}

fn merge_column(versions: Three<Option<&Column>>, scope: &Scope, report: &mut Report) -> Option<Column> {
    match (versions.base, versions.ours, versions.theirs) {
        (Some(base), Some(ours), Some(theirs)) => {
            Some(merge_kept(Three::new(base, ours, theirs), scope, report))
        }
        (None, Some(ours), Some(theirs)) => Some(merge_added(ours, theirs, scope, report)),
        (None, ours, theirs) => ours.or(theirs).cloned(),
        (Some(_), Some(kept), None) => merge_dropped(versions, kept, ("changed", "dropped"), scope, report),
        (Some(_), None, Some(kept)) => merge_dropped(versions, kept, ("dropped", "changed"), scope, report),
        (Some(_), None, None) => None,
    }
}

/// A drop wins over a new comment, and over nothing else.
fn merge_dropped(
    versions: Three<Option<&Column>>,
    kept: &Column,
    words: (&str, &str),
    scope: &Scope,
    report: &mut Report,
) -> Option<Column> {
    let base = versions.base?;
    let is_changed = kept.name != base.name || kept.type_name != base.type_name;
    if !is_changed {
        return None;
    }
    let texts = Texts::new(Some(&base.type_name), words.0, words.1);
    let at = (
        scope,
        ConflictKind::DropModify,
        Subject::Column(base.name.clone()),
    );
    match report.decide(at, texts, Choices::ANY) {
        Pick::Side(whose) => versions.take(whose).cloned(),
        _ => Some(kept.clone()),
    }
}

fn merge_kept(versions: Three<&Column>, scope: &Scope, report: &mut Report) -> Column {
    let Three { base, ours, .. } = versions;
    let subject = || Subject::Column(ours.name.clone());
    let name = versions.map(|column| &column.name).settled().cloned();
    let name = name.unwrap_or_else(|| {
        let renamed = versions.map(|column| format!("renamed to {}", column.name));
        let texts = Texts::new(None, renamed.ours, renamed.theirs);
        let subject = Subject::Column(base.name.clone());
        let at = (scope, ConflictKind::RenameRename, subject);
        match report.decide(at, texts, Choices::ANY.or(Expected::Column)) {
            Pick::Value(name) => name,
            pick => pick.of(versions).name.clone(),
        }
    });
    let types = versions.map(|column| &column.type_name);
    let type_name = types
        .settled()
        .cloned()
        .or_else(|| join(types.map(String::as_str)));
    let type_name = type_name.unwrap_or_else(|| {
        let texts = Texts::new(Some(types.base), types.ours, types.theirs);
        let at = (scope, ConflictKind::ColumnType, subject());
        match report.decide(at, texts, Choices::ANY.or(Expected::Type)) {
            Pick::Value(name) => name,
            pick => pick.of(types).clone(),
        }
    });
    let at = (scope, ConflictKind::CommentBoth, comment_of(&ours.name));
    let comment = versions
        .map(|column| &column.comment)
        .text_or_conflict(at, report);
    Column {
        id: ours.id,
        name,
        type_name,
        comment,
    }
}

fn merge_added(ours: &Column, theirs: &Column, scope: &Scope, report: &mut Report) -> Column {
    let mut type_name = ours.type_name.clone();
    if ours.type_name != theirs.type_name {
        let texts = Texts::new(None, &ours.type_name, &theirs.type_name);
        let subject = Subject::Column(ours.name.clone());
        let at = (scope, ConflictKind::ColumnType, subject);
        match report.decide(at, texts, Choices::SIDES.or(Expected::Type)) {
            Pick::Value(name) => type_name = name,
            Pick::Side(Whose::Theirs) => type_name.clone_from(&theirs.type_name),
            _ => {}
        }
    }
    let comments = Three::new(&None, &ours.comment, &theirs.comment);
    let at = (scope, ConflictKind::CommentBoth, comment_of(&ours.name));
    let comment = comments.text_or_conflict(at, report);
    Column {
        type_name,
        comment,
        ..ours.clone()
    }
}

fn comment_of(column: &str) -> Subject {
    Subject::Column(format!("{column}'s comment"))
}

/// Returns the type that serves what both sides wrote, and that files of all three types can be read as by the
/// formats that find columns by name: whole numbers, floating point numbers and texts widen. In Hive's wider
/// lattice a number may become a text, but no reader of Parquet agrees.
fn join(types: Three<&str>) -> Option<String> {
    let serves = |to: &str| {
        [types.base, types.ours, types.theirs]
            .into_iter()
            .all(|from| is_read_as(from, to))
    };
    [types.ours, types.theirs]
        .into_iter()
        .find(|to| serves(to))
        .map(str::to_owned)
}

/// Returns whether files written with one type can be read with the other.
pub(crate) fn is_read_as(from: &str, to: &str) -> bool {
    if from == to {
        return true;
    }
    let (Ok(from), Ok(to)) = (ColumnType::parse(from), ColumnType::parse(to)) else {
        return false;
    };
    match (&from, &to) {
        (
            ColumnType::Primitive { name, arguments },
            ColumnType::Primitive {
                name: to_name,
                arguments: to_arguments,
            },
        ) => widens((name, arguments), (to_name, to_arguments)),
        _ => from == to,
    }
}

fn widens(from: (&str, &[u32]), to: (&str, &[u32])) -> bool {
    const CHAINS: [&[&str]; 2] = [&["tinyint", "smallint", "int", "bigint"], &["float", "double"]];
    let in_chain = |chain: &&[&str]| {
        let at = |name: &str| chain.iter().position(|link| *link == name);
        at(from.0).zip(at(to.0)).is_some_and(|(from, to)| from <= to)
    };
    match (from, to) {
        (("decimal", [precision, scale]), ("decimal", [wider, same])) => scale == same && precision <= wider,
        (("varchar", [len]), ("varchar", [longer])) => len <= longer,
        (("varchar" | "string", _), ("string", [])) => true,
        _ => CHAINS.iter().any(in_chain),
    }
}

/// Returns the ids of the merged columns in order: that of the side that moved columns, else ours; additions
/// of the other side follow their left neighbours, ours first.
fn order(
    lists: Three<&[Column]>,
    merged: &BTreeMap<ColumnId, Column>,
    scope: &Scope,
    report: &mut Report,
) -> Vec<ColumnId> {
    let in_all = |column: &&Column| {
        [lists.base, lists.ours, lists.theirs]
            .iter()
            .all(|list| list.iter().any(|other| other.id == column.id))
    };
    let kept = lists.map(|columns| {
        columns
            .iter()
            .filter(in_all)
            .map(|column| column.id)
            .collect::<Vec<_>>()
    });
    let mut theirs_leads = kept.theirs_changed() && !kept.ours_changed();
    if kept.as_ref().settled().is_none() {
        let texts = Texts::new(
            Some(&text_of(lists.base)),
            text_of(lists.ours),
            text_of(lists.theirs),
        );
        let at = (scope, ConflictKind::ColumnOrder, Subject::Columns);
        let pick = report.decide(at, texts, Choices::SIDES);
        theirs_leads = pick.whose() == Some(Whose::Theirs);
    }
    let (first, second) = if theirs_leads {
        (lists.theirs, lists.ours)
    } else {
        (lists.ours, lists.theirs)
    };
    let mut order: Vec<ColumnId> = ids(first).filter(|id| merged.contains_key(id)).collect();
    let is_addition = |id: &ColumnId| !ids(lists.base).any(|base| base == *id);
    let mut left = None;
    for id in ids(second) {
        if !order.contains(&id) && merged.contains_key(&id) {
            let mut at = left.map_or(0, |left| position(&order, left) + 1);
            while !theirs_leads
                && order
                    .get(at)
                    .is_some_and(|next| is_addition(next) && !ids(second).any(|id| id == *next))
            {
                at += 1;
            }
            order.insert(at, id);
        }
        left = if order.contains(&id) { Some(id) } else { left };
    }
    order
}

fn ids(columns: &[Column]) -> impl Iterator<Item = ColumnId> + '_ {
    columns.iter().map(|column| column.id)
}

fn position(order: &[ColumnId], id: ColumnId) -> usize {
    order.iter().position(|other| *other == id).unwrap_or(order.len())
}

/// Decides about columns that came to one name from two sides. The side that is taken keeps the name for its
/// column; that of the other side has the name that it has there, or goes.
fn settle_names(
    mut columns: Vec<Column>,
    lists: Three<&[Column]>,
    scope: &Scope,
    report: &mut Report,
) -> Vec<Column> {
    let mut asked = BTreeSet::new();
    while let Some(name) = doubled(&columns, lists, &asked) {
        let texts = collision(&name, lists);
        let at = (scope, ConflictKind::NameCollision, Subject::Column(name.clone()));
        match report.decide(at, texts, Choices::SIDES.or(Expected::Column)) {
            Pick::Side(whose) => {
                let side = lists.take(whose);
                columns.retain_mut(|column| {
                    let there = side.iter().find(|other| other.id == column.id);
                    if column.name == name
                        && let Some(there) = there
                    {
                        column.name.clone_from(&there.name);
                    }
                    column.name != name || there.is_some()
                });
            }
            Pick::Value(new) => {
                let theirs = lists.theirs.iter().find(|other| other.name == name);
                let theirs = theirs.and_then(|theirs| columns.iter_mut().find(|one| one.id == theirs.id));
                if let Some(theirs) = theirs {
                    theirs.name = new;
                }
            }
            Pick::Open => {}
        }
        asked.insert(name);
    }
    columns
}

/// Returns the next name that two columns have. A list that has a name twice is odd, but it is what the client wrote.
fn doubled(columns: &[Column], lists: Three<&[Column]>, asked: &BTreeSet<String>) -> Option<String> {
    let is_twice = |list: &[Column], name: &str| list.iter().filter(|other| other.name == *name).count() > 1;
    let mut seen = BTreeSet::new();
    let mut names = columns.iter().map(|column| column.name.as_str());
    let name = names.find(|name| {
        !seen.insert(*name)
            && !asked.contains(*name)
            && !is_twice(lists.ours, name)
            && !is_twice(lists.theirs, name)
    })?;
    Some(name.to_owned())
}

fn collision(name: &str, lists: Three<&[Column]>) -> Texts {
    let did = |list: &[Column]| {
        let found = list.iter().find(|other| other.name == name);
        let before = found.and_then(|found| lists.base.iter().find(|base| base.id == found.id));
        match before {
            Some(before) if before.name == name => "kept".to_owned(),
            Some(before) => format!("renamed from {}", before.name),
            None => "added".to_owned(),
        }
    };
    Texts::new(None, did(lists.ours), did(lists.theirs))
}

/// Returns a column list as conflicts show it.
pub(crate) fn text_of(columns: &[Column]) -> String {
    let text = |column: &Column| format!("{} {}", column.name, column.type_name);
    let columns: Vec<String> = columns.iter().map(text).collect();
    format!("({})", columns.join(", "))
}
