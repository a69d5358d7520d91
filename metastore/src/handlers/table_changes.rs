//! Tables and views, changed.

use catalog::draft::{AlterTable as How, NewConstraint};
use catalog::model::Table;
use catalog::{Draft, Error};
use futures::FutureExt;
use thrift_idl::methods::{
    AlterTable, AlterTableArgs, AlterTableReq, AlterTableReqArgs, AlterTableWithCascade,
    AlterTableWithCascadeArgs, AlterTableWithEnvironmentContext, AlterTableWithEnvironmentContextArgs,
    CreateTable, CreateTableArgs, CreateTableReq, CreateTableReqArgs, CreateTableWithConstraints,
    CreateTableWithConstraintsArgs, CreateTableWithEnvironmentContext, CreateTableWithEnvironmentContextArgs,
    DropTable, DropTableArgs, DropTableReq, DropTableReqArgs, DropTableWithEnvironmentContext,
    DropTableWithEnvironmentContextArgs, TruncateTable, TruncateTableArgs, TruncateTableReq,
    TruncateTableReqArgs,
};
use thrift_idl::types::{self, AlterTableResponse, SQLAllTableConstraints, TruncateTableResponse};

use super::constraints::read;
use crate::complete::{Words, check_table, new_table, shape_table};
use crate::context::Call;
use crate::convert::{Names, constraints_from, table_from};
use crate::exception::{Class, Failure};
use crate::registry::Routes;
use crate::route::Asked;
use crate::target::{NamedTable, Target};

pub(super) fn routes() -> Routes {
    creating().and(altering()).and(removing())
}

fn creating() -> Routes {
    Routes::default()
        .serve::<CreateTable, _, _>(async |call, args: CreateTableArgs| {
            create(call, args.tbl, Words::default(), Given::default()).await
        })
        .serve::<CreateTableWithEnvironmentContext, _, _>(
            async |call, args: CreateTableWithEnvironmentContextArgs| {
                create(call, args.tbl, args.environment_context.into(), Given::default()).await
            },
        )
        .serve::<CreateTableWithConstraints, _, _>(async |call, args: CreateTableWithConstraintsArgs| {
            let given = Given {
                primary_keys: args.primary_keys,
                foreign_keys: args.foreign_keys,
                unique_constraints: args.unique_constraints,
                not_null_constraints: args.not_null_constraints,
                default_constraints: args.default_constraints,
                check_constraints: args.check_constraints,
            };
            create(call, args.tbl, Words::default(), given).await
        })
        .serve::<CreateTableReq, _, _>(async |call, args: CreateTableReqArgs| {
            let request = args.request.unwrap_or_default();
            let given = Given {
                primary_keys: request.primary_keys,
                foreign_keys: request.foreign_keys,
                unique_constraints: request.unique_constraints,
                not_null_constraints: request.not_null_constraints,
                default_constraints: request.default_constraints,
                check_constraints: request.check_constraints,
            };
            create(call, request.table, request.env_context.into(), given).await
        })
}

fn altering() -> Routes {
    Routes::default()
        .serve::<AlterTable, _, _>(async |call: Call, args: AlterTableArgs| {
            let named = call.table(args.dbname, args.tbl_name, None).await?;
            alter(call, named, args.new_tbl, Words::default(), How::default()).await
        })
        .serve::<AlterTableWithCascade, _, _>(async |call: Call, args: AlterTableWithCascadeArgs| {
            let named = call.table(args.dbname, args.tbl_name, None).await?;
            let how = How {
                cascade: args.cascade.unwrap_or_default(),
                ..How::default()
            };
            alter(call, named, args.new_tbl, Words::default(), how).await
        })
        .serve::<AlterTableWithEnvironmentContext, _, _>(
            async |call: Call, args: AlterTableWithEnvironmentContextArgs| {
                let named = call.table(args.dbname, args.tbl_name, None).await?;
                alter(
                    call,
                    named,
                    args.new_tbl,
                    args.environment_context.into(),
                    How::default(),
                )
                .await
            },
        )
        .serve::<AlterTableReq, _, _>(alter_req)
}

fn removing() -> Routes {
    Routes::default()
        .serve::<DropTable, _, _>(async |call: Call, args: DropTableArgs| {
            let named = call.table(args.dbname, args.name, None).await?;
            drop(named, args.delete_data, Words::default()).await
        })
        .serve::<DropTableWithEnvironmentContext, _, _>(
            async |call: Call, args: DropTableWithEnvironmentContextArgs| {
                let named = call.table(args.dbname, args.name, None).await?;
                drop(named, args.delete_data, args.environment_context.into()).await
            },
        )
        .serve::<DropTableReq, _, _>(async |call: Call, args: DropTableReqArgs| {
            let request = args.drop_table_req.unwrap_or_default();
            let named = call
                .table(request.db_name, request.table_name, request.catalog_name)
                .await?;
            drop(named, request.delete_data, request.env_context.into()).await
        })
        .serve::<TruncateTable, _, _>(async |call: Call, args: TruncateTableArgs| {
            let named = call.table(args.db_name, args.table_name, None).await;
            truncate(named.map_err(no_place)?, args.part_names).await
        })
        .serve::<TruncateTableReq, _, _>(async |call: Call, args: TruncateTableReqArgs| {
            let request = args.req.unwrap_or_default();
            let named = call.table(request.db_name, request.table_name, None).await?;
            truncate(named, request.part_names).await?;
            Ok(TruncateTableResponse {})
        })
}

