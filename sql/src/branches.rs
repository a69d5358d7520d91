//! Statements about branches: which there are. What changes something is handed to whoever may change it.

use std::fmt::Debug;

use async_trait::async_trait;
use versioning::{RefExpr, Repository};

use crate::error::{Error, Result};

/// A statement that changes refs, or the session's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// `CREATE BRANCH etl [FROM main]`
    CreateBranch { name: String, from: Option<String> },
    /// `DROP BRANCH etl`
    DropBranch { name: String },
    /// `CREATE TAG v1 [AT main]`
    CreateTag { name: String, at: Option<String> },
    /// `DROP TAG v1`
    DropTag { name: String },
    /// `COMMIT 'message'`: of what is staged on the session's branch.
    Commit { message: String },
    /// `MERGE BRANCH etl INTO main ['message']`
    Merge {
        source: String,
        into: String,
        message: Option<String>,
    },
    /// `USE BRANCH etl`: what a name without a ref means from now on.
    Use { at: String },
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The ref that was changed, or is used.
    pub at: String,
    /// Where it stands; `None` for one that is gone.
    pub commit: Option<String>,
    /// What happened, in a word or two.
    pub outcome: String,
    /// What a merge did that somebody should look at.
    pub warnings: Vec<String>,
}

/// Makes changes. An engine that is not given one only reads, as that of checks.
#[async_trait]
pub trait Branches: Debug + Send + Sync {
    /// Makes a change, by the same rules as REST. `at` is the session's ref.
    ///
    /// # Errors
    /// [`Error::Conflicts`] and [`Error::Store`], among others.
    async fn change(&self, repository: &Repository, at: &RefExpr, change: &Change) -> Result<Changed>;
}

/// A statement of this kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Parsed {
    Change(Change),
    /// `SHOW BRANCHES`, `TAGS`, `LOG` or `DIFF`, as the query that it stands for.
    Show(String),
}

impl Change {
    /// Returns the change that a statement is, if it is one.
    ///
    /// # Errors
    /// [`Error::Statement`] for one that has begun and is not understood.
    pub fn parse(sql: &str) -> Result<Option<Change>> {
        match parse(sql)? {
            Some(Parsed::Change(change)) => Ok(Some(change)),
            Some(Parsed::Show(_)) | None => Ok(None),
        }
    }
}

/// Returns what a statement says of branches; `None` if it is of another kind.
pub(crate) fn parse(sql: &str) -> Result<Option<Parsed>> {
    let Some(words) = words(sql) else {
        return Ok(None);
    };
    let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    let keyword = |at: usize| match words.get(at) {
        Some(word) if !word.quoted => word.text.to_ascii_uppercase(),
        _ => String::new(),
    };
    let (first, second, fourth) = (keyword(0), keyword(1), keyword(3));
    let text = |at: usize| texts[at].to_owned();
    let change = match (first.as_str(), second.as_str(), texts.len()) {
        ("CREATE", "BRANCH", 3) => Change::CreateBranch {
            name: text(2),
            from: None,
        },
        ("CREATE", "BRANCH", 5) if fourth == "FROM" => Change::CreateBranch {
            name: text(2),
            from: Some(text(4)),
        },
        ("DROP", "BRANCH", 3) => Change::DropBranch { name: text(2) },
        ("CREATE", "TAG", 3) => Change::CreateTag {
            name: text(2),
            at: None,
        },
        ("CREATE", "TAG", 5) if matches!(fourth.as_str(), "AT" | "FROM") => Change::CreateTag {
            name: text(2),
            at: Some(text(4)),
        },
        ("DROP", "TAG", 3) => Change::DropTag { name: text(2) },
        ("COMMIT", _, 2) if words[1].quoted => Change::Commit { message: text(1) },
        ("MERGE", "BRANCH", 5 | 6) if fourth == "INTO" => Change::Merge {
            source: text(2),
            into: text(4),
            message: texts.get(5).map(|text| (*text).to_owned()),
        },
        ("USE", "BRANCH" | "TAG" | "REF", 3) => Change::Use { at: text(2) },
        ("SHOW", "BRANCHES" | "TAGS" | "LOG" | "DIFF", _) => {
            let query = show(&second, &texts[2..]).ok_or_else(|| misunderstood(&first, &second))?;
            return Ok(Some(Parsed::Show(query)));
        }
        ("CREATE" | "DROP" | "USE", "BRANCH" | "TAG", _) | ("MERGE", "BRANCH", _) | ("COMMIT", ..) => {
            return Err(misunderstood(&first, &second));
        }
        _ => return Ok(None),
    };
    Ok(Some(Parsed::Change(change)))
}

fn show(what: &str, rest: &[&str]) -> Option<String> {
    let columns = "name, commit, mode, is_default, is_protected";
    match (what, rest) {
        ("BRANCHES", []) => Some(format!(
            "select {columns} from skep.refs where kind = 'branch' order by name"
        )),
        ("TAGS", []) => {
            Some("select name, commit from skep.refs where kind = 'tag' order by name".to_owned())
        }
        ("LOG", []) => Some("select * from skep.commits".to_owned()),
        ("LOG", [at]) => Some(format!(
            "select * from {}.commits",
            quoted(&format!("skep@{at}"), '"')
        )),
        ("DIFF", [from, to]) => Some(format!(
            "select * from diff({}, {})",
            quoted(from, '\''),
            quoted(to, '\'')
        )),
        _ => None,
    }
}

