//! Iceberg tables: a unit, of which each side has a state that its pointer names.
//!
//! Where both sides moved the pointer, one state may go on from the other, as when theirs was merged from ours and
//! then written to: then it is taken, and what the sides did in the metastore alone, such as to owner and grants, is
//! merged as for other tables. That is told by metadata files: each names those before it, and the snapshots
//! before its present one (versioning.md 5.6).

mod metadata;

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt;
use versioning::{Repository, View};

use self::metadata::Metadata;
use super::conflict::{Choices, ConflictKind, Report, Scope, Subject, Texts};
use super::generic::{Three, Whose};
use super::params;
use super::storage::text_of;
use super::table::{content, is_changed};
use super::walk::{Changed, Walk};
use crate::Result;
use crate::layout::{METADATA_LOCATION, is_bound_to_ref, metadata_location};
use crate::location::{Location, Place};
use crate::model::{Storage, Table, TableId};
use crate::snapshot::OpenTable;

/// The most bytes of a metadata file that are read, as stored and unpacked. One of 10,000 snapshots has about 5 MB.
const METADATA_BYTES_MAX: u64 = 64 << 20;

/// Which of two states of a table goes on from the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Lead {
    Ours,
    Theirs,
    /// Neither does, or nobody can tell.
    #[default]
    Neither,
}

/// What the metadata files say of a table whose pointer both sides moved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct History {
    pub(crate) lead: Lead,
    /// The keys of the table's properties on both sides.
    property_keys: BTreeSet<String>,
}

/// Parameters that clients of Iceberg write along with a new state, beside the table's properties.
const OWNED: [&str; 15] = [
    METADATA_LOCATION,
    "previous_metadata_location",
    "table_type",
    "storage_handler",
    "EXTERNAL",
    "external.table.purge",
    "uuid",
    "format-version",
    "current-schema",
    "current-snapshot-id",
    "current-snapshot-summary",
    "current-snapshot-timestamp-ms",
    "default-partition-spec",
    "default-sort-order",
    "snapshot-count",
];

/// Returns whether both sides moved the pointer of a table, and not to one place.
pub(super) fn is_contested(tables: Three<&Table>) -> bool {
    let pointers = tables.map(pointer);
    pointers.as_ref().settled().is_none()
}

/// Returns the versions of a table that both sides changed, each with the state of the one that leads: that which
/// goes on from the other, or which alone has another state. `None` if none does. What is left to merge is what
/// each side did in the metastore alone.
pub(super) fn led(tables: Three<&Table>, history: Option<&History>) -> Option<Three<Table>> {
    let none = History::default();
    let history = history.unwrap_or(&none);
    let leader = match history.lead {
        Lead::Ours => tables.ours,
        Lead::Theirs => tables.theirs,
        Lead::Neither if is_contested(tables) => return None,
        Lead::Neither => alone(tables)?,
    };
    Some(tables.map(|table| with_state_of(table, leader, history)))
}

/// Returns the version whose state differs from that of the base, if the other side left that alone.
fn alone(tables: Three<&Table>) -> Option<&Table> {
    let none = History::default();
    let is_like =
        |table: &Table, other: &Table| content(&with_state_of(table, other, &none)) == content(table);
    if is_like(tables.theirs, tables.base) || is_like(tables.theirs, tables.ours) {
        Some(tables.ours)
    } else {
        is_like(tables.ours, tables.base).then_some(tables.theirs)
    }
}

/// Returns a version of a table with what another one says that follows from the state of the Iceberg table.
fn with_state_of(table: &Table, leader: &Table, history: &History) -> Table {
    let is_owned = |key: &str| {
        let class = params::class_of(key);
        OWNED.contains(&key)
            || history.property_keys.contains(key)
            || matches!(class, params::Class::Fast | params::Class::Scanned)
    };
    let mut parameters = params::select(table.parameters.as_ref(), &|key| !is_owned(key));
    parameters.extend(params::select(leader.parameters.as_ref(), &is_owned));
    let location = table
        .storage
        .as_ref()
        .and_then(|storage| storage.location.clone());
    let storage = leader
        .storage
        .clone()
        .map(|storage| Storage { location, ..storage });
    Table {
        parameters: (table.parameters.is_some() || !parameters.is_empty()).then_some(parameters),
        storage,
        next_column_id: leader.next_column_id,
        locations: leader.locations.clone(),
        ..table.clone()
    }
}

/// Returns the versions of a table of which each side has a state of its own, each with the state that was decided on.
pub(super) fn diverged(
    tables: Three<&Table>,
    history: Option<&History>,
    scope: &Scope,
    report: &mut Report,
) -> Option<Three<Table>> {
    let pointers = tables.map(pointer);
    let moved = |to: Option<String>| to.map_or_else(|| "left".to_owned(), |to| format!("moved to {to}"));
    let texts = Texts::new(
        pointers.base.as_deref(),
        moved(pointers.ours),
        moved(pointers.theirs),
    );
    let subject = Subject::Field("the Iceberg table");
    let at = (scope, ConflictKind::IcebergDiverged, subject);
    let whose = report.decide(at, texts, Choices::ANY).whose()?;
    let leader = tables.take(whose);
    let none = History::default();
    Some(tables.map(|table| with_state_of(table, leader, history.unwrap_or(&none))))
}

