//! Folders that two tables would share after a merge, though neither side had them share one: each would read the
//! files of the other, and dropping one with its data would empty the other (versioning.md 5.7).

use std::collections::{BTreeMap, BTreeSet};

use super::conflict::{Choices, ConflictKind, Report, Scope, Subject, Texts};
use super::entities::Entities;
use super::files::Files;
use super::generic::{Three, Whose};
use super::objects::FileChange;
use super::walk::Walk;
use super::warning::WarningKind;
use crate::location::Place;
use crate::model::{DatabaseId, TableId};
use crate::snapshot::OpenTable;

/// A merged table that lies in a folder, and which side had it there.
#[derive(Debug, Clone, Copy)]
struct Lodger<'a> {
    merged: &'a OpenTable,
    folder: &'a str,
    in_ours: bool,
    in_theirs: bool,
}

impl Lodger<'_> {
    /// Returns whether the folder is none of the repository.
    fn is_external(&self) -> bool {
        let is_it = |place: &Place| {
            matches!(place, Place::External(_)) && folder_of(place).as_deref() == Some(self.folder)
        };
        places_of(self.merged).any(|place| is_it(&place))
    }
}

/// Tables by the folders in which their own data lies.
type Folders<'a> = BTreeMap<&'a str, Vec<Lodger<'a>>>;

impl Entities {
    /// Reports folders that two tables would share. Only tables that changed can come to share one.
    pub(crate) fn check_places(&self, walk: &Walk, files: &Files, report: &mut Report) {
        let merged: Vec<(OpenTable, BTreeSet<String>)> = self
            .tables
            .values()
            .flatten()
            .map(|table| {
                let known = || walk.versions.database(table.database).cloned();
                let database = self.databases.get(&table.database).cloned().or_else(known);
                let database = database.unwrap_or_else(|| self.database(table.database));
                let table = table.clone();
                OpenTable { database, table }
            })
            .map(|open| {
                let folders = folders_of(&open);
                (open, folders)
            })
            .collect();
        let mut folders = Folders::new();
        for (merged, in_folders) in &merged {
            let versions = files.tables.get(&merged.id);
            let had = |side: Option<&OpenTable>| side.map(folders_of).unwrap_or_default();
            let ours = had(versions.and_then(|versions| versions.ours.as_ref()));
            let theirs = had(versions.and_then(|versions| versions.theirs.as_ref()));
            for folder in in_folders {
                let lodger = Lodger {
                    merged,
                    folder,
                    in_ours: ours.contains(folder),
                    in_theirs: theirs.contains(folder),
                };
                folders.entry(folder).or_default().push(lodger);
            }
        }
        for (host, guest) in pairs(&folders) {
            if !is_new(host, guest) {
                continue;
            }
            if is_harmful(host, guest, walk) {
                let leavers = leavers(files, host, guest);
                report_pair(host, guest, &leavers, report);
            } else if host.folder == guest.folder {
                warn_of_pair(host, guest, report);
            }
        }
    }
}

/// Returns the folders in which a table's own data lies, with slashes at their ends.
fn folders_of(open: &OpenTable) -> BTreeSet<String> {
    places_of(open).filter_map(|place| folder_of(&place)).collect()
}

fn places_of(open: &OpenTable) -> impl Iterator<Item = Place> {
    let base = open.is_partitioned().then(|| open.partition_base());
    [open.place(), open.data_place(), base].into_iter().flatten()
}

/// Returns a place as a folder with a slash at its end, also one that is not in the repository.
fn folder_of(place: &Place) -> Option<String> {
    match place {
        Place::External(uri) => Some(format!("{}/", uri.trim_end_matches('/'))),
        Place::Path(_) | Place::Shared(_) => place.object_prefix(),
    }
}

/// Returns each two tables of which the second lies in the folder of the first, or below. Those of one name are a
/// conflict already.
fn pairs<'a>(folders: &'a Folders<'a>) -> impl Iterator<Item = (&'a Lodger<'a>, &'a Lodger<'a>)> {
    let guests = folders.values().flatten();
    guests.flat_map(move |guest| {
        let above = guest
            .folder
            .match_indices('/')
            .map(|(end, _)| &guest.folder[..=end]);
        let hosts = above.filter_map(|folder| folders.get(folder)).flatten();
        hosts
            .filter(move |host| {
                let is_once = host.folder != guest.folder || host.merged.id < guest.merged.id;
                host.merged.id != guest.merged.id && is_once && name_of(host) != name_of(guest)
            })
            .map(move |host| (host, guest))
    })
}

