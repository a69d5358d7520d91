//! The kinds of conflicts.

use std::fmt;

/// Why a merge needs a person's decision (versioning.md 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConflictKind {
    /// Both sides created something under one name, and not the same.
    AddAdd,
    /// One side dropped what the other changed, or what the other changed something beneath.
    DropModify,
    /// Both sides gave it another name.
    RenameRename,
    /// Two things would have one name.
    NameCollision,
    /// Two tables would lie in one folder.
    LocationCollision,
    /// Both sides changed what kind of table it is: whose the data is, transactional, by which handler.
    TableKind,
    /// One side changed the partition keys, and the other something of the table.
    PartitionKeys,
    /// Both sides changed the text of a view.
    ViewText,
    /// Both sides gave a column a type, and no type serves both.
    ColumnType,
    /// Both sides changed the columns of a format that finds them by position.
    PositionalAdd,
    /// Both sides put the columns in another order.
    ColumnOrder,
    /// Both sides changed a comment.
    CommentBoth,
    /// Both sides changed a parameter.
    ParamBoth,
    /// Both sides changed a field that has no finer rule.
    FieldBoth,
    /// Both sides changed how rows are read and written.
    StorageBoth,
    /// Both sides changed how rows are spread over buckets.
    BucketsBoth,
    /// Both sides moved it, or one moved it and the other wrote to the old place.
    LocationBoth,
    /// One side appended to data that the other rewrote.
    AppendRewrite,
    /// Both sides rewrote the same data.
    RewriteRewrite,
    /// Both sides changed a file that belongs to no table.
    FileBoth,
    /// Both sides changed a table whose format keeps its own log of changes.
    FormatDiverged,
    /// Both sides changed an Iceberg table, and neither state goes on from the other.
    IcebergDiverged,
    /// One side changed an Iceberg table whose files lie at paths of its ref, and not in the shared namespace.
    IcebergBoundToRef,
    /// Both sides changed a function.
    FunctionBoth,
    /// Both sides changed a constraint.
    ConstraintBoth,
    /// A constraint of one side speaks of a column that the other dropped.
    ConstraintDangling,
    /// Both sides changed a record that this version cannot read.
    Unknown,
    /// Both sides changed a partition, and the profile asks for a person then.
    PartitionBoth,
    /// Both sides changed a table or what is beneath it, and the profile asks for a person then.
    TableBoth,
}

impl ConflictKind {
    /// All kinds, in order.
    pub const ALL: [ConflictKind; 29] = [
        ConflictKind::AddAdd,
        ConflictKind::DropModify,
        ConflictKind::RenameRename,
        ConflictKind::NameCollision,
        ConflictKind::LocationCollision,
        ConflictKind::TableKind,
        ConflictKind::PartitionKeys,
        ConflictKind::ViewText,
        ConflictKind::ColumnType,
        ConflictKind::PositionalAdd,
        ConflictKind::ColumnOrder,
        ConflictKind::CommentBoth,
        ConflictKind::ParamBoth,
        ConflictKind::FieldBoth,
        ConflictKind::StorageBoth,
        ConflictKind::BucketsBoth,
        ConflictKind::LocationBoth,
        ConflictKind::AppendRewrite,
        ConflictKind::RewriteRewrite,
        ConflictKind::FileBoth,
        ConflictKind::FormatDiverged,
        ConflictKind::IcebergDiverged,
        ConflictKind::IcebergBoundToRef,
        ConflictKind::FunctionBoth,
        ConflictKind::ConstraintBoth,
        ConflictKind::ConstraintDangling,
        ConflictKind::Unknown,
        ConflictKind::PartitionBoth,
        ConflictKind::TableBoth,
    ];

