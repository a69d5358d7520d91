//! Conflicts as data: what two sides did that only a person can decide between.

use std::fmt;

use versioning::Hash;

use super::about::Digest;
use super::options::Expected;

pub use super::kind::ConflictKind;
pub(crate) use super::report::{Report, Scope, Texts};

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

impl Subject {
    /// Returns the word for what it is, and its name.
    pub(crate) fn key(&self) -> (&'static str, &str) {
        match self {
            Subject::Whole => ("whole", ""),
            Subject::Field(name) => ("field", name),
            Subject::Columns => ("columns", ""),
            Subject::Column(name) => ("column", name),
            Subject::Parameter(key) => ("parameter", key),
            Subject::Function(name) => ("function", name),
            Subject::Constraint(name) => ("constraint", name),
            Subject::Path(path) => ("path", path),
            Subject::Folder(path) => ("folder", path),
            Subject::Key(key) => ("key", key),
        }
    }
}

/// Names a conflict: 16 hexadecimal digits, which are the same in every merge that comes upon it.
///
/// They follow from the kind, the names of database, table and partition, and the subject; not from what the sides
/// have there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConflictId(String);

impl ConflictId {
    const DIGITS: usize = 16;

    pub(crate) fn of(kind: ConflictKind, scope: &Scope, subject: &Subject) -> ConflictId {
        let (class, name) = subject.key();
        // Spark repeats the names of columns as they were given
        let name = if class == "column" {
            &name.to_lowercase()
        } else {
            name
        };
        let mut digest = Digest::new("skep/conflict/v1");
        let parts = [&scope.database, &scope.table, &scope.partition].map(Option::as_deref);
        let rest = [kind.name(), class, name].map(Some);
        for part in parts.into_iter().chain(rest) {
            digest.put(part.map(str::as_bytes));
        }
        let mut hex = digest.finish().to_string();
        hex.truncate(ConflictId::DIGITS);
        ConflictId(hex)
    }

    /// Returns the id that a text spells; `None` for a text that is none.
    pub fn parse(text: &str) -> Option<ConflictId> {
        let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let is_id = text.len() == ConflictId::DIGITS && text.bytes().all(is_digit);
        is_id.then(|| ConflictId(text.to_owned()))
    }
}

impl fmt::Display for ConflictId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a conflict can be decided by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Choices {
    pub ours: bool,
    pub theirs: bool,
    pub base: bool,
    /// What a text has to be that is given instead; `None` if none can be.
    pub value: Option<Expected>,
}

impl Choices {
    /// Only changing a side helps.
    pub(crate) const NONE: Choices = Choices {
        ours: false,
        theirs: false,
        base: false,
        value: None,
    };
    /// What either side or the base has.
    pub(crate) const ANY: Choices = Choices {
        ours: true,
        theirs: true,
        base: true,
        value: None,
    };
    /// What either side has.
    pub(crate) const SIDES: Choices = Choices {
        base: false,
        ..Choices::ANY
    };

    pub(crate) const fn or(self, expected: Expected) -> Choices {
        Choices {
            value: Some(expected),
            ..self
        }
    }
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
    /// By what a decision names it.
    pub id: ConflictId,
    /// What can be decided, by force if the kind is unsafe.
    pub choices: Choices,
    /// A digest of what the three versions have there. It may differ for the same versions in another release.
    pub about: Hash,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn line(scope: &Scope, kind: ConflictKind, subject: Subject, ours: &str, theirs: &str) -> String {
        let mut report = Report::default();
        report.decide(
            (scope, kind, subject),
            Texts::new(None, ours, theirs),
            Choices::NONE,
        );
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
    fn ids_are_what_they_were_told_before() {
        let id = |scope: &Scope, kind, subject: Subject| ConflictId::of(kind, scope, &subject);
        let table = Scope::table("sales", "orders");
        let column = Subject::Column("amt".into());
        let known = id(&table, ConflictKind::ColumnType, column.clone());
        expect_test::expect!["686f24b6ff3a1130"].assert_eq(&known.to_string());
        assert_eq!(ConflictId::parse(&known.to_string()), Some(known.clone()));
        let others = [
            id(&table, ConflictKind::DropModify, column.clone()),
            id(&table.partition("dt=1"), ConflictKind::ColumnType, column.clone()),
            id(
                &Scope::table("sales.orders", ""),
                ConflictKind::ColumnType,
                column,
            ),
            id(&table, ConflictKind::ColumnType, Subject::Parameter("amt".into())),
        ];
        assert!(!others.contains(&known));
        for text in ["", "0123", "0123456789ABCDEF", "0123456789abcdefg"] {
            assert_eq!(ConflictId::parse(text), None, "{text}");
        }
    }
}