/// The constraints that a table is created with.
type Given = SQLAllTableConstraints;

/// Reads constraints of a table that is to be created.
async fn constraints(call: &Call, target: &Target, given: Given) -> Result<Vec<NewConstraint>, Failure> {
    let mut all = constraints_from(given.primary_keys.unwrap_or_default());
    all.extend(constraints_from(given.unique_constraints.unwrap_or_default()));
    all.extend(constraints_from(given.not_null_constraints.unwrap_or_default()));
    all.extend(constraints_from(given.default_constraints.unwrap_or_default()));
    all.extend(constraints_from(given.check_constraints.unwrap_or_default()));
    all.extend(read(call, target, given.foreign_keys.unwrap_or_default()).await?);
    Ok(all)
}

/// What a plan needs to create a table.
struct Created {
    database: String,
    table: Table,
    constraints: Vec<NewConstraint>,
}

async fn create(call: Call, table: Option<types::Table>, words: Words, given: Given) -> Result<(), Failure> {
    let mut wire = table.ok_or_else(|| Failure::meta("Table cannot be null."))?;
    check_table(&wire)?;
    let nowhere = |failure: Failure| match failure {
        failure if failure.is_no_such_place() => Failure::As(&[Class::InvalidObject], failure.to_string()),
        failure => failure,
    };
    if Asked::parse(wire.db_name.as_deref(), None).database.is_none() {
        let text = "Database name cannot be null.".to_owned();
        return Err(Failure::As(&[Class::InvalidObject], text));
    }
    let target = call
        .database(wire.db_name.as_deref(), wire.cat_name.as_deref())
        .await
        .map_err(nowhere)?;
    new_table(&mut wire, call.session.user());
    if words.keeps_statistics() {
        let parameters = wire.parameters.get_or_insert_default();
        parameters.insert("DO_NOT_UPDATE_STATS".into(), "true".into());
    }
    let created = Created {
        database: target.database.clone(),
        table: table_from(wire, &target.names.locator)?,
        constraints: constraints(&call, &target, given).await?,
    };
    target
        .write(created, |draft, it: &Created| create_planned(draft, it).boxed())
        .await
}

async fn create_planned(draft: &mut Draft, it: &Created) -> Result<(), Failure> {
    let made = match draft.create_table(&it.database, it.table.clone()).await {
        Err(Error::NoSuchDatabase { name }) => return Err(Failure::As(&[Class::InvalidObject], name)),
        made => made?,
    };
    if !it.constraints.is_empty() {
        draft
            .add_constraints(&it.database, &made.name, it.constraints.clone())
            .await?;
    }
    Ok(draft.make_folders(made.data_place()).await?)
}

/// What a plan needs to alter a table.
struct Altered {
    database: String,
    name: String,
    table: Table,
    how: How,
    names: Names,
}

async fn alter(
    call: Call,
    named: NamedTable,
    table: Option<types::Table>,
    words: Words,
    mut how: How,
) -> Result<(), Failure> {
    let mut wire = table.ok_or(Failure::Null("New table"))?;
    check_altered(&wire)?;
    shape_table(&mut wire);
    let target = named.target;
    how.database = other_database(&call, &target, &wire).await?;
    how.cascade |= words.is_set("CASCADE");
    how.keep_statistics = words.keeps_statistics();
    how.any_types = allows_any_types(&call);
    let expected = words
        .get("expected_parameter_key")
        .zip(words.get("expected_parameter_value"));
    how.expected = match expected {
        Some((key, value)) => Some((key.to_owned(), target.names.locator.parameter(value)?)),
        None => None,
    };
    keep_write_ids(&call, (&target, &named.name), &how, wire.table_name.as_deref()).await?;
    let altered = Altered {
        database: target.database.clone(),
        name: named.name,
        table: table_from(wire, &target.names.locator)?,
        how,
        names: target.names.clone(),
    };
    target
        .write(altered, |draft, it: &Altered| {
            async move {
                let done = draft
                    .alter_table(&it.database, &it.name, it.table.clone(), &it.how)
                    .await;
                done.map(std::mem::drop)
                    .map_err(|error| alter_failure(error, &it.names))
            }
            .boxed()
        })
        .await
}

/// Fails for a table without what the original insists on.
fn check_altered(table: &types::Table) -> Result<(), Failure> {
    check_table(table)?;
    match table.db_name {
        Some(_) => Ok(()),
        None => Err(Failure::meta("Database name cannot be null.")),
    }
}

