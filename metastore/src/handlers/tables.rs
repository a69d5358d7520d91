//! Tables and views, read.

use catalog::model::{Column, TableEntry, TableKind};
use catalog::names::Pattern;
use catalog::{Error, OpenTable, Snapshot};
use thrift_idl::methods::{
    GetAllMaterializedViewObjectsForRewriting, GetAllTables, GetAllTablesArgs, GetFields, GetFieldsArgs,
    GetFieldsReq, GetFieldsReqArgs, GetFieldsWithEnvironmentContext, GetFieldsWithEnvironmentContextArgs,
    GetMaterializedViewsForRewriting, GetMaterializedViewsForRewritingArgs, GetSchema, GetSchemaArgs,
    GetSchemaReq, GetSchemaReqArgs, GetSchemaWithEnvironmentContext, GetSchemaWithEnvironmentContextArgs,
    GetTable, GetTableArgs, GetTableMeta, GetTableMetaArgs, GetTableObjectsByName, GetTableObjectsByNameArgs,
    GetTableObjectsByNameReq, GetTableObjectsByNameReqArgs, GetTableReq, GetTableReqArgs, GetTables,
    GetTablesArgs, GetTablesByType, GetTablesByTypeArgs, GetTablesExt, GetTablesExtArgs,
};
use thrift_idl::types::{
    ExtendedTableInfo, FieldSchema, GetFieldsResponse, GetSchemaResponse, GetTableResult, GetTablesResult,
    PrincipalType, Table, TableMeta,
};

use super::statistics::table_statistics;
use crate::context::Call;
use crate::convert::{Names, columns_to};
use crate::exception::{Class, Failure};
use crate::registry::Routes;
use crate::route::Asked;
use crate::target::{SeenTable, Target, if_any};

pub(super) fn routes() -> Routes {
    lists()
        .and(columns())
        .serve::<GetTable, _, _>(async |call: Call, args: GetTableArgs| {
            let table = call.table(args.dbname, args.tbl_name, None).await?;
            Ok(table.see().await?.to_wire())
        })
        .serve::<GetTableReq, _, _>(get_table_req)
        .serve::<GetTableObjectsByName, _, _>(async |call: Call, args: GetTableObjectsByNameArgs| {
            let target = call.database(args.dbname.as_deref(), None).await?;
            tables_named(target, args.tbl_names).await
        })
        .serve::<GetTableObjectsByNameReq, _, _>(get_table_objects_by_name_req)
        .serve::<GetAllMaterializedViewObjectsForRewriting, _, _>(all_materialized_views)
}

fn lists() -> Routes {
    Routes::default()
        .serve::<GetAllTables, _, _>(async |call: Call, args: GetAllTablesArgs| {
            let target = call.database_if_any(args.db_name.as_deref(), None).await?;
            table_names(target.as_ref(), &Pattern::all(), &[]).await
        })
        .serve::<GetTables, _, _>(async |call: Call, args: GetTablesArgs| {
            let target = call.database_if_any(args.db_name.as_deref(), None).await?;
            table_names(target.as_ref(), &pattern(args.pattern.as_deref()), &[]).await
        })
        .serve::<GetTablesByType, _, _>(async |call: Call, args: GetTablesByTypeArgs| {
            let target = call.database_if_any(args.db_name.as_deref(), None).await?;
            let kinds: Vec<TableKind> = kinds(args.table_type);
            table_names(target.as_ref(), &pattern(args.pattern.as_deref()), &kinds).await
        })
        .serve::<GetMaterializedViewsForRewriting, _, _>(materialized_views)
        .serve::<GetTableMeta, _, _>(get_table_meta)
        .serve::<GetTablesExt, _, _>(get_tables_ext)
}

fn columns() -> Routes {
    Routes::default()
        .serve::<GetFields, _, _>(async |call, args: GetFieldsArgs| {
            fields(call, args.db_name, args.table_name, None).await
        })
        .serve::<GetFieldsWithEnvironmentContext, _, _>(
            async |call, args: GetFieldsWithEnvironmentContextArgs| {
                fields(call, args.db_name, args.table_name, None).await
            },
        )
        .serve::<GetFieldsReq, _, _>(async |call, args: GetFieldsReqArgs| {
            let request = args.req.unwrap_or_default();
            let fields = fields(call, request.db_name, request.tbl_name, request.cat_name).await?;
            Ok(GetFieldsResponse { fields: Some(fields) })
        })
        .serve::<GetSchema, _, _>(async |call, args: GetSchemaArgs| {
            columns_and_keys(call, args.db_name, args.table_name, None).await
        })
        .serve::<GetSchemaWithEnvironmentContext, _, _>(
            async |call, args: GetSchemaWithEnvironmentContextArgs| {
                columns_and_keys(call, args.db_name, args.table_name, None).await
            },
        )
        .serve::<GetSchemaReq, _, _>(async |call, args: GetSchemaReqArgs| {
            let request = args.req.unwrap_or_default();
            let fields = columns_and_keys(call, request.db_name, request.tbl_name, request.cat_name).await?;
            Ok(GetSchemaResponse { fields: Some(fields) })
        })
}

