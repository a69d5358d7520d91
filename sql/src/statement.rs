//! Which statements are let through: those that read, and those of branches.

use std::ops::ControlFlow;

use datafusion::sql::parser::{DFParserBuilder, Statement as Parsed};
use datafusion::sql::sqlparser::ast::{
    Expr, ObjectName, ShowStatementFilter, ShowStatementFilterPosition, ShowStatementIn,
    ShowStatementOptions, Statement as Ast, Value, visit_expressions,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;

use crate::branches;
use crate::depth::{too_deep, too_wide};
use crate::error::{Error, Result};
use crate::macros::expand;
use crate::run::STACK_BYTES;

/// A statement of more bytes is refused before it is parsed.
pub(crate) const STATEMENT_BYTES_MAX: usize = 32 << 10;

/// A statement that only reads.
#[derive(Debug, Clone)]
pub(crate) enum Statement {
    /// What DataFusion answers: `SELECT`, `EXPLAIN`, `DESCRIBE`.
    Query(Box<Parsed>),
    /// `SHOW DATABASES`, with a pattern of `LIKE`.
    Databases(Option<String>),
    /// `SHOW TABLES [IN database]`, with a pattern of `LIKE`.
    Tables(Option<String>, Option<String>),
    /// What changes refs, for whoever may.
    Change,
}

/// Fails if a text is not one statement that only reads, whatever tables it speaks of. Takes a thread of its own, for
/// what is nested as deeply as allowed.
///
/// # Errors
/// [`Error::Statement`] for what cannot be parsed; [`Error::Refused`] for what does not only read.
pub fn validate(sql: &str) -> Result<()> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let parsed = thread.spawn_scoped(scope, || match parse(sql)? {
            Statement::Change => Err(Error::Refused {
                statement: "a statement that changes branches".to_owned(),
            }),
            Statement::Query(query) if let Some(name) = placeholder(&query) => Err(Error::Statement {
                message: format!("parameters ({name}) are not taken: write the values into the statement"),
            }),
            _ => Ok(()),
        });
        let parsed = parsed.map_err(|error| Error::Internal(error.to_string()))?;
        let ended = parsed.join();
        ended.unwrap_or_else(|_| Err(Error::Internal("the parser gave up".to_owned())))
    })
}

/// Returns the first place of a statement that is for a parameter.
fn placeholder(statement: &Parsed) -> Option<String> {
    let Parsed::Statement(statement) = statement else {
        return None;
    };
    let found = visit_expressions(statement, |expression| match expression {
        Expr::Value(value) => match &value.value {
            Value::Placeholder(name) => ControlFlow::Break(name.clone()),
            _ => ControlFlow::Continue(()),
        },
        _ => ControlFlow::Continue(()),
    });
    found.break_value()
}

/// Parses one statement and lets it pass if it can change nothing.
///
/// The plan of a query is checked once more, for data-changing parts deep inside.
///
/// # Errors
/// [`Error::Statement`] for what cannot be parsed; [`Error::Refused`] for what does not only read.
pub(crate) fn parse(sql: &str) -> Result<Statement> {
    if sql.len() > STATEMENT_BYTES_MAX {
        return Err(invalid(format!(
            "the statement is longer than {STATEMENT_BYTES_MAX} bytes"
        )));
    }
    if let Some(message) = too_deep(sql) {
        return Err(invalid(message));
    }
    let shown = match branches::parse(sql)? {
        Some(branches::Parsed::Change(_)) => return Ok(Statement::Change),
        Some(branches::Parsed::Show(query)) => Some(query),
        None => None,
    };
    let sql = shown.as_deref().unwrap_or(sql);
    let parser = DFParserBuilder::new(sql).with_dialect(&GenericDialect {}).build();
    let statements = parser.and_then(|mut parser| parser.parse_statements());
    let mut statements = statements.map_err(|error| Error::of(&error, 0))?;
    match (statements.pop_front(), statements.is_empty()) {
        (Some(mut statement), true) => {
            expand_in(&mut statement)?;
            admit(statement)
        }
        (None, _) => Err(invalid("there is no statement".to_owned())),
        (Some(_), false) => Err(invalid("only one statement can be run at a time".to_owned())),
    }
}

fn expand_in(statement: &mut Parsed) -> Result<()> {
    match statement {
        Parsed::Statement(inner) => expand(inner),
        Parsed::Explain(explain) => expand_in(&mut explain.statement),
        Parsed::CreateExternalTable(_) | Parsed::CopyTo(_) | Parsed::Reset(_) => Ok(()),
    }
}

fn admit(statement: Parsed) -> Result<Statement> {
    let refused = || Error::Refused {
        statement: name(&statement),
    };
    let inner = match &statement {
        Parsed::Statement(inner) => match too_wide(inner) {
            Some(message) => return Err(invalid(message)),
            None => inner.as_ref(),
        },
        Parsed::Explain(explain) => {
            return match admit(explain.statement.as_ref().clone())? {
                Statement::Query(_) => Ok(Statement::Query(Box::new(statement))),
                Statement::Databases(_) | Statement::Tables(..) | Statement::Change => Err(refused()),
            };
        }
        Parsed::CreateExternalTable(_) | Parsed::CopyTo(_) | Parsed::Reset(_) => return Err(refused()),
    };
    match inner {
        Ast::Query(_) | Ast::ExplainTable { .. } => Ok(Statement::Query(Box::new(statement))),
        Ast::Explain {
            statement: explained, ..
        } => match explained.as_ref() {
            Ast::Query(_) => Ok(Statement::Query(Box::new(statement))),
            _ => Err(refused()),
        },
        Ast::ShowDatabases { show_options, .. } | Ast::ShowSchemas { show_options, .. } => {
            Ok(Statement::Databases(pattern(show_options)?))
        }
        Ast::ShowTables { show_options, .. } => {
            Ok(Statement::Tables(scope(show_options)?, pattern(show_options)?))
        }
        _ => Err(refused()),
    }
}

