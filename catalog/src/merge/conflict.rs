//! Conflicts as data: what two sides did that only a person can decide between.

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
}

impl ConflictKind {
    /// All kinds, in order.
    pub const ALL: [ConflictKind; 27] = [
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
        }
    }

    /// Returns what to do, where that is not plain from what the sides did.
    fn hint(self) -> Option<&'static str> {
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
    fn verb(self) -> &'static str {
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

/// What a conflict is about, within its database, table and partition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The database, table or partition itself.
    Whole,
    /// A field of the record, such as `owner`.
    Field(&'static str),
    /// The columns as a list.
    Columns,
    Column(String),
    Parameter(String),
    Function(String),
    Constraint(String),
    /// The path of a file of the repository.
    Path(String),
    /// As `Path`, of a folder.
    Folder(String),
    /// A key that means nothing to this version, escaped.
    Key(String),
}

/// A conflict. Conflicts sort by where they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Conflict {
    /// `None` for files that belong to no table.
    pub database: Option<String>,
    /// By the name that the table has in ours, else in theirs, else in the base.
    pub table: Option<String>,
    /// The name of the partition.
    pub partition: Option<String>,
    pub subject: Subject,
    pub kind: ConflictKind,
    /// What it was before both sides, for people; `None` if it was not there.
    pub base: Option<String>,
    /// What ours has, or what ours did; for people.
    pub ours: String,
    /// As `ours`.
    pub theirs: String,
}

impl Conflict {
    /// Returns what the subject is called: `column amt`, `partition dt=1`, `table`.
    fn subject(&self) -> String {
        match &self.subject {
            Subject::Column(name) => format!("column {name}"),
            Subject::Columns => "the column list".to_owned(),
            Subject::Parameter(key) => format!("parameter {key}"),
            Subject::Function(name) => format!("function {name}"),
            Subject::Constraint(name) => format!("constraint {name}"),
            Subject::Path(path) => format!("file {path}"),
            Subject::Folder(path) => format!("folder {path}"),
            Subject::Key(key) => format!("record {key}"),
            Subject::Field(name) => (*name).to_owned(),
            Subject::Whole => match (&self.partition, &self.table) {
                (Some(name), _) => format!("partition {name}"),
                (None, Some(_)) => "table".to_owned(),
                (None, None) => "database".to_owned(),
            },
        }
    }
}

impl fmt::Display for Conflict {
    /// One plain line: `sales.orders: column amt is bigint in ours, double in theirs`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(database) = &self.database {
            f.write_str(database)?;
            if let Some(table) = &self.table {
                write!(f, ".{table}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.subject())?;
        if let (Some(partition), false) = (&self.partition, self.subject == Subject::Whole) {
            write!(f, " of partition {partition}")?;
        }
        let (verb, ours, theirs) = (self.kind.verb(), &self.ours, &self.theirs);
        let hint = self
            .kind
            .hint()
            .map(|hint| format!(": {hint}"))
            .unwrap_or_default();
        let text = format!(" {verb} {ours} in ours, {theirs} in theirs{hint}");
        f.write_str(&text.replace(char::is_control, " "))
    }
}

/// Where rules are at work: what their conflicts say of the place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    pub(crate) database: Option<String>,
    pub(crate) table: Option<String>,
    pub(crate) partition: Option<String>,
}

impl Scope {
    pub(crate) fn database(name: &str) -> Scope {
        Scope {
            database: Some(name.to_owned()),
            ..Scope::default()
        }
    }

    pub(crate) fn table(database: &str, table: &str) -> Scope {
        Scope {
            table: Some(table.to_owned()),
            ..Scope::database(database)
        }
    }

    pub(crate) fn partition(&self, name: &str) -> Scope {
        Scope {
            partition: Some(name.to_owned()),
            ..self.clone()
        }
    }
}

/// The three texts of a conflict.
#[derive(Debug, Clone)]
pub(crate) struct Texts {
    pub(crate) base: Option<String>,
    pub(crate) ours: String,
    pub(crate) theirs: String,
}

