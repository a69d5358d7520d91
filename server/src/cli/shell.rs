//! `skep sql` without a query: statements one after the other, with history and completion.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::ops::ControlFlow;
use std::path::PathBuf;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Config, Context, Editor, Helper};
use serde_json::Value;
use sql::Change;

use super::Remote;
use super::sql::{ask, show};
use crate::error::{Exit, Failure};
use crate::machine::environment;

const HELP: &str = "\
A statement ends with a semicolon. Besides those that read there are:
  create branch etl from main;   drop branch etl;   create tag v1 at main;   drop tag v1;
  use branch etl;   commit 'message';   merge branch etl into main;
  show branches;   show tags;   show log;   show diff main etl;
Shorter:
  \\d           tables            \\d NAME   columns of a table
  \\l           databases         \\b        branches
  \\t           tags              \\log      history
  \\?           this help         \\q        quit";

const KEYWORDS: &[&str] = &[
    "select",
    "from",
    "where",
    "group by",
    "order by",
    "limit",
    "join",
    "left join",
    "union all",
    "except",
    "with",
    "as",
    "and",
    "or",
    "not",
    "null",
    "is",
    "in",
    "like",
    "between",
    "case",
    "when",
    "then",
    "else",
    "end",
    "count",
    "sum",
    "min",
    "max",
    "avg",
    "distinct",
    "having",
    "explain",
    "describe",
    "show tables in",
    "show databases",
    "show branches",
    "show tags",
    "show log",
    "show diff",
    "create branch",
    "create tag",
    "drop branch",
    "drop tag",
    "use branch",
    "merge branch",
    "into",
    "commit",
    "diff",
    "diff_rows",
    "skep.commits",
    "skep.refs",
    "skep.tables",
    "skep.partitions",
    "skep.files",
    "information_schema.columns",
];

/// The most names that are fetched for completion.
const NAMES_MAX: usize = 10_000;

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    Statement(String),
    Help,
    Quit,
    Unknown,
    Nothing,
}

/// Runs statements until there are no more. From a terminal, one that fails does not end it.
pub(super) async fn run(remote: &Remote, at: Option<String>) -> Result<(), Failure> {
    match io::stdin().is_terminal() {
        true => from_terminal(remote, at).await,
        false => from_pipe(remote, at, BufReader::new(io::stdin())).await,
    }
}

async fn from_pipe(remote: &Remote, mut at: Option<String>, mut input: impl BufRead) -> Result<(), Failure> {
    while let Some(text) = next_statement(&mut input).map_err(|error| failed(&error))? {
        if done(remote, &text, &mut at).await?.is_break() {
            break;
        }
    }
    Ok(())
}

/// Returns the lines up to the end of a statement; the last one may lack its semicolon.
fn next_statement(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut text = String::new();
    while input.read_line(&mut text)? > 0 {
        if is_whole(&text) {
            return Ok(Some(text));
        }
    }
    Ok((!text.is_empty()).then_some(text))
}

async fn from_terminal(remote: &Remote, mut at: Option<String>) -> Result<(), Failure> {
    let mut editor = editor().map_err(|error| failed(&error))?;
    if let Some(path) = history() {
        // there is none before the first time
        let _ = editor.load_history(&path);
    }
    names(remote, at.clone(), &mut editor).await;
    loop {
        let prompt = format!("{}> ", at.as_deref().unwrap_or("skep"));
        let text = match editor.readline(&prompt) {
            Ok(text) => text,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(failed(&error)),
        };
        let outcome = done(remote, &text, &mut at).await;
        if !text.trim().is_empty() {
            let _ = editor.add_history_entry(text.trim());
        }
        match outcome {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => break,
            Err(failure) => {
                let _ = failure.report(remote.format());
            }
        }
    }
    if let Some(path) = history() {
        editor.save_history(&path).map_err(|error| failed(&error))?;
    }
    Ok(())
}

fn failed(error: &impl ToString) -> Failure {
    Failure::new(Exit::Failed, error.to_string())
}

/// Does what a text asks for; `Break` where it asks to end.
async fn done(remote: &Remote, text: &str, at: &mut Option<String>) -> Result<ControlFlow<()>, Failure> {
    match line(text) {
        Line::Nothing => {}
        Line::Quit => return Ok(ControlFlow::Break(())),
        Line::Help => remote.format().print(&HELP, |text| (*text).to_owned())?,
        Line::Unknown => {
            let message = format!("{} is not known; \\? helps", text.trim());
            return Err(Failure::new(Exit::WrongUse, message));
        }
        Line::Statement(sql) => statement(remote, sql, at).await?,
    }
    Ok(ControlFlow::Continue(()))
}

async fn statement(remote: &Remote, sql: String, at: &mut Option<String>) -> Result<(), Failure> {
    let uses = match Change::parse(&sql) {
        Ok(Some(Change::Use { at })) => Some(at),
        _ => None,
    };
    show(remote, sql, at.clone()).await?;
    if uses.is_some() {
        *at = uses;
    }
    Ok(())
}

