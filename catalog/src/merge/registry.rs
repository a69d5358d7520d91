//! The schema registry: records as wholes. What both sides changed, and not alike, is for a person.

use versioning::Space;
use versioning::merge::Change3;

use super::conflict::{Choices, ConflictKind, Report, Scope, Subject, Texts};
use super::generic::{Three, Whose};
use super::owner::Version;
use super::report::Pick;
use super::walk::Walk;
use crate::Result;
use crate::keys::{MetaKey, RegistryKey};
use crate::model::RegisteredSchema;
use crate::records::Changes;

/// Merges what is registered, and reports versions whose schema the other side dropped.
pub(super) async fn merge(walk: &Walk, changes: &mut Changes<'_>, report: &mut Report) -> Result<()> {
    for change in &walk.registry {
        let versions = Three::new(&change.base, &change.ours, &change.theirs);
        let mut pick = Pick::Open;
        if let Some(whose) = settled(change, report) {
            pick = Pick::Side(whose);
        } else if is_contested(change) && orphaned(walk, change).await?.is_none() {
            let kind = match (&change.base, &change.ours, &change.theirs) {
                (_, None, _) | (_, _, None) => ConflictKind::DropModify,
                (None, ..) => ConflictKind::AddAdd,
                _ => ConflictKind::FieldBoth,
            };
            let did = |is_there: bool, word: &'static str| if is_there { word } else { "dropped" };
            let ours = did(change.ours.is_some(), "changed");
            let theirs = did(change.theirs.is_some(), "changed otherwise");
            let texts = Texts::new(None, ours, theirs);
            let at = (&Scope::default(), kind, subject(change));
            // what is below something new needs it
            let choices = if kind == ConflictKind::AddAdd {
                Choices::SIDES
            } else {
                Choices::ANY
            };
            pick = report.decide(at, texts, choices);
        }
        let merged = match pick.whose() {
            Some(whose) => versions.take(whose),
            None if change.theirs_changed() && !change.ours_changed() => versions.theirs,
            None => continue,
        };
        if merged == versions.ours {
            continue;
        }
        match merged {
            Some(value) => changes
                .batch()
                .put(Space::Meta, change.key.clone(), value.clone()),
            None => changes.batch().delete(Space::Meta, change.key.clone()),
        }
    }
    check_versions(walk, changes, report).await
}

/// Returns the version that was decided on with the database.
fn settled(change: &Change3, report: &Report) -> Option<Whose> {
    match MetaKey::decode(&change.key)? {
        MetaKey::Registry(RegistryKey::Schema(database, _) | RegistryKey::Version(database, ..)) => {
            report.settled().database(database)
        }
        _ => None,
    }
}

fn is_contested(change: &Change3) -> bool {
    change.ours_changed() && change.theirs_changed() && change.ours != change.theirs
}

/// Reports what was added below something that the other side dropped.
async fn check_versions(walk: &Walk, changes: &mut Changes<'_>, report: &mut Report) -> Result<()> {
    for change in &walk.registry {
        if settled(change, report).is_some() {
            continue;
        }
        let Some(Orphaned { in_ours, left }) = orphaned(walk, change).await? else {
            continue;
        };
        let texts = match in_ours {
            true if change.ours_changed() && change.ours.is_some() => Texts::new(None, "set", left),
            false if change.theirs_changed() && change.theirs.is_some() => Texts::new(None, left, "set"),
            _ => continue,
        };
        // what hangs below can only go along
        let choices = Choices {
            ours: !in_ours,
            theirs: in_ours,
            ..Choices::NONE
        };
        let at = (&Scope::default(), ConflictKind::DropModify, subject(change));
        if report.decide(at, texts, choices).whose().is_some() {
            changes.batch().delete(Space::Meta, change.key.clone());
        }
    }
    Ok(())
}

/// What one side alone has lost the database or the schema of.
struct Orphaned {
    /// Whether ours has it still.
    in_ours: bool,
    /// What a conflict says of the side that lost it.
    left: &'static str,
}

/// Returns whether what a record hangs below was in the base and one side dropped it.
async fn orphaned(walk: &Walk, change: &Change3) -> Result<Option<Orphaned>> {
    let Some(MetaKey::Registry(key)) = MetaKey::decode(&change.key) else {
        return Ok(None);
    };
    let (RegistryKey::Schema(database, _) | RegistryKey::Version(database, ..)) = key else {
        return Ok(None);
    };
    let versions = &walk.versions;
    let has = |version: &Version| version.databases.contains_key(&database);
    let databases = Three::new(has(&versions.base), has(&versions.ours), has(&versions.theirs));
    if let Some(in_ours) = one_lost(databases) {
        let left = "left without its database";
        return Ok(Some(Orphaned { in_ours, left }));
    }
    let RegistryKey::Version(_, name, _) = key else {
        return Ok(None);
    };
    let key = MetaKey::Registry(RegistryKey::Schema(database, name)).encode();
    let has = async |version: &Version| -> Result<bool> {
        Ok(version.snapshot.get::<RegisteredSchema>(&key).await?.is_some())
    };
    let schemas = Three::new(
        has(&versions.base).await?,
        has(&versions.ours).await?,
        has(&versions.theirs).await?,
    );
    let left = "left without its schema";
    Ok(one_lost(schemas).map(|in_ours| Orphaned { in_ours, left }))
}

/// Returns whether ours has it still, if one side alone lost it.
fn one_lost(has: Three<bool>) -> Option<bool> {
    (has.base && has.ours != has.theirs).then_some(has.ours)
}

/// Returns what conflicts call a record of the registry.
pub(super) fn subject(change: &Change3) -> Subject {
    let name = match MetaKey::decode(&change.key) {
        Some(MetaKey::Registry(RegistryKey::Schema(_, name))) => format!("schema {name}"),
        Some(MetaKey::Registry(RegistryKey::Version(_, name, version))) => {
            format!("schema {name} version {version}")
        }
        Some(MetaKey::Registry(RegistryKey::Serde(name))) => format!("serde {name}"),
        Some(MetaKey::Registry(RegistryKey::Type(name))) => format!("type {name}"),
        _ => change.key.escape_ascii().to_string(),
    };
    Subject::Key(name)
}