fn pattern(text: Option<&str>) -> Pattern {
    text.map_or_else(Pattern::all, Pattern::parse)
}

/// Returns the kinds that a list of their names stands for.
fn kinds(names: impl IntoIterator<Item = String>) -> Vec<TableKind> {
    names
        .into_iter()
        .filter(|name| !name.is_empty())
        .map(|name| TableKind::parse(&name))
        .collect()
}

/// Returns the tables of a database that match; none if there is no such database. No kinds are all.
async fn entries(
    snapshot: &Snapshot,
    database: &str,
    pattern: &Pattern,
    kinds: &[TableKind],
) -> Result<Vec<(String, TableEntry)>, Error> {
    let Some(database) = snapshot.find_database(database).await? else {
        return Ok(Vec::new());
    };
    let mut tables = snapshot.tables(database.id, pattern).await?;
    tables.retain(|(_, entry)| kinds.is_empty() || kinds.contains(&entry.kind));
    Ok(tables)
}

async fn table_names(
    target: Option<&Target>,
    pattern: &Pattern,
    kinds: &[TableKind],
) -> Result<Vec<String>, Failure> {
    let Some(target) = target else {
        return Ok(Vec::new());
    };
    let tables = entries(&target.snapshot().await?, &target.database, pattern, kinds).await?;
    Ok(tables.into_iter().map(|(name, _)| name).collect())
}

/// Answers with the materialized views of a database that queries may be rewritten to use.
async fn materialized_views(
    call: Call,
    args: GetMaterializedViewsForRewritingArgs,
) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    let Some(target) = call.database_if_any(args.db_name.as_deref(), None).await? else {
        return Ok(names);
    };
    let snapshot = target.snapshot().await?;
    let kinds = [TableKind::MaterializedView];
    for (name, entry) in entries(&snapshot, &target.database, &Pattern::all(), &kinds).await? {
        let table = snapshot.find_table_by_id(entry.id).await?;
        names.extend(
            table
                .filter(|table| table.rest.rewrite_enabled == Some(true))
                .map(|_| name),
        );
    }
    Ok(names)
}

async fn all_materialized_views<A>(call: Call, _: A) -> Result<Vec<Table>, Failure> {
    let target = call.resolve(Asked::parse(None, None)).await?;
    let snapshot = target.snapshot().await?;
    let mut views = Vec::new();
    for name in snapshot.databases(&Pattern::all()).await? {
        let database = snapshot.database(&name).await?;
        let names = Names {
            database: name.clone(),
            ..target.names.clone()
        };
        for (_, entry) in entries(&snapshot, &name, &Pattern::all(), &[TableKind::MaterializedView]).await? {
            let table = snapshot.find_table_by_id(entry.id).await?;
            if let Some(table) = table.filter(|table| table.rest.rewrite_enabled == Some(true)) {
                let open = OpenTable {
                    database: database.clone(),
                    table,
                };
                views.push(
                    SeenTable {
                        snapshot: snapshot.clone(),
                        open,
                        names: names.clone(),
                    }
                    .to_wire(),
                );
            }
        }
    }
    Ok(views)
}

async fn get_table_meta(call: Call, args: GetTableMetaArgs) -> Result<Vec<TableMeta>, Failure> {
    let asked = Asked::parse(args.db_patterns.as_deref(), None);
    let databases = asked.database.is_some();
    let Some(target) = if_any(call.resolve(asked).await)? else {
        return Ok(Vec::new());
    };
    let databases = if databases {
        Pattern::parse(&target.database)
    } else {
        Pattern::all()
    };
    let tables = pattern(args.tbl_patterns.as_deref());
    // here an empty name is a kind that no table has
    let kinds: Vec<TableKind> = args
        .tbl_types
        .iter()
        .flatten()
        .map(|name| TableKind::parse(name))
        .collect();
    let snapshot = target.snapshot().await?;
    let mut found = Vec::new();
    for database in snapshot.databases(&databases).await? {
        for (name, entry) in entries(&snapshot, &database, &tables, &kinds).await? {
            if let Some(table) = snapshot.find_table_by_id(entry.id).await? {
                found.push(TableMeta {
                    db_name: Some(format!("{database}{}", target.suffix())),
                    table_name: Some(name),
                    table_type: Some(entry.kind.as_str().to_owned()),
                    comments: table.parameter("comment").map(str::to_owned),
                    cat_name: None,
                    owner_type: table.owner_kind.map(|kind| PrincipalType(kind.code())),
                    owner_name: table.owner,
                });
            }
        }
    }
    Ok(found)
}