impl Texts {
    pub(crate) fn new(base: Option<&str>, ours: impl Into<String>, theirs: impl Into<String>) -> Texts {
        Texts {
            base: base.map(str::to_owned),
            ours: ours.into(),
            theirs: theirs.into(),
        }
    }

    /// Returns the texts of three values that may be missing.
    pub(crate) fn of(base: Option<&str>, ours: Option<&str>, theirs: Option<&str>) -> Texts {
        let text = |value: Option<&str>| value.map_or_else(|| "removed".to_owned(), quoted);
        Texts {
            base: base.map(quoted),
            ours: text(ours),
            theirs: text(theirs),
        }
    }
}

/// The longest text of a side; a conflict is one line, not a dump.
const TEXT_CHARS_MAX: usize = 120;

/// Returns a value as conflicts show it: quoted if it has spaces or is empty, and cut if it is long.
pub(crate) fn quoted(value: &str) -> String {
    let cut = match value.char_indices().nth(TEXT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    };
    if cut.is_empty() || cut.contains(|c: char| c.is_whitespace() || c.is_control()) {
        format!("{cut:?}")
    } else {
        cut
    }
}

/// Collects the conflicts of a merge.
#[derive(Debug, Default)]
pub(crate) struct Report {
    conflicts: Vec<Conflict>,
}

impl Report {
    pub(crate) fn add(&mut self, scope: &Scope, kind: ConflictKind, subject: Subject, texts: Texts) {
        self.conflicts.push(Conflict {
            database: scope.database.clone(),
            table: scope.table.clone(),
            partition: scope.partition.clone(),
            subject,
            kind,
            base: texts.base,
            ours: texts.ours,
            theirs: texts.theirs,
        });
    }

    pub(crate) fn len(&self) -> usize {
        self.conflicts.len()
    }

    /// Returns all conflicts, each once, in order.
    pub(crate) fn into_conflicts(mut self) -> Vec<Conflict> {
        self.conflicts.sort();
        self.conflicts.dedup();
        self.conflicts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(scope: &Scope, kind: ConflictKind, subject: Subject, ours: &str, theirs: &str) -> String {
        let mut report = Report::default();
        report.add(scope, kind, subject, Texts::new(None, ours, theirs));
        report.into_conflicts()[0].to_string()
    }

    #[test]
    fn a_conflict_is_one_plain_line() {
        let table = Scope::table("sales", "orders");
        let column = Subject::Column("amt".into());
        assert_eq!(
            line(
                &table,
                ConflictKind::ColumnType,
                column.clone(),
                "bigint",
                "double"
            ),
            "sales.orders: column amt is bigint in ours, double in theirs"
        );
        assert_eq!(
            line(&table, ConflictKind::DropModify, column, "changed", "dropped"),
            "sales.orders: column amt was changed in ours, dropped in theirs"
        );
        let partition = table.partition("dt=1");
        let (kind, ours, theirs) = (ConflictKind::AppendRewrite, "appended to", "rewritten");
        assert_eq!(
            line(&partition, kind, Subject::Whole, ours, theirs),
            "sales.orders: partition dt=1 was appended to in ours, rewritten in theirs"
        );
        let parameter = Subject::Parameter("k".into());
        assert_eq!(
            line(&partition, ConflictKind::ParamBoth, parameter, "1", "2"),
            "sales.orders: parameter k of partition dt=1 is 1 in ours, 2 in theirs"
        );
        let path = Subject::Path("raw/a".into());
        assert_eq!(
            line(
                &Scope::default(),
                ConflictKind::FileBoth,
                path,
                "changed",
                "deleted"
            ),
            "file raw/a was changed in ours, deleted in theirs"
        );
    }

    #[test]
    fn long_and_odd_values_stay_in_line() {
        assert_eq!(quoted("a\nb"), "\"a\\nb\"");
        assert_eq!(quoted(""), "\"\"");
        assert!(quoted(&"é".repeat(1_000)).chars().count() < 130);
    }

    #[test]
    fn names_are_those_of_the_kinds() {
        for kind in ConflictKind::ALL {
            assert_eq!(format!("{kind:?}"), kind.name());
        }
    }
}