/// Returns what a line asks for.
fn line(text: &str) -> Line {
    let text = text.trim();
    let Some(command) = text.strip_prefix('\\') else {
        let statement = text.trim_end_matches(';').trim();
        return match statement.to_ascii_lowercase().as_str() {
            "" => Line::Nothing,
            "quit" | "exit" => Line::Quit,
            "help" => Line::Help,
            _ => Line::Statement(statement.to_owned()),
        };
    };
    let (command, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    let sql = match (command, rest.trim().trim_end_matches(';')) {
        ("d", "") => {
            "select database, name, kind, format, partition_keys from skep.tables order by 1, 2".to_owned()
        }
        ("d", table) => format!("describe {table}"),
        ("l", "") => "show databases".to_owned(),
        ("b", "") => "show branches".to_owned(),
        ("t", "") => "show tags".to_owned(),
        ("log", "") => "show log".to_owned(),
        ("?" | "h", _) => return Line::Help,
        ("q", _) => return Line::Quit,
        _ => return Line::Unknown,
    };
    Line::Statement(sql)
}

/// Whether a text is whole: a statement goes on over lines until its semicolon.
fn is_whole(text: &str) -> bool {
    let text = text.trim();
    let word = text.to_ascii_lowercase();
    text.is_empty()
        || text.starts_with('\\')
        || text.ends_with(';')
        || matches!(word.as_str(), "quit" | "exit" | "help")
}

/// Returns where the word at the end begins, and how it may go on.
fn complete(text: &str, names: &[String]) -> (usize, Vec<String>) {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '@' | '-' | '"');
    let start = text
        .char_indices()
        .rev()
        .take_while(|(_, c)| is_part(*c))
        .last()
        .map_or(text.len(), |(i, _)| i);
    let word = text[start..].to_lowercase();
    if word.is_empty() {
        return (start, Vec::new());
    }
    let all = names.iter().map(String::as_str).chain(KEYWORDS.iter().copied());
    let found = all
        .filter(|name| name.to_lowercase().starts_with(&word))
        .map(str::to_owned);
    (start, found.collect())
}

struct Assistant {
    names: Vec<String>,
}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(complete(&line[..position], &self.names))
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match is_whole(context.input()) {
            true => ValidationResult::Valid(None),
            false => ValidationResult::Incomplete,
        })
    }
}

impl Hinter for Assistant {
    type Hint = String;
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        Cow::Borrowed(line)
    }
}

impl Helper for Assistant {}

type Lines = Editor<Assistant, FileHistory>;

fn editor() -> rustyline::Result<Lines> {
    let config = Config::builder().max_history_size(10_000)?.build();
    let mut editor = Editor::with_history(config.clone(), FileHistory::with_config(&config))?;
    editor.set_helper(Some(Assistant { names: Vec::new() }));
    Ok(editor)
}

fn history() -> Option<PathBuf> {
    environment("SKEP_HISTORY")
        .map(PathBuf::from)
        .or_else(|| environment("HOME").map(|home| PathBuf::from(home).join(".skep_history")))
}

/// Fetches the names of tables and refs. Without them there are fewer words to complete, and nothing else.
async fn names(remote: &Remote, at: Option<String>, editor: &mut Lines) {
    let sql = format!(
        "select database || '.' || name as name from skep.tables union all select name from skep.refs limit {NAMES_MAX}"
    );
    let answer = ask(remote, sql, at).await;
    let rows = answer.map(|answer| answer.rows).unwrap_or_default();
    let names = rows
        .iter()
        .filter_map(|row| row.get("name").and_then(Value::as_str).map(str::to_owned));
    if let Some(assistant) = editor.helper_mut() {
        assistant.names = names.collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_statements_or_short_forms() {
        let statement = |sql: &str| Line::Statement(sql.to_owned());
        for (text, expected) in [
            ("select 1;", statement("select 1")),
            (" \\d sales.orders ", statement("describe sales.orders")),
            ("\\l", statement("show databases")),
            ("\\q", Line::Quit),
            ("exit;", Line::Quit),
            ("\\?", Line::Help),
            ("\\x", Line::Unknown),
            (" ; ", Line::Nothing),
        ] {
            assert_eq!(line(text), expected, "{text}");
        }
        for (text, whole) in [
            ("select 1", false),
            ("select\n1;", true),
            ("\\d", true),
            ("", true),
            ("quit", true),
        ] {
            assert_eq!(is_whole(text), whole, "{text}");
        }
    }

    #[test]
    fn a_pipe_has_statements_over_lines_and_the_last_without_a_semicolon() {
        let mut input = "select 1;\nselect\n  2;\n\n\\d\nselect 3\n".as_bytes();
        let mut found = Vec::new();
        while let Some(text) = next_statement(&mut input).unwrap() {
            found.push(text);
        }
        assert_eq!(
            found,
            ["select 1;\n", "select\n  2;\n", "\n", "\\d\n", "select 3\n"]
        );
        assert_eq!(
            next_statement(&mut "select 1".as_bytes()).unwrap().unwrap(),
            "select 1"
        );
    }

    #[test]
    fn words_are_completed() {
        let names = ["sales.orders".to_owned(), "etl".to_owned()];
        for (text, start, expected) in [
            ("select * from sal", 14, &["sales.orders"][..]),
            ("merge branch et", 13, &["etl"]),
            ("SEL", 0, &["select"]),
            ("select ", 7, &[]),
        ] {
            let (at, found) = complete(text, &names);
            assert_eq!(
                (
                    at,
                    found.iter().map(String::as_str).collect::<Vec<_>>().as_slice()
                ),
                (start, expected),
                "{text}"
            );
        }
    }
}