/// Lets a table that gets another name keep its write ids. It happens before: ids that no table uses do no
/// harm, and a table without its ids would show no rows.
async fn keep_write_ids(
    call: &Call,
    (target, name): (&Target, &str),
    how: &How,
    new_name: Option<&str>,
) -> Result<(), Failure> {
    let (name, new_name) = (name.to_lowercase(), new_name.unwrap_or(name).to_lowercase());
    let new_database = how.database.as_ref().unwrap_or(&target.database);
    let (from, to) = (
        format!("{}.{name}", target.database),
        format!("{new_database}.{new_name}"),
    );
    if from == to {
        return Ok(());
    }
    call.decide(|draft| {
        draft.carry_writes(&from, &to);
        Ok(())
    })
    .await
}

/// Returns the database that a table moves to, if it is another one. It has to be on the same ref.
async fn other_database(
    call: &Call,
    target: &Target,
    table: &types::Table,
) -> Result<Option<String>, Failure> {
    let Some(name) = table.db_name.as_deref() else {
        return Ok(None);
    };
    let catalog = table.cat_name.as_deref().unwrap_or(&target.names.catalog);
    let other = call.database(Some(name), Some(catalog)).await?;
    // a client that named the ref with the old name may leave it out in the new one
    let same_ref = other.suffix().is_empty() || other.reference == target.reference;
    let repository = |target: &Target| target.catalog.repository().record().id;
    let same = same_ref && repository(&other) == repository(target);
    if !same {
        let text = format!(
            "a table cannot move from {} to another ref or repository",
            target.names.database
        );
        return Err(Failure::As(&[Class::InvalidOperation], text));
    }
    Ok((other.database != target.database).then_some(other.database))
}

/// Returns whether the session has turned off the check of column types.
fn allows_any_types(call: &Call) -> bool {
    let state = call.session.state();
    let check = state
        .settings
        .get("metastore.disallow.incompatible.col.type.changes");
    check.is_some_and(|value| value.eq_ignore_ascii_case("false"))
}

/// Words what goes wrong when a table is altered as the original does.
fn alter_failure(error: Error, names: &Names) -> Failure {
    match error {
        Error::TableExists { database, table } => Failure::As(
            &[Class::InvalidOperation],
            format!("new table {database}.{table} already exists"),
        ),
        Error::NoSuchDatabase { name } => Failure::As(
            &[Class::InvalidOperation],
            format!("Unable to change partition or table. Database {name} does not exist"),
        ),
        Error::ParameterMismatch {
            key,
            expected,
            actual,
        } => {
            let actual = actual.map(|actual| names.locator.spell_parameter(&actual));
            Failure::mismatch(&key, actual.as_deref(), &names.locator.spell_parameter(&expected))
        }
        other => other.into(),
    }
}

async fn alter_req(call: Call, args: AlterTableReqArgs) -> Result<AlterTableResponse, Failure> {
    let request = args.req.unwrap_or_default();
    let named = call
        .table(request.db_name, request.table_name, request.cat_name)
        .await?;
    let mut context = request.environment_context.unwrap_or_default();
    let words = context.properties.get_or_insert_default();
    let expected = [
        ("expected_parameter_key", request.expected_parameter_key),
        ("expected_parameter_value", request.expected_parameter_value),
    ];
    words.extend(
        expected
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?))),
    );
    alter(call, named, request.table, Some(context).into(), How::default()).await?;
    Ok(AlterTableResponse {})
}

async fn drop(named: NamedTable, delete_data: Option<bool>, words: Words) -> Result<(), Failure> {
    let input = (
        named.target.database.clone(),
        named.name,
        delete_data.unwrap_or_default(),
        words.purges(),
    );
    named
        .target
        .write(input, |draft, (database, name, delete_data, purge)| {
            async move {
                if *purge {
                    draft.purge();
                }
                Ok(draft
                    .drop_table(database, name, *delete_data)
                    .await
                    .map(std::mem::drop)?)
            }
            .boxed()
        })
        .await
}

/// Says where a table is looked for that is not there, as [`undeclared`].
fn no_place(failure: Failure) -> Failure {
    if failure.is_no_such_place() {
        return undeclared(failure);
    }
    failure
}

/// Says a failure by an exception that the method does not declare.
fn undeclared(failure: Failure) -> Failure {
    Failure::As(&[Class::NoSuchObject], failure.to_string())
}

/// Removes the data of the named partitions, or of the whole table if no list is given.
async fn truncate(named: NamedTable, partitions: Option<Vec<String>>) -> Result<(), Failure> {
    let input = (named.target.database.clone(), named.name, partitions);
    named
        .target
        .write(input, |draft, (database, name, partitions)| {
            async move {
                match draft.truncate_table(database, name, partitions.as_deref()).await {
                    // the original throws what the method does not declare
                    Err(error @ Error::NoSuchTable { .. }) => Err(undeclared(error.into())),
                    done => Ok(done?),
                }
            }
            .boxed()
        })
        .await
}
