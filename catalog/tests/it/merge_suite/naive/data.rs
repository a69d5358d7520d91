//! Partitions and files (5.5).

use super::columns;
use super::merge::{Conflicts, Three, keys, parameters};
use super::state::{Files, Partition, Table};

/// What one side did to the files of a folder.
#[derive(PartialEq, Eq, Clone, Copy)]
enum Did {
    Nothing,
    Append,
    Rewrite,
}

fn did(base: &Files, side: &Files) -> Did {
    let keeps = |(name, content): (&String, &String)| side.get(name) == Some(content);
    if base == side {
        Did::Nothing
    } else if base.iter().all(keeps) {
        Did::Append
    } else {
        Did::Rewrite
    }
}

pub(super) fn merge(
    place: &str,
    (base, ours, theirs): (&Table, &Table, &Table),
    merged: &mut Table,
    out: &mut Conflicts,
) {
    merged.files = files(place, (&base.files, &ours.files, &theirs.files), out);
    merged.partitions.clear();
    for name in keys([&base.partitions, &ours.partitions, &theirs.partitions]) {
        let sides = Three::of(&name, &base.partitions, &ours.partitions, &theirs.partitions);
        let place = format!("{place} {name}");
        if let Some(one) = partition(&place, sides, out) {
            merged.partitions.insert(name, one);
        }
    }
}

fn partition(place: &str, sides: Three<Partition>, out: &mut Conflicts) -> Option<Partition> {
    let Three(base, ours, theirs) = sides;
    let (ours, theirs) = match (base, ours, theirs) {
        (Some(old), Some(new), None) | (Some(old), None, Some(new)) => {
            if old != new {
                out.insert(format!("DropModify {place}: whole"));
            }
            return None;
        }
        (None, one, None) | (None, None, one) => return one.cloned(),
        (_, None, None) => return None,
        (_, Some(ours), Some(theirs)) => (ours, theirs),
    };
    // the table says "compatible"; here nothing is but what is equal
    let shape = |partition: &Partition| {
        let columns = partition.columns.iter();
        let columns: Vec<_> = columns
            .map(|column| (column.name.clone(), column.type_name.clone()))
            .collect();
        columns
    };
    if base.is_none() && shape(ours) != shape(theirs) {
        out.insert(format!("AddAdd {place}: whole"));
        return None;
    }
    let none = Partition::default();
    let base = base.unwrap_or(&none);
    let lists = (&base.columns[..], &ours.columns[..], &theirs.columns[..]);
    Some(Partition {
        parameters: parameters(
            place,
            Three(
                Some(&base.parameters),
                Some(&ours.parameters),
                Some(&theirs.parameters),
            ),
            out,
        ),
        columns: columns::merge(place, None, lists, out),
        files: files(place, (&base.files, &ours.files, &theirs.files), out),
    })
}

fn files(place: &str, (base, ours, theirs): (&Files, &Files, &Files), out: &mut Conflicts) -> Files {
    match (did(base, ours), did(base, theirs)) {
        (_, Did::Nothing) => ours.clone(),
        (Did::Nothing, _) => theirs.clone(),
        (Did::Append, Did::Append) => union(ours, theirs),
        (Did::Rewrite, Did::Rewrite) if ours == theirs => ours.clone(),
        (Did::Rewrite, Did::Rewrite) => {
            out.insert(format!("RewriteRewrite {place}: whole"));
            Files::new()
        }
        (Did::Append | Did::Rewrite, _) => {
            out.insert(format!("AppendRewrite {place}: whole"));
            Files::new()
        }
    }
}

/// Returns all files; another one of the same name becomes the next copy.
fn union(ours: &Files, theirs: &Files) -> Files {
    let mut all = ours.clone();
    for (name, content) in theirs {
        match ours.get(name) {
            None => drop(all.insert(name.clone(), content.clone())),
            Some(known) if known == content => {}
            Some(_) => {
                let free = (1..)
                    .map(|number| format!("{name}_copy_{number}"))
                    .find(|copy| !all.contains_key(copy) && !theirs.contains_key(copy));
                all.extend(free.map(|copy| (copy, content.clone())));
            }
        }
    }
    all
}
