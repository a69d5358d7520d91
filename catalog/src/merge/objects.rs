//! Files: those of a partition or an unpartitioned table are one thing, others stand for themselves
//! (versioning.md 5.5).

use versioning::Value;
use versioning::object::Object;

use super::conflict::ConflictKind;
use super::generic::Three;
use super::params::Writers;
use crate::is_ephemeral;

/// A file that a side wrote, if only by giving it another time.
#[derive(Debug, Clone)]
pub(crate) struct FileChange {
    pub(crate) path: String,
    pub(crate) versions: Three<Option<Value>>,
    ours_changed: bool,
    theirs_changed: bool,
    is_agreed: bool,
}

/// What a side did to the data of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Class {
    #[default]
    Nothing,
    /// Only added files.
    Append,
    /// Removed or replaced files.
    Rewrite,
    /// Dropped the partition or the table.
    Drop,
}

impl Class {
    /// Returns what a conflict says that the side did.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Class::Nothing => "unchanged",
            Class::Append => "appended to",
            Class::Rewrite => "rewritten",
            Class::Drop => "dropped",
        }
    }
}

/// What becomes of the files of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// What theirs changed is applied to ours.
    Apply,
    Conflict(ConflictKind),
}

impl FileChange {
    pub(crate) fn new(path: String, versions: Three<Option<Value>>) -> FileChange {
        let sides = versions.as_ref().map(Option::as_ref);
        FileChange {
            ours_changed: !same_data(&path, sides.base, sides.ours),
            theirs_changed: !same_data(&path, sides.base, sides.theirs),
            is_agreed: same_data(&path, sides.ours, sides.theirs),
            path,
            versions,
        }
    }

    /// Returns whether both sides have the same data there now.
    pub(crate) fn is_agreed(&self) -> bool {
        self.is_agreed
    }

    /// Returns whether the data is another in ours. The same data written again, as at a later time, is not.
    pub(crate) fn ours_changed(&self) -> bool {
        self.ours_changed
    }

    /// As [`FileChange::ours_changed`].
    pub(crate) fn theirs_changed(&self) -> bool {
        self.theirs_changed
    }

    /// Returns whether ours can take the version of theirs: nobody else changed the data; and where nobody did, ours
    /// did not write it again either.
    pub(crate) fn is_theirs(&self) -> bool {
        self.versions.theirs_changed()
            && !self.ours_changed
            && (self.theirs_changed || !self.versions.ours_changed())
    }
}

/// Returns whether two versions of a file hold the same bytes.
pub(crate) fn same_data(path: &str, a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) if a != b => {
            let read = |value: &Value| Object::decode(path.as_bytes(), &value.payload).ok();
            read(a).zip(read(b)).is_some_and(|(a, b)| a.same_data(&b))
        }
        (a, b) => a == b,
    }
}

/// Returns what a side did, by the changes of data files; `did` says whether it changed one.
pub(crate) fn classify<'a>(
    changes: impl Iterator<Item = &'a FileChange>,
    did: impl Fn(&FileChange) -> bool,
) -> Class {
    let class = |change: &FileChange| match &change.versions.base {
        _ if !did(change) => Class::Nothing,
        None => Class::Append,
        Some(_) => Class::Rewrite,
    };
    changes.map(class).max().unwrap_or_default()
}

/// Returns whether theirs only added files, or only removed files, and ours changed none of these. Where theirs is the
/// change of a single commit, or takes it back, its rows come or go beside whatever else ours did.
pub(crate) fn is_apart<'a>(changes: impl Iterator<Item = &'a FileChange>) -> bool {
    let mut kinds = changes.filter(|change| change.theirs_changed()).map(|change| {
        let (before, after) = (&change.versions.base, &change.versions.theirs);
        let is_free = !change.ours_changed() && before.is_none() != after.is_none();
        is_free.then_some(before.is_none())
    });
    let first = kinds.next().flatten();
    first.is_some() && kinds.all(|kind| kind == first)
}