fn name_of<'a>(lodger: &Lodger<'a>) -> (DatabaseId, &'a str) {
    (lodger.merged.database.id, &lodger.merged.name)
}

/// Returns whether no side had the two tables where they would be.
fn is_new(host: &Lodger<'_>, guest: &Lodger<'_>) -> bool {
    !(host.in_ours && guest.in_ours || host.in_theirs && guest.in_theirs)
}

/// Returns whether sharing a folder mixes or loses data of the repository. Tables that own none may look at the same
/// files.
fn is_harmful(host: &Lodger<'_>, guest: &Lodger<'_>, walk: &Walk) -> bool {
    if guest.is_external() {
        return false;
    }
    let is_same = host.folder == guest.folder;
    if host.merged.owns_data() || is_same && guest.merged.owns_data() {
        return true;
    }
    let wrote = |did: fn(&FileChange) -> bool| {
        let mut files = walk.files.iter();
        files.any(|file| did(file) && !file.is_agreed() && file.path.starts_with(guest.folder))
    };
    is_same && wrote(FileChange::ours_changed) && wrote(FileChange::theirs_changed)
}

/// Returns for each side the table that it does not know, which leaves if that side is taken.
fn leavers(files: &Files, host: &Lodger<'_>, guest: &Lodger<'_>) -> Three<Option<TableId>> {
    let is_unknown = |lodger: &Lodger<'_>, whose: Whose| {
        let versions = files.tables.get(&lodger.merged.id);
        versions.is_some_and(|versions| versions.as_ref().take(whose).is_none())
    };
    let leaver = |whose| {
        let leaver = [host, guest]
            .into_iter()
            .find(|lodger| is_unknown(lodger, whose))?;
        Some(leaver.merged.id)
    };
    Three::new(None, leaver(Whose::Ours), leaver(Whose::Theirs))
}

fn warn_of_pair(host: &Lodger<'_>, guest: &Lodger<'_>, report: &mut Report) {
    let (first, second) = match host.in_ours {
        true => (host.merged, guest.merged),
        false => (guest.merged, host.merged),
    };
    let text = format!(
        "{}.{} has the same location, {}: each reads the files of the other, and what is written to one comes to both; \
         move one of them if that is not meant",
        second.database.name,
        second.name,
        host.folder.trim_end_matches('/')
    );
    let scope = Scope::table(&first.database.name, &first.name);
    report.warn(&scope, WarningKind::SharedLocation, None, &text);
}

fn report_pair(host: &Lodger<'_>, guest: &Lodger<'_>, leavers: &Three<Option<TableId>>, report: &mut Report) {
    let (ours, theirs) = if host.in_ours {
        (host, guest)
    } else {
        (guest, host)
    };
    let given = |lodger: &Lodger<'_>| {
        let (database, table) = (&lodger.merged.database.name, &lodger.merged.name);
        let folder = lodger.folder.trim_end_matches('/');
        if host.folder == guest.folder {
            format!("given to {database}.{table}")
        } else {
            format!("given to {database}.{table} at {folder}")
        }
    };
    let scope = Scope::table(&ours.merged.database.name, &ours.merged.name);
    let subject = Subject::Folder(guest.folder.trim_end_matches('/').to_owned());
    let choices = Choices {
        ours: leavers.ours.is_some(),
        theirs: leavers.theirs.is_some(),
        ..Choices::NONE
    };
    let texts = Texts::new(None, given(ours), given(theirs));
    let at = (&scope, ConflictKind::LocationCollision, subject);
    report.decide_whole(at, texts, choices, |settled, whose| {
        if let Some(leaver) = leavers.as_ref().take(whose) {
            settled.settle_table(*leaver, whose);
        }
        // files in a folder that two had are told apart by the sides alone
        for lodger in [host, guest] {
            settled.settle_table_data(lodger.merged.id, whose);
        }
    });
}
