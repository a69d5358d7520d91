//! Views: the text that Hive, Spark or Trino stored, as a plan.
//!
//! Names in it mean tables at the ref at which the view was asked for, and without a database the view's own. A
//! text that cannot be read, as it calls functions that are not here, is an error that shows it.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use catalog::OpenTable;
use datafusion::catalog::TableProvider;
use datafusion::datasource::ViewTable;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast};
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Ident, ObjectName, ObjectNamePart, Query, Statement, Visit, Visitor, visit_relations_mut,
};
use datafusion::sql::sqlparser::dialect::{DatabricksDialect, Dialect, GenericDialect, HiveDialect};
use datafusion::sql::sqlparser::parser::Parser;
use serde_json::Value;

use crate::depth::{too_deep, too_wide};
use crate::error::{Error, Result};
use crate::statement::STATEMENT_BYTES_MAX;
use crate::types::arrow_type;

/// How deeply views may stand on views.
pub(crate) const DEPTH_MAX: usize = 16;
/// How many views a statement may name, those that views name among them.
pub(crate) const VIEWS_MAX: usize = 200;
/// So much of a view's text is shown in errors.
const SHOWN_CHARS: usize = 300;

/// The text of a view, with who wrote it.
struct Text {
    sql: String,
    /// The database of names without one.
    database: String,
    dialect: fn() -> Box<dyn Dialect>,
}

/// Returns a view as a table. `at` is what stands behind the `@` of its database, if anything does.
///
/// # Errors
/// [`Error::Unreadable`], with the text.
pub(crate) async fn view(
    name: &str,
    table: &OpenTable,
    at: Option<&str>,
    state: &SessionState,
) -> Result<Arc<dyn TableProvider>> {
    let text = text(table);
    let failed = |reason: String| {
        let shown: String = text.sql.chars().take(SHOWN_CHARS).collect();
        Error::Unreadable {
            table: name.to_owned(),
            reason: format!("it is a view, and its text is not understood: {reason}; the text is: {shown}"),
        }
    };
    let statement = parsed(&text, at).map_err(failed)?;
    let planned = plan(table, statement, state).await;
    let plan =
        planned.map_err(|error| Error::own(&error).unwrap_or_else(|| failed(error.strip_backtrace())))?;
    Ok(Arc::new(ViewTable::new(plan, Some(text.sql.clone()))))
}

fn text(table: &OpenTable) -> Text {
    let original = table.view_original_text.as_deref().unwrap_or_default();
    if let Some((sql, database)) = of_trino(original) {
        return Text {
            sql,
            database: database.unwrap_or_else(|| table.database.name.clone()),
            dialect: || Box::new(GenericDialect {}),
        };
    }
    let expanded = table
        .view_expanded_text
        .as_deref()
        .filter(|text| !text.is_empty());
    let sql = expanded.unwrap_or(original).to_owned();
    match spark_namespace(table) {
        Some(database) => Text {
            sql,
            database,
            dialect: || Box::new(DatabricksDialect {}),
        },
        None => Text {
            sql,
            database: table.database.name.clone(),
            dialect: || Box::new(HiveDialect {}),
        },
    }
}

/// Trino stores JSON in a comment.
fn of_trino(text: &str) -> Option<(String, Option<String>)> {
    let coded = text.strip_prefix("/* Presto View: ")?.strip_suffix(" */")?;
    let json = base64_simd::STANDARD.decode_to_vec(coded.as_bytes()).ok()?;
    let view: Value = serde_json::from_slice(&json).ok()?;
    let word = |key: &str| view.get(key).and_then(Value::as_str).map(str::to_owned);
    Some((word("originalSql")?, word("schema")))
}

/// Returns the database that was in use when Spark made the view; `None` if it did not.
fn spark_namespace(table: &OpenTable) -> Option<String> {
    let parts: usize = table
        .parameter("view.catalogAndNamespace.numParts")?
        .parse()
        .ok()?;
    let last = parts.checked_sub(1).filter(|last| *last > 0)?;
    table
        .parameter(&format!("view.catalogAndNamespace.part.{last}"))
        .map(str::to_owned)
}