/// Answers with names, and what a client has to be able to do for each table.
async fn get_tables_ext(call: Call, args: GetTablesExtArgs) -> Result<Vec<ExtendedTableInfo>, Failure> {
    let request = args.req.unwrap_or_default();
    let target = call
        .database(request.database.as_deref(), request.catalog.as_deref())
        .await?;
    let snapshot = target.snapshot().await?;
    let pattern = pattern(request.table_name_pattern.as_deref());
    let room = request
        .limit
        .and_then(|limit| usize::try_from(limit).ok())
        .filter(|limit| *limit > 0);
    let mut found = Vec::new();
    let tables = entries(&snapshot, &target.database, &pattern, &[]).await?;
    for (name, entry) in tables.into_iter().take(room.unwrap_or(usize::MAX)) {
        let rest = snapshot
            .find_table_by_id(entry.id)
            .await?
            .map(|table| table.rest)
            .unwrap_or_default();
        found.push(ExtendedTableInfo {
            tbl_name: Some(name),
            access_type: rest.access_type.map(i32::from),
            required_read_capabilities: rest.read_capabilities,
            required_write_capabilities: rest.write_capabilities,
        });
    }
    Ok(found)
}

async fn get_table_req(call: Call, args: GetTableReqArgs) -> Result<GetTableResult, Failure> {
    let request = args.req.unwrap_or_default();
    let seen = call
        .table(request.db_name, request.tbl_name, request.cat_name)
        .await?
        .see()
        .await?;
    let mut wire = seen.to_wire();
    if request.get_column_stats == Some(true) {
        wire.col_stats = table_statistics(&seen, request.engine.as_deref()).await?;
    }
    Ok(GetTableResult {
        table: Some(wire),
        is_stats_compliant: None,
    })
}

/// Returns those tables of a list that are there, in its order.
async fn tables_named(target: Target, names: Option<Vec<String>>) -> Result<Vec<Table>, Failure> {
    let unknown = |text: String| Failure::As(&[Class::UnknownDatabase], text);
    if target.database.is_empty() {
        return Err(unknown("Database name is null or empty".into()));
    }
    let place = format!("{}.{}", target.names.catalog, target.names.database);
    let names = names.ok_or_else(|| {
        let text = format!("{place} cannot find null tables");
        Failure::As(&[Class::InvalidOperation, Class::Meta], text)
    })?;
    let snapshot = target.snapshot().await?;
    let Some(database) = snapshot.find_database(&target.database).await? else {
        return Err(unknown(format!("Could not find database {place}")));
    };
    let mut tables: Vec<Table> = Vec::with_capacity(names.len().min(1_000));
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        let Some(entry) = snapshot.find_entry(database.id, &name).await? else {
            continue;
        };
        if let Some(table) = snapshot
            .find_table_by_id(entry.id)
            .await?
            .filter(|table| seen.insert(table.id))
        {
            let open = OpenTable {
                database: database.clone(),
                table,
            };
            let names = target.names.clone();
            tables.push(
                SeenTable {
                    snapshot: snapshot.clone(),
                    open,
                    names,
                }
                .to_wire(),
            );
        }
    }
    Ok(tables)
}

async fn get_table_objects_by_name_req(
    call: Call,
    args: GetTableObjectsByNameReqArgs,
) -> Result<GetTablesResult, Failure> {
    let request = args.req.unwrap_or_default();
    let target = call
        .database(request.db_name.as_deref(), request.cat_name.as_deref())
        .await?;
    let names = match (request.tbl_names, request.tables_pattern) {
        (None, Some(pattern)) => Some(table_names(Some(&target), &Pattern::parse(&pattern), &[]).await?),
        (names, _) => names,
    };
    Ok(GetTablesResult {
        tables: Some(tables_named(target, names).await?),
    })
}

async fn fields(
    call: Call,
    database: Option<String>,
    table: Option<String>,
    catalog: Option<String>,
) -> Result<Vec<FieldSchema>, Failure> {
    let seen = call.table(database, table, catalog).await?.see().await?;
    Ok(columns_to(seen.open.columns()))
}

async fn columns_and_keys(
    call: Call,
    database: Option<String>,
    table: Option<String>,
    catalog: Option<String>,
) -> Result<Vec<FieldSchema>, Failure> {
    let seen = call.table(database, table, catalog).await?.see().await?;
    let all: Vec<Column> = seen
        .open
        .columns()
        .iter()
        .chain(seen.open.keys())
        .cloned()
        .collect();
    Ok(columns_to(&all))
}
