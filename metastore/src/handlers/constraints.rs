//! Constraints.

use catalog::draft::NewConstraint;
use catalog::model::{Constraint, ConstraintKind};
use catalog::names::normalize;
use catalog::{Draft, Error, OpenTable};
use futures::FutureExt;
use thrift_idl::methods::{
    AddCheckConstraint, AddCheckConstraintArgs, AddDefaultConstraint, AddDefaultConstraintArgs,
    AddForeignKey, AddForeignKeyArgs, AddNotNullConstraint, AddNotNullConstraintArgs, AddPrimaryKey,
    AddPrimaryKeyArgs, AddUniqueConstraint, AddUniqueConstraintArgs, DropConstraint, DropConstraintArgs,
    GetAllTableConstraints, GetAllTableConstraintsArgs, GetCheckConstraints, GetCheckConstraintsArgs,
    GetDefaultConstraints, GetDefaultConstraintsArgs, GetForeignKeys, GetForeignKeysArgs,
    GetNotNullConstraints, GetNotNullConstraintsArgs, GetPrimaryKeys, GetPrimaryKeysArgs,
    GetUniqueConstraints, GetUniqueConstraintsArgs,
};
use thrift_idl::types::{
    AllTableConstraintsResponse, CheckConstraintsResponse, DefaultConstraintsResponse, ForeignKeysRequest,
    ForeignKeysResponse, NotNullConstraintsResponse, PrimaryKeysResponse, SQLAllTableConstraints,
    SQLForeignKey, UniqueConstraintsResponse,
};
use versioning::Kind;

use crate::context::Call;
use crate::convert::{Named, WireConstraint, by_table, constraint_to, constraints_from};
use crate::exception::{Class, Failure};
use crate::registry::Routes;
use crate::target::{SeenTable, Target};

pub(super) fn routes() -> Routes {
    adding().and(reading())
}

fn adding() -> Routes {
    Routes::default()
        .serve::<AddPrimaryKey, _, _>(async |call, args: AddPrimaryKeyArgs| {
            add(call, args.req.and_then(|request| request.primary_key_cols)).await
        })
        .serve::<AddForeignKey, _, _>(async |call, args: AddForeignKeyArgs| {
            add(call, args.req.and_then(|request| request.foreign_key_cols)).await
        })
        .serve::<AddUniqueConstraint, _, _>(async |call, args: AddUniqueConstraintArgs| {
            add(call, args.req.and_then(|request| request.unique_constraint_cols)).await
        })
        .serve::<AddNotNullConstraint, _, _>(async |call, args: AddNotNullConstraintArgs| {
            add(
                call,
                args.req.and_then(|request| request.not_null_constraint_cols),
            )
            .await
        })
        .serve::<AddDefaultConstraint, _, _>(async |call, args: AddDefaultConstraintArgs| {
            add(call, args.req.and_then(|request| request.default_constraint_cols)).await
        })
        .serve::<AddCheckConstraint, _, _>(async |call, args: AddCheckConstraintArgs| {
            add(call, args.req.and_then(|request| request.check_constraint_cols)).await
        })
        .serve::<DropConstraint, _, _>(drop)
}

fn reading() -> Routes {
    Routes::default()
        .serve::<GetPrimaryKeys, _, _>(async |call, args: GetPrimaryKeysArgs| {
            let request = args.request.unwrap_or_default();
            let seen = find(&call, request.db_name, request.tbl_name, request.cat_name).await?;
            Ok(PrimaryKeysResponse {
                primary_keys: Some(of_table(seen.as_ref()).await?),
            })
        })
        .serve::<GetUniqueConstraints, _, _>(async |call, args: GetUniqueConstraintsArgs| {
            let request = args.request.unwrap_or_default();
            let seen = find(&call, request.db_name, request.tbl_name, request.cat_name).await?;
            Ok(UniqueConstraintsResponse {
                unique_constraints: Some(of_table(seen.as_ref()).await?),
            })
        })
        .serve::<GetNotNullConstraints, _, _>(async |call, args: GetNotNullConstraintsArgs| {
            let request = args.request.unwrap_or_default();
            let seen = find(&call, request.db_name, request.tbl_name, request.cat_name).await?;
            Ok(NotNullConstraintsResponse {
                not_null_constraints: Some(of_table(seen.as_ref()).await?),
            })
        })
        .serve::<GetDefaultConstraints, _, _>(async |call, args: GetDefaultConstraintsArgs| {
            let request = args.request.unwrap_or_default();
            let seen = find(&call, request.db_name, request.tbl_name, request.cat_name).await?;
            Ok(DefaultConstraintsResponse {
                default_constraints: Some(of_table(seen.as_ref()).await?),
            })
        })
        .serve::<GetCheckConstraints, _, _>(async |call, args: GetCheckConstraintsArgs| {
            let request = args.request.unwrap_or_default();
            let seen = find(&call, request.db_name, request.tbl_name, request.cat_name).await?;
            Ok(CheckConstraintsResponse {
                check_constraints: Some(of_table(seen.as_ref()).await?),
            })
        })
        .serve::<GetForeignKeys, _, _>(async |call, args: GetForeignKeysArgs| {
            Ok(ForeignKeysResponse {
                foreign_keys: Some(foreign_keys(&call, args.request.unwrap_or_default()).await?),
            })
        })
        .serve::<GetAllTableConstraints, _, _>(all)
}

