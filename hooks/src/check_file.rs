//! What a check file says, and what is wrong with it: pure, from bytes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use catalog::check::CheckSpec;
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use crate::yaml_error::told;

/// The folder of a repository in which check files stand, at any depth.
pub const FOLDER: &str = ".skep/checks/";

/// How long a check may run when its file does not say, and at most.
pub(crate) const TIME_LIMIT_S_DEFAULT: u64 = 300;
pub(crate) const TIME_LIMIT_S_MAX: u64 = 3_600;
const NAME_BYTES_MAX: usize = 128;

/// A check and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub spec: CheckSpec,
    /// What the check is for, shown to those whom it refuses.
    pub description: Option<String>,
    /// The tables that it reads, database and name; `None` if the file does not say.
    pub reads: Option<Vec<(String, String)>>,
    /// The path of its file.
    pub path: String,
    /// Line and column, from 1, of the query in it.
    pub sql_at: Option<(u64, u64)>,
}

/// A query as it stands in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query<'a> {
    /// With something in place of what an event fills in.
    pub sql: Cow<'a, str>,
    /// Line and column, from 1, where it begins.
    pub at: Option<(u64, u64)>,
}

impl Query<'_> {
    /// Returns what is wrong with the file at `path` if this cannot be run on any commit.
    ///
    /// # Errors
    /// [`Broken`], where the query begins.
    pub fn check(&self, path: &str, validate: impl FnOnce(&str) -> Result<(), String>) -> Result<(), Broken> {
        validate(&self.sql).map_err(|why| Broken {
            path: path.to_owned(),
            at: self.at,
            message: format!("the query cannot be run: {why}"),
        })
    }
}

impl Check {
    /// Returns its query.
    pub fn query(&self) -> Query<'_> {
        Query {
            sql: Cow::Borrowed(&self.spec.sql),
            at: self.sql_at,
        }
    }
}

/// A check file that says nothing usable. It refuses a merge, since a check that is skipped guards nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub path: String,
    /// Line and column, from 1, where the file is known to be wrong.
    pub at: Option<(u64, u64)>,
    pub message: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some((line, column)) => write!(f, "{}:{line}:{column}: {}", self.path, self.message),
            None => write!(f, "{}: {}", self.path, self.message),
        }
    }
}

/// All check files of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckSet {
    /// The usable ones, by name.
    pub checks: Vec<Check>,
    pub broken: Vec<Broken>,
}

impl CheckSet {
    /// Returns whether a usable check has this name.
    pub fn has(&self, name: &str) -> bool {
        self.checks.iter().any(|check| check.spec.name == name)
    }

    /// Takes out those whose query cannot be run on any commit.
    pub(crate) fn validate(&mut self, validate: impl Fn(&str) -> Result<(), String>) {
        self.checks.retain(|check| {
            let broken = check.query().check(&check.path, &validate).err();
            let is_good = broken.is_none();
            self.broken.extend(broken);
            is_good
        });
    }

    /// Gathers parsed files; a name that an earlier path has taken makes a file broken.
    pub(crate) fn gather(files: impl IntoIterator<Item = Result<Check, Broken>>) -> CheckSet {
        let mut by_name: BTreeMap<String, Check> = BTreeMap::new();
        let mut broken = Vec::new();
        for file in files {
            match file {
                Err(error) => broken.push(error),
                Ok(check) => match by_name.get(&check.spec.name) {
                    Some(first) => broken.push(taken(&check, first)),
                    None => {
                        by_name.insert(check.spec.name.clone(), check);
                    }
                },
            }
        }
        CheckSet {
            checks: by_name.into_values().collect(),
            broken,
        }
    }
}

fn taken(check: &Check, first: &Check) -> Broken {
    let message = format!("the name {:?} is taken by {}", check.spec.name, first.path);
    Broken {
        path: check.path.clone(),
        at: None,
        message,
    }
}

/// Returns whether the object at `path` is a check file.
pub(crate) fn is_check_file(path: &str) -> bool {
    path.starts_with(FOLDER) && (path.ends_with(".yaml") || path.ends_with(".yml"))
}

/// A check file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: Spanned<String>,
    description: Option<String>,
    sql: Spanned<String>,
    time_limit_s: Option<Spanned<u64>>,
    reads: Option<Vec<Spanned<String>>>,
}

/// Reads a check file.
///
/// # Errors
/// [`Broken`], with line and column where they are known.
pub fn parse(path: &str, bytes: &[u8]) -> Result<Check, Broken> {
    let broken = |at: Option<Location>, message: String| Broken {
        path: path.to_owned(),
        at: at.and_then(line_and_column),
        message,
    };
    let written = read(bytes).map_err(|(at, message)| broken(at, message))?;
    let Written {
        name,
        description,
        sql,
        time_limit_s,
        reads,
    } = written;
    let limit = time_limit_s
        .as_ref()
        .map_or(TIME_LIMIT_S_DEFAULT, |limit| limit.value);
    if let Err(rule) = valid_name(&name.value) {
        return Err(broken(
            Some(name.referenced),
            format!("name {:?} is not valid: {rule}", name.value),
        ));
    }
    if sql.value.trim().is_empty() {
        return Err(broken(Some(sql.referenced), "sql is empty".to_owned()));
    }
    if !(1..=TIME_LIMIT_S_MAX).contains(&limit) {
        let message = format!("time_limit_s has to be 1 to {TIME_LIMIT_S_MAX}, not {limit}");
        return Err(broken(time_limit_s.map(|limit| limit.referenced), message));
    }
    let mut tables = Vec::new();
    for table in reads.iter().flatten() {
        match qualified(&table.value) {
            Some(table) => tables.push(table),
            None => {
                let message = format!("reads {:?}, which is not DATABASE.TABLE", table.value);
                return Err(broken(Some(table.referenced), message));
            }
        }
    }
    let spec = CheckSpec {
        name: name.value,
        sql: sql.value.trim().to_owned(),
        time_limit_s: limit,
    };
    Ok(Check {
        spec,
        description,
        reads: reads.map(|_| tables),
        path: path.to_owned(),
        sql_at: line_and_column(sql.referenced),
    })
}

