//! `diff_rows('main', 'etl', 'sales.orders')`, which stands for a query of the table at both refs.

use std::ops::ControlFlow;

use datafusion::sql::parser::{DFParserBuilder, Statement as Parsed};
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Query, Statement, TableFactor, Value, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;

use crate::branches::quoted;
use crate::either;
use crate::error::{Error, Result};

const NAME: &str = "diff_rows";

/// The most columns of a key: each is compared in chains that are as long.
const KEYS_MAX: usize = 100;

/// Puts the queries in place of the calls.
///
/// # Errors
/// [`Error::Statement`] for a call with other arguments.
pub(crate) fn expand(statement: &mut Statement) -> Result<()> {
    match VisitMut::visit(statement, &mut Expander) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Expander;

impl VisitorMut for Expander {
    type Break = Error;

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        let TableFactor::Table {
            name,
            args: Some(arguments),
            alias,
            ..
        } = factor
        else {
            return ControlFlow::Continue(());
        };
        if !name.to_string().eq_ignore_ascii_case(NAME) {
            return ControlFlow::Continue(());
        }
        match texts(&arguments.args).and_then(|texts| query(&texts)) {
            Ok(subquery) => {
                *factor = TableFactor::Derived {
                    lateral: false,
                    subquery,
                    alias: alias.take(),
                    sample: None,
                };
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(error),
        }
    }
}

fn misused() -> Error {
    Error::Statement {
        message: "diff_rows takes two refs and a table, and may take the columns of its key, as in \
                  diff_rows('main', 'etl', 'sales.orders', 'id')"
            .to_owned(),
    }
}

fn texts(arguments: &[FunctionArg]) -> Result<Vec<String>> {
    let text = |argument: &FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value))) => match &value.value {
            Value::SingleQuotedString(text) => Ok(text.clone()),
            _ => Err(misused()),
        },
        _ => Err(misused()),
    };
    arguments.iter().map(text).collect()
}

fn query(arguments: &[String]) -> Result<Box<Query>> {
    let sql = match arguments {
        [from, to, table] => by_rows(&named(table, from, to)?, &named(table, to, from)?),
        [_, _, _, keys] if keys.split(',').count() > KEYS_MAX => {
            return Err(Error::Statement {
                message: format!("diff_rows takes at most {KEYS_MAX} columns as a key"),
            });
        }
        [from, to, table, keys] => by_keys(&named(table, from, to)?, &named(table, to, from)?, keys),
        _ => return Err(misused()),
    };
    let mut parser = DFParserBuilder::new(sql.as_str())
        .with_dialect(&GenericDialect {})
        .build()
        .map_err(|error| Error::of(&error, 0))?;
    match parser.parse_statement().map_err(|error| Error::of(&error, 0))? {
        Parsed::Statement(statement) => match *statement {
            Statement::Query(query) => Ok(query),
            _ => Err(misused()),
        },
        _ => Err(misused()),
    }
}

/// Returns the table at a ref, which has no rows where only the `other` ref has it.
fn named(table: &str, at: &str, other: &str) -> Result<String> {
    let (database, name) = table
        .split_once('.')
        .unwrap_or((catalog::DEFAULT_DATABASE, table));
    if name.contains('.') || database.contains('@') || name.is_empty() {
        return Err(misused());
    }
    let parts = [either::CATALOG, &either::database_name(database, at, other), name];
    Ok(parts.map(|part| quoted(part, '"')).join("."))
}

/// Rows of both sides with all columns that either has: NULL where it has none, in a type that serves both. Rows are
/// counted: one that is there more often on one side is told once, with how many more. DataFusion's
/// `EXCEPT ALL` takes away all that are alike, however many there are.
fn by_rows(old: &str, new: &str) -> String {
    format!(
        "select case when more_before > 0 then 'removed' else 'added' end as change, abs(more_before) as times, \
         * exclude (more_before) from \
         (select * exclude (in_old), sum(in_old) as more_before from \
         (select *, 1 as in_old from {old} union all by name select *, -1 as in_old from {new}) \
         group by all having sum(in_old) <> 0)"
    )
}

/// As [`by_rows`]; a row that changed is told as it is on the new side.
fn by_keys(old: &str, new: &str, keys: &str) -> String {
    let equal = |a: &str, b: &str| {
        let pair = |key: &str| {
            let key = quoted(key.trim(), '"');
            format!("{a}.{key} = {b}.{key}")
        };
        keys.split(',').map(pair).collect::<Vec<_>>().join(" and ")
    };
    let on = equal("a", "b");
    format!(
        "with u as (select *, true as in_old from {old} union all by name select *, false as in_old from {new}), \
         o as (select * exclude (in_old) from u where in_old), \
         n as (select * exclude (in_old) from u where not in_old) \
         select 'removed' as change, a.* from o a left anti join n b on {on} \
         union all select 'added' as change, a.* from n a left anti join o b on {on} \
         union all select 'changed' as change, a.* \
         from (select * from n except all select * from o) a left semi join o b on {on}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(sql: &str) -> String {
        let mut parser = DFParserBuilder::new(sql)
            .with_dialect(&GenericDialect {})
            .build()
            .unwrap();
        let Parsed::Statement(mut statement) = parser.parse_statement().unwrap() else {
            panic!("{sql}");
        };
        match expand(&mut statement) {
            Ok(()) => statement.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn calls_become_queries() {
        let shown = expanded("select count(*) from diff_rows('main', 'etl', 'sales.orders') d");
        assert!(
            shown.contains("FROM \"diff_rows\".\"sales\nmain\netl\".\"orders\" UNION ALL BY NAME"),
            "{shown}"
        );
        assert!(shown.ends_with(") d"), "{shown}");
        let shown = expanded("select * from DIFF_ROWS('a', 'b', 't', 'id, dt')");
        assert!(
            shown.contains(r#"a."id" = b."id" AND a."dt" = b."dt""#),
            "{shown}"
        );
        assert!(expanded("select * from diff_rows('a', 'b')").contains("takes two refs"));
        assert!(expanded("select * from diff_rows('a', x, 't')").contains("takes two refs"));
        assert!(expanded(r#"select * from diff_rows('a', 'b"x', 't')"#).contains("\"default\na\nb\"\"x\""));
    }
}