    /// Returns the name by which programs know the kind, such as `DropModify`.
    pub fn name(self) -> &'static str {
        match self {
            ConflictKind::AddAdd => "AddAdd",
            ConflictKind::DropModify => "DropModify",
            ConflictKind::RenameRename => "RenameRename",
            ConflictKind::NameCollision => "NameCollision",
            ConflictKind::LocationCollision => "LocationCollision",
            ConflictKind::TableKind => "TableKind",
            ConflictKind::PartitionKeys => "PartitionKeys",
            ConflictKind::ViewText => "ViewText",
            ConflictKind::ColumnType => "ColumnType",
            ConflictKind::PositionalAdd => "PositionalAdd",
            ConflictKind::ColumnOrder => "ColumnOrder",
            ConflictKind::CommentBoth => "CommentBoth",
            ConflictKind::ParamBoth => "ParamBoth",
            ConflictKind::FieldBoth => "FieldBoth",
            ConflictKind::StorageBoth => "StorageBoth",
            ConflictKind::BucketsBoth => "BucketsBoth",
            ConflictKind::LocationBoth => "LocationBoth",
            ConflictKind::AppendRewrite => "AppendRewrite",
            ConflictKind::RewriteRewrite => "RewriteRewrite",
            ConflictKind::FileBoth => "FileBoth",
            ConflictKind::FormatDiverged => "FormatDiverged",
            ConflictKind::IcebergDiverged => "IcebergDiverged",
            ConflictKind::IcebergBoundToRef => "IcebergBoundToRef",
            ConflictKind::FunctionBoth => "FunctionBoth",
            ConflictKind::ConstraintBoth => "ConstraintBoth",
            ConflictKind::ConstraintDangling => "ConstraintDangling",
            ConflictKind::Unknown => "Unknown",
            ConflictKind::PartitionBoth => "PartitionBoth",
            ConflictKind::TableBoth => "TableBoth",
        }
    }

    /// Returns the kind of that name.
    pub fn parse(name: &str) -> Option<ConflictKind> {
        ConflictKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns whether taking one side may leave a table that cannot be read as either side wrote it. Such a
    /// conflict is decided only by force, and mended better by changing a side and merging again.
    ///
    /// An order of columns is contested only where columns are found by name; where they are found by position it is
    /// a `PositionalAdd`.
    pub fn is_unsafe(self) -> bool {
        matches!(
            self,
            ConflictKind::TableKind
                | ConflictKind::PartitionKeys
                | ConflictKind::PositionalAdd
                | ConflictKind::FormatDiverged
                | ConflictKind::IcebergDiverged
                | ConflictKind::Unknown
        )
    }

    /// Returns whether it is a conflict because a strict profile says so.
    pub(super) fn is_of_profile(self) -> bool {
        matches!(self, ConflictKind::PartitionBoth | ConflictKind::TableBoth)
    }

    /// Returns what to do, where that is not plain from what the sides did.
    pub(super) fn hint(self) -> Option<&'static str> {
        match self {
            ConflictKind::IcebergDiverged => Some(
                "neither goes on from the other; make a branch of ours, repeat there what theirs did to the table, \
                 and merge that",
            ),
            ConflictKind::IcebergBoundToRef => Some(
                "its metadata names files of that ref alone; copy it into a database with skep.layout=shared, drop \
                 it here, and merge that",
            ),
            _ => None,
        }
    }

    /// Returns what stands between the subject and the texts of the sides.
    pub(super) fn verb(self) -> &'static str {
        match self {
            ConflictKind::ColumnType
            | ConflictKind::ViewText
            | ConflictKind::CommentBoth
            | ConflictKind::ParamBoth
            | ConflictKind::FieldBoth
            | ConflictKind::StorageBoth
            | ConflictKind::BucketsBoth
            | ConflictKind::LocationBoth
            | ConflictKind::TableKind => "is",
            _ => "was",
        }
    }
}

impl fmt::Display for ConflictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_kinds() {
        for kind in ConflictKind::ALL {
            assert_eq!(format!("{kind:?}"), kind.name());
            assert_eq!(ConflictKind::parse(kind.name()), Some(kind));
        }
        assert_eq!(ConflictKind::parse("unknown"), None);
    }

    #[test]
    fn the_document_lists_all_kinds() {
        let document = include_str!("../../../docs/conflicts.md");
        let rows: Vec<&str> = document.lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(rows.len(), ConflictKind::ALL.len());
        for (row, kind) in rows.into_iter().zip(ConflictKind::ALL) {
            assert!(row.starts_with(&format!("| `{kind}` | ")), "{row}");
            assert_eq!(row.ends_with("| unsafe |"), kind.is_unsafe(), "{row}");
        }
    }
}