/// Returns a place in a file as people count, if it is known.
pub(crate) fn line_and_column(at: Location) -> Option<(u64, u64)> {
    (at != Location::UNKNOWN).then(|| (at.line(), at.column()))
}

fn read(bytes: &[u8]) -> Result<Written, (Option<Location>, String)> {
    let text = std::str::from_utf8(bytes).map_err(|_| (None, "is not UTF-8 text".to_owned()))?;
    serde_saphyr::from_str_with_options(text, crate::document::options()).map_err(|error| {
        let at = error.location();
        (at, told(&error, at))
    })
}

/// Returns the database and the name of `database.table`, in lower case.
pub(crate) fn qualified(text: &str) -> Option<(String, String)> {
    let (database, table) = text.split_once('.')?;
    let is_name = |name: &str| !name.is_empty() && !name.contains(['.', ' ', '`', '"']);
    (is_name(database) && is_name(table)).then(|| (database.to_lowercase(), table.to_lowercase()))
}

pub(crate) fn valid_name(name: &str) -> Result<(), &'static str> {
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    let rest = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if first && rest && name.len() <= NAME_BYTES_MAX {
        Ok(())
    } else {
        Err("it has to be 1 to 128 of A-Z, a-z, 0-9, '.', '_' and '-', starting with a letter or digit")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str) -> String {
        match parse("c.yaml", text.as_bytes()) {
            Ok(check) => {
                format!(
                    "{} | {} | {}",
                    check.spec.name,
                    check.spec.sql.replace('\n', "⏎"),
                    check.spec.time_limit_s
                )
            }
            Err(broken) => broken.to_string(),
        }
    }

    #[test]
    fn files_are_read_or_say_where_they_are_wrong() {
        for (text, expected) in [
            ("name: a\nsql: select 1\n", "a | select 1 | 300"),
            (
                "# why\nname: a-1\nsql: |\n  select 1\n  from t\ntime_limit_s: 5\n",
                "a-1 | select 1⏎from t | 5",
            ),
            ("name: no\nsql: y\n", "no | y | 300"),
            ("name: 2.10\nsql: 0x1F\n", "2.10 | 0x1F | 300"),
        ] {
            assert_eq!(rendered(text), expected);
        }
        for (text, place, word) in [
            ("name: a\n", "c.yaml:1:", "sql"),
            ("name: a\nsqll: select 1\nsql: x\n", "c.yaml:2:1:", "sqll"),
            ("name: a\nsql: select 1\nname: b\n", "c.yaml:3:1:", "name"),
            ("name: 'a b'\nsql: x\n", "c.yaml:1:7:", "not valid"),
            ("name: a\nsql: '  '\n", "c.yaml:2:6:", "empty"),
            ("name: a\nsql: x\ntime_limit_s: 0\n", "c.yaml:3:15:", "1 to 3600"),
            ("name: a\nsql: x\ntime_limit_s: soon\n", "c.yaml:3:15:", ""),
            (
                "name: a\nsql: x\nreads: [s.o, t]\n",
                "c.yaml:3:14:",
                "DATABASE.TABLE",
            ),
            ("name: a\nsql: x\nreads: s.o\n", "c.yaml:3:", ""),
            ("name: [a\nsql: x\n", "c.yaml:", ""),
            ("", "c.yaml:", ""),
            ("- a\n", "c.yaml:1:", ""),
            ("name: a\nsql: x\n---\nname: b\nsql: x\n", "c.yaml:", ""),
        ] {
            let shown = rendered(text);
            assert!(
                shown.starts_with(place) && shown.contains(word),
                "{text:?} gives {shown}"
            );
            assert!(!shown.contains(" at line "), "{shown}");
        }
        assert_eq!(
            parse("c.yaml", b"name: \xff").unwrap_err().to_string(),
            "c.yaml: is not UTF-8 text"
        );
    }

    #[test]
    fn tables_that_are_read_are_named() {
        let reads = |text: &str| parse("c.yaml", text.as_bytes()).unwrap().reads;
        assert_eq!(reads("name: a\nsql: x\n"), None);
        assert_eq!(reads("name: a\nsql: x\nreads: []\n"), Some(Vec::new()));
        let orders = vec![("s".to_owned(), "orders".to_owned())];
        assert_eq!(reads("name: a\nsql: x\nreads: [S.Orders]\n"), Some(orders));
    }

    #[test]
    fn names_are_unique() {
        let set = CheckSet::gather([
            parse("b.yaml", b"name: b\nsql: x"),
            parse("a.yaml", b"name: a\nsql: x"),
            parse("c.yaml", b"name: b\nsql: y"),
        ]);
        assert_eq!(
            set.checks
                .iter()
                .map(|check| check.spec.name.as_str())
                .collect::<Vec<_>>(),
            ["a", "b"]
        );
        assert_eq!(
            set.broken[0].to_string(),
            "c.yaml: the name \"b\" is taken by b.yaml"
        );
        assert!(set.has("a") && !set.has("c"));
    }

    #[test]
    fn only_yaml_below_the_folder_is_a_check() {
        for (path, is) in [
            (".skep/checks/a.yaml", true),
            (".skep/checks/deep/a.yml", true),
            (".skep/checks/", false),
            (".skep/checks/README.md", false),
            (".skep/hooks/a.yaml", false),
        ] {
            assert_eq!(is_check_file(path), is, "{path}");
        }
    }
}