async fn all(call: Call, args: GetAllTableConstraintsArgs) -> Result<AllTableConstraintsResponse, Failure> {
    let request = args.request.unwrap_or_default();
    let seen = find(&call, request.db_name, request.tbl_name, request.cat_name).await?;
    let seen = seen.as_ref();
    Ok(AllTableConstraintsResponse {
        all_table_constraints: Some(SQLAllTableConstraints {
            primary_keys: Some(of_table(seen).await?),
            foreign_keys: Some(of_table(seen).await?),
            unique_constraints: Some(of_table(seen).await?),
            not_null_constraints: Some(of_table(seen).await?),
            default_constraints: Some(of_table(seen).await?),
            check_constraints: Some(of_table(seen).await?),
        }),
    })
}

/// Returns a table, if there is one: whoever asks for the constraints of none is told that there are none.
async fn find(
    call: &Call,
    database: Option<String>,
    table: Option<String>,
    catalog: Option<String>,
) -> Result<Option<SeenTable>, Failure> {
    let found = async { call.table(database, table, catalog).await?.see().await };
    match found.await {
        Ok(seen) => Ok(Some(seen)),
        Err(Failure::Catalog(error)) if matches!(error.kind(), Kind::NotFound | Kind::Invalid) => Ok(None),
        Err(failure) => Err(failure),
    }
}

async fn of_table<T: WireConstraint>(seen: Option<&SeenTable>) -> Result<Vec<T>, Failure> {
    let Some(seen) = seen else { return Ok(Vec::new()) };
    let mut wire = Vec::new();
    for constraint in seen.snapshot.constraints(seen.open.id).await? {
        if constraint.kind == T::KIND {
            wire.extend(spell(seen, &constraint, &seen.open).await?);
        }
    }
    Ok(wire)
}

/// Writes a constraint of `open`, which is in the same version as `seen`.
async fn spell<T: WireConstraint>(
    seen: &SeenTable,
    constraint: &Constraint,
    open: &OpenTable,
) -> Result<Vec<T>, Failure> {
    let suffix = &seen.names.database[seen.open.database.name.len().min(seen.names.database.len())..];
    let named = |name: &str| format!("{name}{suffix}");
    let database = named(&open.database.name);
    let table = Named {
        database: &database,
        table: open,
    };
    let Some(reference) = &constraint.reference else {
        return Ok(constraint_to(constraint, &seen.names, table, None));
    };
    let Some(parent) = opened(seen, reference.table).await? else {
        return Ok(Vec::new());
    };
    let database = named(&parent.database.name);
    let parent = Named {
        database: &database,
        table: &parent,
    };
    Ok(constraint_to(constraint, &seen.names, table, Some(parent)))
}

async fn opened(seen: &SeenTable, id: catalog::model::TableId) -> Result<Option<OpenTable>, Failure> {
    if seen.open.id == id {
        return Ok(Some(seen.open.clone()));
    }
    let Some(table) = seen.snapshot.find_table_by_id(id).await? else {
        return Ok(None);
    };
    let database = seen.snapshot.find_database_by_id(table.database).await?;
    Ok(database.map(|database| OpenTable { database, table }))
}

