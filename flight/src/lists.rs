//! Lists of databases and tables, which are statements on the `information_schema`.
//!
//! A pattern of databases may have a ref behind it, as names in SQL have: `sales@etl` is the database `sales` of the ref `etl`.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::{RecordBatch, StringArray};
use arrow_flight::sql::{CommandGetDbSchemas, CommandGetTables};
use arrow_schema::Schema;
use futures::TryStreamExt;
use versioning::{Kind, RefExpr};

use crate::Fault;
use crate::place::Place;
use crate::plain::{plain_batch, plain_schema};
use crate::statements::Statements;

/// The one catalog, which names in SQL may begin with.
pub(crate) const CATALOG: &str = "skep";
pub(crate) const TABLE: &str = "TABLE";
pub(crate) const VIEW: &str = "VIEW";

/// Where lists are read.
#[derive(Debug)]
pub(crate) struct Lists<'a> {
    pub(crate) statements: &'a dyn Statements,
    pub(crate) place: Place,
}

/// A pattern of databases, at a ref.
struct Databases {
    pattern: Option<String>,
    at: RefExpr,
    /// `@etl`, if the pattern had it.
    suffix: String,
}

impl Lists<'_> {
    /// Returns the databases that the command asks for.
    ///
    /// # Errors
    /// Those of reading them.
    pub(crate) async fn databases(&self, command: CommandGetDbSchemas) -> Result<RecordBatch, Fault> {
        let asked = self.asked(command.db_schema_filter_pattern.as_deref())?;
        let sql = format!(
            "select schema_name from information_schema.schemata{}",
            filters(&[("schema_name", asked.pattern.as_deref())])
        );
        let mut list = command.into_builder();
        for [name] in self.texts(&asked.at, &sql).await? {
            list.append(CATALOG, format!("{name}{}", asked.suffix));
        }
        Ok(list.build()?)
    }

    /// Returns the tables that the command asks for.
    ///
    /// # Errors
    /// Those of reading them.
    pub(crate) async fn tables(&self, command: CommandGetTables) -> Result<RecordBatch, Fault> {
        let asked = self.asked(command.db_schema_filter_pattern.as_deref())?;
        let sql = format!(
            "select table_schema, table_name, table_type from information_schema.tables{}",
            filters(&[
                ("table_schema", asked.pattern.as_deref()),
                ("table_name", command.table_name_filter_pattern.as_deref())
            ])
        );
        let types = command.table_types.clone();
        let mut list = command.into_builder();
        for [database, table, kind] in self.texts(&asked.at, &sql).await? {
            let kind = if kind == VIEW { VIEW } else { TABLE };
            if !types.is_empty() && !types.iter().any(|wanted| wanted == kind) {
                continue;
            }
            let schema = if list.include_schema() {
                self.schema(&asked.at, &database, &table).await?
            } else {
                Schema::empty()
            };
            list.append(
                CATALOG,
                format!("{database}{}", asked.suffix),
                &table,
                kind,
                &schema,
            )?;
        }
        Ok(list.build()?)
    }

    fn asked(&self, pattern: Option<&str>) -> Result<Databases, Fault> {
        let Some((database, at)) = pattern.and_then(|pattern| pattern.split_once('@')) else {
            return Ok(Databases {
                pattern: pattern.map(str::to_owned),
                at: self.place.at.clone(),
                suffix: String::new(),
            });
        };
        // names of refs have no wildcards, which a careful client has escaped
        let at = at.replace('\\', "");
        Ok(Databases {
            pattern: Some(database.to_owned()),
            at: RefExpr::parse(&at)?,
            suffix: format!("@{at}"),
        })
    }

    /// Returns the columns of a table. What SQL cannot read, as a table of Delta, has none.
    async fn schema(&self, at: &RefExpr, database: &str, table: &str) -> Result<Schema, Fault> {
        let name = |text| quoted(text, '"');
        let sql = format!("select * from {}.{} where false", name(database), name(table));
        let described = self.statements.describe(&self.place.repository, at, &sql).await;
        match described {
            Ok(described) => Ok(plain_schema(&described.schema).as_ref().clone()),
            // of the last kind is one that was dropped meanwhile
            Err(Fault::Of {
                kind: Kind::Invalid | Kind::Denied | Kind::NotFound,
                ..
            }) => Ok(Schema::empty()),
            Err(fault) => Err(fault),
        }
    }

    /// Runs a statement whose columns are all text.
    async fn texts<const N: usize>(&self, at: &RefExpr, sql: &str) -> Result<Vec<[String; N]>, Fault> {
        let rows = self.statements.rows(&self.place.repository, at, sql).await?;
        let schema = plain_schema(&rows.schema);
        let mut batches = rows.batches;
        let mut texts = Vec::new();
        while let Some(batch) = batches.try_next().await? {
            let batch = plain_batch(&batch, &schema)?;
            let columns: Option<Vec<&StringArray>> = batch
                .columns()
                .iter()
                .map(|column| column.as_string_opt())
                .collect();
            let columns: [&StringArray; N] = columns
                .and_then(|columns| columns.try_into().ok())
                .ok_or_else(|| unexpected(sql))?;
            let row = |row| columns.map(|column| column.value(row).to_owned());
            texts.extend((0..batch.num_rows()).map(row));
        }
        Ok(texts)
    }
}

fn unexpected(sql: &str) -> Fault {
    Fault::Of {
        kind: Kind::Internal,
        message: format!("{sql} has other columns than were asked for"),
    }
}

/// Returns the condition that the columns match their patterns.
fn filters(patterns: &[(&str, Option<&str>)]) -> String {
    let conditions = patterns.iter().filter_map(|(column, pattern)| {
        let pattern = pattern.filter(|pattern| *pattern != "%")?;
        Some(match literal(pattern) {
            // a list of one name costs less than all of them
            Some(name) => format!("{column} = {}", quoted(&name, '\'')),
            None => format!("{column} like {}", quoted(pattern, '\'')),
        })
    });
    let conditions: Vec<_> = conditions.collect();
    if conditions.is_empty() {
        return String::new();
    }
    format!(" where {}", conditions.join(" and "))
}

/// Returns the only name that a pattern matches, if there is one.
fn literal(pattern: &str) -> Option<Cow<'_, str>> {
    if !pattern.contains(['%', '_', '\\']) {
        return Some(pattern.into());
    }
    let mut name = String::new();
    let mut signs = pattern.chars();
    while let Some(sign) = signs.next() {
        match sign {
            '%' | '_' => return None,
            '\\' => name.push(signs.next()?),
            sign => name.push(sign),
        }
    }
    Some(name.into())
}

fn quoted(text: &str, quote: char) -> String {
    let doubled = text.replace(quote, &format!("{quote}{quote}"));
    format!("{quote}{doubled}{quote}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_become_conditions() {
        for (database, table, expected) in [
            (None, None, ""),
            (Some("%"), Some("%"), ""),
            (Some("sales"), None, " where d = 'sales'"),
            (Some("sa%"), Some("o''"), " where d like 'sa%' and t = 'o'''''"),
            (Some(r"my\_db"), None, " where d = 'my_db'"),
            (Some("my_db"), None, " where d like 'my_db'"),
            (Some(r"x\"), None, r" where d like 'x\'"),
            (Some(""), None, " where d = ''"),
        ] {
            assert_eq!(filters(&[("d", database), ("t", table)]), expected);
        }
    }
}