/// The first words of a statement, for the error: its values may be secret, its kind is not.
fn name(statement: &Parsed) -> String {
    let text = statement.to_string();
    let keyword = |word: &&str| word.chars().all(|c| c.is_ascii_uppercase());
    let words: Vec<_> = text.split_whitespace().take_while(keyword).take(3).collect();
    if words.is_empty() {
        "this statement".to_owned()
    } else {
        words.join(" ")
    }
}

fn scope(options: &ShowStatementOptions) -> Result<Option<String>> {
    match &options.show_in {
        None => Ok(None),
        Some(ShowStatementIn {
            parent_name: Some(ObjectName(parts)),
            ..
        }) if parts.len() == 1 => Ok(parts[0].as_ident().map(|ident| ident.value.clone())),
        Some(_) => Err(invalid(
            "SHOW TABLES takes one database, as in SHOW TABLES IN sales".to_owned(),
        )),
    }
}

fn pattern(options: &ShowStatementOptions) -> Result<Option<String>> {
    use ShowStatementFilterPosition::{Infix, Suffix};
    if options.limit.is_some() || options.starts_with.is_some() {
        return Err(invalid(
            "SHOW takes a pattern of LIKE and nothing else".to_owned(),
        ));
    }
    match &options.filter_position {
        None => Ok(None),
        Some(Infix(ShowStatementFilter::Like(text)) | Suffix(ShowStatementFilter::Like(text))) => {
            Ok(Some(text.clone()))
        }
        Some(Suffix(ShowStatementFilter::NoKeyword(text)) | Infix(ShowStatementFilter::NoKeyword(text))) => {
            Ok(Some(text.clone()))
        }
        Some(_) => Err(invalid(
            "SHOW takes a pattern of LIKE and nothing else".to_owned(),
        )),
    }
}

fn invalid(message: String) -> Error {
    Error::Statement { message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(sql: &str) -> String {
        match parse(sql) {
            Ok(Statement::Query(_)) => "query".to_owned(),
            Ok(Statement::Databases(like)) => format!("databases {like:?}"),
            Ok(Statement::Tables(database, like)) => format!("tables {database:?} {like:?}"),
            Ok(Statement::Change) => "a change".to_owned(),
            Err(Error::Refused { statement }) => format!("refused {statement}"),
            Err(Error::Statement { message }) => message,
            Err(other) => format!("{other:?}"),
        }
    }

    #[test]
    fn reading_passes() {
        for sql in [
            "select 1",
            "SELECT * FROM \"sales@etl\".orders;",
            "select * from `sales@etl`.orders",
            "with a as (select 1) select * from a",
            "explain select 1",
            "explain analyze select 1",
            "describe sales.orders",
            "values (1)",
        ] {
            assert_eq!(kind(sql), "query", "{sql}");
        }
        assert_eq!(kind("show databases"), "databases None");
        assert_eq!(kind("show databases like 's%'"), r#"databases Some("s%")"#);
        assert_eq!(kind("show schemas"), "databases None");
        assert_eq!(kind("show tables"), "tables None None");
        assert_eq!(
            kind("show tables in \"sales@etl\" like '%'"),
            r#"tables Some("sales@etl") Some("%")"#
        );
    }

    #[test]
    fn writing_does_not() {
        for (sql, words) in [
            ("create table t (a int)", "CREATE TABLE"),
            (
                "create external table t stored as parquet location '/x'",
                "CREATE EXTERNAL TABLE",
            ),
            ("create view v as select 1", "CREATE VIEW"),
            ("insert into t values (1)", "INSERT INTO"),
            ("update t set a = 1", "UPDATE"),
            ("delete from t", "DELETE FROM"),
            ("drop table t", "DROP TABLE"),
            ("copy t to '/tmp/x'", "COPY"),
            ("set a = 1", "SET"),
            ("reset a", "RESET"),
            ("show all", "SHOW"),
            ("begin", "BEGIN"),
            ("use sales", "USE"),
            ("explain insert into t values (1)", "INSERT INTO"),
            ("explain analyze drop table t", "DROP TABLE"),
            ("truncate table t", "TRUNCATE TABLE"),
        ] {
            let shown = kind(sql);
            assert!(
                shown.starts_with("refused ") && shown.contains(words),
                "{sql}: {shown}"
            );
        }
    }

    #[test]
    fn what_is_no_single_statement_is_said() {
        assert_eq!(kind(""), "there is no statement");
        assert_eq!(
            kind("select 1; select 2"),
            "only one statement can be run at a time"
        );
        assert!(kind("selekt 1").contains("selekt"));
        assert!(kind(&format!("select {}", "1+".repeat(70_000))).contains("longer than"));
        let deep = kind(&format!("select {}1{}", "(".repeat(16_000), ")".repeat(16_000)));
        assert!(deep.contains("parentheses"), "{deep}");
    }
}