/// Decides what becomes of a unit that both sides may have changed. `is_agreed` says that both sides did the
/// very same to all of its files, or what does not touch.
pub(crate) fn judge(ours: Class, theirs: Class, is_agreed: bool) -> Verdict {
    match (ours, theirs) {
        (Class::Nothing, _) | (_, Class::Nothing) | (Class::Append, Class::Append) => Verdict::Apply,
        (Class::Drop, Class::Drop) => Verdict::Apply,
        (Class::Drop, _) | (_, Class::Drop) => Verdict::Conflict(ConflictKind::DropModify),
        _ if is_agreed => Verdict::Apply,
        (Class::Rewrite, Class::Rewrite) => Verdict::Conflict(ConflictKind::RewriteRewrite),
        _ => Verdict::Conflict(ConflictKind::AppendRewrite),
    }
}

/// Returns who wrote, if what both did alike counts for nobody.
pub(crate) fn writers<'a>(changes: impl Iterator<Item = &'a FileChange>) -> Writers {
    changes
        .filter(|change| !change.is_agreed())
        .map(|change| Writers::of(change.ours_changed(), change.theirs_changed()))
        .fold(Writers::Nobody, Writers::and)
}

/// Returns whether a file says nothing: a folder's marker or a job's note that it is done. Either side's will do.
pub(crate) fn is_marker(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let notes = ["_SUCCESS"];
    name.is_empty() || name.ends_with("_$folder$") || notes.contains(&name) || is_ephemeral(path.as_bytes())
}

/// Returns the path under which Hive keeps the `n`th other file of that name in its folder.
pub(crate) fn copy_path(path: &str, n: u32) -> String {
    let (folder, name) = match path.rfind('/') {
        Some(end) => path.split_at(end + 1),
        None => ("", path),
    };
    let (stem, extension) = match name.rfind('.').filter(|at| *at > 0) {
        Some(at) => name.split_at(at),
        None => (name, ""),
    };
    format!("{folder}{stem}_copy_{n}{extension}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_may_append_and_one_may_rewrite() {
        use Class::{Append, Drop, Nothing, Rewrite};
        let conflict = |kind| Verdict::Conflict(kind);
        let (drop_modify, append_rewrite) = (
            conflict(ConflictKind::DropModify),
            conflict(ConflictKind::AppendRewrite),
        );
        for (a, b, expected) in [
            (Nothing, Nothing, Verdict::Apply),
            (Nothing, Append, Verdict::Apply),
            (Nothing, Rewrite, Verdict::Apply),
            (Nothing, Drop, Verdict::Apply),
            (Append, Append, Verdict::Apply),
            (Append, Rewrite, append_rewrite),
            (Append, Drop, drop_modify),
            (Rewrite, Rewrite, conflict(ConflictKind::RewriteRewrite)),
            (Rewrite, Drop, drop_modify),
            (Drop, Drop, Verdict::Apply),
        ] {
            assert_eq!(judge(a, b, false), expected, "{a:?} {b:?}");
            assert_eq!(judge(b, a, false), expected, "{b:?} {a:?}");
        }
        assert_eq!(judge(Rewrite, Rewrite, true), Verdict::Apply);
    }

    #[test]
    fn copies_are_named_as_in_hive() {
        for (path, n, expected) in [
            ("t/000000_0", 1, "t/000000_0_copy_1"),
            ("t/000000_0.gz", 2, "t/000000_0_copy_2.gz"),
            ("t.d/part", 1, "t.d/part_copy_1"),
            ("a", 1, "a_copy_1"),
        ] {
            assert_eq!(copy_path(path, n), expected);
        }
    }

    #[test]
    fn markers_are_told_from_hidden_files() {
        for path in ["a/", "a/_SUCCESS", "a/b_$folder$", "a/_temporary/f"] {
            assert!(is_marker(path), "{path}");
        }
        assert!(!is_marker(".skep/checks/a.yaml") && !is_marker("a/_x"));
    }
}