pub(crate) fn quoted(text: &str, quote: char) -> String {
    let doubled = text.replace(quote, &format!("{quote}{quote}"));
    format!("{quote}{doubled}{quote}")
}

fn misunderstood(first: &str, second: &str) -> Error {
    let example = match (first, second) {
        ("CREATE", "BRANCH") => "CREATE BRANCH etl FROM main",
        ("CREATE", _) => "CREATE TAG v1 AT main",
        ("DROP", "TAG") => "DROP TAG v1",
        ("DROP", _) => "DROP BRANCH etl",
        ("COMMIT", _) => "COMMIT 'what was done'",
        ("MERGE", _) => "MERGE BRANCH etl INTO main",
        ("SHOW", "DIFF") => "SHOW DIFF main etl",
        ("SHOW", "LOG") => "SHOW LOG main",
        ("SHOW", "TAGS") => "SHOW TAGS",
        ("SHOW", _) => "SHOW BRANCHES",
        _ => "USE BRANCH etl",
    };
    Error::Statement {
        message: format!("this is not understood; write it as {example}"),
    }
}

struct Word {
    text: String,
    quoted: bool,
}

/// Cuts a statement at blanks: names of refs have signs in them that no word of SQL has. `None` for what is too long
/// to be one, or has a quote that is not closed.
fn words(sql: &str) -> Option<Vec<Word>> {
    const WORDS_MAX: usize = 8;
    let mut words = Vec::new();
    let mut rest = sql.trim().trim_end_matches(';').trim_start();
    while let Some(first) = rest.chars().next() {
        if words.len() == WORDS_MAX {
            return None;
        }
        let (word, after) = match first {
            '\'' | '"' | '`' => quoted_word(&rest[1..], first)?,
            _ => {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                (
                    Word {
                        text: rest[..end].to_owned(),
                        quoted: false,
                    },
                    &rest[end..],
                )
            }
        };
        words.push(word);
        rest = after.trim_start();
    }
    Some(words)
}

fn quoted_word(text: &str, quote: char) -> Option<(Word, &str)> {
    let mut content = String::new();
    let mut rest = text;
    loop {
        let end = rest.find(quote)?;
        content.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix(quote) {
            Some(after) => {
                content.push(quote);
                rest = after;
            }
            None => {
                return Some((
                    Word {
                        text: content,
                        quoted: true,
                    },
                    rest,
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(sql: &str) -> String {
        match parse(sql) {
            Ok(None) => "none".to_owned(),
            Ok(Some(Parsed::Show(query))) => query,
            Ok(Some(Parsed::Change(change))) => format!("{change:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn changes_are_understood() {
        for (sql, expected) in [
            (
                "create branch etl from main~1;",
                r#"CreateBranch { name: "etl", from: Some("main~1") }"#,
            ),
            (
                "CREATE BRANCH `a-b`",
                r#"CreateBranch { name: "a-b", from: None }"#,
            ),
            ("drop branch etl", r#"DropBranch { name: "etl" }"#),
            (
                "create tag v1.0 at main",
                r#"CreateTag { name: "v1.0", at: Some("main") }"#,
            ),
            ("commit 'it''s done'", r#"Commit { message: "it's done" }"#),
            (
                "merge branch etl\n into main",
                r#"Merge { source: "etl", into: "main", message: None }"#,
            ),
            (
                "merge branch etl into main 'why'",
                r#"Merge { source: "etl", into: "main", message: Some("why") }"#,
            ),
            ("use branch etl", r#"Use { at: "etl" }"#),
            (
                "show branches",
                "select name, commit, mode, is_default, is_protected from skep.refs where kind = 'branch' order by name",
            ),
            ("show log etl@", r#"select * from "skep@etl@".commits"#),
            ("show diff main 'e''tl'", "select * from diff('main', 'e''tl')"),
        ] {
            assert_eq!(shown(sql), expected, "{sql}");
        }
    }

    #[test]
    fn what_has_begun_and_is_none_is_said() {
        for (sql, example) in [
            ("create branch", "CREATE BRANCH etl FROM main"),
            ("create branch a b", "CREATE BRANCH etl FROM main"),
            ("commit", "COMMIT 'what was done'"),
            ("commit work", "COMMIT 'what was done'"),
            ("merge branch a to b", "MERGE BRANCH etl INTO main"),
            ("show diff a", "SHOW DIFF main etl"),
            ("use branch", "USE BRANCH etl"),
        ] {
            assert!(shown(sql).contains(example), "{sql}: {}", shown(sql));
        }
        for sql in [
            "select 1",
            "show tables",
            "create table branch (a int)",
            "use sales",
            "'open",
            "",
            "drop table tag",
        ] {
            assert_eq!(shown(sql), "none", "{sql}");
        }
    }
}