fn parsed(text: &Text, at: Option<&str>) -> Result<Statement, String> {
    if text.sql.len() > STATEMENT_BYTES_MAX {
        return Err(format!("it is longer than {STATEMENT_BYTES_MAX} bytes"));
    }
    if let Some(reason) = too_deep(&text.sql) {
        return Err(reason);
    }
    let mut statements =
        Parser::parse_sql((text.dialect)().as_ref(), &text.sql).map_err(|error| error.to_string())?;
    let Some(mut statement @ Statement::Query(_)) = statements.pop().filter(|_| statements.is_empty()) else {
        return Err("it is no query".to_owned());
    };
    if let Some(reason) = too_wide(&statement) {
        return Err(reason);
    }
    qualify(&mut statement, &text.database, at);
    Ok(statement)
}

/// Gives every table the database and the ref that it is meant to be of.
fn qualify(statement: &mut Statement, database: &str, at: Option<&str>) {
    let mut own = Named::default();
    let _ = Visit::visit(statement, &mut own);
    let _ = visit_relations_mut(statement, |name: &mut ObjectName| {
        let mut parts: Vec<String> = name
            .0
            .iter()
            .filter_map(|part| part.as_ident().map(|ident| ident.value.to_lowercase()))
            .collect();
        let is_own = parts.len() == 1 && own.0.contains(&parts[0]);
        let of_system = parts.first().is_some_and(|part| part.contains('@'));
        if let (Some(table), false, false) = (parts.pop(), is_own, of_system) {
            let database = parts.pop().unwrap_or_else(|| database.to_lowercase());
            let database = at.map_or(database.clone(), |at| format!("{database}@{at}"));
            let quoted = |text: String| ObjectNamePart::Identifier(Ident::with_quote('"', text));
            *name = ObjectName(vec![quoted(database), quoted(table)]);
        }
        ControlFlow::<()>::Continue(())
    });
}

/// The names that a statement gives to queries by `WITH`, in lower case.
#[derive(Default)]
struct Named(HashSet<String>);

impl Visitor for Named {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.0
            .extend(tables.map(|table| table.alias.name.value.to_lowercase()));
        ControlFlow::Continue(())
    }
}

async fn plan(
    table: &OpenTable,
    statement: Statement,
    state: &SessionState,
) -> Result<LogicalPlan, DataFusionError> {
    let plan = state
        .statement_to_plan(Parsed::Statement(Box::new(statement)))
        .await?;
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
        .verify_plan(&plan)?;
    as_declared(table, plan)
}

/// Gives the columns the names and the types that the catalog says. Spark also stores which column of the query each
/// is, since tables that the query takes whole may grow.
fn as_declared(table: &OpenTable, plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    let columns = table.columns();
    if columns.is_empty() {
        return Ok(plan);
    }
    let given = plan.schema().columns();
    let mut declared = Vec::with_capacity(columns.len());
    for (i, column) in columns.iter().enumerate() {
        let told = table.parameter(&format!("view.query.out.col.{i}"));
        let by_name =
            told.and_then(|name| given.iter().find(|column| column.name.eq_ignore_ascii_case(name)));
        let from = by_name.or_else(|| given.get(i).filter(|_| told.is_none()));
        let Some(from) = from else {
            return Err(DataFusionError::Plan(format!(
                "its query has no column for {}",
                column.name
            )));
        };
        let value = Expr::Column(from.clone());
        let value = match arrow_type(&column.type_name) {
            Ok(kind) => cast(value, kind),
            Err(_) => value,
        };
        declared.push(value.alias(column.name.to_lowercase()));
    }
    LogicalPlanBuilder::from(plan).project(declared)?.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn qualified(sql: &str, at: Option<&str>) -> String {
        let text = Text {
            sql: sql.to_owned(),
            database: "Sales".to_owned(),
            dialect: || Box::new(HiveDialect {}),
        };
        parsed(&text, at).map_or_else(|reason| reason, |statement| statement.to_string())
    }

    #[test]
    fn names_are_those_of_the_views_ref() {
        assert_eq!(
            qualified("select `t`.`id` from `Other`.`T` `t`", Some("etl")),
            r#"SELECT `t`.`id` FROM "other@etl"."t" `t`"#
        );
        assert_eq!(
            qualified("select id from t", None),
            r#"SELECT id FROM "sales"."t""#
        );
        assert_eq!(
            qualified("select id from spark_catalog.other.t", None),
            r#"SELECT id FROM "other"."t""#
        );
        assert_eq!(
            qualified("with a as (select 1 from t) select * from a", None),
            r#"WITH a AS (SELECT 1 FROM "sales"."t") SELECT * FROM a"#
        );
        assert!(qualified("insert into t values (1)", None).contains("no query"));
        assert!(qualified("select from where", None).contains("Expected"));
    }
}