/// Reports a table that theirs changed, and whose files lie at paths of a ref: on another ref its metadata would
/// speak of files that are not its own.
pub(super) fn check_bound(
    id: TableId,
    versions: Three<&Option<OpenTable>>,
    scope: &Scope,
    report: &mut Report,
) {
    let settled = report.settled().table(id);
    if settled.is_some_and(|whose| whose != Whose::Theirs) {
        return;
    }
    let Some(theirs) = versions.theirs.as_ref().filter(|theirs| is_bound_to_ref(theirs)) else {
        return;
    };
    let differs = |other: &Option<OpenTable>| other.as_ref().is_none_or(|other| is_changed(other, theirs));
    if differs(versions.base) && differs(versions.ours) {
        let ours = match versions.ours {
            Some(_) => "another",
            None => "not there",
        };
        let texts = Texts::new(None, ours, "written at paths of its ref");
        let subject = Subject::Field("the Iceberg table");
        let choices = Choices {
            ours: settled.is_none(),
            ..Choices::NONE
        };
        let at = (scope, ConflictKind::IcebergBoundToRef, subject);
        report.decide_whole(at, texts, choices, |settled, whose| {
            settled.settle_table(id, whose);
        });
    }
}

/// Returns the pointer of a table as people see it.
fn pointer(table: &Table) -> Option<String> {
    let place = metadata_location(table).map(|location| text_of(&location.resolve(&Place::root(), "")));
    place.or_else(|| table.parameter(METADATA_LOCATION).map(str::to_owned))
}

/// Returns what the metadata files say of those tables whose pointers both sides moved.
pub(super) async fn histories(walk: &Walk, repository: &Repository) -> Result<BTreeMap<TableId, History>> {
    let mut histories = BTreeMap::new();
    for (id, changed) in &walk.tables {
        if let Some(pointers) = contested(changed)
            && let Some(history) = history(repository, pointers).await?
        {
            histories.insert(*id, history);
        }
    }
    Ok(histories)
}

/// Returns where the metadata is in the shared namespace, if both sides moved the pointer there.
fn contested(changed: &Changed<Table>) -> Option<Three<&str>> {
    let Three { base, ours, theirs } = changed.versions.as_ref();
    let tables = Three::new(base.as_ref()?, ours.as_ref()?, theirs.as_ref()?);
    if !is_contested(tables) {
        return None;
    }
    let shared = |table| match metadata_location(table) {
        Some(Location::Shared(path)) => Some(path.as_str()),
        _ => None,
    };
    let Three { base, ours, theirs } = tables.map(shared);
    Some(Three::new(base?, ours?, theirs?))
}

/// Reads the three states, one after another: what is kept of each is small beside its file.
async fn history(repository: &Repository, at: Three<&str>) -> Result<Option<History>> {
    let shared = repository.shared_view().await?;
    let read = async |path| read(repository, &shared, path).await;
    let (base, ours, theirs) = (read(at.base).await?, read(at.ours).await?, read(at.theirs).await?);
    let (Some(base), Some(ours), Some(theirs)) = (base, ours, theirs) else {
        return Ok(None);
    };
    let keys = ours.property_keys().chain(theirs.property_keys());
    Ok(Some(History {
        property_keys: keys.cloned().collect(),
        lead: lead(&Three::new(base, ours, theirs), at),
    }))
}

fn lead(states: &Three<Metadata>, at: Three<&str>) -> Lead {
    let Three { base, ours, theirs } = states.as_ref();
    // a revert has a base that goes on from theirs: what came since is not to be taken for the answer
    if !ours.goes_on_from(base, at.base) || !theirs.goes_on_from(base, at.base) {
        return Lead::Neither;
    }
    let leads = (
        ours.goes_on_from(theirs, at.theirs),
        theirs.goes_on_from(ours, at.ours),
    );
    match leads {
        (true, false) => Lead::Ours,
        (false, true) => Lead::Theirs,
        _ => Lead::Neither,
    }
}

/// Reads a metadata file; `None` for one that is missing, too large or not to be understood.
async fn read(repository: &Repository, shared: &View, path: &str) -> Result<Option<Metadata>> {
    let Some(object) = shared.object(path).await? else {
        return Ok(None);
    };
    if object.size() > METADATA_BYTES_MAX {
        tracing::warn!(
            path,
            bytes = object.size(),
            "metadata of an Iceberg table is too large to be read"
        );
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(object.size()).unwrap_or_default());
    let mut pieces = std::pin::pin!(repository.read(&object, 0..object.size()));
    while let Some(piece) = pieces.try_next().await? {
        bytes.extend_from_slice(&piece);
    }
    // a large file takes a while: other work goes on meanwhile
    let parse = move || Metadata::parse(&bytes, METADATA_BYTES_MAX);
    let parsed = tokio::task::spawn_blocking(parse).await;
    match parsed.map_err(std::io::Error::other).flatten() {
        Ok(parsed) => Ok(Some(parsed)),
        Err(error) => {
            tracing::warn!(path, %error, "metadata of an Iceberg table cannot be read");
            Ok(None)
        }
    }
}