/// Answers with the foreign keys of a table, or with those that point at one, or both.
async fn foreign_keys(call: &Call, request: ForeignKeysRequest) -> Result<Vec<SQLForeignKey>, Failure> {
    let parent_table = request.parent_tbl_name.filter(|name| !name.is_empty());
    if let Some(table) = request.foreign_tbl_name.filter(|name| !name.is_empty()) {
        let seen = find(call, request.foreign_db_name, Some(table), request.cat_name).await?;
        let mut keys: Vec<SQLForeignKey> = of_table(seen.as_ref()).await?;
        let is_asked = |asked: &Option<String>, found: &Option<String>| {
            asked
                .as_ref()
                .is_none_or(|asked| found.as_deref() == Some(&*normalize(asked)))
        };
        keys.retain(|key| is_asked(&parent_table, &key.pktable_name));
        keys.retain(|key| parent_table.is_none() || is_asked(&request.parent_db_name, &key.pktable_db));
        return Ok(keys);
    }
    let Some(seen) = find(call, request.parent_db_name, parent_table, request.cat_name).await? else {
        return Ok(Vec::new());
    };
    let mut keys = Vec::new();
    for (table, constraint) in seen.snapshot.constraints_pointing_at(seen.open.id).await? {
        if let Some(open) = opened(&seen, table).await? {
            keys.extend(spell(&seen, &constraint, &open).await?);
        }
    }
    Ok(keys)
}

/// What a plan needs to add constraints.
struct Added {
    database: String,
    table: String,
    constraints: Vec<NewConstraint>,
}

async fn add<T: WireConstraint + Clone>(call: Call, wire: Option<Vec<T>>) -> Result<(), Failure> {
    for ([catalog, database, table], wire) in by_table(wire.unwrap_or_default()) {
        let named = call.table(database, table, catalog).await.map_err(add_failure)?;
        let constraints = read(&call, &named.target, wire).await?;
        let added = Added {
            database: named.target.database.clone(),
            table: named.name,
            constraints,
        };
        named
            .target
            .write(added, |draft, it: &Added| add_planned(draft, it).boxed())
            .await?;
    }
    Ok(())
}

async fn add_planned(draft: &mut Draft, it: &Added) -> Result<(), Failure> {
    let added = draft
        .add_constraints(&it.database, &it.table, it.constraints.clone())
        .await;
    added
        .map(std::mem::drop)
        .map_err(|error| add_failure(error.into()))
}

/// The original says that a table is missing in a way that its own methods do not declare, and its clients'
/// tests know both.
fn add_failure(failure: Failure) -> Failure {
    let text = match failure {
        Failure::Catalog(Error::NoSuchTable { table, .. }) => format!("Parent table not found: {table}"),
        Failure::Catalog(error) if error.kind() == Kind::NotFound => error.to_string(),
        other => return other,
    };
    Failure::As(&[Class::InvalidObject], text)
}

/// Reads constraints; what foreign keys point at has to be on the same ref.
pub(super) async fn read<T: WireConstraint>(
    call: &Call,
    target: &Target,
    wire: Vec<T>,
) -> Result<Vec<NewConstraint>, Failure> {
    let mut constraints = constraints_from(wire);
    if T::KIND != ConstraintKind::ForeignKey {
        return Ok(constraints);
    }
    for reference in constraints.iter_mut().filter_map(|it| it.reference.as_mut()) {
        let other = call
            .database(Some(&reference.database), Some(&target.names.catalog))
            .await?;
        let is_here = other.suffix().is_empty() || other.reference == target.reference;
        if !is_here {
            let text = "a foreign key cannot point at another ref or repository";
            return Err(Failure::As(&[Class::InvalidObject, Class::Meta], text.into()));
        }
        reference.database = other.database;
    }
    Ok(constraints)
}

async fn drop(call: Call, args: DropConstraintArgs) -> Result<(), Failure> {
    let request = args.req.unwrap_or_default();
    let named = call
        .table(request.dbname, request.tablename, request.cat_name)
        .await
        .map_err(drop_failure)?;
    let name = request.constraintname.unwrap_or_default();
    named
        .target
        .write(
            (named.target.database.clone(), named.name, name),
            |draft, (database, table, name)| {
                async move {
                    let dropped = draft.drop_constraint(database, table, name).await;
                    dropped.map_err(|error| drop_failure(error.into()))
                }
                .boxed()
            },
        )
        .await
}

/// As [`add_failure`].
fn drop_failure(failure: Failure) -> Failure {
    let text = match failure {
        Failure::Catalog(Error::NoSuchConstraint {
            database,
            table,
            constraint,
        }) => format!(
            "The constraint: {constraint} does not exist for the associated table: {database}.{table}"
        ),
        Failure::Catalog(error) if error.kind() == Kind::NotFound => error.to_string(),
        other => return other,
    };
    Failure::As(&[Class::InvalidObject], text)
}
